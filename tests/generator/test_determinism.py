"""The same contracts give the same bytes, whatever the hash seed, locale, time zone, folder or Python."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.generator.library import LIBRARY, Run


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("seed", "locale", "zone"), [("1", "C", "UTC"), ("4242", "C.UTF-8", "Asia/Kathmandu"), ("7", "tr_TR.UTF-8", "UTC")]
)
def test_generation_is_the_same_over_seeds_locales_zones_and_folders(
    generated: Path, tmp_path: Path, run: Run, seed: str, locale: str, zone: str
) -> None:
    contracts = shutil.copytree(LIBRARY, tmp_path / f"elsewhere {seed}" / "contracts")
    out = tmp_path / "out"
    arguments = ["-m", "contractgen", "generate", "--contracts", str(contracts), "--out", str(out)]
    done = run(*arguments, PYTHONHASHSEED=seed, LC_ALL=locale, LANG=locale, TZ=zone)
    assert done.returncode == 0, done.stderr
    assert tree(out) == tree(generated)
