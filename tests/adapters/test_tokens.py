"""Tokens: who calls, and what of a token is kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from foundry_contracts.vocabulary import Role
from foundry_mcp.adapters.tokens import ENVIRONMENT, TokenFile, who_calls
from foundry_mcp.machine.situation import Caller
from foundry_mcp.ports import PortError
from tests.in_process import SetClock

OTHERWISE = Caller("local", Role.AUTONOMY_RUNNER)


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path, SetClock())


def test_a_caller_is_who_its_token_says(tokens: TokenFile) -> None:
    secrets = {role: tokens.add(role.value, role) for role in Role}
    assert len(set(secrets.values())) == len(Role)
    for role, secret in secrets.items():
        assert who_calls(tokens, {ENVIRONMENT: secret}, OTHERWISE) == Caller(role.value, role)


@pytest.mark.parametrize("environ", [{}, {ENVIRONMENT: ""}], ids=["unset", "empty"])
def test_without_a_token_a_caller_is_who_it_would_be_otherwise(tokens: TokenFile, environ: dict[str, str]) -> None:
    tokens.add("ops", Role.MAINTAINER)
    assert who_calls(tokens, environ, OTHERWISE) == OTHERWISE


def test_only_a_hash_is_kept_and_for_its_owner_alone(tokens: TokenFile, tmp_path: Path) -> None:
    secret = tokens.add("ops", Role.MAINTAINER)
    file = tmp_path / "tokens.json"
    assert secret not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o777 == 0o600
    (kept,) = tokens.list()
    assert (kept.actor, kept.role, kept.made_at) == ("ops", Role.MAINTAINER, "2026-01-01T00:00:00.000Z")


def test_an_actor_has_one_token(tokens: TokenFile) -> None:
    secret = tokens.add("ops", Role.MAINTAINER)
    with pytest.raises(PortError, match="has a token already"):
        tokens.add("ops", Role.OBSERVER)
    assert tokens.caller(secret) == Caller("ops", Role.MAINTAINER)


@pytest.mark.parametrize("kept", ["digest", "made_at", "role"])
def test_a_token_that_names_nobody_is_refused_and_not_passed_over(tokens: TokenFile, tmp_path: Path, kept: str) -> None:
    tokens.add("ops", Role.MAINTAINER)
    (entry,) = json.loads((tmp_path / "tokens.json").read_text(encoding="utf-8"))
    # What is kept lets nobody in.
    with pytest.raises(PortError, match="none of this workspace"):
        who_calls(tokens, {ENVIRONMENT: entry[kept]}, OTHERWISE)


def test_a_token_that_is_no_text_is_refused_as_any_other(tokens: TokenFile) -> None:
    with pytest.raises(PortError, match="none of this workspace"):
        who_calls(tokens, {ENVIRONMENT: os.fsdecode(b"\xff")}, OTHERWISE)


def test_a_revoked_token_lets_nobody_in_and_the_others_stay(tokens: TokenFile) -> None:
    gone, left = tokens.add("ops", Role.MAINTAINER), tokens.add("eve", Role.OBSERVER)
    assert tokens.revoke("ops")
    assert not tokens.revoke("ops")
    assert tokens.caller(gone) is None
    assert tokens.caller(left) == Caller("eve", Role.OBSERVER)
    assert tokens.caller(tokens.add("ops", Role.OBSERVER)) == Caller("ops", Role.OBSERVER)


_KEPT = '[{"actor": "ops", "role": "%s", "made_at": "2026-01-01T00:00:00.000Z", "digest": %s}]'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is no JSON"),
        ("{", "it is no JSON"),
        ("{}", "it holds no list of tokens"),
        ("[1]", "it holds no list of tokens"),
        ('[{"actor": "ops"}]', "it holds no list of tokens"),
        (_KEPT % ("observer", 7), "it holds no list of tokens"),
        (_KEPT % ("king", '"d"'), "the role of 'ops' is none"),
    ],
)
def test_a_damaged_file_is_said_to_be_damaged_and_how(tokens: TokenFile, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "tokens.json").write_text(text, encoding="utf-8")
    with pytest.raises(PortError) as refused:
        tokens.caller("anything")
    assert f"tokens.json is damaged: {said}" in refused.value.message
