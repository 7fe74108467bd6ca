"""What property tests counted, from the tests' processes to the terminal. Light: a conftest imports it at the start."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

# The property of a test's report that holds its counts.
COUNTS = "contract_instances"


@dataclass(frozen=True, slots=True)
class Report:
    """Count what was tried on one schema. `complete` says that there are no other valid instances."""

    schema: str
    accepted: int
    refused: int
    examples: int
    complete: bool

    def counts(self) -> dict[str, object]:
        """Give the counts as plain values, as they travel between processes."""
        return asdict(self)

    def __str__(self) -> str:
        """Write the counts on one line."""
        whole = " (all there are)" if self.complete else ""
        return f"{self.schema}: {self.accepted} valid{whole}, {self.refused} invalid, {self.examples} examples"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Write how many instances were tried in all, and with -v on each schema."""
    passed = terminalreporter.stats.get("passed", [])
    reports = [Report(**value) for test in passed for name, value in test.user_properties if name == COUNTS]
    if reports:
        for line in [*reports, totals(reports)] if terminalreporter.config.get_verbosity() > 0 else [totals(reports)]:
            terminalreporter.write_line(str(line))


def totals(reports: list[Report]) -> str:
    """Sum reports up on one line, naming the schema with the fewest instances of those not enumerated."""
    drawn = [report for report in reports if not report.complete]
    fewest = min(drawn, key=lambda report: report.accepted, default=None)
    valid, refused = (sum(getattr(report, count) for report in reports) for count in ("accepted", "refused"))
    least = f"; fewest valid: {fewest.accepted} of {fewest.schema}" if fewest else ""
    return f"{len(reports)} schemas: {valid} valid and {refused} invalid instances tried{least}"
