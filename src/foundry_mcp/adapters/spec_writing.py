"""Writing statuses into a spec document, and the document into its file's place at one stroke."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from foundry_contracts.vocabulary import NodeStatus
from foundry_mcp.machine.spec_compact import NESTED
from foundry_mcp.whole_files import put


def replace_spec(path: Path, document: object, statuses: Mapping[str, NodeStatus]) -> None:
    """Put a spec with new statuses in its file's place; a reader meets the old file or the new one, whole."""
    changed = copy.deepcopy(document)
    for name, node in _nodes(changed):
        if name in statuses:
            node["status"] = statuses[name].value
    text = json.dumps(changed, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    put(path, text.encode(), path.stat().st_mode & 0o777)


# Any: a document is what its author wrote; read_spec found it sound before.
def _nodes(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through the nodes of either form, by id."""
    if document.get("hierarchy") is not None:
        # Whatever else such a file holds is its author's: only the form that is read is written.
        yield from document["hierarchy"].items()
        return
    for phase in document["phases"]:
        yield from _compact(phase)


def _compact(node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield str(node.get("id")), node
    for key in NESTED:
        for child in node.get(key) or ():
            yield from _compact(child)
