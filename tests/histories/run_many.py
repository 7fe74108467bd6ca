"""Live through as many histories, of as many steps, as the command line says, and tell what was done."""

from __future__ import annotations

import logging
import sys
import time

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.session_history import TOLD, History


def main(examples: int, steps: int) -> None:
    """Run histories at random; the first that goes wrong is made small and raised."""
    # Processes end on purpose, and each end is logged as the fault that it would be elsewhere.
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(History, settings=chosen)
    finally:
        for line in TOLD.lines():
            print(line)
        print(f"seconds: {time.monotonic() - began:.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
