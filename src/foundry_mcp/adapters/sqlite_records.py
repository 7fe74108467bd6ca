"""Records of what somebody did to an SQLite store by hand: append only, numbered and sealed."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence

import apsw

from foundry_contracts.models.formats_audit import UpkeepRecord
from foundry_contracts.vocabulary import UpkeepAction
from foundry_mcp.adapters import sqlite_statements as sql
from foundry_mcp.adapters.event_chain import Seals
from foundry_mcp.adapters.sqlite_database import Value
from foundry_mcp.ports import Upkeep


def record(db: apsw.Connection, upkeep: Upkeep, seals: Seals) -> None:
    """Append a record, inside the transaction that does what it tells of."""
    number = db.execute(sql.LAST_RECORD).get + 1
    details = json.dumps(upkeep.details, ensure_ascii=False, sort_keys=True)
    fields = (number, upkeep.time, upkeep.actor, upkeep.action.value, upkeep.session_id, details)
    db.execute(sql.INSERT_RECORD, (*fields, seals.of_record(_text(fields))))


def is_sealed(row: Sequence[Value], seals: Seals) -> bool:
    """Tell whether a record bears the server's seal."""
    *fields, seal = row
    return hmac.compare_digest(seals.of_record(_text(fields)).encode(), str(seal).encode())


def read_record(row: Sequence[Value]) -> UpkeepRecord:
    """Give a record; ValueError where it is none."""
    number, time, actor, action, session_id, details, _ = row
    return UpkeepRecord(
        number=int(str(number)),
        time=str(time),
        actor=str(actor),
        action=UpkeepAction(str(action)),
        session_id=str(session_id),
        details=json.loads(str(details)),
    )


def _text(fields: Sequence[Value]) -> str:
    return json.dumps(list(fields), ensure_ascii=False)
