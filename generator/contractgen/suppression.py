"""Mark the findings that a contract suppresses, and find the suppressions that are worth nothing.

Only warnings and notes can be suppressed: what is generated relies on there being no errors. A suppression that has
expired still silences its finding and is one itself, so that the day changes what `lint` says, never what is generated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date

from contractgen import rulebook
from contractgen.days import is_day
from contractgen.model import Answer, Finding, Suppression
from contractgen.nearest import hint


def apply(findings: Sequence[Finding], suppressions: Sequence[Suppression], today: date) -> list[Finding]:
    """Give the findings, those that are suppressed with the reason, then those about the suppressions themselves."""
    marked = [_marked(item, suppressions) for item in findings]
    return marked + [fault for entry in suppressions for fault in _faults(entry, findings, today)]


def _marked(finding: Finding, suppressions: Sequence[Suppression]) -> Finding:
    reasons = [entry.reason for entry in suppressions if _silences(entry, finding)]
    return replace(finding, answered=Answer(reasons[0], beside=True)) if reasons else finding


def _silences(entry: Suppression, finding: Finding) -> bool:
    above, pointer = entry.place.pointer, finding.origin.pointer
    within = finding.origin.file == entry.place.file and (pointer == above or pointer.startswith(f"{above}/"))
    return within and entry.rule == finding.rule and rulebook.severity(finding.rule) != "error"


def _faults(entry: Suppression, findings: Sequence[Finding], today: date) -> Iterator[Finding]:
    page = rulebook.pages().get(entry.rule)
    if page is None or page.severity == "error":
        what = "is no rule" if page is None else "finds errors, which nothing can suppress"
        near = hint(entry.rule, rulebook.pages()) if page is None else ""
        remedy = f"Name a rule of warnings or notes, or mend the fault.{near}"
        yield Finding("suppression-rule", entry.origin.at("rule"), f"{entry.rule} {what}.", remedy)
    elif not any(_silences(entry, finding) for finding in findings):
        message = f"{entry.rule} finds nothing here."
        yield Finding("suppression-unused", entry.origin, message, "Remove the suppression.")
    if not is_day(entry.until) or date.fromisoformat(entry.until) < today:
        what = "has passed" if is_day(entry.until) else "is no day of the calendar"
        remedy = "Mend what it suppresses, or look at the reason again and set a later day."
        yield Finding("suppression-expired", entry.origin.at("until"), f"{entry.until} {what}.", remedy)
