"""`contractgen breaking` and `accept`: what is told, by degree, against what it can be told, and who answers for it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from contractgen.breaking.deprecation import Policy
from contractgen.cli import main
from tests.generator.library import LIBRARY, Edit

Json = Any
Said = Callable[..., tuple[int, list[dict[str, Json]]]]
BORROW = "commands/loan/borrow.json"
TOMORROW = (date.today() + timedelta(days=1)).isoformat()


@pytest.fixture
def said(contracts: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """Give a way to run `breaking` on the edited set and read what it tells."""

    def run(against: Path | str = LIBRARY, *options: str) -> tuple[int, list[dict[str, Json]]]:
        capsys.readouterr()
        out = str(contracts.parent / "generated")
        words = ["breaking", "--contracts", str(contracts), "--out", out, "--against", str(against), "--format", "json"]
        code = main([*words, *options])
        return code, json.loads(capsys.readouterr().out)["findings"]

    return run


def rules(findings: list[dict[str, Json]]) -> set[str]:
    return {str(finding["rule"]) for finding in findings}


def request(data: Json) -> Json:
    return data["$defs"]["BorrowRequest"]


def response(data: Json) -> Json:
    return data["$defs"]["BorrowResponse"]


def test_nothing_is_told_of_a_set_that_is_as_it_was(said: Said) -> None:
    assert said() == (0, [])


def test_a_request_that_is_refused_now_is_told_with_the_request(said: Said, edit: Edit) -> None:
    edit(BORROW, lambda data: request(data)["required"].append("rule"))
    code, findings = said()
    assert (code, rules(findings)) == (1, {"breaking-set"})
    assert [finding["file"].endswith(BORROW) for finding in findings] == [True]
    proof = json.loads(findings[0]["proof"])
    assert "item" in proof
    assert "rule" not in proof


def test_a_property_more_in_a_response_breaks_nobody(said: Said, edit: Edit) -> None:
    def more(data: Json) -> None:
        response(data)["properties"]["note"] = {"type": "string", "description": "A word."}
        response(data)["required"].append("note")

    edit(BORROW, more)
    assert said() == (0, [])


@pytest.mark.parametrize("is_open", [False, True])
def test_a_member_more_breaks_readers_unless_the_list_is_open(
    said: Said, edit: Edit, contracts: Path, tmp_path: Path, is_open: bool
) -> None:
    def mark(data: Json) -> None:
        if is_open:
            response(data)["properties"]["state"] = {
                "type": "string",
                "enum": ["a"],
                "description": "S",
                "x-open": True,
            }
        else:
            response(data)["properties"]["state"] = {"type": "string", "enum": ["a"], "description": "S"}

    edit(BORROW, mark)
    before = tmp_path / "before"
    subprocess.run(["cp", "-r", str(contracts), str(before)], check=True)
    edit(BORROW, lambda data: response(data)["properties"]["state"]["enum"].append("b"))
    assert said(before)[0] == (0 if is_open else 1)


@pytest.mark.parametrize(
    ("file", "change", "rule", "word"),
    [
        (BORROW, lambda d: _rule(d).update(default="reading-room"), "breaking-behaviour", "default"),
        (BORROW, lambda d: d["x-command"].update(role="librarian"), "breaking-behaviour", "role"),
        (BORROW, lambda d: d["x-command"].update(flag="returns"), "breaking-behaviour", "flag"),
        (BORROW, lambda d: d["x-command"].update(tags=[]), "breaking-behaviour", "tags"),
        (BORROW, lambda d: d["x-command"].update(errors=["NO_SUCH_ITEM"]), "breaking-behaviour", "errors"),
        (BORROW, lambda d: _alias(d).update(removal_date="2027-06-01"), "breaking-behaviour", "dates"),
        ("policy.json", lambda d: _table(d)["rows"].reverse(), "breaking-behaviour", "order of rows"),
        ("policy.json", lambda d: _table(d)["rows"].pop(0), "breaking-behaviour", "is gone"),
    ],
)  # fmt: skip
def test_what_happens_otherwise_is_told(
    said: Said, edit: Edit, file: str, change: Callable[[Json], Any], rule: str, word: str
) -> None:
    edit(file, change)
    code, findings = said()
    assert code == 1
    assert any(finding["rule"] == rule and word in finding["message"] for finding in findings), findings


def _rule(data: Json) -> Json:
    return request(data)["properties"]["rule"]


def _alias(data: Json) -> Json:
    return data["x-command"]["aliases"][0]


def _table(data: Json) -> Json:
    return next(body["x-table"] for body in data["$defs"].values() if "x-table" in body)


def test_an_alias_may_go_when_it_was_deprecated_long_enough(
    said: Said, edit: Edit, contracts: Path, tmp_path: Path
) -> None:
    edit(BORROW, lambda data: _alias(data).update(deprecated_on=date.today().isoformat()))
    before = tmp_path / "before"
    subprocess.run(["cp", "-r", str(contracts), str(before)], check=True)
    edit(BORROW, lambda data: data["x-command"].update(aliases=[]))
    assert said() == (0, [])
    assert rules(said(before)[1]) == {"breaking-removed"}


def test_a_renamed_field_breaks_sets_and_source(said: Said, edit: Edit) -> None:
    def rename(data: Json) -> None:
        properties = request(data)["properties"]
        properties["under"] = properties.pop("rule")
        data["x-command"]["examples"] = data["x-command"]["examples"][:1]

    edit(BORROW, rename)
    assert {"breaking-set", "breaking-source"} <= rules(said()[1])


def test_words_are_a_note_that_fails_nothing(said: Said, edit: Edit) -> None:
    edit(BORROW, lambda data: data.update(description="Take an item away."))
    assert said() == (0, [])
    code, findings = said(LIBRARY, "--notes")
    assert (code, rules(findings)) == (0, {"breaking-documentation"})


def test_a_command_that_is_gone_is_told_unless_it_was_deprecated_long_enough(
    said: Said, edit: Edit, contracts: Path, tmp_path: Path
) -> None:
    def deprecate(on: str, since: str) -> Path:
        before = tmp_path / f"before-{on}-{since}"
        subprocess.run(["cp", "-r", str(LIBRARY), str(before)], check=True)
        path = before / "commands/catalog/search.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        data["x-command"]["deprecated"] = {"in": since, "on": on}
        path.write_text(json.dumps(data), encoding="utf-8")
        return before

    (contracts / "commands/catalog/search.json").unlink()
    (contracts / "tools/catalog.json").unlink()
    assert "breaking-removed" in rules(said()[1])
    assert "breaking-removed" in rules(said(deprecate(date.today().isoformat(), "1.0.0"))[1])
    assert "breaking-removed" in rules(said(deprecate("2020-01-01", "1.1.0"))[1])
    assert "breaking-removed" not in rules(said(deprecate("2020-01-01", "1.0.0"))[1])


@pytest.mark.parametrize(
    ("on", "since", "today", "version", "may_go"),
    [
        ("2026-01-31", "1.0.0", "2026-04-30", "1.2.0", True),
        ("2026-01-31", "1.0.0", "2026-04-29", "1.2.0", False),
        ("2026-01-31", "1.1.0", "2026-12-01", "1.2.0", False),
        ("2026-01-31", "1.9.0", "2026-12-01", "2.0.0", True),
        ("2025-12-15", "1.0.0", "2026-03-15", "1.5.0", True),
    ],
)
def test_something_deprecated_may_go_after_the_later_of_months_and_releases(
    on: str, since: str, today: str, version: str, may_go: bool
) -> None:
    policy = Policy(3, 2, date.fromisoformat(today), version)
    assert policy.may_go({"in": since, "on": on}) is may_go
    assert policy.may_go(None) is False


def test_a_lock_a_catalog_and_a_git_revision_serve_as_well_as_a_folder(
    said: Said, edit: Edit, contracts: Path, generated: Path
) -> None:
    def git(*words: str) -> None:
        identity = ["-c", "user.name=n", "-c", "user.email=n@example.com"]
        subprocess.run(["git", "-C", str(contracts.parent), *identity, *words], check=True, capture_output=True)

    git("init", "-q")
    git("add", "contracts")
    git("commit", "-qm", "first")
    edit(BORROW, lambda data: request(data)["required"].append("rule"))
    for older in (generated / "contracts.lock.json", generated / "schemas/catalog.json", generated, "HEAD"):
        code, findings = said(older)
        assert (code, rules(findings)) == (1, {"breaking-set"}), older


def test_without_a_release_nothing_is_compared_and_that_is_said(
    contracts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["breaking", "--contracts", str(contracts)]) == 0
    assert "No tag v* can be reached" in capsys.readouterr().out


@pytest.mark.parametrize("older", ["no-such-revision", "--upload-pack=x", "empty", "list.json"])
def test_what_cannot_be_compared_with_is_bad_use(
    contracts: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, older: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    assert main(["breaking", "--contracts", str(contracts), f"--against={older}"]) == 2
    assert older in capsys.readouterr().err


def test_an_accepted_change_is_quiet_until_its_last_day_and_told_when_it_is_gone(
    said: Said, edit: Edit, contracts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(BORROW, lambda data: request(data)["required"].append("rule"))
    print_ = said()[1][0]["remedy"].rpartition("Fingerprint: ")[2].rstrip(".")
    words = ["--contracts", str(contracts), "--against", str(LIBRARY), "--reason", "Nobody left it out."]
    assert main(["accept", "0" * 12, *words, "--until", TOMORROW]) == 2
    assert main(["accept", print_, *words, "--until", "tomorrow"]) == 2
    assert main(["accept", print_, *words, "--until", TOMORROW]) == 0
    code, (accepted,) = said()
    assert (code, accepted["answered"]) == (0, {"reason": "Nobody left it out.", "beside": False})
    assert main(["breaking", "--contracts", str(contracts), "--against", str(LIBRARY)]) == 0
    assert "1 of them accepted" in capsys.readouterr().out
    file = contracts / "accepted.toml"
    file.write_text(file.read_text(encoding="utf-8").replace(TOMORROW, "2020-01-01"), encoding="utf-8")
    assert rules(said()[1]) == {"breaking-set", "acceptance-expired"}
    edit(BORROW, lambda data: request(data)["required"].remove("rule"))
    assert rules(said()[1]) == {"acceptance-unused"}
    file.write_text("[[accepted]]\nfingerprint = 'x'\n", encoding="utf-8")
    assert main(["breaking", "--contracts", str(contracts), "--against", str(LIBRARY)]) == 2
    assert "an entry has exactly" in capsys.readouterr().err


def with_reasons(data: Json, members: dict[str, Json]) -> None:
    """Have a request ask why, by an enumeration of these members."""
    described = {name: {"description": "A reason.", **more} for name, more in members.items()}
    data["$defs"]["Why"] = {"type": "string", "description": "Why.", "x-enum": {"members": described}}
    request(data)["properties"]["why"] = {"$ref": "#/$defs/Why"}


@pytest.fixture
def before(tmp_path: Path) -> Callable[[Json], Path]:
    """Give a way to make an older set, in which one of two reasons is marked so."""

    def make(mark: Json) -> Path:
        folder = tmp_path / f"before-{json.dumps(mark)}".replace("/", "-")
        shutil.copytree(LIBRARY, folder)
        data = json.loads((folder / BORROW).read_text(encoding="utf-8"))
        with_reasons(data, {"need": {}, "whim": {"x-deprecated": mark} if mark else {}})
        (folder / BORROW).write_text(json.dumps(data), encoding="utf-8")
        return folder

    return make


def test_a_member_may_go_when_it_was_deprecated_long_enough(
    said: Said, edit: Edit, before: Callable[[Json], Path]
) -> None:
    edit(BORROW, lambda data: with_reasons(data, {"need": {}}))
    told = {"breaking-source", "breaking-set"}
    assert rules(said(before(None))[1]) == told
    assert rules(said(before({"in": "1.0.0", "on": date.today().isoformat()}))[1]) == told
    assert rules(said(before({"in": "1.1.0", "on": "2020-01-01"}))[1]) == told
    assert said(before({"in": "1.0.0", "on": "2020-01-01", "instead": "need"})) == (0, [])


def test_to_mark_a_member_as_deprecated_breaks_nobody(said: Said, edit: Edit, before: Callable[[Json], Path]) -> None:
    mark = {"in": "1.2.0", "on": "2026-03-01", "instead": "need"}
    edit(BORROW, lambda data: with_reasons(data, {"need": {}, "whim": {"x-deprecated": mark}}))
    assert said(before(None)) == (0, [])
