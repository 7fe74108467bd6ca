"""Remember what was worked out, for a process that generates many times: what did not change is not done again.

A remembered function is given its set as one that notes what is read of it. What it gave is given again where each
part that it read is still the very same object. So nobody lists what a result depends on, and nothing can be left
out of such a list. A part is the same object from one round to the next where its own text is the same and what its
references lead to stands where it stood: `lower` sees to that, by way of `once`.

Objects are compared by identity and never by value, for to Python 1 is True and the order of keys is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from contractgen.model import ContractSet

P = ParamSpec("P")
R = TypeVar("R")
Parts = tuple[object, ...]
# A field of the set and a key in it; None stands for the field itself, or for all its keys where it is a mapping.
Reads = dict[tuple[str, str | None], object]

_TEXTS = (str, bytes)


@dataclass(slots=True)
class _Known:
    """Hold a result, what it was made of, what was recalled on the way, and the round that last asked for it."""

    result: Any
    depends: Parts = ()
    reads: Reads = field(default_factory=dict)
    inner: list[_Known] = field(default_factory=list)
    round: int = 0
    held_for: object = None


class Memory:
    """Hold the results of the last whole generation; what a generation did not ask for is forgotten after it."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._known: dict[Hashable, _Known] = {}
        self._round = 0
        # What is recalled while something is made is asked for again whenever that is: it is not to be forgotten.
        self._making: list[list[_Known]] = []

    def once(self, kind: str, name: str, depends: Parts, make: Callable[[], R]) -> R:
        """Give what was made of these parts, making it where it is not known: parts are objects or texts."""
        known = self._known.get((kind, name))
        if known is None or not _same(known.depends, depends):
            known = self._known[kind, name] = _Known(make(), depends)
        self._ask(known)
        return cast("R", known.result)

    def batch(
        self, kind: str, wanted: Mapping[str, Parts], make: Callable[[list[str]], Mapping[str, R]]
    ) -> dict[str, R]:
        """Give a result for each name, made of its parts; all that are not known are made in one go."""
        unknown = [name for name, depends in wanted.items() if not self._holds((kind, name), depends)]
        made = make(unknown) if unknown else {}
        return {
            name: self.once(kind, name, depends, partial(made.__getitem__, name)) for name, depends in wanted.items()
        }

    def _holds(self, key: Hashable, depends: Parts) -> bool:
        return key in self._known and _same(self._known[key].depends, depends)

    def recall(self, function: Callable[..., R], contracts: ContractSet, words: Parts) -> R:
        """Give what a function of a set gives; `words` are its other arguments, objects or texts."""
        outer = contracts if isinstance(contracts, _Noting) else None
        whole = outer.whole if outer is not None else contracts
        key = (function, *(word if isinstance(word, _TEXTS) else id(word) for word in words))
        known = self._known.get(key)
        if known is None or not _still(known, whole):
            known = self._make(function, whole, words, outer)
            self._known[key] = known
        elif outer is not None:
            outer.reads.update(known.reads)
        self._ask(known)
        return cast("R", known.result)

    def _make(self, function: Callable[..., R], whole: ContractSet, words: Parts, outer: _Noting | None) -> _Known:
        noting = _Noting(whole)
        self._making.append([])
        try:
            result = function(noting, *words)
        finally:
            inner = self._making.pop()
            # One that fails was read for, too: who called it may go on without it.
            if outer is not None:
                outer.reads.update(noting.reads)
        # The words are kept, for their identity stands for them.
        return _Known(result, words, noting.reads, inner, held_for=whole)

    def _ask(self, known: _Known) -> None:
        if self._making:
            self._making[-1].append(known)
        waiting = [known]
        while waiting:
            asked = waiting.pop()
            if asked.round != self._round:
                asked.round = self._round
                waiting += asked.inner

    def forget(self) -> None:
        """End a round: forget what nothing in it asked for."""
        self._known = {key: known for key, known in self._known.items() if known.round == self._round}
        self._round += 1


def remembered(function: Callable[Concatenate[ContractSet, P], R]) -> Callable[Concatenate[ContractSet, P], R]:
    """Have a function of a set remember what it gave; nobody may change what it gives, for others are given it, too.

    It may give no generator, which would read after it was noted.
    """

    def recalled(contracts: ContractSet, /, *words: P.args, **named: P.kwargs) -> R:
        assert not named, "a remembered function takes no named arguments"
        return contracts.memory.recall(function, contracts, words)

    update_wrapper(recalled, function)
    return recalled


def _same(one: object, other: object) -> bool:
    if one is other:
        return True
    if isinstance(one, _TEXTS):
        return type(one) is type(other) and one == other
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return all(map(_same, one, other))
    return False


def _still(known: _Known, whole: ContractSet) -> bool:
    """Say whether all that a result was made of is what it was."""
    if known.held_for is not whole:
        if not all(_same(value, _read(whole, *place)) for place, value in known.reads.items()):
            return False
        known.held_for = whole
    return True


_MISSING = object()


def _read(whole: ContractSet, name: str, key: str | None) -> object:
    value = getattr(whole, name)
    if not isinstance(value, dict):
        return value
    return tuple(value) if key is None else value.get(key, _MISSING)


class _Noting:
    """Stand for a set, and note what is read of it."""

    def __init__(self, whole: ContractSet) -> None:
        self.whole = whole
        self.memory = whole.memory
        self.reads: Reads = {}

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.whole, name)
        if isinstance(value, dict):
            value = _NotingMapping(name, value, self.reads)
        else:
            self.reads[name, None] = value
        setattr(self, name, value)
        return value


class _NotingMapping(Mapping[str, Any]):
    """Stand for a mapping of a set, and note which keys are read of it."""

    def __init__(self, name: str, whole: Mapping[str, Any], reads: Reads) -> None:
        self._name, self._whole, self._reads = name, whole, reads

    def __getitem__(self, key: str) -> Any:
        found = self._reads[self._name, key] = self._whole.get(key, _MISSING)
        if found is _MISSING:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        self._reads[self._name, None] = tuple(self._whole)
        return iter(self._whole)

    def __len__(self) -> int:
        self._reads[self._name, None] = tuple(self._whole)
        return len(self._whole)
