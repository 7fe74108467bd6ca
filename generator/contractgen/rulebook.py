"""The rules by id: what each holds, how grave a breach is, and the page that explains it.

A page is `pages/ID.md`. Its first line is `# ID: what holds`, then comes `Severity: error`, then why and what to do.
An error stops generation; a warning fails `lint`; a note is told and fails nothing.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib import resources

SEVERITIES = ("error", "warning", "note")
_HEAD = re.compile(rf"\A# (?P<id>\S+): (?P<title>.+)\n\nSeverity: (?P<severity>{'|'.join(SEVERITIES)})\n\n")


@dataclass(frozen=True, slots=True)
class Page:
    """Hold one rule: its id, the sentence that holds, the severity and the whole page as Markdown."""

    id: str
    title: str
    severity: str
    text: str


@functools.cache
def pages() -> dict[str, Page]:
    """Read every page, by rule id in alphabetical order."""
    files = [file for file in resources.files("contractgen").joinpath("pages").iterdir() if file.name.endswith(".md")]
    read = [_page(file.name, file.read_text(encoding="utf-8")) for file in files]
    return {page.id: page for page in sorted(read, key=lambda page: page.id)}


def severity(rule: str) -> str:
    """Say how grave a breach of a rule is; raise LookupError for a rule without a page."""
    try:
        return pages()[rule].severity
    except KeyError:
        raise LookupError(f"the rule {rule} has no page; write contractgen/pages/{rule}.md") from None


def _page(name: str, text: str) -> Page:
    head = _HEAD.match(text)
    if head is None or name != f"{head['id']}.md":
        raise ValueError(f"contractgen/pages/{name} does not begin with its id, title and severity")
    return Page(head["id"], head["title"], head["severity"], text)
