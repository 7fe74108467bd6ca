"""Find out what each node waits for, and refuse what no order of work can satisfy."""

from __future__ import annotations

from collections.abc import Mapping

from foundry_contracts.vocabulary import FindingCode
from foundry_mcp.machine.spec_findings import Findings, pointer_to
from foundry_mcp.machine.spec_nodes import Link, NodeType
from foundry_mcp.machine.spec_order import circles, ordered
from foundry_mcp.machine.spec_tree import Tree

Waits = Mapping[str, tuple[Link, ...]]


def known_waits(tree: Tree, findings: Findings) -> Waits:
    """Give each node's dependencies, its own and those others declare with `blocks`; dangling ones are noted."""
    waits: dict[str, dict[str, Link]] = {node_id: {} for node_id in tree.nodes}
    for node in tree.nodes.values():
        for link in node.waits + node.blocks:
            if link.target not in tree.nodes:
                message = f"Node {node.id!r} names {link.target!r}, which is not there: correct or remove the name."
                findings.error(FindingCode.DANGLING_DEPENDENCY, link.pointer, message, node.id)
        for link in node.waits:
            waits[node.id].setdefault(link.target, link)
        for link in node.blocks:
            waits.get(link.target, {}).setdefault(node.id, Link(node.id, link.pointer))
    return {node_id: tuple(link for t, link in links.items() if t in tree.nodes) for node_id, links in waits.items()}


def phase_order(tree: Tree, waits: Waits, findings: Findings) -> tuple[str, ...]:
    """Put the phases in the order they run; only what a phase itself depends on moves it."""
    before = {phase: _phases_before(tree, waits, phase) for phase in tree.phases}
    known = {phase: [other for other in others if other in before] for phase, others in before.items()}
    for circle in circles(known):
        _note_circle(tree, circle, findings)
    return tuple(ordered(tree.phases, {phase: set(others) for phase, others in known.items()}))


def _phases_before(tree: Tree, waits: Waits, phase: str) -> list[str]:
    targets = (tree.phase_of.get(link.target, phase) for link in waits[phase])
    return list(dict.fromkeys(target for target in targets if target != phase))


def check_waits(tree: Tree, waits: Waits, phases: tuple[str, ...], findings: Findings) -> None:
    """Note dependencies on a later phase, and circles within a phase."""
    rank = {phase: index for index, phase in enumerate(phases)}
    when = {node_id: rank[phase] for node_id, phase in tree.phase_of.items() if phase in rank}
    for node_id in (node_id for node_id in when if tree.nodes[node_id].type is not NodeType.PHASE):
        for link in waits[node_id]:
            if when.get(link.target, 0) > when[node_id]:
                message = f"Node {node_id!r} depends on {link.target!r}, which is in a later phase: move one of them."
                findings.error(FindingCode.LATER_PHASE_DEPENDENCY, link.pointer, message, node_id)
    for circle in circles(_moments(tree, waits)):
        _note_circle(tree, list(dict.fromkeys(node_id for node_id, _ in circle)), findings)


def _moments(tree: Tree, waits: Waits) -> dict[tuple[str, bool], list[tuple[str, bool]]]:
    # A node's start (False) and end (True): it starts after its parent starts and after the end of what it waits
    # for, and ends after its children end. A circle of moments is work that can never begin, groups included.
    work = [node_id for node_id in tree.walk if not tree.nodes[node_id].names_gate]
    before = {(node_id, ends): [(node_id, False)] if ends else [] for node_id in work for ends in (False, True)}
    for node_id in work:
        above = tree.parent.get(node_id, "")
        if node_id != tree.root and (above, True) in before:
            before[node_id, False].append((above, False))
            before[above, True].append((node_id, True))
        for link in waits[node_id]:
            if (link.target, True) in before and _together(tree, node_id, link.target):
                before[node_id, False].append((link.target, True))
    return before


def _together(tree: Tree, node_id: str, target: str) -> bool:
    # Between phases the order of the phases decides; it is checked apart.
    return tree.root in (node_id, target) or tree.phase_of.get(node_id) == tree.phase_of.get(target)


def _note_circle(tree: Tree, circle: list[str], findings: Findings) -> None:
    names = ", ".join(map(repr, circle))
    message = f"These nodes wait for each other, or for themselves: {names}; drop one of the dependencies."
    place = pointer_to(tree.nodes[circle[0]].pointer, "dependencies")
    findings.error(FindingCode.CYCLE, place, message, circle[0])
