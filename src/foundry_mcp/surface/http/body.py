"""A request's body: read whole before anything is done with it, up to a limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from enum import Enum, auto
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class NotTaken(Enum):
    """Say why there is no body."""

    TOO_LARGE = auto()
    BROKEN_OFF = auto()


async def whole(headers: Sequence[tuple[bytes, bytes]], receive: Receive, largest: int) -> bytes | NotTaken:
    """Read a body of at most so many bytes.

    Of a larger one as much again is read and dropped: a client that still sends when the connection is closed may
    never see the answer.
    """
    declared = next((value for name, value in headers if name == b"content-length"), b"")
    size = int(declared) if declared.isdigit() else 0
    if size > 2 * largest:
        return NotTaken.TOO_LARGE
    body, received = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return NotTaken.BROKEN_OFF
        part = message.get("body", b"")
        received += len(part)
        if received <= largest:
            body += part
        more = message.get("more_body", False)
        if received > largest and (not more or received > 2 * largest):
            return NotTaken.TOO_LARGE
        if not more:
            return bytes(body)


def again(body: bytes, receive: Receive) -> Receive:
    """Give what receives a body that was read already, and then whatever comes."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received
