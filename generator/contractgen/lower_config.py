"""Lower a configuration: the sections it refers to, and what each of their settings says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from contractgen.model import Configuration, Json, Origin, Setting
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
    name: str, raw: Mapping[str, Json], defined: Mapping[str, Json], files: Mapping[str, str], origin: Origin
) -> Configuration:
    """Build a configuration. A section that leads nowhere is left out; the references' own rule names it."""
    body = raw["x-config"]
    sections: dict[str, str] = {}
    settings: list[Setting] = []
    for section, target in zip(raw.get("properties", {}), section_names(raw), strict=True):
        found = keywords(defined.get(target, {}))
        sections[section] = found.get("description", "")
        place = Origin(files.get(target, origin.file), f"/$defs/{target}")
        for key, schema in found.get("properties", {}).items():
            settings.append(_setting(section, key, keywords(schema), place.at("properties", key)))
    return Configuration(
        name=name,
        description=raw.get("description", ""),
        file=body["file"],
        environment=body["environment"],
        page=body["page"],
        profiles=body.get("profiles"),
        chosen_by=body.get("chosen_by"),
        grouped=tuple(body.get("grouped", ())),
        sections=sections,
        settings=tuple(settings),
        origin=origin,
    )


def section_names(raw: Mapping[str, Json]) -> list[str]:
    """Name the definition of each section of a configuration."""
    sections = raw.get("properties", {}).values()
    return [str(keywords(reference).get("$ref", "")).rpartition(PREFIX)[2] for reference in sections]


def _setting(section: str, key: str, schema: Mapping[str, Json], origin: Origin) -> Setting:
    said = schema.get(KEYWORD, {"tighter": UNSAID})
    tighter, order = said["tighter"], ()
    if not isinstance(tighter, str):
        order = _BOOLEANS[tighter] if isinstance(tighter, bool) else tuple(tighter)
        tighter = "order"
    plain = {name: value for name, value in schema.items() if name != KEYWORD}
    # A reference keeps only the name of what it leads to: definitions are unique over the set.
    if "$ref" in plain:
        plain["$ref"] = PREFIX + str(plain["$ref"]).rpartition(PREFIX)[2]
    return Setting(section, key, schema.get("description", ""), plain, tighter, order, said.get("profile"), origin)
