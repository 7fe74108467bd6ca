"""The headless supervisor: it drives the server over MCP, as any other client can."""

from foundry_mcp.supervisor.phase import run_one_phase, run_one_phase_sync
from foundry_mcp.supervisor.result import PhaseRunResult

__all__ = ["PhaseRunResult", "run_one_phase", "run_one_phase_sync"]
