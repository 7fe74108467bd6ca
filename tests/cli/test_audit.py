"""foundry-mcp audit verify, on stores that were tampered with and on their copies, with no server."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import jsonschema_rs
import pytest

from foundry_contracts.vocabulary import EventType, LogFault, Verdict
from foundry_mcp.adapters.event_chain import Entry
from tests.cli.kept import Kept, denied_once
from tests.in_process import SETTINGS
from tests.supervisor.schemas import published
from tests.tampering import HARMS, Harm, doctor, with_payload

WITHOUT_SEALS = {
    "a removed event, the others moved up": LogFault.EDITED,
    "an edited event, all chained anew": LogFault.UNREADABLE,
    "a forged event at the end, chained": LogFault.ROW_ALTERED,
    "a cut tail, and the session's row to go with it": None,
}


def test_a_sound_store_has_nothing_at_fault(kept: Kept) -> None:
    kept.nine_events()
    kept.completed()
    assert kept("audit", "verify") == 0
    assert "checked: 1 session, " in kept.out
    assert "1 plan, 1 receipt, 0 checkpoints" in kept.out
    assert kept.out.splitlines()[-1] == "Nothing is at fault."


@pytest.mark.parametrize("harm", HARMS, ids=str)
def test_each_harm_is_named_with_its_place_its_kind_and_its_session(kept: Kept, harm: Harm) -> None:
    session_id = kept.nine_events()
    harm.do(kept.store, session_id)
    assert kept("audit", "verify", "--session", session_id) == 1
    where = f"event {harm.seq}" if harm.seq else "the whole"
    assert kept.out.splitlines()[0].startswith(f"{session_id}  {where}  {harm.fault.value}: ")
    assert kept.out.splitlines()[-1] == "1 fault found."


@pytest.mark.parametrize("harm", HARMS, ids=str)
def test_a_copy_is_audited_elsewhere_with_the_public_key_and_a_checkpoint(
    kept: Kept, harm: Harm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = kept.nine_events()
    signed = tmp_path / "checkpoint.json"
    signed.write_text(json.dumps(kept.checkpoint(session_id)))
    pem = tmp_path / "public.pem"
    assert kept("keys", "show", "--pem") == 0
    pem.write_text(kept.out)
    harm.do(kept.store, session_id)
    copy = tmp_path / "copy.sqlite3"
    assert kept("store", "backup", copy) == 0
    shutil.rmtree(tmp_path / "state")

    without = kept("audit", "verify", "--store", copy, "--public-key", pem)
    assert "Seals were not checked" in kept.err
    expected = WITHOUT_SEALS.get(harm.name, harm.fault)
    if expected is None:
        assert without == 0
    else:
        assert (without, f"  {expected.value}: " in kept.out.splitlines()[0]) == (1, True), kept.out

    # Whatever was done to the events, and even chained anew, the head that was kept elsewhere shows it.
    with_head = kept("audit", "verify", "--store", copy, "--public-key", pem, "--checkpoint", signed)
    assert with_head == 1, kept.out
    assert not (tmp_path / "state").exists()


def test_an_older_state_of_the_store_is_sound_in_itself_and_shows_against_a_checkpoint(
    kept: Kept, tmp_path: Path
) -> None:
    session_id = kept.nine_events()
    old = tmp_path / "old.sqlite3"
    assert kept("store", "backup", old) == 0
    kept.completed()
    packet = tmp_path / "packet.json"
    packet.write_text(json.dumps({"message": "a packet", "checkpoint": kept.checkpoint(session_id)}))
    assert kept("audit", "verify", "--store", old) == 0
    assert kept("audit", "verify", "--store", old, "--checkpoint", packet) == 1
    assert kept.out.splitlines()[0].startswith(f"{session_id}  event 10  cut: ")
    assert kept("audit", "verify", "--checkpoint", packet) == 0


def test_a_session_that_is_gone_shows_against_a_checkpoint(kept: Kept, tmp_path: Path) -> None:
    session_id = kept.nine_events()
    signed = tmp_path / "checkpoint.json"
    signed.write_text(json.dumps(kept.checkpoint(session_id)))
    raw = apsw.Connection(str(kept.store))
    for table in ("events", "sessions"):
        raw.execute(f"DELETE FROM {table}")
    raw.close()
    assert kept("audit", "verify") == 0
    assert kept("audit", "verify", "--checkpoint", signed) == 1
    assert kept.out.splitlines()[0].startswith(f"{session_id}  the whole  lost: ")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda envelope: {**envelope, "payload": base64.b64encode(b'{"seq": 1}').decode()},
        lambda envelope: {**envelope, "payloadType": "application/vnd.in-toto+json"},
        lambda envelope: {**envelope, "signatures": []},
        lambda envelope: [],
        lambda envelope: {"checkpoint": "no"},
    ],
)
def test_a_checkpoint_that_nobody_signed_is_no_checkpoint(kept: Kept, tmp_path: Path, spoil: Any) -> None:
    session_id = kept.nine_events()
    (tmp_path / "forged.json").write_text(json.dumps(spoil(kept.checkpoint(session_id))))
    assert kept("audit", "verify", "--checkpoint", tmp_path / "forged.json") == 3
    assert "is no checkpoint that one of the known keys signed" in kept.err


def finished(kept: Kept) -> list[tuple[int, Any]]:
    raw = apsw.Connection(str(kept.store))
    found: Any = raw.execute(
        "SELECT seq, payload FROM events WHERE type = 'verification_finished' ORDER BY seq"
    ).fetchall()
    raw.close()
    return [(seq, json.loads(payload)) for seq, payload in found]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda payload: {**payload, "passed": False}, "differs in passed"),
        (lambda payload: {**payload, "attempt_id": f"att_{'9' * 26}"}, "differs in attempt_id"),
        (lambda payload: {**payload, "receipt": {**payload["receipt"], "payload": "e30="}}, "no known signature"),
    ],
)
def test_a_receipt_that_is_no_receipt_of_its_event_is_named_whoever_put_it_there(
    kept: Kept, change: Any, said: str
) -> None:
    session_id = kept.nine_events()
    kept.completed()
    ((seq, _),) = finished(kept)

    def changed(entries: list[Entry]) -> list[Entry]:
        old = entries[seq - 1]
        new = replace(old, payload=json.dumps(change(json.loads(old.payload))))
        return [*entries[: seq - 1], new, *entries[seq:]]

    doctor(kept.store, session_id, kept.signer.mac, changed)
    assert kept("audit", "verify") == 1
    lines = [line for line in kept.out.splitlines() if " receipt_invalid: " in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"{session_id}  event {seq}  ")
    assert said in lines[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda payload: {**payload, "verdict": Verdict.FAIL}, "differs in verdict"),
        (lambda payload: {**payload, "findings": [{"code": "c", "message": "m"}]}, "differs in findings_digest"),
        (lambda payload: {**payload, "evidence": {**payload["evidence"], "payload": "e30="}}, "no known signature"),
    ],
)
def test_a_reviews_evidence_that_is_not_of_its_event_is_named(kept: Kept, change: Any, said: str) -> None:
    session_id = kept.nine_events()
    kept.completed()

    def changed(entries: list[Entry]) -> list[Entry]:
        place = next(place for place, entry in enumerate(entries) if entry.type == EventType.GATE_FINISHED)
        old = entries[place]
        return [
            *entries[:place],
            replace(old, payload=json.dumps(change(json.loads(old.payload)))),
            *entries[place + 1 :],
        ]

    doctor(kept.store, session_id, kept.signer.mac, changed)
    assert kept("audit", "verify") == 1
    (line,) = [line for line in kept.out.splitlines() if " review_invalid: " in line]
    assert said in line


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (EventType.STEP_REPORTED, {"proof_digest": "0" * 64}, "differs in proof_digest"),
        (
            EventType.SESSION_STARTED,
            {"settings": SETTINGS.model_copy(update={"replace_command": "true"}).model_dump()},
            "differs in command.argv, command_replaced",
        ),
    ],
)
def test_a_receipt_is_held_against_the_step_and_the_plan_as_the_log_tells_them(
    kept: Kept, kind: EventType, change: Any, said: str
) -> None:
    session_id = kept.nine_events()
    kept.completed()

    def changed(entries: list[Entry]) -> list[Entry]:
        return [with_payload(entry, **change) if entry.type == kind else entry for entry in entries]

    doctor(kept.store, session_id, kept.signer.mac, changed)
    assert kept("audit", "verify") == 1
    (line,) = [line for line in kept.out.splitlines() if " receipt_invalid: " in line]
    assert said in line


def test_a_receipt_is_checked_in_a_log_that_is_at_fault_elsewhere_too(kept: Kept) -> None:
    session_id = kept.nine_events()
    ((seq, _),) = finished(kept)
    raw = apsw.Connection(str(kept.store))
    raw.execute(
        "UPDATE events SET payload = replace(payload, '\"passed\":true', '\"passed\":false') WHERE seq = ?", (seq,)
    )
    raw.close()
    assert kept("audit", "verify") == 1
    assert [line.split(":")[0] for line in kept.out.splitlines()[:2]] == [
        f"{session_id}  event {seq}  edited",
        f"{session_id}  event {seq}  receipt_invalid",
    ]


def test_several_edits_are_each_named(kept: Kept) -> None:
    session_id = kept.nine_events()
    raw = apsw.Connection(str(kept.store))
    raw.execute("UPDATE events SET payload = '{}' WHERE seq IN (3, 6)")
    raw.execute("DELETE FROM events WHERE seq = 8")
    raw.close()
    assert kept("audit", "verify") == 1
    assert [line.split(":")[0] for line in kept.out.splitlines()[:3]] == [
        f"{session_id}  event 3  edited",
        f"{session_id}  event 6  edited",
        f"{session_id}  event 8  removed",
    ]


def test_the_report_is_json_that_holds_to_its_contract(kept: Kept) -> None:
    session_id = kept.nine_events()
    HARMS[0].do(kept.store, session_id)
    assert kept("audit", "verify", "--json") == 1
    report = json.loads(kept.out)
    jsonschema_rs.validator_for(published("AuditReport")).validate(report)
    (finding,) = report["findings"]
    assert (finding["session_id"], finding["seq"], finding["fault"]) == (session_id, 4, "edited")
    jsonschema_rs.validator_for(published("Checkpoint"))


def test_what_was_done_by_hand_is_told_and_its_record_cannot_be_changed_unseen(kept: Kept, tmp_path: Path) -> None:
    kept.nine_events()
    for name in ("a", "b"):
        assert kept("store", "backup", tmp_path / name) == 0
        assert kept("store", "restore", tmp_path / name) == 0
    assert kept("audit", "verify") == 0
    assert kept.out.count("store_restored") == 2
    raw = apsw.Connection(str(kept.store))
    raw.execute("UPDATE upkeep SET actor = 'nobody'")
    raw.close()
    assert kept("audit", "verify") == 1
    assert "the store  event 1  record_altered: Record 1 of the store's upkeep was changed." in kept.out


def test_a_denial_that_was_changed_is_found_with_the_whole_store_and_not_with_one_session(kept: Kept) -> None:
    session_id = kept.nine_events()
    denied_once(kept)
    raw = apsw.Connection(str(kept.store))
    raw.execute("UPDATE server_events SET actor_id = 'nobody'")
    raw.close()
    assert kept("audit", "verify") == 1
    assert kept.out.startswith("server  event 1  edited: ")
    assert kept("audit", "verify", "--session", session_id) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--store", "nothing.sqlite3"], "There is no store nothing.sqlite3"),
        (["--session", "ses_nothing"], "The store has no session ses_nothing"),
        (["--checkpoint", "nothing.json"], "nothing.json cannot be read"),
        (["--public-key", "nothing.pem"], "nothing.pem cannot be read"),
    ],
)
def test_what_cannot_be_audited_is_said_and_exits_3(kept: Kept, words: list[str], said: str) -> None:
    kept.nine_events()
    assert kept("audit", "verify", *words) == 3
    assert said in kept.err


def test_a_workspace_without_a_store_gets_none_by_being_audited(kept: Kept) -> None:
    kept.workspace.mkdir()
    assert kept("audit", "verify") == 3
    assert "There is no store" in kept.err
    assert not (kept.folder / "state").exists()


def test_a_file_that_is_no_store_is_named(kept: Kept, tmp_path: Path) -> None:
    kept.nine_events()
    apsw.Connection(str(tmp_path / "other")).execute("CREATE TABLE t(x)").fetchall()
    assert kept("audit", "verify", "--store", tmp_path / "other") == 3
    assert "is no store of foundry-mcp" in kept.err
    (tmp_path / "prose").write_text("prose " * 1000)
    assert kept("audit", "verify", "--store", tmp_path / "prose") == 3
    assert "no SQLite database" in kept.err
