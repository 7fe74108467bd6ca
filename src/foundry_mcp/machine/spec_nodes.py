"""Turn the nodes of a spec file into typed records, whichever of the two forms the file has.

The compact form is rewritten into the other one first, so that a single reading knows what a node may hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache

from pydantic import TypeAdapter, ValidationError

from foundry_contracts.models.common import NodeId
from foundry_contracts.vocabulary import FindingCode, UnitKind
from foundry_mcp.machine.path_patterns import leads_outside
from foundry_mcp.machine.spec_fields import Fields
from foundry_mcp.machine.spec_findings import Findings, pointer_to

FIDELITY = "fidelity"
UNTOLD_STATUS = "pending"
NODE_ID: TypeAdapter[str] = TypeAdapter(NodeId)
# Names that other formats have for what is meant, too far from it in spelling to be guessed.
_MISTAKEN = {"depends_on": "depends"}
# Close enough for a slip of the hand, and not for `blocked_at` beside `blocked_by`.
_LOOKS_ALIKE = 0.85


class NodeType(StrEnum):
    """Name what a node of a file may be."""

    SPEC = "spec"
    PHASE = "phase"
    GROUP = "group"
    TASK = UnitKind.TASK.value
    SUBTASK = "subtask"
    VERIFY = UnitKind.VERIFY.value


NODE_TYPES = tuple(member.value for member in NodeType)


@dataclass(frozen=True, slots=True)
class Link:
    """Hold a node named by another one, and where it is named."""

    target: str
    pointer: str


@dataclass(frozen=True, slots=True)
class Check:
    """Hold what a verify node says of how it is carried out."""

    type: str | None
    pointer: str
    command: str | None
    expected: str | None


@dataclass(frozen=True, slots=True)
class Node:
    """Hold one node as the file gives it. `waits` are the nodes it comes after, `blocks` those that come after it."""

    id: str
    type: NodeType
    pointer: str
    title: str
    status: str
    parent: str | None
    children: tuple[Link, ...]
    waits: tuple[Link, ...]
    blocks: tuple[Link, ...]
    description: str | None
    file_path: str | None
    acceptance_criteria: tuple[str, ...]
    protected_paths: tuple[str, ...]
    check: Check

    @property
    def names_gate(self) -> bool:
        """Tell whether it only names its phase's gate."""
        return self.type is NodeType.VERIFY and self.check.type == FIDELITY


def valid_node_id(node_id: str, pointer: str, findings: Findings) -> bool:
    """Tell whether an id is one the contracts allow; note it where it is not."""
    try:
        NODE_ID.validate_python(node_id)
    except ValidationError:
        message = f"The node id {node_id[:40]!r} is empty or longer than 256 characters: give the node another id."
        findings.error(FindingCode.WRONG_TYPE, pointer, message)
        return False
    return True


def hierarchy_nodes(hierarchy: Mapping[str, object], findings: Findings, pointer: str) -> dict[str, Node]:
    """Read every node of an id -> node object, in file order."""
    nodes: dict[str, Node] = {}
    for node_id, raw in hierarchy.items():
        place = pointer_to(pointer, node_id)
        if valid_node_id(node_id, place, findings):
            nodes[node_id] = read_node(node_id, raw, place, findings)
    return nodes


def read_node(node_id: str, raw: object, pointer: str, findings: Findings) -> Node:
    """Read one node; a fault in it is noted and the reading goes on with what is left."""
    if not isinstance(raw, dict):
        message = f"Node {node_id!r} is not an object: write one with a type, a title and a parent."
        findings.error(FindingCode.WRONG_TYPE, pointer, message, node_id)
        raw = {"type": NodeType.TASK.value}
    fields = Fields(raw, pointer, node_id, findings)
    # Compact files write the lists of dependencies beside the title; to pass over one there would lose it.
    extra, needs = fields.inner("metadata"), fields.inner("dependencies")
    node = Node(
        id=node_id,
        type=_type(fields),
        pointer=pointer,
        title=fields.text("title") or extra.text("title") or node_id,
        status=fields.text("status") or UNTOLD_STATUS,
        parent=fields.text("parent"),
        children=_links(fields, "children"),
        waits=_links(needs, "blocked_by", "depends") + _links(fields, "blocked_by", "depends"),
        blocks=_links(needs, "blocks") + _links(fields, "blocks"),
        description=_description(fields, extra),
        file_path=_file_path(extra) or _file_path(fields),
        acceptance_criteria=extra.lines("acceptance_criteria") or fields.lines("acceptance_criteria"),
        protected_paths=protected_paths(extra) or protected_paths(fields),
        check=_check(fields, extra),
    )
    _note_misspellings(fields, extra, needs)
    return node


def _note_misspellings(*holders: Fields) -> None:
    """Warn of keys that pass unread and look like ones that are read; any other unknown key is its author's own."""
    read = tuple(sorted(set().union(*(holder.asked for holder in holders))))
    for holder in holders:
        for key in holder.values:
            near = None if key in read else _nearest(key, read)
            if near is not None and near not in holder.values:
                message = f"The key {key!r} is not read; if {near!r} is meant, write that."
                holder.findings.warning(
                    FindingCode.MISSPELLED_KEY, pointer_to(holder.pointer, key), message, holder.node
                )


@lru_cache(maxsize=4096)
def _nearest(key: str, read: tuple[str, ...]) -> str | None:
    return _MISTAKEN.get(key) or next(iter(get_close_matches(key, read, 1, _LOOKS_ALIKE)), None)


def _file_path(fields: Fields) -> str | None:
    """Give the declared file; a worker is told it, so it must not lead it out of the workspace."""
    path = fields.text("file_path")
    if path is not None and leads_outside(path):
        message = f"The file path {path!r} leads out of the workspace: give one relative to it, without '..'."
        fields.findings.error(
            FindingCode.OUTSIDE_WORKSPACE, pointer_to(fields.pointer, "file_path"), message, fields.node
        )
    return path


def protected_paths(fields: Fields) -> tuple[str, ...]:
    """Give the patterns of files that are not to change; none may name what lies outside the workspace."""
    patterns = fields.lines("protected_paths")
    for pattern in filter(leads_outside, patterns):
        message = f"The protected path {pattern!r} leads out of the workspace: give one relative to it, without '..'."
        place = pointer_to(fields.pointer, "protected_paths")
        fields.findings.error(FindingCode.OUTSIDE_WORKSPACE, place, message, fields.node)
    return patterns


def _type(fields: Fields) -> NodeType:
    value = fields.text("type")
    if value in NODE_TYPES:
        return NodeType(value)
    allowed = ", ".join(NODE_TYPES)
    if value is not None:
        message = f"Node {fields.node!r} has the type {value!r}: use one of {allowed}."
        fields.findings.error(FindingCode.WRONG_TYPE, pointer_to(fields.pointer, "type"), message, fields.node)
    elif isinstance(fields.values.get("type"), str | None):
        message = f"Node {fields.node!r} has no type: add one of {allowed}."
        fields.findings.error(FindingCode.MISSING_FIELD, fields.pointer, message, fields.node)
    return NodeType.TASK


def _links(fields: Fields, *keys: str) -> tuple[Link, ...]:
    return tuple(Link(target, pointer) for key in keys for target, pointer in fields.texts(key))


def _description(fields: Fields, extra: Fields) -> str | None:
    details = "\n".join(extra.lines("details"))
    return fields.text("description") or extra.text("description") or details or None


def _check(fields: Fields, extra: Fields) -> Check:
    holder = extra if extra.values.get("verification_type") is not None else fields
    return Check(
        type=holder.text("verification_type"),
        pointer=pointer_to(holder.pointer, "verification_type"),
        command=extra.text("command") or fields.text("command"),
        expected=extra.text("expected") or fields.text("expected"),
    )
