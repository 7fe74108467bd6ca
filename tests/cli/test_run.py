"""The words of foundry-mcp run."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundry_mcp.cli.main import main


@pytest.mark.parametrize(
    ("worker", "problem"),
    [
        ("no-such-program", "the worker 'no-such-program' is no program that can be run"),
        ("'open", "--worker cannot be read"),
        ("", "the worker '' is no program that can be run"),
    ],
)
def test_a_worker_that_cannot_be_run_is_bad_use(
    worker: str, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "any", "--worker", worker, "--workspace", str(tmp_path)]) == 2
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--phases", "0"], ["--worker-timeout", "-1"], ["--phases", "x"]])
def test_numbers_that_make_no_sense_are_bad_use(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", "any", "--worker", "true", "--workspace", str(tmp_path), *words])
    assert left.value.code == 2
