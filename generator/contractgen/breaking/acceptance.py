"""Changes that somebody answers for: a file beside the contracts, each with a fingerprint, a reason and a last day."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from contractgen.breaking.change import Change
from contractgen.days import is_day
from contractgen.model import Answer, Finding, Origin

FILE = "accepted.toml"
_KEYS = ("fingerprint", "reason", "until")
_HEAD = "# Changes that break something and are meant to. `contractgen accept` adds to them.\n"


class Unreadable(ValueError):
    """Report an acceptance file that says nothing usable; the message says where."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Hold one entry and the line it begins at."""

    fingerprint: str
    reason: str
    until: str
    line: int


def read(contracts: Path) -> list[Acceptance]:
    """Read the file beside the contracts; none is no acceptance. Raises Unreadable."""
    path = contracts / FILE
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8")
    try:
        entries = tomllib.loads(text).get("accepted", [])
    except tomllib.TOMLDecodeError as error:
        raise Unreadable(f"{path} is not TOML: {error}. Mend the syntax.") from None
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[accepted]]"]
    return [_entry(entry, line, path) for entry, line in zip(entries, lines, strict=True)]


def _entry(entry: object, line: int, path: Path) -> Acceptance:
    if not isinstance(entry, dict) or set(entry) != set(_KEYS):
        raise Unreadable(f"{path}:{line}: an entry has exactly {', '.join(_KEYS)}. Correct this one.")
    texts = {key: str(value).strip() for key, value in entry.items()}
    if not all(texts.values()) or not is_day(texts["until"]):
        raise Unreadable(
            f"{path}:{line}: the reason is a sentence and `until` a day such as 2026-01-31. Correct this one."
        )
    return Acceptance(texts["fingerprint"], texts["reason"], texts["until"], line)


def apply(changes: Sequence[Change], accepted: Sequence[Acceptance], today: date) -> Iterator[Finding]:
    """Give the findings, those that are accepted with the reason, then those of the acceptances themselves."""
    valid = {entry.fingerprint: entry.reason for entry in accepted if date.fromisoformat(entry.until) >= today}
    for change in changes:
        reason = valid.get(change.fingerprint)
        answer = None if reason is None else Answer(reason, beside=False)
        yield replace(change.finding, answered=answer)
    present = {change.fingerprint for change in changes}
    for entry in accepted:
        origin = Origin(FILE, "", entry.line, 1)
        if entry.fingerprint not in present:
            message = f"No change has the fingerprint {entry.fingerprint} any more."
            yield Finding("acceptance-unused", origin, message, "Remove the entry.")
        elif entry.fingerprint not in valid:
            message = f"The acceptance of {entry.fingerprint} ended on {entry.until}."
            yield Finding("acceptance-expired", origin, message, "Release the change, undo it, or set a later day.")


def add(contracts: Path, fingerprint: str, reason: str, until: str) -> None:
    """Write one more entry."""
    import json

    path = contracts / FILE
    text = path.read_text(encoding="utf-8") if path.is_file() else _HEAD
    pairs = zip(_KEYS, (fingerprint, reason, until), strict=True)
    body = "\n".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in pairs)
    path.write_text(f"{text}\n[[accepted]]\n{body}\n", encoding="utf-8")
