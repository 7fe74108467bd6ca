"""`watch` generates after each edit, says what is wrong with a broken one and goes on, and ends when interrupted."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contractgen import freshness
from contractgen.cli import main
from contractgen.freshness import LOCK, is_fresh
from contractgen.watching import Watch
from tests.generator.library import Edit

PATIENCE_S = 60
BORROW = "commands/loan/borrow.json"
Told = Callable[[str], str]


@pytest.fixture
def process(contracts: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-m", "contractgen", "watch", "--contracts", str(contracts)]
    words += ["--out", str(tmp_path / "out")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0) as started:
        yield started
        started.kill()


@pytest.fixture
def told(process: subprocess.Popen[bytes]) -> Told:
    """Give a way to read until something is said, and to have all that was said so far."""
    assert process.stdout is not None
    stream = process.stdout.fileno()

    def until(wanted: str) -> str:
        text = ""
        while wanted not in text:
            assert select.select([stream], [], [], PATIENCE_S)[0], f"nothing more was said after: {text}"
            read = os.read(stream, 65_536)
            assert read, f"it ended after: {text}"
            text += read.decode()
        return text

    return until


def interrupt(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(PATIENCE_S)


def test_an_edit_is_generated_and_only_what_it_changes_is_written(
    process: subprocess.Popen[bytes], told: Told, contracts: Path, tmp_path: Path, edit: Edit
) -> None:
    told(" ms.")
    assert is_fresh(str(contracts), str(tmp_path / "out"))
    edit(BORROW, lambda data: data["$defs"]["BorrowRequest"]["properties"]["rule"].update(description="Which rule?"))
    assert ", 0 deleted, in " in told(" ms.")
    assert is_fresh(str(contracts), str(tmp_path / "out"))
    assert interrupt(process) == 0


def test_a_broken_edit_is_told_of_with_its_place_and_the_next_one_mends_it(
    process: subprocess.Popen[bytes], told: Told, contracts: Path, tmp_path: Path
) -> None:
    told(" ms.")
    path = contracts / BORROW
    text = path.read_text(encoding="utf-8")
    before = {file: file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    path.write_text(text[:-20], encoding="utf-8")
    said = told("mend this and save")
    assert f"{BORROW}:" in said
    assert "[json]" in said
    path.write_text(text.replace('"reader"', '"nobody"'), encoding="utf-8")
    assert "[role-exists]" in told("mend this and save")
    assert before == {file: file.read_bytes() for file in (tmp_path / "out").rglob("*") if file.is_file()}
    path.write_text(text, encoding="utf-8")
    assert " 0 written, 0 deleted" in told(" ms.")
    assert interrupt(process) == 0


def test_a_removed_contract_takes_its_outputs_with_it(
    process: subprocess.Popen[bytes], told: Told, contracts: Path, tmp_path: Path, edit: Edit
) -> None:
    (contracts / "extra.json").write_text(
        '{"$schema": "https://foundry-mcp.dev/contractgen/contract-v1", "title": "Extra", "$defs": {"Extra": {'
        '"type": "object", "description": "It.", "additionalProperties": false, "x-published": true,'
        '"properties": {"a": {"type": "string", "description": "A."}}}}}',
        encoding="utf-8",
    )
    while not (tmp_path / "out/schemas/formats/Extra.json").exists():
        told(" ms.")
    (contracts / "extra.json").unlink()
    assert " 0 deleted" not in told(" ms.")
    assert not (tmp_path / "out/schemas/formats/Extra.json").exists()
    assert interrupt(process) == 0


def test_where_the_generator_itself_was_changed_nothing_is_written(
    contracts: Path, tmp_path: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = Watch(contracts, tmp_path / "out")
    watch.look()
    before = (tmp_path / "out" / LOCK).read_bytes()
    monkeypatch.setattr(freshness, "generator_digest", lambda: "another")
    edit(BORROW, lambda data: data.update(description="Said anew."))
    watch.look()
    assert "contractgen itself was changed" in capsys.readouterr().err
    assert (tmp_path / "out" / LOCK).read_bytes() == before


def test_being_interrupted_leaves_no_traceback(process: subprocess.Popen[bytes], told: Told) -> None:
    told(" ms.")
    assert interrupt(process) == 0
    assert process.stdout is not None
    assert process.stdout.read() == b"\nNo longer watching.\n"


def test_a_folder_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    assert main(["watch", "--contracts", str(tmp_path / "nothing")]) == 2
