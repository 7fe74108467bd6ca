"""What every room's tests share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests import produced

# The property of a test's report that holds a line to show at the end, however many processes the tests ran in.
SHOWN = "shown"
_PRODUCED = "produced"
_DIFFERENCES = pytest.StashKey[list[str]]()


@pytest.fixture
def anyio_backend() -> str:
    """Run asynchronous tests on asyncio, which the server uses."""
    return "asyncio"


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take in what a process of a parallel run noted."""
    produced.add(getattr(node, "workeroutput", {}).get(_PRODUCED, {}))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Compare what clients were given with what the contracts declare, if every test ran and passed."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput[_PRODUCED] = produced.seen()
    elif _is_whole(config) and session.exitstatus == pytest.ExitCode.OK:
        config.stash[_DIFFERENCES] = produced.differences(produced.seen())
        if config.stash[_DIFFERENCES]:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_whole(config: pytest.Config) -> bool:
    option = config.option
    # Without its cache pytest has no option for what failed last.
    again = getattr(option, "lf", False)
    chosen = again or option.keyword or option.markexpr or option.deselect or option.collectonly
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write what tests counted, and what the contracts and the answers disagree about."""
    for test in terminalreporter.stats.get("passed", []):
        for name, line in test.user_properties:
            if name == SHOWN:
                terminalreporter.write_line(line)
    _write_differences(terminalreporter, config.stash.get(_DIFFERENCES, None))


def _write_differences(terminalreporter: Any, differences: Sequence[str] | None) -> None:
    if differences is None:
        return
    for line in differences:
        terminalreporter.write_line(f"ERROR: {line}", red=True)
    counts = ", ".join(f"{len(values)} {kind}s" for kind, values in produced.seen().items())
    terminalreporter.write_line(f"given to clients: {counts}; {len(differences)} not as declared")
