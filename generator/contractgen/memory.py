"""Remember costly results by what they were made of, for a process that generates many times.

A key holds all that a result depends on, so an answer from here is the answer that making it again would give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

# From the keys that are not known, to the result of each.
Make = Callable[[list[str]], Mapping[str, str]]


class Memory:
    """Hold the results of the last generation; what a generation did not ask for is forgotten after it."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, tuple[object, str]]] = {}

    def recall(self, kind: str, wanted: Mapping[str, object], make: Make) -> dict[str, str]:
        """Give the result of each name, made anew where what it depends on is another."""
        known = self._known.get(kind, {})
        unknown = [name for name, depends in wanted.items() if name not in known or known[name][0] != depends]
        made = make(unknown) if unknown else {}
        kept = {name: known[name][1] for name in _without(wanted, unknown)}
        results = {**kept, **{name: made[name] for name in unknown}}
        self._known[kind] = {name: (wanted[name], results[name]) for name in wanted}
        return {name: results[name] for name in wanted}


def _without(names: Iterable[str], left_out: Iterable[str]) -> list[str]:
    left = set(left_out)
    return [name for name in names if name not in left]
