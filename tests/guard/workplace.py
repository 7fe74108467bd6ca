"""A workspace to guard, and the judge of command lines in it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from foundry_contracts.vocabulary import GuardedAgent, GuardReason
from foundry_mcp.guard.command_judge import CommandJudge
from foundry_mcp.guard.protected import Protected
from foundry_mcp.guard.tool_call import Answer, answered
from foundry_mcp.guard.verdict import Refused


@dataclass(frozen=True)
class Workplace:
    """Hold a workspace, and the home of who works in it."""

    workspace: Path
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        return {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "TMPDIR": "/tmp"}

    @property
    def state(self) -> Path:
        return self.home / ".local" / "state" / "foundry-mcp"

    def judged(self, line: str) -> GuardReason | None:
        """Judge a command line; give why it is refused, None where it is not."""
        line = line.replace("%STATE%", str(self.state)).replace("%WORKSPACE%", str(self.workspace))
        try:
            CommandJudge(Protected(self.workspace, self.environ), str(self.workspace), self.environ).hold(line)
        except Refused as refused:
            return refused.reason
        return None

    def called(self, agent: GuardedAgent, tool: str, **given: object) -> Answer:
        """Judge a tool call of an agent as its hook does."""
        call = {"tool_name": tool, "tool_input": given, "cwd": str(self.workspace)}
        return answered(agent, json.dumps(call), self.environ)
