"""The guard in an agent's settings file: what belongs there, whether it is there, and putting it there.

Nothing of the user's is lost: entries that are not the guard's stay as they are, and a file that cannot be read as one
JSON object is left alone.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from foundry_contracts.models.guard import GuardFinding
from foundry_contracts.tables import GUARD_STATE_INFO, GUARDED_AGENT_INFO
from foundry_contracts.vocabulary import GuardedAgent, GuardState
from foundry_mcp.places import PRODUCT, home_folder
from foundry_mcp.whole_files import put

_OURS: Final = f"{PRODUCT} guard hook"
_HOOKS, _PERMISSIONS, _DENY = "hooks", "permissions", "deny"
_MODE: Final = 0o644


class Unreadable(Exception):
    """Report a settings file that cannot be added to; nothing in it was changed."""


def agents_of(workspace: Path) -> list[GuardedAgent]:
    """List the agents that have a folder of settings in a workspace."""
    return [agent for agent, known in GUARDED_AGENT_INFO.items() if (workspace / known.file).parent.is_dir()]


def install(agent: GuardedAgent, workspace: Path) -> bool:
    """Put an agent's guard into its settings file; tell whether that changed anything. Unreadable where it cannot."""
    path = workspace / GUARDED_AGENT_INFO[agent].file
    document = _read(path)
    merged = merge(agent, document)
    if merged == document:
        return False
    _write(path, merged)
    return True


def merge(agent: GuardedAgent, document: Mapping[str, Any]) -> dict[str, Any]:
    """Give a settings document with the agent's guard in it, in place of any other of the guard's own entries."""
    known = GUARDED_AGENT_INFO[agent]
    merged = json.loads(json.dumps(document))
    groups = _list_in(merged, _HOOKS, known.event)
    wanted = _group(agent)
    if [group for group in groups if _is_ours(group)] != [wanted]:
        kept = [(group, _without_ours(group)) for group in groups]
        groups[:] = [*(after for before, after in kept if after is not None or before is None), wanted]
    if known.denials:
        denied = _list_in(merged, _PERMISSIONS, _DENY)
        denied += [rule for rule in known.denials if rule not in denied]
    found: dict[str, Any] = merged
    return found


def check(agent: GuardedAgent, workspace: Path, environ: Mapping[str, str]) -> GuardFinding:
    """Say how an agent's guard stands."""
    known = GUARDED_AGENT_INFO[agent]
    state, told = _standing(agent, workspace, environ)
    info = GUARD_STATE_INFO[state]
    message = f"{info.description} {told}".strip()
    return GuardFinding(agent=agent, state=state, file=known.file, message=message, remedy=info.remedy)


def _standing(agent: GuardedAgent, workspace: Path, environ: Mapping[str, str]) -> tuple[GuardState, str]:
    known = GUARDED_AGENT_INFO[agent]
    try:
        document = _read(workspace / known.file)
        differences = _differences(agent, document)
        switches = [switch for file in _settings_files(agent, workspace, environ) for switch in _off(agent, file)]
    except Unreadable as problem:
        return GuardState.UNREADABLE, str(problem)
    if not any(_is_ours(group) for group in _list_in(document, _HOOKS, known.event)):
        return GuardState.MISSING, ""
    if differences:
        return GuardState.CHANGED, f"It differs in {', '.join(differences)}."
    if switches:
        return GuardState.SWITCHED_OFF, f"It is {', '.join(switches)}."
    if shutil.which(PRODUCT, path=environ.get("PATH")) is None:
        return GuardState.UNREACHABLE, ""
    return GuardState.INSTALLED, ""


def _settings_files(agent: GuardedAgent, workspace: Path, environ: Mapping[str, str]) -> list[Path]:
    """List the files in which an agent may be told to run no hook: the workspace's, and the user's of the same name."""
    known = GUARDED_AGENT_INFO[agent]
    inside = [workspace / file for file in known.files if file.endswith(".json")]
    return [*inside, home_folder(environ) / known.file]


def _differences(agent: GuardedAgent, document: dict[str, Any]) -> list[str]:
    merged = merge(agent, document)
    places = ((_HOOKS, GUARDED_AGENT_INFO[agent].event), (_PERMISSIONS, _DENY))
    return [
        f"{section}.{key}"
        for section, key in places
        if merged.get(section, {}).get(key) != document.get(section, {}).get(key)
    ]


def _off(agent: GuardedAgent, path: Path) -> list[str]:
    """List the settings in a file with which no hook of the agent runs."""
    found = []
    for switch in GUARDED_AGENT_INFO[agent].switched_off_by:
        value: object = _read(path)
        for name in str(switch["setting"]).split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if value is switch["value"]:
            found.append(f"{switch['setting']} in {path}")
    return found


def _group(agent: GuardedAgent) -> dict[str, Any]:
    known = GUARDED_AGENT_INFO[agent]
    # A program that is not there, or that fails, would otherwise count as no objection.
    command = f"{_OURS} --agent {agent.value} || exit {known.refusal_code}"
    return {"matcher": known.matcher, _HOOKS: [{"type": "command", "command": command}]}


def _is_ours(group: object) -> bool:
    return any(map(_is_our_hook, _hooks_of(group)))


def _is_our_hook(hook: object) -> bool:
    return isinstance(hook, dict) and _OURS in str(hook.get("command", ""))


def _hooks_of(group: object) -> Sequence[object]:
    hooks = group.get(_HOOKS) if isinstance(group, dict) else None
    return hooks if isinstance(hooks, list) else []


def _without_ours(group: object) -> object | None:
    """Give a group without the guard's own hooks; None where it held nothing else."""
    if not _is_ours(group) or not isinstance(group, dict):
        return group
    others = [hook for hook in _hooks_of(group) if not _is_our_hook(hook)]
    return {**group, _HOOKS: others} if others else None


def _list_in(document: dict[str, Any], section: str, key: str) -> list[Any]:
    inside = document.setdefault(section, {})
    if not isinstance(inside, dict):
        raise Unreadable(f"'{section}' is no object there.")
    found = inside.setdefault(key, [])
    if not isinstance(found, list):
        raise Unreadable(f"'{section}.{key}' is no list there.")
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_once)
        # Half a character passes as JSON, and cannot be written again.
        json.dumps(document, ensure_ascii=False).encode()
    except FileNotFoundError as missing:
        if path.is_symlink():
            raise Unreadable(f"{path} is a link to what is not there.") from missing
        return {}
    except (OSError, ValueError, RecursionError) as problem:
        raise Unreadable(f"{path} cannot be read as JSON: {problem}.") from problem
    if not isinstance(document, dict):
        raise Unreadable(f"{path} holds no JSON object.")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        # Written again, it would have lost one of them.
        raise ValueError("a key stands there twice")
    return document


def _write(path: Path, document: Mapping[str, Any]) -> None:
    # Where it is a link, what it leads to is the file.
    path = Path(os.path.realpath(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode & 0o777 if path.exists() else _MODE
        put(path, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(), mode)
    except OSError as problem:
        raise Unreadable(f"{path} cannot be written: {problem.strerror or problem}.") from problem
