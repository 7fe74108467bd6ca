"""Put the models of a generated module in the order of their contract, whatever order they were made in.

The model generator writes a module's models in the order in which it met them, which hangs on what else it was given.
A module has to follow from its contract alone, or generating it alone would give another text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator


def ordered(code: str, names: Iterable[str]) -> str:
    """Order a module's classes and aliases by `names`, each behind those it needs; imports first, the rest last."""
    lines = code.splitlines(keepends=True)
    head: list[str] = []
    blocks: dict[str, tuple[str, list[str]]] = {}
    tail: list[str] = []
    for node in ast.parse(code).body:
        text = "".join(lines[node.lineno - 1 : node.end_lineno])
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            head.append(text)
        elif name := _name(node):
            blocks[name] = text, [found.id for found in ast.walk(node) if isinstance(found, ast.Name)]
        else:
            tail.append(text)
    body = [blocks[name][0] for name in _sorted(blocks, names)]
    return "\n".join([*head, *body, *sorted(tail)])


def _name(node: ast.stmt) -> str:
    if isinstance(node, ast.ClassDef):
        return node.name
    target = (
        node.targets[0] if isinstance(node, ast.Assign) else node.target if isinstance(node, ast.AnnAssign) else None
    )
    return target.id if isinstance(target, ast.Name) else ""


def _sorted(blocks: dict[str, tuple[str, list[str]]], names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()

    def visit(name: str) -> Iterator[str]:
        if name in blocks and name not in seen:
            seen.add(name)
            for needed in blocks[name][1]:
                yield from visit(needed)
            yield name

    for name in [*names, *sorted(blocks)]:
        yield from visit(name)
