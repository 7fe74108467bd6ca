"""`check` finds every difference, says which contract caused it, and writes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contractgen import emit, report
from contractgen.cli import main
from contractgen.freshness import LOCK, is_fresh
from contractgen.model import ContractSet
from tests.generator.library import LIBRARY, Edit, Run

BORROW = "commands/loan/borrow.json"


def check(contracts: Path, outputs: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["check", "--contracts", str(contracts), "--out", str(outputs)])
    return code, capsys.readouterr().out


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_nothing_is_found_when_nothing_changed(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(LIBRARY, outputs, capsys) == (0, "")


def test_a_full_check_of_the_unchanged_finds_nothing_either(outputs: Path) -> None:
    assert main(["check", "--full", "--contracts", str(LIBRARY), "--out", str(outputs)]) == 0


def test_a_changed_byte_in_any_output_is_seen(outputs: Path) -> None:
    for path in sorted(item for item in outputs.rglob("*") if item.is_file()):
        text = path.read_bytes()
        path.write_bytes(text + b" ")
        assert not is_fresh(str(LIBRARY), str(outputs)), path
        path.write_bytes(text)
    assert is_fresh(str(LIBRARY), str(outputs))


def test_every_byte_of_the_lock_counts(outputs: Path) -> None:
    lock = outputs / LOCK
    text = lock.read_bytes()
    for position in range(0, len(text), 97):
        lock.write_bytes(text[:position] + bytes([text[position] ^ 1]) + text[position + 1 :])
        assert not is_fresh(str(LIBRARY), str(outputs)), position


def test_a_file_edited_by_hand_is_stale_and_shown_with_a_diff(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = outputs / "python/library_contracts/vocabulary.py"
    path.write_text(path.read_text(encoding="utf-8").replace('"lent"', '"lend"'), encoding="utf-8")
    code, said = check(LIBRARY, outputs, capsys)
    assert code == 1
    assert f"stale: {path} (edited by hand)" in said
    assert '-    LENT = "lend"' in said
    assert '+    LENT = "lent"' in said
    assert "contractgen generate" in said


def test_a_deleted_file_is_missing(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = outputs / "python/library_contracts/events.py"
    path.unlink()
    code, said = check(LIBRARY, outputs, capsys)
    assert (code, f"missing: {path}" in said) == (1, True)


def test_a_file_nobody_generates_is_orphaned_until_generate_deletes_it(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = outputs / "python/library_contracts/old/left.py"
    path.parent.mkdir()
    path.write_text("", encoding="utf-8")
    code, said = check(LIBRARY, outputs, capsys)
    assert (code, f"orphaned: {path} (no contract asks for it)" in said) == (1, True)
    assert main(["generate", "--contracts", str(LIBRARY), "--out", str(outputs)]) == 0
    assert not path.parent.exists()


def test_caches_of_python_are_no_orphans(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in ("__pycache__", "library_contracts.egg-info"):
        (outputs / "python" / folder).mkdir()
        (outputs / "python" / folder / "some.file").write_text("", encoding="utf-8")
    assert check(LIBRARY, outputs, capsys) == (0, "")


def test_an_edited_contract_is_named_with_what_it_made_stale(
    contracts: Path, outputs: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(BORROW, lambda data: data["$defs"]["BorrowRequest"]["properties"]["rule"].update(description="Which rule?"))
    before = snapshot(outputs)
    code, said = check(contracts, outputs, capsys)
    model = outputs / "python/library_contracts/models/loan_item_borrow.py"
    other = outputs / "python/library_contracts/models/catalog_search.py"
    assert code == 1
    assert f"Contracts changed since the last generation: contracts/{BORROW}" in said
    assert f"stale: {model} (contracts/{BORROW})" in said
    assert str(other) not in said
    assert snapshot(outputs) == before


def test_generate_after_an_edit_makes_check_clean_and_rewrites_only_what_differs(
    contracts: Path, outputs: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(BORROW, lambda data: data["$defs"]["BorrowRequest"]["properties"]["rule"].update(description="Which rule?"))
    before = snapshot(outputs)
    assert main(["generate", "--contracts", str(contracts), "--out", str(outputs)]) == 0
    assert check(contracts, outputs, capsys) == (0, "")
    after = snapshot(outputs)
    untouched = "python/library_contracts/models/catalog_search.py"
    assert before[untouched] == after[untouched]
    changed = [path for path in before if before[path] != after[path]]
    assert all(before[path][0] != after[path][0] for path in changed)


def test_an_edit_that_comes_while_outputs_are_made_shows_afterwards(
    contracts: Path, tmp_path: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    emit_all = emit.emit_all

    def edited_meanwhile(read: ContractSet) -> dict[str, str]:
        edit(BORROW, lambda data: data.update(description="Said anew."))
        return emit_all(read)

    monkeypatch.setattr(emit, "emit_all", edited_meanwhile)
    assert main(["generate", "--contracts", str(contracts), "--out", str(tmp_path / "out")]) == 0
    monkeypatch.undo()
    code, told = check(contracts, tmp_path / "out", capsys)
    assert (code, BORROW in told) == (1, True)


@pytest.mark.parametrize("remove", [lambda path: path.unlink(), lambda path: path.write_bytes(b"{}")])
def test_a_lost_or_damaged_lock_is_drift(
    outputs: Path, capsys: pytest.CaptureFixture[str], remove: Callable[[Path], None]
) -> None:
    remove(outputs / LOCK)
    code, said = check(LIBRARY, outputs, capsys)
    assert (code, LOCK in said) == (1, True)


def test_findings_end_a_check_with_their_place_and_remedy(
    contracts: Path, outputs: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(BORROW, lambda data: data["x-command"].update(role="nobody"))
    assert main(["check", "--contracts", str(contracts), "--out", str(outputs)]) == 1
    said = capsys.readouterr().err
    assert f"{BORROW}:10:5: /x-command/role: [role-exists]" in said


def test_the_quick_check_imports_no_heavy_module(outputs: Path, run: Run) -> None:
    code = (
        "import sys; from contractgen.cli import main;"
        f"code = main(['check', '--contracts', {str(LIBRARY)!r}, '--out', {str(outputs)!r}]);"
        "heavy = {'argparse', 'json', 'typing', 'tomllib', 'pathlib', 'dataclasses'};"
        "heavy |= {'jsonschema_rs', 'datamodel_code_generator'};"
        "print(code, sorted(heavy & sys.modules.keys()))"
    )
    assert run("-S", "-c", code).stdout.strip() == "0 []"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["mend"],
        ["check", "--out"],
        ["lint", "--contracts", "no-such-folder"],
        ["lint", "--format", "odd"],
        ["explain"],
        ["explain", "no-such-thing"],
    ],
)
def test_bad_use_exits_with_2(arguments: list[str], run: Run) -> None:
    assert run("-m", "contractgen", *arguments).returncode == 2


@pytest.mark.parametrize("verb", ["generate", "check"])
def test_an_output_folder_that_is_a_file_is_bad_use(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    assert main([verb, "--contracts", str(LIBRARY), "--out", str(file)]) == 2
    assert str(file) in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == "mine"


def test_a_contract_that_cannot_be_opened_is_bad_use(contracts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (contracts / "gone.json").symlink_to("nowhere.json")
    assert main(["lint", "--contracts", str(contracts)]) == 2
    assert "gone.json" in capsys.readouterr().err


def test_a_check_writes_nothing_even_where_it_may_not(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(outputs)
    os.chmod(outputs, 0o555)
    try:
        assert check(LIBRARY, outputs, capsys) == (0, "")
    finally:
        os.chmod(outputs, 0o755)
    assert snapshot(outputs) == before


def test_a_reader_that_has_read_enough_is_no_fault(outputs: Path) -> None:
    for path in outputs.rglob("*.py"):
        path.write_text("changed", encoding="utf-8")
    words = f"{sys.executable} -m contractgen check --contracts {LIBRARY} --out {outputs} | head -n 1"
    done = subprocess.run(["sh", "-c", words], capture_output=True, text=True, env=dict(os.environ))
    assert done.stderr == ""
    assert done.stdout.startswith("stale: ")


def test_the_installed_command_reads_its_own_words() -> None:
    script = Path(sys.executable).with_name("contractgen")
    done = subprocess.run([script, "lint", "--contracts", LIBRARY], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_is_named_like_a_cache_is_read_all_the_same(
    contracts: Path, outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in (contracts, outputs / "python"):
        (folder / "x_cache").mkdir()
        (folder / "x_cache" / "a.json").write_text("{", encoding="utf-8")
    assert not is_fresh(str(contracts), str(outputs))
    (contracts / "x_cache" / "a.json").unlink()
    code, said = check(contracts, outputs, capsys)
    assert (code, "python/x_cache/a.json" in said) == (1, True)


@pytest.mark.parametrize("form", report.FORMATS)
def test_drift_is_told_in_each_format_and_the_exit_says_whether_there_is_any(
    outputs: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    words = ["check", "--contracts", str(LIBRARY), "--out", str(outputs), "--format", form]
    capsys.readouterr()
    assert main(words) == 0
    assert ("stale" in capsys.readouterr().out, main([*words, "--full"])) == (False, 0)
    (outputs / "docs/07-events.md").write_text("Mine.\n", encoding="utf-8")
    (outputs / "docs/mine.md").write_text("Mine.\n", encoding="utf-8")
    (outputs / "mcp/tools.json").unlink()
    capsys.readouterr()
    assert main(words) == 1
    said = capsys.readouterr()
    for kind, path in (("missing", "mcp/tools.json"), ("stale", "docs/07-events.md"), ("orphaned", "docs/mine.md")):
        assert kind in said.out
        assert path in said.out
    assert said.err == ""


def test_drift_has_rules_files_causes_and_the_lines_that_differ(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (outputs / "docs/07-events.md").write_text("Mine.\n", encoding="utf-8")
    capsys.readouterr()
    assert main(["check", "--contracts", str(LIBRARY), "--out", str(outputs), "--format", "json"]) == 1
    told = json.loads(capsys.readouterr().out)
    (finding,) = told["findings"]
    assert (told["tool"], finding["rule"]) == ("contractgen check", "output-stale")
    assert finding["file"] == f"{outputs}/docs/07-events.md"
    assert "edited by hand" in finding["message"]
    assert "\n-Mine." in finding["proof"]


@pytest.mark.parametrize("verb", ["generate", "check"])
@pytest.mark.parametrize("form", report.FORMATS)
def test_what_is_wrong_with_the_contracts_is_told_in_the_format_asked_for(
    contracts: Path, edit: Edit, tmp_path: Path, capsys: pytest.CaptureFixture[str], verb: str, form: str
) -> None:
    words = [verb, "--contracts", str(contracts), "--out", str(tmp_path / "out"), "--format", form]
    assert main(["generate", *words[1:]]) == 0
    capsys.readouterr()
    assert main(words) == 0
    empty = capsys.readouterr().out
    edit(BORROW, lambda data: data["x-command"].update(role="nobody"))
    assert main(words) == 1
    said = capsys.readouterr()
    whole, other = (said.err, said.out) if form == "text" else (said.out, said.err)
    assert "role-exists" in whole
    assert "role-exists" not in empty
    assert other == ""
