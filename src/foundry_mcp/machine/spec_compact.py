"""Read the compact form of a spec file, `phases: [{id, title, tasks: [...]}]`, as the nodes it stands for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from foundry_contracts.vocabulary import FindingCode
from foundry_mcp.machine.spec_fields import Fields
from foundry_mcp.machine.spec_findings import Findings, pointer_to
from foundry_mcp.machine.spec_nodes import Node, NodeType, read_node, valid_node_id

# No node of a file can have this id, so the root made here meets none of them.
ROOT_ID = ""
NESTED = ("tasks", "subtasks", "children")


@dataclass(frozen=True, slots=True)
class Item:
    """Hold one object of the nested form, with its id, its place and the node it lies in."""

    id: str
    raw: dict[str, object]
    pointer: str
    parent: str


def made_root(children: list[str], pointer: str, findings: Findings) -> Node:
    """Make the root that a file does not write down."""
    return read_node(ROOT_ID, {"type": NodeType.SPEC.value, "children": children}, pointer, findings)


def compact_nodes(document: Fields) -> dict[str, Node]:
    """Read every phase and task, outer ones first."""
    findings, seen = document.findings, {ROOT_ID}
    phases = list(_fresh(document, ("phases",), ROOT_ID, seen))
    nodes = {ROOT_ID: made_root([phase.id for phase in phases], pointer_to(document.pointer, "phases"), findings)}
    queue = deque(phases)
    while queue:
        item = queue.popleft()
        inner = list(_fresh(Fields(item.raw, item.pointer, item.id, findings), NESTED, item.id, seen))
        nodes[item.id] = read_node(item.id, _rewritten(item, inner), item.pointer, findings)
        queue.extend(inner)
    return nodes


def _rewritten(item: Item, inner: list[Item]) -> dict[str, object]:
    wiring: dict[str, object] = {"parent": item.parent or None, "children": [child.id for child in inner]}
    return {"type": _untold_type(item).value, **item.raw, **wiring}


def _untold_type(item: Item) -> NodeType:
    if item.parent == ROOT_ID:
        return NodeType.PHASE
    metadata = item.raw.get("metadata")
    places = (item.raw, metadata if isinstance(metadata, dict) else {})
    return NodeType.VERIFY if any(place.get("verification_type") for place in places) else NodeType.TASK


def _fresh(holder: Fields, keys: tuple[str, ...], parent: str, seen: set[str]) -> Iterator[Item]:
    for item in _items(holder, keys, parent):
        if item.id in seen:
            message = f"The id {item.id!r} is given to two nodes: rename one of them."
            holder.findings.error(FindingCode.TWO_PARENTS, item.pointer, message, item.id)
            continue
        seen.add(item.id)
        yield item


def _items(holder: Fields, keys: tuple[str, ...], parent: str) -> Iterator[Item]:
    for key in keys:
        value = holder.values.get(key)
        if value is not None and not isinstance(value, list):
            holder.wrong(value, "a list of objects", key)
            continue
        for index, raw in enumerate(value or ()):
            if not isinstance(raw, dict):
                holder.wrong(raw, "an object", key, index)
            elif (item := _item(raw, pointer_to(holder.pointer, key, index), parent, holder.findings)) is not None:
                yield item


def _item(raw: dict[str, object], pointer: str, parent: str, findings: Findings) -> Item | None:
    node_id = raw.get("id")
    if node_id is None:
        findings.error(FindingCode.MISSING_FIELD, pointer, "This node has no id: add one that no other node has.")
    elif not isinstance(node_id, str):
        Fields(raw, pointer, None, findings).wrong(node_id, "a string", "id")
    elif valid_node_id(node_id, pointer_to(pointer, "id"), findings):
        return Item(node_id, raw, pointer, parent)
    return None
