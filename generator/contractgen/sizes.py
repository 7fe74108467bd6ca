"""What the list of tools costs a client: bytes and tokens, tool by tool, beside the budget, and who takes it.

A client loads the whole list before its first word, so what a description costs is paid in every conversation.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contractgen import clients
from contractgen.model import ContractSet

# No vendor's tokenizer is asked: JSON Schema in English comes to about this many bytes a token in all of them.
BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Size:
    """Hold the bytes of one tool as it travels: its input schema, and all of it."""

    tool: str
    inputs: int
    whole: int

    @property
    def tokens(self) -> int:
        """Estimate the tokens of the whole."""
        return -(-self.whole // BYTES_PER_TOKEN)


def measure(tools: list[dict[str, Any]]) -> list[Size]:
    """Measure tool definitions in their shortest spelling, which is how they travel."""
    return [Size(tool["name"], _bytes(tool["inputSchema"]), _bytes(tool)) for tool in tools]


def _bytes(value: object) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def run(arguments: argparse.Namespace) -> int:
    """Print the cost of every tool and the verdict of every client; 1 when over the budget or refused."""
    from contractgen import lower
    from contractgen.emit.mcp_tools import definitions

    contracts = lower.load(Path(arguments.contracts))
    tools = definitions(contracts)
    sizes = measure(tools)
    print("\n".join(_table(sizes)))
    over = sum(size.inputs for size in sizes) - contracts.settings.input_budget
    print(_budget(contracts, over))
    found = list(clients.verdicts(contracts.settings.server, tools))
    print("\n".join(_clients(found)))
    return 1 if over > 0 or any(verdict.effect == clients.REFUSES for verdict in found) else 0


def _table(sizes: list[Size]) -> Iterator[str]:
    width = max(len("all tools"), *(len(size.tool) for size in sizes)) if sizes else len("all tools")
    yield f"{'tool':{width}} {'inputs':>9} {'whole':>9} {'tokens':>9}"
    for size in [*sizes, Size("all tools", sum(s.inputs for s in sizes), sum(s.whole for s in sizes))]:
        yield f"{size.tool:{width}} {size.inputs:9,} {size.whole:9,} {size.tokens:9,}"


def _budget(contracts: ContractSet, over: int) -> str:
    budget = contracts.settings.input_budget
    if over > 0:
        return f"\nInputs: {over:,} bytes over the budget of {budget:,}. Shorten descriptions, or share parameters."
    return f"\nInputs: within the budget of {budget:,} bytes, {-over:,} left. Tokens are an estimate."


def _clients(found: list[clients.Verdict]) -> Iterator[str]:
    yield "\nclient     verdict"
    for client in clients.table():
        own = [verdict for verdict in found if verdict.client == client]
        effects = {verdict.effect for verdict in own}
        word = clients.REFUSES if clients.REFUSES in effects else clients.LIMITS if effects else "takes all"
        yield f"{client:10} {word}"
        # One line a tool and reason: the places of one fault are many, and the first shows what is meant.
        first = {(verdict.tool, verdict.reason): verdict for verdict in reversed(own)}
        yield from (f"{'':10} - {v.effect} {v.tool} {v.place}: {v.reason}" for v in reversed(first.values()))
