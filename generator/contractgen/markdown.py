"""What every generated page is made with: the template environment, and how values are written in Markdown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def environment() -> Environment:
    """Give the templates' environment; to translate a template is slow, so there is one for all of a process."""
    made = Environment(
        loader=PackageLoader("contractgen", "emit/templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(cell=cell, anchor=anchor, pretty=pretty, attribute=attribute)
    return made


def cell(value: object) -> str:
    """Make text fit one cell of a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ").strip()


def anchor(heading: str) -> str:
    """Give the fragment a Markdown viewer makes of a heading."""
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


def pretty(value: object, width: int = 100) -> str:
    """Write an example as JSON a person can read: whatever fits on a line stands on one."""
    return _pretty(value, width, "")


def _pretty(value: object, width: int, indent: str) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, (Mapping, list, tuple)) or (indent and len(indent + line) <= width):
        return line
    below = indent + "  "
    if isinstance(value, Mapping):
        parts = [
            f"{json.dumps(str(key), ensure_ascii=False)}: {_pretty(item, width, below)}" for key, item in value.items()
        ]
        return "{\n" + ",\n".join(below + part for part in parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(below + _pretty(item, width, below) for item in value) + f"\n{indent}]"


def attribute(value: object) -> str:
    """Write an attribute's value in a table: yes and no for booleans, a dash for nothing."""
    if value is None:
        return "-"
    return ("yes" if value else "no") if isinstance(value, bool) else cell(value)
