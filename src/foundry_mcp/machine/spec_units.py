"""Turn a sound tree into phases of units, each with the units that come first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from foundry_contracts.models.formats_plan import PlanPhase, PlanUnit, PlanVerification
from foundry_contracts.vocabulary import FindingCode, UnitKind, VerificationKind
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.machine.spec_findings import Findings
from foundry_mcp.machine.spec_nodes import Check, Node, NodeType
from foundry_mcp.machine.spec_tree import Tree
from foundry_mcp.machine.spec_waits import Waits

WORK = (NodeType.TASK, NodeType.SUBTASK, NodeType.VERIFY)
CHECK_KINDS: Mapping[str, VerificationKind] = {
    "auto": VerificationKind.COMMAND,
    "test": VerificationKind.COMMAND,
    "run-tests": VerificationKind.COMMAND,
    VerificationKind.MANUAL.value: VerificationKind.MANUAL,
}


def check_kind(check: Check) -> VerificationKind | None:
    """Tell how a verification is carried out; None where its type is unknown."""
    if check.type is None:
        # A command says how to check. Without one nobody claimed that a program can, and the default tests
        # would prove something else: a person has to say so.
        return VerificationKind.MANUAL if check.command is None else VerificationKind.COMMAND
    return CHECK_KINDS.get(check.type)


def units_below(tree: Tree) -> dict[str, tuple[str, ...]]:
    """Give the units of work each node stands for: itself, or those of its children."""
    units: dict[str, tuple[str, ...]] = {}
    for node_id in reversed(tree.walk):
        node = tree.nodes[node_id]
        inside = tuple(unit for child in tree.children[node_id] for unit in units.get(child, ()))
        itself = (node_id,) if node.type in WORK and not node.names_gate else ()
        units[node_id] = inside or itself
    return units


def check_units(tree: Tree, units: Mapping[str, tuple[str, ...]], findings: Findings) -> None:
    """Note phases without work, and verifications nobody can carry out."""
    for phase in tree.phases:
        if not units[phase]:
            message = f"Phase {phase!r} holds no task and no verification: add one or remove the phase."
            findings.error(FindingCode.EMPTY_PHASE, tree.nodes[phase].pointer, message, phase)
    for node in (tree.nodes[node_id] for node_id in tree.walk):
        if node.type is NodeType.VERIFY and not node.names_gate and check_kind(node.check) is None:
            known = ", ".join(CHECK_KINDS)
            message = f"Node {node.id!r} has the verification type {node.check.type!r}: use one of {known}, fidelity."
            findings.error(FindingCode.UNKNOWN_VERIFICATION, node.check.pointer, message, node.id)


@dataclass(frozen=True, slots=True)
class UnitOrder:
    """Hold what is needed to say which units come before one. `inherited` holds a node's and its groups' targets."""

    tree: Tree
    units: Mapping[str, tuple[str, ...]]
    inherited: Mapping[str, tuple[str, ...]]
    rank: Mapping[str, int]

    def before(self, unit: str) -> set[str]:
        """Give the units that a unit's own and inherited dependencies stand for."""
        found: set[str] = set()
        seen: set[str] = set()
        stack = list(self.inherited[unit])
        while stack:
            target = stack.pop()
            if target in seen:
                continue
            seen.add(target)
            found.update(self.units[target])
            # An empty group passes on what it waits for; a gate's node only names the gate.
            if not self.units[target] and not self.tree.nodes[target].names_gate:
                stack.extend(self.inherited[target])
        return found

    def in_order(self, units: Iterable[str]) -> list[str]:
        """Put units in the plan's order."""
        return sorted(units, key=self.rank.__getitem__)


def unit_order(tree: Tree, waits: Waits, units: Mapping[str, tuple[str, ...]], phases: tuple[str, ...]) -> UnitOrder:
    """Prepare the dependencies of all units. A phase's own only order the phases and are not handed down."""
    inherited: dict[str, tuple[str, ...]] = {}
    for node_id in tree.walk:
        above = tree.parent.get(node_id, tree.root)
        handed = () if node_id == tree.root or tree.phase_of.get(above) in (above, None) else inherited[above]
        inherited[node_id] = handed + tuple(link.target for link in waits[node_id])
    rank = {unit: index for index, unit in enumerate(unit for phase in phases for unit in units[phase])}
    return UnitOrder(tree, units, inherited, rank)


def plan_phase(order: UnitOrder, phase: str, protected: tuple[str, ...] = ()) -> PlanPhase:
    """Make one phase of the plan; `protected` is what the whole spec protects."""
    node, units = order.tree.nodes[phase], order.units[phase]
    before = {unit: order.before(unit) for unit in units}
    _make_checks_wait(order.tree, units, before)
    inside = [order.tree.nodes[name] for name in order.tree.walk if order.tree.phase_of.get(name) == phase]
    gates = (node.id for node in inside if node.names_gate)
    # What a verification protects stands with it, so that it is checked in another way when that changes.
    declared = (node.protected_paths for node in inside if node.type is not NodeType.VERIFY or node.names_gate)
    paths = dict.fromkeys((*protected, *(path for paths in declared for path in paths)))
    return PlanPhase(
        id=phase,
        title=node.title,
        description=or_absent(node.description),
        gate=or_absent(next(gates, None)),
        protected_paths=or_absent(list(paths) or None),
        units=[_unit(order.tree.nodes[unit], order.in_order(before[unit])) for unit in units],
    )


def _make_checks_wait(tree: Tree, units: tuple[str, ...], before: dict[str, set[str]]) -> None:
    # One after the other: what an earlier verification came to wait for counts, or two of them, each
    # with a task behind it, would wait for each other's task.
    followers: dict[str, set[str]] = {unit: set() for unit in units}
    for unit in units:
        for earlier in before[unit] & followers.keys():
            followers[earlier].add(unit)
    tasks = {unit for unit in units if tree.nodes[unit].type is not NodeType.VERIFY}
    for check in (unit for unit in units if unit not in tasks):
        added = tasks - _reached(followers, check)
        before[check] |= added
        for task in added:
            followers[task].add(check)


def _reached(followers: Mapping[str, set[str]], start: str) -> set[str]:
    reached, stack = set[str](), [start]
    while stack:
        fresh = followers[stack.pop()] - reached
        reached |= fresh
        stack.extend(fresh)
    return reached


def _unit(node: Node, depends_on: list[str]) -> PlanUnit:
    is_check = node.type is NodeType.VERIFY
    return PlanUnit(
        id=node.id,
        kind=UnitKind.VERIFY if is_check else UnitKind.TASK,
        title=node.title,
        description=or_absent(node.description),
        file_path=or_absent(node.file_path),
        acceptance_criteria=or_absent(list(node.acceptance_criteria) or None),
        depends_on=depends_on,
        status=node.status,
        verification=or_absent(_verification(node) if is_check else None),
    )


def _verification(node: Node) -> PlanVerification:
    check = node.check
    return PlanVerification(
        kind=check_kind(check) or VerificationKind.MANUAL,
        command=or_absent(check.command),
        expected=or_absent(check.expected),
        protected_paths=or_absent(list(node.protected_paths) or None),
    )
