"""What the signer signs, refuses and shares."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from foundry_mcp.adapters.signing import FileSigner, pre_authentication_encoding
from foundry_mcp.ports import PortError, Signer

STATEMENT: dict[str, object] = {"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "é"}], "n": 1}


def changed(envelope: dict[str, object], **fields: object) -> dict[str, object]:
    return {**copy.deepcopy(envelope), **fields}


def test_a_signed_statement_comes_back_whole(tmp_path: Path) -> None:
    signer: Signer = FileSigner(tmp_path)
    envelope = signer.sign(STATEMENT)
    assert signer.verify(envelope) == STATEMENT
    assert signer.verify(json.loads(json.dumps(envelope))) == STATEMENT
    assert FileSigner(tmp_path).verify(envelope) == STATEMENT


def test_the_encoding_is_the_one_the_dsse_specification_shows() -> None:
    shown = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pre_authentication_encoding("http://example.com/HelloWorld", b"hello world") == shown


def test_a_tampered_envelope_is_refused(tmp_path: Path) -> None:
    signer = FileSigner(tmp_path)
    envelope = signer.sign(STATEMENT)
    other: Any = signer.sign({"n": 2})
    signature: Any = envelope["signatures"]
    flipped = base64.b64encode(bytes(64)).decode()
    for wrong in (
        changed(envelope, payload=other["payload"]),
        changed(envelope, payload="***"),
        changed(envelope, payload=7),
        changed(envelope, payloadType="application/json"),
        changed(envelope, signatures=other["signatures"]),
        changed(envelope, signatures=[]),
        changed(envelope, signatures=["x"]),
        changed(envelope, signatures=[{**signature[0], "sig": flipped}]),
        changed(envelope, signatures=[{**signature[0], "sig": "AA=="}]),
        changed(envelope, signatures=[{**signature[0], "keyid": "0" * 16}]),
        changed(envelope, signatures=[{**signature[0], "keyid": "../../etc/passwd"}]),
        {},
    ):
        assert signer.verify(wrong) is None


def test_a_strangers_signature_is_refused(tmp_path: Path) -> None:
    envelope = FileSigner(tmp_path / "theirs").sign(STATEMENT)
    assert FileSigner(tmp_path / "ours").verify(envelope) is None


def test_a_rotated_key_still_verifies(tmp_path: Path) -> None:
    signer, bystander = FileSigner(tmp_path), FileSigner(tmp_path)
    old = signer.sign(STATEMENT)
    old_id = signer.key_id
    assert signer.rotate() != old_id
    new = signer.sign(STATEMENT)
    for reader in (signer, bystander, FileSigner(tmp_path)):
        assert (reader.verify(old), reader.verify(new)) == (STATEMENT, STATEMENT)
    assert FileSigner(tmp_path).key_id == signer.key_id


def test_servers_that_start_at_once_share_one_key_and_one_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        signers = list(pool.map(FileSigner, [tmp_path] * 16))
    assert len({signer.key_id for signer in signers}) == 1
    assert len({signer.mac("x") for signer in signers}) == 1
    expected = {"current", "mac.secret", f"ed25519-{signers[0].key_id}.pem"}
    assert {entry.name for entry in (tmp_path / "keys").iterdir()} == expected


def test_keys_are_their_owners_only(tmp_path: Path) -> None:
    FileSigner(tmp_path)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {entry.stat().st_mode & 0o777 for entry in (tmp_path / "keys").iterdir()} == {0o600}


def test_a_mac_is_hmac_sha256_with_the_secret(tmp_path: Path) -> None:
    signer = FileSigner(tmp_path)
    secret = (tmp_path / "keys" / "mac.secret").read_bytes()
    assert len(secret) == 32
    assert signer.mac("é") == hmac.new(secret, "é".encode(), hashlib.sha256).hexdigest()


def test_a_damaged_key_is_named_and_never_replaced(tmp_path: Path) -> None:
    pem = tmp_path / "keys" / f"ed25519-{FileSigner(tmp_path).key_id}.pem"
    pem.write_text("rubbish")
    with pytest.raises(PortError, match="damaged"):
        FileSigner(tmp_path)
    assert pem.read_text() == "rubbish"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_another_implementation_accepts_the_signature(tmp_path: Path) -> None:
    signer = FileSigner(tmp_path)
    envelope: Any = signer.sign(STATEMENT)
    message = pre_authentication_encoding(envelope["payloadType"], base64.b64decode(envelope["payload"]))
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
    (tmp_path / "key").write_bytes(signer.public_pem(signer.key_id) or b"")
    files = ["-inkey", "key", "-sigfile", "sig", "-in", "message"]
    done = subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-pubin", "-rawin", *files], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "Verified Successfully" in done.stdout
