"""Read a spec file's JSON value into the plan a session pins.

Every fault is found in one reading. A finding that is only a warning was mended here, never in the file.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import rfc8785
from pydantic import JsonValue
from pydantic_core import MISSING

from foundry_contracts.models.common import Finding
from foundry_contracts.models.formats_plan import Plan, PlanPhase, PlanUnit
from foundry_contracts.vocabulary import FindingCode, UnitKind
from foundry_mcp.machine.spec_compact import compact_nodes
from foundry_mcp.machine.spec_fields import Fields
from foundry_mcp.machine.spec_findings import Findings
from foundry_mcp.machine.spec_nodes import Node, NodeType, hierarchy_nodes, protected_paths
from foundry_mcp.machine.spec_tree import Tree, build_tree
from foundry_mcp.machine.spec_units import check_units, plan_phase, unit_order, units_below
from foundry_mcp.machine.spec_waits import check_waits, known_waits, phase_order

HIERARCHY = "hierarchy"
PHASES = "phases"


@dataclass(frozen=True, slots=True)
class SpecReading:
    """Hold what a reading gave: no plan where a finding refuses the spec. `statuses` counts the units' statuses."""

    plan: Plan | None
    findings: tuple[Finding, ...]
    statuses: Mapping[str, int] = field(default_factory=dict)


def read_spec(document: object, spec_id: str) -> SpecReading:
    """Read a parsed spec file; `spec_id` is the name it was found under."""
    findings = Findings()
    fields = Fields(document if isinstance(document, dict) else {}, "", None, findings)
    if not isinstance(document, dict):
        fields.wrong(document, "an object")
        return SpecReading(None, findings.all())
    _check_id(fields, spec_id)
    nodes = _nodes(fields)
    tree = build_tree(nodes, findings, f"/{HIERARCHY}") if nodes else None
    protected = protected_paths(fields.inner("metadata"))
    phases = _phases(tree, findings, protected) if tree is not None else []
    plan = None if findings.refused else Plan(spec_id=spec_id, title=_title(fields, tree, spec_id), phases=phases)
    statuses = Counter(unit.status for phase in phases for unit in phase.units)
    return SpecReading(plan, findings.all(), statuses)


def spec_title(document: object, spec_id: str) -> str:
    """Give a spec's title for a listing, without judging the rest of the file."""
    if not isinstance(document, dict):
        return ""
    fields = Fields(document, "", None, Findings())
    nodes = fields.inner(HIERARCHY).values.values()
    root = next((node for node in nodes if isinstance(node, dict) and node.get("type") == NodeType.SPEC.value), {})
    titles = (fields.text("title"), Fields(root, "", None, Findings()).text("title"), _metadata_title(fields))
    return next(filter(None, titles), spec_id)


def _title(fields: Fields, tree: Tree | None, spec_id: str) -> str:
    root = tree.nodes[tree.root] if tree is not None else None
    # A node without a title goes by its id, which is no title for the spec.
    of_root = root.title if root is not None and root.title != root.id else None
    return fields.text("title") or of_root or _metadata_title(fields) or spec_id


def _metadata_title(fields: Fields) -> str | None:
    return fields.inner("metadata").text("title")


def _check_id(fields: Fields, spec_id: str) -> None:
    given = fields.values.get("spec_id")
    if given is None:
        message = f'The file has no spec_id: add "spec_id": "{spec_id}".'
        fields.findings.error(FindingCode.MISSING_FIELD, "", message)
    elif not isinstance(given, str):
        fields.wrong(given, "a string", "spec_id")
    elif given != spec_id:
        message = f"The file says it is {given!r} but is found as {spec_id!r}: rename the file or correct the id."
        fields.findings.error(FindingCode.ID_MISMATCH, "/spec_id", message)


def _nodes(fields: Fields) -> dict[str, Node]:
    # Titles are read at the end, for the plan; a wrong one must be noted even where there is no plan.
    fields.text("title")
    _metadata_title(fields)
    if fields.values.get(HIERARCHY) is not None:
        hierarchy = fields.inner(HIERARCHY)
        nodes = hierarchy_nodes(hierarchy.values, fields.findings, hierarchy.pointer)
        place = hierarchy.pointer
    elif fields.values.get(PHASES) is not None:
        nodes, place = compact_nodes(fields), f"/{PHASES}"
    else:
        fields.findings.error(
            FindingCode.MISSING_FIELD, "", "The file has neither hierarchy nor phases: add one of them."
        )
        return {}
    if not any(node.type is NodeType.PHASE for node in nodes.values()):
        fields.findings.error(FindingCode.NO_PHASES, place, "The spec holds no phase: add one with a task in it.")
    return nodes


def _phases(tree: Tree, findings: Findings, protected: tuple[str, ...]) -> list[PlanPhase]:
    waits = known_waits(tree, findings)
    phases = phase_order(tree, waits, findings)
    units = units_below(tree)
    check_waits(tree, waits, phases, findings)
    check_units(tree, units, findings)
    if findings.refused:
        return []
    order = unit_order(tree, waits, units, phases)
    everywhere = (*protected, *tree.nodes[tree.root].protected_paths)
    return [plan_phase(order, phase, everywhere) for phase in phases]


def structure_digest(plan: Plan) -> str:
    """Give the digest of what a session is held to: order, units, dependencies and how each verify is judged."""
    return _digest([_phase_structure(phase) for phase in plan.phases])


def plan_digest(plan: Plan) -> str:
    """Give the digest of the whole plan."""
    return _digest(plan.model_dump(mode="json"))


def _phase_structure(phase: PlanPhase) -> JsonValue:
    units: JsonValue = [_structure(unit) for unit in phase.units]
    return [phase.id, units, *([] if phase.protected_paths is MISSING else [list[JsonValue](phase.protected_paths)])]


def _structure(unit: PlanUnit) -> JsonValue:
    keys = {"id", "kind", "depends_on", "verification"}
    judged = keys | {"acceptance_criteria"} if unit.kind is UnitKind.VERIFY else keys
    dumped: JsonValue = unit.model_dump(mode="json", include=judged)
    return dumped


def _digest(value: JsonValue) -> str:
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()
