"""A store that does not last leaves nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from foundry_mcp.adapters.passing_store import PassingStore


def test_it_is_gone_when_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = PassingStore(lambda text: "0" * 64)
    assert store.sessions(limit=1) == []
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o077 == 0
    store.close()
    assert list(tmp_path.iterdir()) == []
