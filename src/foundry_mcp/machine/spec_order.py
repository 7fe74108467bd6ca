"""Order things by what must come before them, and find the circles where that cannot be done.

Both walks keep their own stack: a file may chain more nodes than the interpreter can nest calls.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def circles(graph: Mapping[T, Sequence[T]]) -> list[list[T]]:
    """Find every group of things that reach each other (Tarjan 1972); each in the graph's order."""
    rank = {vertex: index for index, vertex in enumerate(graph)}
    found = [sorted(group, key=rank.__getitem__) for group in _components(graph) if _is_circle(group, graph)]
    return sorted(found, key=lambda group: rank[group[0]])


def _is_circle(group: Sequence[T], graph: Mapping[T, Sequence[T]]) -> bool:
    return len(group) > 1 or group[0] in graph[group[0]]


def _components(graph: Mapping[T, Sequence[T]]) -> Iterator[list[T]]:
    index: dict[T, int] = {}
    low: dict[T, int] = {}
    open_stack: list[T] = []
    is_open: set[T] = set()
    for start in graph:
        if start in index:
            continue
        work: list[tuple[T, Iterator[T]]] = [(start, iter(graph[start]))]
        while work:
            vertex, targets = work[-1]
            if vertex not in index:
                index[vertex] = low[vertex] = len(index)
                open_stack.append(vertex)
                is_open.add(vertex)
            target = next((t for t in targets if t not in index or _lowered(low, index, is_open, vertex, t)), None)
            if target is not None:
                work.append((target, iter(graph[target])))
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[vertex])
            if low[vertex] == index[vertex]:
                yield _closed(open_stack, is_open, vertex)


def _lowered(low: dict[T, int], index: dict[T, int], is_open: set[T], vertex: T, target: T) -> bool:
    # Always false: a target met before is taken into account here and not walked again.
    if target in is_open:
        low[vertex] = min(low[vertex], index[target])
    return False


def _closed(open_stack: list[T], is_open: set[T], vertex: T) -> list[T]:
    group: list[T] = []
    while not group or group[-1] != vertex:
        group.append(open_stack.pop())
        is_open.discard(group[-1])
    return group


def ordered(items: Sequence[T], after: Mapping[T, set[T]]) -> list[T]:
    """Put items behind those they come `after`, ties in the given order; what a circle holds back comes last."""
    rank = {item: index for index, item in enumerate(items)}
    missing = {item: len(after[item]) for item in items}
    followers: dict[T, list[T]] = {item: [] for item in items}
    for item in items:
        for earlier in after[item]:
            followers[earlier].append(item)
    ready = [rank[item] for item in items if not missing[item]]
    heapify(ready)
    done: list[T] = []
    while ready:
        done.append(items[heappop(ready)])
        for follower in followers[done[-1]]:
            missing[follower] -= 1
            if not missing[follower]:
                heappush(ready, rank[follower])
    return done + [item for item in items if missing[item]]
