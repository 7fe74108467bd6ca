"""Where the server listens: an address and a port, taken before anything else is begun."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from foundry_contracts.vocabulary import Reach
from foundry_mcp.ports import PortError

_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Hold an address and a port that are listened at."""

    host: str
    port: int

    @property
    def reach(self) -> Reach:
        """Tell who reaches it."""
        host = ipaddress.ip_address(self.host)
        if host.is_loopback:
            return Reach.THIS_MACHINE
        return Reach.ANY_ADDRESS if host.is_unspecified else Reach.OTHER_MACHINES

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address_of(host: str, port: int) -> Address:
    """Give the address that `listen` would take, and take nothing; PortError where a host has none."""
    return _address(_found(host, port)[4])


def listen(host: str, port: int) -> tuple[socket.socket, Address]:
    """Listen at a host's first address, at a free port for 0; PortError where that cannot be."""
    family, kind, protocol, _, place = _found(host, port)
    try:
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _unusable(host, port, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise _unusable(host, port, error) from error
    return listening, _address(listening.getsockname())


# Any: an address as the socket module has it, whose length hangs on its family.
def _found(host: str, port: int) -> tuple[Any, ...]:
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise _unusable(host, port, error) from error


def _address(place: Sequence[Any]) -> Address:
    return Address(str(place[0]).partition("%")[0], int(place[1]))


def _unusable(host: str, port: int, error: OSError) -> PortError:
    return PortError(
        f"{host}:{port} cannot be listened at: {error.strerror or error}.",
        "Name an address of this machine and a port that is free, or port 0 for any.",
    )
