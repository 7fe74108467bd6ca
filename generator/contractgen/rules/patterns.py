"""Patterns mean one thing in every language: their classes are written out in ASCII."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Finding, Schema

_ESCAPE = re.compile(r"\\(?:(?P<class>[dDwWsSbB])|(?P<unicode>[pP]\{[^}]*\})|.)", re.DOTALL)
_WRITTEN_OUT = {"d": "[0-9]", "D": "[^0-9]", "w": "[A-Za-z0-9_]", "W": "[^A-Za-z0-9_]", "s": "[ \\t\\n\\r]"}
_WRITTEN_OUT |= {"S": "[^ \\t\\n\\r]"}


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find patterns with a class whose members differ between languages."""
    for definition in contracts.definitions.values():
        for tokens, schema in resolve.walk(definition.schema):
            for below, pattern in _patterns(schema):
                for found in _ESCAPE.finditer(pattern):
                    if found["class"] or found["unicode"]:
                        origin = definition.origin.at(*tokens, *below)
                        message = (
                            f'The pattern "{pattern}" has {found.group()}, whose members differ between languages.'
                        )
                        yield Finding("pattern-ascii", origin, message, _remedy(found["class"]))


def _patterns(schema: Schema) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(schema.get("pattern"), str):
        yield ("pattern",), schema["pattern"]
    for pattern in schema.get("patternProperties", {}):
        yield ("patternProperties", pattern), pattern


def _remedy(found: str | None) -> str:
    if found in _WRITTEN_OUT:
        return f"Write {_WRITTEN_OUT[found]} (within a class, what its brackets hold)."
    return "Write out the characters that are meant."
