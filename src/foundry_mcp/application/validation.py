"""The schema is the judge: requests and responses are held to their published schemas, models come after."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

import jsonschema_rs
from pydantic import BaseModel

from foundry_contracts.dispatch import CommandEntry
from foundry_contracts.events import EventPayload, event_type
from foundry_contracts.tables import ERROR_CODE_INFO
from foundry_contracts.vocabulary import ErrorCode

_SHOWN = 20


class ResponseInvalid(Exception):
    """Report that an answer does not hold to its command's contract: a fault of ours."""


@cache
def validator(schema: str) -> jsonschema_rs.Validator:
    """Compile a published schema, once."""
    return jsonschema_rs.validator_for(_document(schema), validate_formats=True)


@cache
def _document(schema: str) -> dict[str, Any]:
    text = (files("foundry_contracts") / "schemas" / schema).read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@cache
def model(reference: str) -> type[BaseModel]:
    """Import a generated model, on its first use, from "module:Class"."""
    module, _, name = reference.partition(":")
    found: type[BaseModel] = getattr(import_module(module), name)
    return found


def request_problems(entry: CommandEntry, params: dict[str, object]) -> list[dict[str, str]]:
    """Say each way in which parameters do not hold to a command's request contract."""
    judge = validator(entry.request_schema)
    # Nearly every request holds, and asking only whether it does is the quicker question.
    if judge.is_valid(params):
        return []
    known = _document(entry.request_schema).get("properties", {})
    problems = [_unknown(name, list(known)) for name in params if name not in known]
    for error in judge.iter_errors(params):
        if not problems or error.kind.name != "additionalProperties" or list(error.instance_path):
            problems.append({"pointer": _pointer(error.instance_path), "problem": _bounded(error.message)})
    return problems[:_SHOWN]


def hold_response(entry: CommandEntry, data: object) -> None:
    """Raise ResponseInvalid unless a response holds to its contract."""
    judge = validator(entry.response_schema)
    if judge.is_valid(data):
        return
    error = next(iter(judge.iter_errors(data)))
    raise ResponseInvalid(f"{entry.name} at {_pointer(error.instance_path)}: {_bounded(error.message)}")


def hold_refusal(entry: CommandEntry, code: ErrorCode) -> None:
    """Raise ResponseInvalid unless a command's contract declares an error, or every command may answer it."""
    if code not in entry.errors and not ERROR_CODE_INFO[code].common:
        raise ResponseInvalid(f"{entry.name} does not declare the error {code}")


def hold_events(entry: CommandEntry, events: Iterable[EventPayload]) -> None:
    """Raise ResponseInvalid unless a command's contract declares every event it decided on."""
    for event in events:
        if event_type(event) not in entry.emits:
            raise ResponseInvalid(f"{entry.name} does not declare the event {event_type(event)}")


def _unknown(name: str, known: list[str]) -> dict[str, str]:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known) or 'none'}"
    return {"pointer": f"/{name}"[:200], "problem": f"unknown parameter{hint}"}


def _pointer(path: list[str | int]) -> str:
    return "".join(f"/{part}" for part in path)[:500]


def _bounded(message: str) -> str:
    return message if len(message) <= 500 else f"{message[:250]} ... {message[-200:]}"
