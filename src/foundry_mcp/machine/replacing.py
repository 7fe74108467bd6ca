"""Frozen records with some fields changed: what dataclasses.replace does, in half the time.

A step replaces the session's state some twenty times. The standard function looks every field up by name each time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def replace(record: T, /, **changes: Any) -> T:
    """Give the record with other values in some fields; TypeError where it has no such field."""
    kind: type[Any] = type(record)
    values, places = _layout(kind)  # type: ignore[arg-type]  # mypy takes no type for hashable here
    held = list(values(record))
    for name, value in changes.items():
        try:
            held[places[name]] = value
        except KeyError:
            raise TypeError(f"{kind.__name__} has no field {name!r}") from None
    changed: T = kind(*held)
    return changed


@cache
def _layout(kind: type[Any]) -> tuple[Callable[[Any], tuple[Any, ...]], dict[str, int]]:
    """Give what reads all fields at once, and where each stands."""
    names = [field.name for field in fields(kind)]
    # An attrgetter of one name alone gives no tuple.
    read = attrgetter(*names) if len(names) > 1 else lambda record: (getattr(record, names[0]),)
    return read, {name: place for place, name in enumerate(names)}
