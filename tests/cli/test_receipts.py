"""foundry-mcp receipts: shown and checked as a person would, and by programs that are not ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # its package names it without exporting it

from tests.cli.kept import Kept
from tests.docs.blocks import ROOT, blocks_of
from tests.supervisor.schemas import published
from tests.tampering import HARMS


def shown(kept: Kept, *words: str) -> Any:
    assert kept("receipts", "show", *words) == 0
    return json.loads(kept.out)


@pytest.fixture
def attempt(kept: Kept) -> str:
    """Give the attempt of the session's one verification."""
    session_id = kept.nine_events()
    kept.completed()
    (found,) = (predicate["attempt_id"] for predicate in predicates(kept, session_id) if "command" in predicate)
    return str(found)


def predicates(kept: Kept, which: str) -> list[Any]:
    return [statement["predicate"] for statement in shown(kept, which, "--decoded")]


def test_a_receipt_is_shown_by_its_attempt_and_by_its_session(kept: Kept, attempt: str) -> None:
    envelope = shown(kept, attempt)
    jsonschema_rs.validator_for(published("Receipt")).validate(envelope)
    statement = shown(kept, attempt, "--decoded")
    assert statement["predicate"]["command"]["argv"] == ["make", "test"]
    assert envelope in shown(kept, statement["predicate"]["session_id"])


def test_a_review_is_shown_and_checked_as_a_receipt_is(kept: Kept, attempt: str, tmp_path: Path) -> None:
    session_id = shown(kept, attempt, "--decoded")["predicate"]["session_id"]
    review = next(predicate for predicate in predicates(kept, session_id) if "findings_digest" in predicate)
    jsonschema_rs.validator_for(published("ReviewPredicate")).validate(review)
    file = tmp_path / "review.json"
    file.write_text(json.dumps(shown(kept, review["attempt_id"])))
    assert kept("receipts", "verify", file) == 0
    assert kept.out == f"good: {review['attempt_id']} of {session_id}: review of phase-1: pass\n"


def test_what_has_no_receipt_is_said(kept: Kept) -> None:
    session_id = kept.nine_events()
    assert kept("receipts", "show", f"att_{'9' * 26}") == 1
    assert "has no receipts" in kept.err
    HARMS[0].do(kept.store, session_id)
    assert kept("receipts", "show", session_id) == 3
    assert "foundry-mcp audit verify" in kept.err


def test_a_receipt_is_checked_with_the_workspaces_keys_or_the_one_given(
    kept: Kept, attempt: str, tmp_path: Path
) -> None:
    envelope = shown(kept, attempt)
    file, pem, other = tmp_path / "receipt.json", tmp_path / "public.pem", tmp_path / "other.pem"
    file.write_text(json.dumps(envelope))
    assert kept("keys", "show", "--pem") == 0
    pem.write_text(kept.out)
    assert kept("keys", "rotate") == 0
    assert kept("keys", "show", "--pem") == 0
    other.write_text(kept.out)
    assert kept("receipts", "verify", file) == 0
    assert kept("receipts", "verify", file, "--public-key", pem) == 0
    assert kept.out.startswith(f"good: {attempt} of ses_")
    assert "make test: exit code 0" in kept.out
    assert kept("receipts", "verify", file, "--public-key", other) == 1
    assert kept.out == "not signed by a known key\n"


@pytest.mark.parametrize(
    ("text", "said"), [("{", "is no JSON"), ("[]", "holds no receipt"), ("[1]", "holds no receipt")]
)
def test_a_file_that_holds_no_receipt_is_said(kept: Kept, attempt: str, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "file").write_text(text)
    assert kept("receipts", "verify", tmp_path / "file") == 3
    assert said in kept.err


def test_another_implementation_of_dsse_accepts_receipts_reviews_and_checkpoints_and_no_others(
    kept: Kept, attempt: str
) -> None:
    session_id = shown(kept, attempt, "--decoded")["predicate"]["session_id"]
    receipts, checkpoint = shown(kept, session_id), kept.checkpoint(session_id)
    assert len(receipts) == 3
    assert kept("keys", "show", "--pem") == 0
    public = load_pem_public_key(kept.out.encode())
    for signed in (*receipts, checkpoint):
        key = SSlibKey.from_crypto(public, signed["signatures"][0]["keyid"])
        Envelope.from_dict(json.loads(json.dumps(signed))).verify([key], 1)
        other = {**signed, "payloadType": "application/json"}
        with pytest.raises(VerificationError):
            Envelope.from_dict(json.loads(json.dumps(other))).verify([key], 1)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("of_a_review", [False, True])
def test_openssl_alone_checks_a_receipt_as_the_page_says(
    kept: Kept, attempt: str, tmp_path: Path, of_a_review: bool
) -> None:
    if of_a_review:
        session_id = shown(kept, attempt, "--decoded")["predicate"]["session_id"]
        attempt = next(said["attempt_id"] for said in predicates(kept, session_id) if "findings_digest" in said)
    page = (ROOT / "docs" / "07-audit.md").read_text(encoding="utf-8")
    script = next(block.text for block in blocks_of(page) if "openssl pkeyutl" in block.text)
    kept("receipts", "show", attempt)
    (tmp_path / "receipt.json").write_text(kept.out)
    kept("keys", "show", "--pem")
    (tmp_path / "public.pem").write_text(kept.out)

    def checked() -> subprocess.CompletedProcess[str]:
        return subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=50)

    done = checked()
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully"), done.stderr
    statement = json.loads((tmp_path / "statement.json").read_text())
    assert statement["predicate"]["attempt_id"] == attempt
    text = (tmp_path / "receipt.json").read_text()
    (tmp_path / "receipt.json").write_text(text.replace('"payload": "e', '"payload": "f'))
    assert checked().returncode != 0
