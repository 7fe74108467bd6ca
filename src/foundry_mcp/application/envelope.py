"""Envelopes, response-v2: the one shape of every answer."""

from __future__ import annotations

import json

from pydantic import BaseModel
from pydantic_core import to_json

from foundry_contracts import CONTRACT_VERSION
from foundry_contracts.dispatch import AliasEntry
from foundry_contracts.handlers import Refusal
from foundry_contracts.tables import ERROR_CODE_INFO
from foundry_mcp.application.call import Envelope
from foundry_mcp.machine.session import Session
from foundry_mcp.machine.signal import signal_of

_RETRY_AFTER_S = 1.0


def success(request_id: str, reply: BaseModel, alias: AliasEntry | None, warnings: tuple[str, ...]) -> Envelope:
    """Wrap a response."""
    data = reply.model_dump(mode="json", exclude_unset=True)
    return _seal({"success": True, "data": data, "meta": _meta(request_id, alias, warnings)})


def failure(
    request_id: str,
    refusal: Refusal,
    state: Session | None = None,
    alias: AliasEntry | None = None,
    warnings: tuple[str, ...] = (),
) -> Envelope:
    """Wrap a refusal with all that its code's table rows say."""
    info = ERROR_CODE_INFO[refusal.code]
    signal = signal_of(state, refusal.code, dict(refusal.details))
    data: dict[str, object] = {
        "error_code": refusal.code.value,
        "error_type": info.type.value,
        "remediation": info.remedy,
        "details": dict(refusal.details),
        "loop_signal": signal.loop_signal.value if signal.loop_signal else None,
        "recommended_actions": [action.model_dump(mode="json", exclude_unset=True) for action in signal.actions],
        "retryable": info.retryable,
    }
    if info.retryable:
        data["retry_after_s"] = refusal.details.get("retry_after_s", _RETRY_AFTER_S)
    meta = _meta(request_id, alias, warnings)
    return _seal({"success": False, "data": data, "error": refusal.message, "meta": meta})


def kept(text: str) -> Envelope:
    """Give a kept answer again, byte for byte."""
    return Envelope(json.loads(text), text)


def _meta(request_id: str, alias: AliasEntry | None, warnings: tuple[str, ...]) -> dict[str, object]:
    meta: dict[str, object] = {
        "version": "response-v2",
        "request_id": request_id,
        "contract_version": CONTRACT_VERSION,
    }
    if warnings:
        meta["warnings"] = list(warnings)
    if alias is not None:
        meta["deprecated"] = {
            "action": alias.action,
            "replacement": dict(alias.replacement),
            "removal_version": alias.removal_version,
            "removal_date": alias.removal_date,
        }
    return meta


def _seal(document: dict[str, object]) -> Envelope:
    return Envelope(document, to_json(document).decode())
