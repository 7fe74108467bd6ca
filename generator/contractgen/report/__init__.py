"""Write findings in the format that a reader asks for: a person, a program, a CI system, a code scanner.

A format is a function from entries and the name of the tool to a text; none knows another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module

from contractgen.model import Finding
from contractgen.report.entry import Entry, entries
from contractgen.rulebook import severity

__all__ = ["FORMATS", "fails", "render"]

_MODULES = {"text": "text", "json": "json_text", "github-actions": "github_actions", "junit": "junit", "sarif": "sarif"}
FORMATS = tuple(_MODULES)
# What somebody answers for is told where there are words for that; elsewhere it would look like a fault.
_TELLING_ANSWERS = ("json", "sarif")


def render(findings: Iterable[Finding], form: str, folder: str, tool: str = "contractgen lint") -> str:
    """Write findings in one of FORMATS; `folder` is where their files lie, `tool` the command that found them."""
    write: Callable[[list[Entry], str], str] = import_module(f"contractgen.report.{_MODULES[form]}").write
    told = findings if form in _TELLING_ANSWERS else (item for item in findings if item.answered is None)
    return write(entries(told, folder), tool)


def fails(findings: Iterable[Finding]) -> bool:
    """Say whether one of the findings is more than a note, and nobody answers for it."""
    return any(severity(finding.rule) != "note" and finding.answered is None for finding in findings)
