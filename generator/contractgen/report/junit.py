"""Findings as a JUnit report, which most CI systems show: a failure each, a pass for each note."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from contractgen.report.entry import Entry

# XML 1.0 has no way to write these, not even escaped.
_UNWRITABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(entries: list[Entry], tool: str) -> str:
    """Write one test case a finding, or one that passed where there is none."""
    failures = sum(entry.severity != "note" for entry in entries)
    counts = {"tests": str(max(len(entries), 1)), "failures": str(failures), "errors": "0"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": tool, **counts, "skipped": "0"})
    for entry in entries:
        _case(suite, entry)
    if not entries:
        ElementTree.SubElement(suite, "testcase", {"classname": tool, "name": "no findings"})
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _case(suite: ElementTree.Element, entry: Entry) -> None:
    name = f"{entry.file}:{entry.line}:{entry.column} {entry.pointer or '/'}"
    case = ElementTree.SubElement(suite, "testcase", {"classname": entry.rule, "name": _writable(name)})
    text = _writable("\n".join(part for part in (entry.message, entry.remedy, entry.proof) if part))
    if entry.severity == "note":
        ElementTree.SubElement(case, "system-out").text = text
        return
    failure = {"type": entry.severity, "message": _writable(entry.message)}
    ElementTree.SubElement(case, "failure", failure).text = text


def _writable(text: str) -> str:
    return _UNWRITABLE.sub("\ufffd", text)
