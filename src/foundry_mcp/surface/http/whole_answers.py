"""A transport that sends an answer in one piece: uvicorn writes its head and its body each by itself.

A write costs a call of the system and wakes the client up, which together take longer than most answers do. All answers
here are short and are there at once, so that holding their first part back delays nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


class WholeAnswers:
    """Stand before a transport, and hold what is written until the answer it belongs to has ended."""

    def __init__(self, transport: asyncio.Transport, under_way: Callable[[], bool]) -> None:
        """`under_way` tells whether more of the answer that is being written is to come."""
        self._transport = transport
        self._under_way = under_way
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Take a part of an answer."""
        self._held.append(data)
        if not self._under_way():
            self._let_go()

    def close(self) -> None:
        """Send what is held, and close."""
        self._let_go()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        """Be the transport in everything else."""
        return getattr(self._transport, name)

    def _let_go(self) -> None:
        if whole := b"".join(self._held):
            self._transport.write(whole)
        self._held.clear()
