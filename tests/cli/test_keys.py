"""foundry-mcp keys: what is shown, and that what was signed before a rotation still verifies."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from tests.cli.kept import Kept


def test_the_public_key_is_shown_with_its_id_and_its_fingerprint(kept: Kept) -> None:
    kept.nine_events()
    assert kept("keys", "show") == 0
    head, *pem = kept.out.splitlines()
    key = load_pem_public_key("\n".join(pem).encode())
    digest = hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()
    assert head == f"{digest[:16]}  signs  sha256:{digest}"
    assert "PRIVATE" not in kept.out


def test_after_a_rotation_the_old_key_verifies_and_the_new_one_signs(kept: Kept, tmp_path: Path) -> None:
    session_id = kept.nine_events()
    kept.completed()
    old = kept.signer.key_id
    (tmp_path / "before.json").write_text(json.dumps(kept.checkpoint(session_id)))
    assert kept("keys", "rotate") == 0
    new = kept.out.strip()
    assert "until they start again" in kept.err
    assert kept.signer.key_id == new != old
    assert kept("keys", "show") == 0
    told = [line.split()[:2] for line in kept.out.splitlines() if "sha256:" in line]
    assert told == [[new, "signs"], [old, "verifies"]]
    assert kept("audit", "verify", "--checkpoint", tmp_path / "before.json") == 0
    assert kept("keys", "show", old, "--pem") == 0
    (tmp_path / "old.pem").write_text(kept.out)
    assert kept("audit", "verify", "--public-key", tmp_path / "old.pem") == 0
    assert kept("keys", "show", "--pem") == 0
    (tmp_path / "new.pem").write_text(kept.out)
    assert kept("audit", "verify", "--public-key", tmp_path / "new.pem") == 1
    assert "no known signature" in kept.out


def test_a_workspace_without_keys_gets_none_by_being_asked(kept: Kept) -> None:
    kept.workspace.mkdir()
    assert kept("keys", "show") == 3
    assert "no key yet" in kept.err
    assert not (kept.folder / "state").exists()


def test_a_key_that_is_not_there_is_said(kept: Kept) -> None:
    kept.nine_events()
    assert kept("keys", "show", "0" * 16) == 3
    assert f"has no key {'0' * 16}" in kept.err
