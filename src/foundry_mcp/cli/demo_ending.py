"""What a newcomer wants to see when the demo is over."""

from __future__ import annotations

import base64
import json
import shlex
import shutil
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from foundry_contracts.vocabulary import EventType, Outcome
from foundry_mcp.cli.demo_place import DemoPlace

if TYPE_CHECKING:
    from rich.console import Console

_LABEL_WIDTH: Final = 11

Event = dict[str, Any]


def tell(console: Console, place: DemoPlace, events: list[Event], phases: int, *, kept: bool) -> None:
    """Say what happened, where it lies, and what to try next."""
    _head(console, "What happened")
    for label, text in _counts(events, phases):
        _row(console, label, text)
    receipts = _receipts(events)
    if receipts:
        for label, text in _receipt_lines(receipts[-1]):
            _row(console, "", f"{label:<10}{text}", "dim")
    if not kept:
        return
    _head(console, "Where it lies")
    _row(console, "project", str(place.workspace))
    _row(console, "store", f"{place.store}  (log and signing key, outside the project)")
    _head(console, "What to try next")
    for why, command in _suggestions(place):
        _row(console, "", why)
        _row(console, "", f"  {command}", "cyan")


def _counts(events: list[Event], phases: int) -> list[tuple[str, str]]:
    reported = [event["payload"] for event in events if event["type"] == EventType.STEP_REPORTED]
    back = sum(payload["outcome"] == Outcome.FAILURE for payload in reported)
    return [
        ("phases", f"{phases}, each through its gate"),
        ("steps", f"{len(reported)} reported, {back} of them sent back and mended"),
        ("events", f"{len(events)}: the log is the session's state, its feed and its audit trail"),
        (
            "receipts",
            f"{len(_receipts(events))} signed: what the server itself ran, how it ended. The last one says:",
        ),
    ]


def _receipts(events: list[Event]) -> list[dict[str, Any]]:
    return [event["payload"]["receipt"] for event in events if event["type"] == EventType.VERIFICATION_FINISHED]


def _receipt_lines(receipt: dict[str, Any]) -> list[tuple[str, str]]:
    said = json.loads(base64.b64decode(receipt["payload"]))["predicate"]
    signature = receipt["signatures"][0]
    seconds = (datetime.fromisoformat(said["finished_at"]) - datetime.fromisoformat(said["started_at"])).total_seconds()
    return [
        ("command", shlex.join(said["command"]["argv"])),
        ("exit", f"code {said.get('exit_code')}, after {seconds:.1f} s, at {said['finished_at']}"),
        ("sandbox", said.get("sandbox", "none was begun")),
        ("output", f"{said['output_bytes']} bytes, sha256 {said['output_digest'][:16]}…"),
        ("step", said["step_id"]),
        ("signature", f"{signature['sig'][:24]}…  by key {signature['keyid'][:24]}…"),
    ]


def _suggestions(place: DemoPlace) -> list[tuple[str, str]]:
    python, program = shlex.quote(sys.executable), _program()
    variables = f"XDG_STATE_HOME={shlex.quote(str(place.state))}"
    path = f'PATH={shlex.quote(str(place.folder / "bin"))}:"$PATH"'
    workspace = shlex.quote(str(place.workspace))
    worker = shlex.quote(shlex.join(place.settings.worker))
    return [
        ("Use what was built:", f"cd {workspace} && {python} -m tally sample.txt"),
        ("Read the worker, then write your own:", f"cat {shlex.quote(place.settings.worker[-1])}"),
        (
            "Run the plan again, as programs see it:",
            f"{variables} {path} {program} run {place.spec_id} --json --workspace {workspace} --worker {worker}",
        ),
        (
            "See whether the log is still what the server wrote:",
            f"{variables} {program} audit verify --workspace {workspace}",
        ),
        (
            "Let an MCP client have the server by this command:",
            f"{variables} {path} {program} serve --workspace {workspace}",
        ),
    ]


def _program() -> str:
    return "foundry-mcp" if shutil.which("foundry-mcp") else f"{shlex.quote(sys.executable)} -m foundry_mcp.cli.main"


def _head(console: Console, text: str) -> None:
    console.print(Text.assemble("\n", (text, "bold")), soft_wrap=True)


def _row(console: Console, label: str, text: str, style: str = "") -> None:
    console.print(Text.assemble((f"  {label:<{_LABEL_WIDTH}}", "dim"), (text, style)), soft_wrap=True, highlight=False)
