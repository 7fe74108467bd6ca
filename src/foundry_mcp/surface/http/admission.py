"""Who is let in: by the Host and Origin headers, exactly, and by the token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from foundry_contracts.models.config import ServerConfig
from foundry_contracts.vocabulary import Reach
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import PortError
from foundry_mcp.surface.http.address import Address

_LOG = logging.getLogger(__name__)

Header = tuple[bytes, bytes]
Owner = Callable[[str], Caller | None]

# A client that is told so sends the same call again.
RETRY: Final = (b"retry-after", b"1")
_CHALLENGE: Final = b'Bearer realm="foundry-mcp"'
_SCHEME: Final = "bearer"


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Hold why a request goes no further: a status, a sentence for whoever sent it, and headers."""

    status: HTTPStatus
    message: str
    headers: tuple[Header, ...] = ()


class Admission:
    """Say of a request's headers who sends it, or why it is turned away."""

    def __init__(self, hosts: Iterable[str], origins: Iterable[str], owner: Owner, otherwise: Caller | None) -> None:
        """`owner` says whose a token is; `otherwise` is who calls without one, None where nobody may."""
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origin.lower() for origin in origins)
        self._owner = owner
        self._otherwise = otherwise
        self._told = ""

    def admit(self, headers: Sequence[Header]) -> Caller | TurnedAway:
        """Judge a request by its headers, whose names are in lower case."""
        host, origin, token = _values(headers)
        if len(host) != 1 or host[0].lower() not in self._hosts:
            message = "This server does not answer to that Host header; [server] hosts lists those it does."
            return TurnedAway(HTTPStatus.MISDIRECTED_REQUEST, message)
        if len(origin) > 1 or any(value.lower() not in self._origins for value in origin):
            message = "Pages of that origin may not call this server; [server] origins lists those that may."
            return TurnedAway(HTTPStatus.FORBIDDEN, message)
        return self._caller(token)

    def _caller(self, values: Sequence[str]) -> Caller | TurnedAway:
        if not values:
            return self._otherwise or _unknown(
                "A token is needed: send it as 'Authorization: Bearer ...'; 'foundry-mcp token add' makes one."
            )
        scheme, _, token = values[0].partition(" ")
        if scheme.lower() != _SCHEME or len(values) > 1:
            return _none_of_ours()
        try:
            caller = self._owner(token.strip())
        except PortError as problem:
            return self._unreadable(problem)
        self._told = ""
        return caller or _none_of_ours()

    def _unreadable(self, problem: PortError) -> TurnedAway:
        """Turn a request away while tokens cannot be read, and log why: once, however many come meanwhile."""
        if problem.message != self._told:
            _LOG.error("%s\n  %s", problem.message, problem.remedy)
            self._told = problem.message
        message = "This server cannot read its tokens now; its log says why."
        return TurnedAway(HTTPStatus.SERVICE_UNAVAILABLE, message, (RETRY,))


def admission_to(address: Address, settings: ServerConfig, owner: Owner, posture: Caller) -> Admission:
    """Give the admission to a server at an address.

    `posture` is who calls without a token where that may be. The start-up rules see to it that a server is neither
    open nor shut for all, and that the hosts to answer are known.
    """
    hosts = settings.hosts or _own_hosts(address)
    origins = settings.origins or [f"http://{host}" for host in hosts]
    return Admission(hosts, origins, owner, None if settings.require_token else posture)


def _own_hosts(address: Address) -> list[str]:
    more = [f"localhost:{address.port}"] if address.reach is Reach.THIS_MACHINE else []
    return [str(address), *more]


def _values(headers: Sequence[Header]) -> Iterable[list[str]]:
    """Give what stands in the headers that are judged, however often each is there."""
    found: dict[bytes, list[str]] = {b"host": [], b"origin": [], b"authorization": []}
    for name, value in headers:
        if name in found:
            found[name].append(value.decode("latin-1"))
    return found.values()


def _none_of_ours() -> TurnedAway:
    return _unknown("The token is none of this server's.", b', error="invalid_token"')


def _unknown(message: str, more: bytes = b"") -> TurnedAway:
    return TurnedAway(HTTPStatus.UNAUTHORIZED, message, ((b"www-authenticate", _CHALLENGE + more),))
