"""The machine's clock, and ids that sort by the time they were made."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

# Crockford's base 32 leaves out i, l, o and u, which people misread.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
# Two digits at a time: every answer has an id.
_PAIRS: Final = [high + low for high in _ALPHABET for low in _ALPHABET]
_TIME_DIGITS: Final = 10
_RANDOM_DIGITS: Final = 16
_RANDOM_BITS: Final = 5 * _RANDOM_DIGITS


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


class SystemClock:
    """Tell the time, in one process never an earlier one than was told before."""

    def __init__(self, milliseconds: Callable[[], int] = _milliseconds) -> None:
        self._milliseconds = milliseconds
        self._latest = 0
        self._lock = threading.Lock()
        # Every call asks several times a second, and making text of a date is most of the work.
        self._second = -1, ""

    def now(self) -> str:
        """Give the present moment, RFC 3339 UTC with milliseconds."""
        with self._lock:
            self._latest = max(self._latest, self._milliseconds())
            seconds, rest = divmod(self._latest, 1000)
            if self._second[0] != seconds:
                self._second = seconds, f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
            return f"{self._second[1]}.{rest:03d}Z"


class SystemIds:
    """Make ids of 48 bits of time and 80 random bits; within one process each sorts after those before."""

    def __init__(self, milliseconds: Callable[[], int] = _milliseconds) -> None:
        self._milliseconds = milliseconds
        self._latest = 0
        self._lock = threading.Lock()

    def fresh(self, prefix: str) -> str:
        """Give `prefix_` and 26 characters that sort by time."""
        with self._lock:
            # In the same millisecond, or with the clock set back, count on from the last id: an overflow of the
            # random part carries into the time, which is still in order.
            drawn = self._milliseconds() << _RANDOM_BITS | int.from_bytes(os.urandom(_RANDOM_BITS // 8))
            self._latest = max(drawn, self._latest + 1)
            latest = self._latest
        return f"{prefix}_{_base32(latest, _TIME_DIGITS + _RANDOM_DIGITS)}"


def _base32(number: int, digits: int) -> str:
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * digits - 10, -1, -10)])
