"""Tokens: who calls, when it is not the posture's own role. Only hashes are kept."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from foundry_contracts.vocabulary import EnvironmentVariable, Role
from foundry_mcp.adapters.private_files import replace, unreadable
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import Clock, PortError

ENVIRONMENT = EnvironmentVariable.FOUNDRY_MCP_TOKEN.value
_FILE, _GATE = "tokens.json", "tokens.lock"


@dataclass(frozen=True, slots=True)
class Token:
    """Hold a token as it is kept: its actor, role, when it was made, and its SHA-256."""

    actor: str
    role: str
    made_at: str
    digest: str


@dataclass(frozen=True, slots=True)
class _Known:
    """Hold what was read of a file that had a mark: the tokens, and whose each is by its digest."""

    mark: object
    tokens: Sequence[Token]
    owners: Mapping[str, Caller]


# As long as server.actor may be: both are recorded in logs.
_LONGEST_NAME: Final = 128
_NOTHING_KNOWN = _Known(None, (), {})


class TokenFile:
    """Keep tokens in the state folder, mode 0600."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        self._folder = folder
        self._path = folder / _FILE
        self._known = _NOTHING_KNOWN

    def list(self) -> Sequence[Token]:
        """List the tokens, as the file has them at this moment."""
        return self._read().tokens

    def _read(self) -> _Known:
        try:
            mark = self._mark()
            if self._known.mark != mark:
                tokens = _tokens_in(self._path.read_bytes())
                self._known = _Known(mark, tokens, {token.digest: _owner(token) for token in tokens})
            return self._known
        except FileNotFoundError:
            return _NOTHING_KNOWN
        except OSError as error:
            raise unreadable(self._path, error) from error
        except ValueError as error:
            raise PortError(
                f"{self._path} is damaged: {error}.", "Take the file away and add the tokens anew."
            ) from error

    def add(self, actor: str, role: Role) -> str:
        """Make a token; what is given back is kept nowhere. PortError where the actor has one already."""
        if not actor.strip() or not actor.isprintable() or len(actor) > _LONGEST_NAME:
            raise PortError(
                f"{actor[:_LONGEST_NAME]!r} is no name.",
                f"Give a name in printable characters, {_LONGEST_NAME} of them at most.",
            )
        secret = f"fmt_{secrets.token_urlsafe(32)}"
        with self._changing():
            known = self.list()
            if any(token.actor == actor for token in known):
                raise PortError(f"{actor!r} has a token already.", "Revoke it first, or choose another name.")
            self._write([*known, Token(actor, role.value, self._clock.now(), _digest(secret))])
        return secret

    def revoke(self, actor: str) -> bool:
        """Take an actor's token away; tell whether there was one."""
        with self._changing():
            known = self.list()
            left = [token for token in known if token.actor != actor]
            self._write(left)
        return len(left) < len(known)

    def caller(self, secret: str) -> Caller | None:
        """Say whose a token is."""
        # How long a digest takes to be found tells nothing of the token that would have one alike.
        return self._read().owners.get(_digest(secret))

    def _mark(self) -> object:
        """Give what is another one once the file was replaced: every change makes a new file."""
        facts = os.stat(self._path)
        return facts.st_ino, facts.st_mtime_ns, facts.st_size

    def _write(self, tokens: Sequence[Token]) -> None:
        replace(self._path, json.dumps([asdict(token) for token in tokens], indent=2).encode())

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let one process at a time read, change and write."""
        with (self._folder / _GATE).open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield


def who_calls(tokens: TokenFile, environ: Mapping[str, str], otherwise: Caller) -> Caller:
    """Give whom the environment's token names; a token that names nobody is refused, not passed over."""
    secret = environ.get(ENVIRONMENT)
    if not secret:
        return otherwise
    caller = tokens.caller(secret)
    if caller is None:
        raise PortError(
            f"The token in {ENVIRONMENT} is none of this workspace's.",
            f"Make one with 'foundry-mcp token add', or unset {ENVIRONMENT}.",
        )
    return caller


def _tokens_in(content: bytes) -> list[Token]:
    """Read the tokens that a file holds; ValueError, with what is wrong, where it holds something else."""
    try:
        entries = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is no JSON: {error}") from error
    try:
        tokens = [Token(**entry) for entry in entries]
    except TypeError as error:
        raise ValueError("it holds no list of tokens") from error
    if not isinstance(entries, list) or not all(isinstance(value, str) for token in tokens for value in astuple(token)):
        raise ValueError("it holds no list of tokens")
    return tokens


def _owner(token: Token) -> Caller:
    try:
        return Caller(token.actor, Role(token.role))
    except ValueError as error:
        raise ValueError(f"the role of {token.actor!r} is none: {token.role!r}") from error


def _digest(secret: str) -> str:
    # An environment may hold bytes that are no text.
    return sha256(secret.encode(errors="surrogateescape")).hexdigest()
