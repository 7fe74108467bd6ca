"""A persistent priority queue: the units of work that are ready, lowest number first.

A pairing heap, so that a push costs the same however many units a phase has and a pop little more; old versions
stay valid, which a cached fold needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Heap(NamedTuple):
    """Hold the lowest number and the heaps below it."""

    number: int
    children: tuple[Chain, ...] = ()


class Chain(NamedTuple):
    """Hold a heap in a linked list of siblings."""

    heap: Heap
    rest: tuple[Chain, ...]


def push(heap: Heap | None, number: int) -> Heap:
    """Add a number."""
    return _merge(heap, Heap(number))


def pop(heap: Heap) -> Heap | None:
    """Take the lowest number away."""
    pairs: list[Heap] = []
    waiting: Heap | None = None
    for child in _siblings(heap.children):
        if waiting is None:
            waiting = child
        else:
            pairs.append(_merge(waiting, child))
            waiting = None
    merged = waiting
    for pair in reversed(pairs):
        merged = _merge(merged, pair)
    return merged


def remove(heap: Heap | None, number: int) -> Heap | None:
    """Take a number away wherever it stands; one that is not there is no fault."""
    lower: list[int] = []
    while heap is not None and heap.number < number:
        lower.append(heap.number)
        heap = pop(heap)
    if heap is not None and heap.number == number:
        heap = pop(heap)
    for entry in lower:
        heap = push(heap, entry)
    return heap


def from_numbers(numbers: Iterable[int]) -> Heap | None:
    """Build a queue of numbers."""
    heap: Heap | None = None
    for number in numbers:
        heap = push(heap, number)
    return heap


def numbers(heap: Heap | None) -> Iterator[int]:
    """Give the numbers, in no order."""
    waiting = [] if heap is None else [heap]
    while waiting:
        here = waiting.pop()
        yield here.number
        waiting.extend(_siblings(here.children))


def _merge(left: Heap | None, right: Heap) -> Heap:
    if left is None:
        return right
    low, high = (left, right) if left.number <= right.number else (right, left)
    return Heap(low.number, (Chain(high, low.children),))


def _siblings(children: tuple[Chain, ...]) -> Iterator[Heap]:
    while children:
        (chain,) = children
        yield chain.heap
        children = chain.rest
