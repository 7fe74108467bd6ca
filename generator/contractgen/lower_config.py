"""Lower a configuration: the sections it refers to, and what each of their settings says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from contractgen.model import Configuration, Definition, Json, Origin, Setting
from contractgen.resolve import PREFIX, keywords, rebuild

KEYWORD = "x-setting"
# What stands for a setting that says nothing: a rule names it, and nothing else is built from it.
UNSAID = "unsaid"
_BOOLEANS: dict[bool, tuple[Json, ...]] = {True: (False, True), False: (True, False)}


def without_settings(schema: Json) -> Json:
    """Copy a schema without what settings say of themselves."""
    if not isinstance(schema, Mapping):
        return schema
    copy = rebuild(schema, lambda tokens, child: without_settings(child))
    copy.pop(KEYWORD, None)
    return copy


def lower_configuration(
    definition: Definition,
    raw: Mapping[str, Json],
    sections: Mapping[str, tuple[Mapping[str, Json], Definition]],
    origin: Origin,
) -> Configuration:
    """Build a configuration of its definition and of those its sections refer to, each as written and as lowered.

    A section that leads nowhere is left out; the references' own rule names it.
    """
    body = raw["x-config"]
    described: dict[str, str] = {}
    settings: list[Setting] = []
    for section, target in zip(definition.schema.get("properties", {}), section_names(definition.schema), strict=True):
        written, found = sections.get(target, ({}, None))
        described[section] = written.get("description", "")
        for key, schema in (found.schema.get("properties", {}) if found else {}).items():
            said = keywords(written["properties"][key]).get(KEYWORD, {"tighter": UNSAID})
            place = found.origin.at("properties", key) if found else origin
            settings.append(_setting(section, key, keywords(schema), said, place))
    return Configuration(
        name=definition.name,
        description=raw.get("description", ""),
        file=body["file"],
        environment=body["environment"],
        page=body["page"],
        profiles=body.get("profiles"),
        chosen_by=body.get("chosen_by"),
        grouped=tuple(body.get("grouped", ())),
        sections=described,
        settings=tuple(settings),
        origin=origin,
    )


def section_names(schema: Mapping[str, Json]) -> list[str]:
    """Name the definition of each section of a configuration."""
    sections = schema.get("properties", {}).values()
    return [str(keywords(reference).get("$ref", "")).removeprefix(PREFIX) for reference in sections]


def _setting(section: str, key: str, schema: Mapping[str, Json], said: Mapping[str, Json], origin: Origin) -> Setting:
    tighter, order = said["tighter"], ()
    if not isinstance(tighter, str):
        order = _BOOLEANS[tighter] if isinstance(tighter, bool) else tuple(tighter)
        tighter = "order"
    return Setting(section, key, schema.get("description", ""), schema, tighter, order, said.get("profile"), origin)
