"""What the supervisor's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.supervisor.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Give an empty workspace to run specs in."""
    return Lab(tmp_path)
