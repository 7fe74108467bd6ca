"""Where the server listens: an address and a port, taken before anything else is begun."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from foundry_mcp.ports import PortError

_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Hold an address and a port that are listened at."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine reaches it."""
        return ipaddress.ip_address(self.host).is_loopback

    @property
    def is_any(self) -> bool:
        """Tell whether it stands for every address of the machine, and so names none."""
        return ipaddress.ip_address(self.host).is_unspecified

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen(host: str, port: int) -> tuple[socket.socket, Address]:
    """Listen at a host's first address, at a free port for 0; PortError where that cannot be."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
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
    name = listening.getsockname()
    return listening, Address(str(name[0]).partition("%")[0], int(name[1]))


def _unusable(host: str, port: int, error: OSError) -> PortError:
    return PortError(
        f"{host}:{port} cannot be listened at: {error.strerror or error}.",
        "Name an address of this machine and a port that is free, or port 0 for any.",
    )
