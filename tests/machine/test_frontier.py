"""The queue of ready units gives what a sorted list would."""

from __future__ import annotations

from bisect import insort

from hypothesis import given
from hypothesis import strategies as st

from foundry_mcp.machine.frontier import Heap, from_numbers, pop, push

NUMBERS = st.integers(min_value=0, max_value=50)


def drained(heap: Heap | None) -> list[int]:
    taken = []
    while heap is not None:
        taken.append(heap.number)
        heap = pop(heap)
    return taken


@given(st.lists(NUMBERS))
def test_a_queue_built_of_numbers_gives_them_in_order(numbers: list[int]) -> None:
    assert drained(from_numbers(numbers)) == sorted(numbers)


@given(st.lists(st.one_of(NUMBERS, st.none())))
def test_pushes_and_pops_in_any_order_give_what_a_sorted_list_gives(moves: list[int | None]) -> None:
    heap: Heap | None = None
    model: list[int] = []
    for move in moves:
        if move is not None:
            heap = push(heap, move)
            insort(model, move)
        elif heap is not None:
            heap = pop(heap)
            model.pop(0)
        assert (heap.number if heap else None) == (model[0] if model else None)
    assert drained(heap) == model


@given(st.lists(NUMBERS, min_size=1), NUMBERS)
def test_an_old_version_stays_what_it_was(numbers: list[int], more: int) -> None:
    heap = from_numbers(numbers)
    assert heap is not None
    push(heap, more)
    pop(heap)
    assert drained(heap) == sorted(numbers)


def test_a_long_queue_needs_no_deep_stack() -> None:
    numbers = list(range(20_000, 0, -1))
    assert drained(from_numbers(numbers)) == sorted(numbers)
    assert drained(from_numbers(sorted(numbers))) == sorted(numbers)
