"""A tool call that an agent is about to make, as its hook is told of it: judged, and answered in the agent's form."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foundry_contracts.tables import GUARDED_AGENT_INFO, GuardedAgentInfo
from foundry_contracts.vocabulary import GuardedAgent, GuardedToolKind, GuardReason
from foundry_mcp.guard.command_judge import CommandJudge
from foundry_mcp.guard.protected import Protected
from foundry_mcp.guard.shell_pieces import Piece, PieceKind
from foundry_mcp.guard.shell_words import ANY, STAR, Variables, made_out
from foundry_mcp.guard.verdict import Refused
from foundry_mcp.places import home_folder

_ALLOWED: Final = "{}\n"
_LONGEST_PATH: Final = 4096
_PATHS_BEGIN: Final = ("/", "~/", "./", "../", "file://")


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what the hook tells its agent."""

    exit_code: int
    output: str = ""
    errors: str = ""


def answered(agent: GuardedAgent, text: str, environ: Mapping[str, str]) -> Answer:
    """Judge a tool call, given as the agent gives it; what cannot be judged is refused."""
    known = GUARDED_AGENT_INFO[agent]
    try:
        _hold(known, _call(text), environ)
    except Refused as refused:
        return refusal(agent, refused)
    except Exception as fault:
        # Whatever the fault: a call that was not judged is not one that may be.
        told = Refused(GuardReason.NOT_UNDERSTOOD, f"the guard failed over it: {type(fault).__name__}: {fault}")
        return refusal(agent, told)
    return Answer(0, output=_ALLOWED)


def refusal(agent: GuardedAgent, refused: Refused) -> Answer:
    """Refuse a call in the agent's form."""
    return Answer(GUARDED_AGENT_INFO[agent].refusal_code, errors=f"{refused.message}\n")


def _call(text: str) -> dict[str, Any]:
    try:
        call = json.loads(text)
    except ValueError as error:
        raise Refused(GuardReason.CALL_UNREADABLE, f"what came is no JSON: {error}") from error
    fits = isinstance(call, dict) and isinstance(call.get("tool_name"), str)
    if not fits or not isinstance(call.get("tool_input"), dict) or not isinstance(call.get("cwd", ""), str):
        raise Refused(GuardReason.CALL_UNREADABLE, "tool_name, tool_input or cwd is not what it should be")
    found: dict[str, Any] = call
    return found


def _hold(known: GuardedAgentInfo, call: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    folder = os.path.abspath(call.get("cwd") or os.getcwd())
    project = next((environ[name] for name in known.project if environ.get(name)), folder)
    protected = Protected(Path(os.path.abspath(project)), environ)
    given: dict[str, Any] = call["tool_input"]
    tool = next((tool for tool in known.tools if tool["tool"] == call["tool_name"]), None)
    if tool is None:
        _hold_unknown(given, protected, folder, environ)
        return
    fields = tool["fields"]
    assert isinstance(fields, tuple)
    texts = [text for field in fields for text in _texts(given.get(field))]
    known_form = texts and all(isinstance(given.get(field, ""), str) for field in fields)
    if not known_form and tool["kind"] != GuardedToolKind.READ:
        raise Refused(GuardReason.CALL_UNREADABLE, f"{call['tool_name']} without a text in {' or '.join(fields)}")
    named = given.get(str(tool.get("folder", "")))
    folder = os.path.join(folder, named) if isinstance(named, str) else folder
    if tool["kind"] == GuardedToolKind.SHELL:
        for text in texts:
            CommandJudge(protected, folder, environ).hold(text)
    elif tool["kind"] == GuardedToolKind.WRITE:
        for text in texts:
            protected.hold_write(_expanded(text, environ), [folder])
    else:
        _hold_reading(texts, protected, folder, environ)


def _hold_reading(texts: list[str], protected: Protected, folder: str, environ: Mapping[str, str]) -> None:
    """Hold the paths of a tool that reads; a pattern may count from any of the folders beside it."""
    variables = Variables(environ)
    paths = [each for text in texts for each in made_out((Piece(PieceKind.PLAIN, text),), variables)]
    # Two wildcards in a row stand for folders at any depth.
    paths = [path.replace(STAR + STAR, ANY) for path in paths]
    folders = [folder, *(os.path.join(folder, path) for path in paths)]
    for path in paths:
        protected.hold_read(path, folders)


def _hold_unknown(given: object, protected: Protected, folder: str, environ: Mapping[str, str]) -> None:
    """Hold a tool that is not known: no path in its input may mean a guarded place."""
    for text in _texts(given):
        if len(text) <= _LONGEST_PATH and _looks_like_path(text):
            protected.hold_named(_expanded(text, environ), [folder])


def _looks_like_path(text: str) -> bool:
    """Tell a path from a sentence; a path may have blanks, too, where it begins as only paths do."""
    spaced = any(char.isspace() for char in text)
    begins = text.startswith(_PATHS_BEGIN) and "\n" not in text
    return begins if spaced else "/" in text or "." in text


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    return f"{home_folder(environ)}{path[1:]}" if path.startswith("~/") else path
