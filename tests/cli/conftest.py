"""What the command line's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.kept import Kept


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Kept:
    """Give a workspace whose state folder the command line finds."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Kept(tmp_path, capsys)
