"""Find a text that some patterns match and others do not, of a length within bounds; or prove that there is none."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from contractgen.compat.regex import END, LAST, START, Nfa, Unreadable, read

MOST_STEPS = 30_000
# The first of these in a class stands for it: what people write, and what both validators read alike.
_LIKED = [ord(sign) for sign in "abcxyzABCXYZ0129-_. /:@,+~!"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Say what a text shall be: matched by all of `has`, by none of `lacks`, at least and at most so long."""

    has: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    least: int = 0
    most: int | None = None


@cache
def readable(pattern: str) -> Nfa | None:
    """Give the automaton of a pattern, or None if it cannot be read."""
    try:
        return read(pattern)
    except (Unreadable, RecursionError):
        return None


@cache
def shortest(wanted: Wanted) -> str | bool | None:
    """Give a shortest such text, None if there is none, False if it cannot be told."""
    for word in _search(wanted):
        return word
    return None


@cache
def some(wanted: Wanted, count: int) -> tuple[str, ...]:
    """Give up to `count` such texts of different ends, as far as they can be found."""
    found: list[str] = []
    for word in _search(wanted, many=True):
        if word is False or len(found) >= count:
            break
        found.append(str(word))
    return tuple(found)


def none(wanted: Wanted) -> bool:
    """Say whether it is proved that there is no such text."""
    return shortest(wanted) is None


def _search(wanted: Wanted, many: bool = False) -> Iterator[str | bool]:
    machines = [(pattern, True) for pattern in sorted(wanted.has)] + [(p, False) for p in sorted(wanted.lacks)]
    if wanted.most is not None and wanted.most < wanted.least:
        return
    nfas = [readable(pattern) for pattern, _ in machines]
    known = [nfa for nfa in nfas if nfa is not None]
    if len(known) < len(nfas):
        yield False
        return
    yield from _walk(known, [positive for _, positive in machines], wanted, many)


def _walk(nfas: list[Nfa], signs: list[bool], wanted: Wanted, many: bool) -> Iterator[str | bool]:
    letters = _letters(nfas)
    counted = wanted.least if wanted.most is None else wanted.most
    first = tuple(_closure(nfa, frozenset({nfa.start}), True, False) for nfa in nfas)
    waiting: deque[tuple[tuple[frozenset[int], ...], int, str]] = deque([(first, 0, "")])
    seen = {(first, 0)}
    steps = 0
    while waiting:
        states, length, word = waiting.popleft()
        if length >= wanted.least and all(
            _accepts(nfa, at, not word) is sign for nfa, at, sign in zip(nfas, states, signs, strict=True)
        ):
            yield word
        if wanted.most is not None and length >= wanted.most:
            continue
        for letter in letters:
            steps += 1
            after = tuple(
                _closure(nfa, _step(nfa, at, letter), False, False) for nfa, at in zip(nfas, states, strict=True)
            )
            if any(sign and not at for at, sign in zip(after, signs, strict=True)):
                continue
            key = (after, min(length + 1, counted))
            if key not in seen or (many and len(waiting) < 200):
                seen.add(key)
                waiting.append((after, length + 1 if wanted.most is not None else key[1], word + chr(letter)))
        if steps > MOST_STEPS or (many and steps > MOST_STEPS // 10):
            yield False
            return


def _step(nfa: Nfa, states: frozenset[int], letter: int) -> frozenset[int]:
    return frozenset(
        target
        for state in states
        for ranges, target in nfa.on[state]
        if any(low <= letter <= high for low, high in ranges)
    )


def _closure(nfa: Nfa, states: frozenset[int], at_start: bool, at_end: bool) -> frozenset[int]:
    found, waiting = set(states), list(states)
    while waiting:
        for anchor, target in nfa.free[waiting.pop()]:
            allowed = not anchor or (anchor == START and at_start) or (anchor == END and at_end)
            if allowed and target not in found:
                found.add(target)
                waiting.append(target)
    return frozenset(found)


def _accepts(nfa: Nfa, states: frozenset[int], at_start: bool) -> bool:
    return nfa.accept in states or nfa.accept in _closure(nfa, states, at_start, True)


def _letters(nfas: list[Nfa]) -> list[int]:
    """Give one character for each class that no automaton tells apart from within."""
    edges = {0, 0xD800, 0xE000, LAST + 1}
    for nfa in nfas:
        for moves in nfa.on:
            for ranges, _ in moves:
                edges |= {bound for low, high in ranges for bound in (low, high + 1)}
    starts = sorted(edges)
    classes: dict[tuple[bool, ...], list[tuple[int, int]]] = {}
    all_ranges = list(dict.fromkeys(ranges for nfa in nfas for moves in nfa.on for ranges, _ in moves))
    for low, after in itertools.pairwise(starts):
        if low != 0xD800:
            told = tuple(any(a <= low <= b for a, b in ranges) for ranges in all_ranges)
            classes.setdefault(told, []).append((low, after - 1))
    return [_representative(parts) for parts in classes.values()]


def _representative(parts: list[tuple[int, int]]) -> int:
    for liked in _LIKED:
        if any(low <= liked <= high for low, high in parts):
            return liked
    printable = [max(low, 33) for low, high in parts if high >= 33]
    return printable[0] if printable else parts[0][0]
