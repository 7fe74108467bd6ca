"""Write what a server's own settings file may hold: a page, and a sample with every setting commented out.

A set says in contracts.toml, section [config], which definition is the file's shape: an object of sections, each an
object of settings. A set that says nothing gets neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from contractgen import markdown
from contractgen.bundle import bundled, dereference
from contractgen.model import ContractSet
from contractgen.reference_fields import explained, type_words

WIDTH = 100


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the page and the sample, where the set has settings."""
    config = contracts.settings.config
    if config is None:
        return {}
    document = dereference(bundled(contracts, config.definition))
    sections = [_section(name, below, config.environment) for name, below in document["properties"].items()]
    sample = f"samples/{config.file}"
    page = markdown.environment().get_template("settings.md.j2")
    context = {"description": document["description"], "file": config.file, "sample": f"../{sample}"}
    return {
        f"docs/{config.page}": page.render(context, sections=sections),
        sample: "\n".join(_sample(config.file, config.environment, sections)) + "\n",
    }


def _section(name: str, schema: Mapping[str, Any], environment: str) -> dict[str, Any]:
    settings = [
        {
            "name": key,
            "type": type_words(below),
            "default": _toml(below["default"]) if "default" in below else None,
            "meaning": explained({word: value for word, value in below.items() if word != "default"}),
            "variable": f"{environment}_{name}_{key}".upper(),
            "sample": _toml(_example(below)),
        }
        for key, below in schema["properties"].items()
    ]
    return {"name": name, "description": schema.get("description", ""), "settings": settings}


def _example(schema: Mapping[str, Any]) -> Any:
    """Give a setting's default, or a value it may have where it has none."""
    for keyword in ("default", "const", "minimum"):
        if keyword in schema:
            return schema[keyword]
    if values := schema.get("enum"):
        return values[0]
    return {"boolean": False, "integer": 0, "number": 0, "array": []}.get(schema.get("type", ""), "")


def _toml(value: object) -> str:
    """Write a value as TOML; for what settings hold, JSON's spelling is also TOML's."""
    return json.dumps(value, ensure_ascii=False)


def _sample(file: str, environment: str, sections: list[dict[str, Any]]) -> Iterator[str]:
    yield f"# {file}: every setting with its meaning. A line that begins with # and no blank is a setting: take the"
    yield f"# # away to set it. A variable {environment}_<SECTION>_<KEY> of the environment counts more than this file."
    for section in sections:
        yield ""
        yield from _comment(section["description"])
        yield f"[{section['name']}]"
        for setting in section["settings"]:
            yield ""
            yield from _comment(setting["meaning"].replace("`", ""))
            if setting["default"] is None:
                yield "# It has no default; this is one value it may have."
            yield f"#{setting['name']} = {setting['sample']}"


def _comment(text: str) -> Iterator[str]:
    line = "#"
    for word in text.split():
        if len(line) + len(word) >= WIDTH:
            yield line
            line = "#"
        line += f" {word}"
    if line != "#":
        yield line
