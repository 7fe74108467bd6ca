"""Collect what a contract file suppresses: `x-suppress` at its root, in a definition or in a schema below one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from contractgen import resolve
from contractgen.documents import Document
from contractgen.model import Json, Origin, Suppression

KEYWORD = "x-suppress"


def suppressions(document: Document) -> Iterator[Suppression]:
    """List the suppressions of one file, in the order they stand there."""
    root = Origin(document.file, "")
    yield from _listed(document.data, root)
    for name, definition in document.data.get("$defs", {}).items():
        for tokens, schema in resolve.walk(definition):
            yield from _listed(schema, root.at("$defs", name, *tokens))


def _listed(schema: Mapping[str, Json], place: Origin) -> Iterator[Suppression]:
    for position, entry in enumerate(schema.get(KEYWORD, ())):
        yield Suppression(entry["rule"], entry["reason"], entry["until"], place, place.at(KEYWORD, position))
