"""What every room's tests share."""

from __future__ import annotations

from typing import Any

import pytest

# The property of a test's report that holds a line to show at the end, however many processes the tests ran in.
SHOWN = "shown"


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, which the server uses."""
    return "asyncio"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write what tests counted."""
    for test in terminalreporter.stats.get("passed", []):
        for name, line in test.user_properties:
            if name == SHOWN:
                terminalreporter.write_line(line)
