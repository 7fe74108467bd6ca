"""Specs of a public project, as they are: where they lie, which can be run, and which cannot."""

from __future__ import annotations

import os
from pathlib import Path

REAL = Path(os.environ.get("FOUNDRY_SPECS", Path(__file__).parents[2] / "shared" / "specs"))
REAL_SPECS = (
    "autonomy-orchestrator-improvements-2026-02-19-001",
    "foundry-mcp-2025-01-25-001",
    "hello-world-2026-02-19-001",
    "integrate-code-doc-2025-11-20-001",
    "mcp-best-practices-remediation-2025-11-26-001",
    "minified-json-responses-2025-12-31-001",
    "perplexity-api-enhancements-2026-01-27-001",
    "phase-remove-tool-2025-12-05-001",
    "prepare-task-doc-context-2025-11-24-001",
    "resilience-improvements-2026-01-26-001",
    "ruff-pyright-ci-2026-02-18-001",
    "tavily-api-enhancements-2026-01-25-001",
    "tui-upgrade-2025-11-06-001",
    "unified-refactoring-2026-02-06-001",
    "validate-fix-auto-cleanup-2025-12-15-001",
)
# One with a node given twice.
REFUSED_SPEC = "git-integration-2025-10-26-001"
