"""Build the tree of a spec's nodes: mend what can be mended without guessing, note the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from foundry_contracts.vocabulary import FindingCode
from foundry_mcp.machine.spec_compact import ROOT_ID, made_root
from foundry_mcp.machine.spec_findings import Findings, pointer_to
from foundry_mcp.machine.spec_nodes import Link, Node, NodeType
from foundry_mcp.machine.spec_order import circles


@dataclass(frozen=True, slots=True)
class Tree:
    """Hold the nodes, each with one parent. `walk` lists outer nodes first; `phase_of` holds those in a phase."""

    nodes: Mapping[str, Node]
    root: str
    parent: Mapping[str, str]
    children: Mapping[str, tuple[str, ...]]
    walk: tuple[str, ...]
    phase_of: Mapping[str, str]

    @property
    def phases(self) -> tuple[str, ...]:
        """Give the phases as the root lists them, adopted ones behind in file order."""
        return tuple(child for child in self.children[self.root] if self.nodes[child].type is NodeType.PHASE)


def build_tree(nodes: dict[str, Node], findings: Findings, pointer: str) -> Tree:
    """Give every node its parent: the one that lists it, else the one it names."""
    root = _root(nodes, findings, pointer)
    listers = _listers(nodes, findings)
    contained: dict[str, list[str]] = {node_id: [] for node_id in nodes}
    parent: dict[str, str] = {}
    for child, links in listers.items():
        parent[child] = next(iter(links))
        for lister in links:
            contained[lister].append(child)
    _order_as_listed(nodes, contained)
    for node in nodes.values():
        _check_claim(node, parent.get(node.id), nodes, findings)
        if node.id not in parent and (claim := _adopter(node, root, nodes, findings)) is not None:
            parent[node.id] = claim
            contained[claim].append(node.id)
    _note_circles(nodes, contained, findings)
    children = {lister: tuple(c for c in inside if parent[c] == lister) for lister, inside in contained.items()}
    walk = tuple(_outer_first(root, children))
    _check_places(nodes, root, parent, children, walk, findings)
    return Tree(nodes, root, parent, children, walk, _phases_of(nodes, parent, walk))


def _root(nodes: dict[str, Node], findings: Findings, pointer: str) -> str:
    roots = [node for node in nodes.values() if node.type is NodeType.SPEC]
    for second in roots[1:]:
        message = f"Node {second.id!r} is a second root beside {roots[0].id!r}: keep one node of type spec."
        findings.error(FindingCode.WRONG_TYPE, pointer_to(second.pointer, "type"), message, second.id)
    if roots:
        return roots[0].id
    message = "No node is the root: add one of type spec that lists the phases."
    findings.error(FindingCode.MISSING_FIELD, pointer, message)
    nodes[ROOT_ID] = made_root([], pointer, findings)
    return ROOT_ID


def _listers(nodes: Mapping[str, Node], findings: Findings) -> dict[str, dict[str, Link]]:
    listers: dict[str, dict[str, Link]] = {}
    for node in nodes.values():
        for link in node.children:
            if link.target not in nodes:
                message = f"Node {node.id!r} lists the child {link.target!r}, which is not there; it was dropped."
                findings.warning(FindingCode.DANGLING_CHILD, link.pointer, message, node.id)
                continue
            earlier = listers.setdefault(link.target, {})
            if earlier:
                _note_two(link, node.id, next(iter(earlier)), findings)
            earlier.setdefault(node.id, link)
    return listers


def _note_two(link: Link, lister: str, first: str, findings: Findings) -> None:
    again = "twice" if lister == first else f"and by {first!r} as well"
    message = f"Node {link.target!r} is listed by {lister!r} {again}: keep it in one place."
    findings.error(FindingCode.TWO_PARENTS, link.pointer, message, link.target)


def _order_as_listed(nodes: Mapping[str, Node], contained: dict[str, list[str]]) -> None:
    for lister, inside in contained.items():
        rank = {link.target: index for index, link in enumerate(nodes[lister].children)}
        inside.sort(key=rank.__getitem__)


def _check_claim(node: Node, lister: str | None, nodes: Mapping[str, Node], findings: Findings) -> None:
    if node.parent is None or node.parent == lister:
        return
    place = pointer_to(node.pointer, "parent")
    if node.parent not in nodes:
        message = f"Node {node.id!r} names the parent {node.parent!r}, which is not there: name one that is."
        findings.error(FindingCode.MISSING_FIELD, place, message, node.id)
    elif lister is not None:
        message = f"Node {node.id!r} names the parent {node.parent!r} but {lister!r} lists it: settle on one."
        findings.error(FindingCode.TWO_PARENTS, place, message, node.id)


def _adopter(node: Node, root: str, nodes: Mapping[str, Node], findings: Findings) -> str | None:
    # A phase can lie nowhere but below the root, so one without a parent leaves nothing to guess.
    claim = root if node.parent is None and node.type is NodeType.PHASE else node.parent
    if node.id == root and claim is None:
        return None
    if claim is None:
        message = f"Node {node.id!r} has no parent and no node lists it: name its parent."
        findings.error(FindingCode.MISSING_FIELD, node.pointer, message, node.id)
    if claim not in nodes:
        return None
    message = f"Node {node.id!r} is not among the children of {claim!r}; it was added behind them."
    findings.warning(FindingCode.UNLISTED_CHILD, node.pointer, message, node.id)
    return claim


def _note_circles(nodes: Mapping[str, Node], contained: Mapping[str, list[str]], findings: Findings) -> None:
    for circle in circles(contained):
        message = f"These nodes contain each other: {', '.join(map(repr, circle))}; take one out of the other."
        findings.error(FindingCode.CYCLE, pointer_to(nodes[circle[0]].pointer, "children"), message, circle[0])


def _outer_first(root: str, children: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    stack, seen = [root], set[str]()
    while stack:
        node_id = stack.pop()
        if node_id not in seen:
            seen.add(node_id)
            yield node_id
            stack.extend(reversed(children[node_id]))


def _check_places(
    nodes: Mapping[str, Node],
    root: str,
    parent: Mapping[str, str],
    children: Mapping[str, tuple[str, ...]],
    walk: tuple[str, ...],
    findings: Findings,
) -> None:
    for node in (nodes[node_id] for node_id in walk[1:]):
        below_root = parent[node.id] == root
        if (node.type is NodeType.PHASE) is not below_root:
            wanted = "A phase must lie directly below the root" if not below_root else "Only phases lie below the root"
            message = f"{wanted}: move {node.id!r} or change its type."
            findings.error(FindingCode.WRONG_TYPE, pointer_to(node.pointer, "type"), message, node.id)
        if node.type is NodeType.VERIFY and children[node.id]:
            message = f"The verification {node.id!r} holds other nodes: move them beside it."
            findings.error(FindingCode.WRONG_TYPE, pointer_to(node.pointer, "children"), message, node.id)


def _phases_of(nodes: Mapping[str, Node], parent: Mapping[str, str], walk: tuple[str, ...]) -> dict[str, str]:
    phase_of: dict[str, str] = {}
    for node_id in walk:
        if nodes[node_id].type is NodeType.PHASE:
            phase_of[node_id] = node_id
        elif (above := phase_of.get(parent.get(node_id, ""))) is not None:
            phase_of[node_id] = above
    return phase_of
