"""A worker for the demo, in place of a coding agent.

It knows nothing but the JSON on its standard input, and edits files in its current folder. It stands alone: any
program in any language may take its place. Like some agents it once says that it is done when it is not: it leaves
out a page of documentation, and writes it when the gate's finding names it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COUNTING = '''"""Counting words."""

import re
from collections import Counter


def count_words(text):
    """Give how often each word of a text comes up."""
    return dict(Counter(re.findall(r"[a-z']+", text.lower())))
'''
MOST_COMMON = '''

def most_common(text, limit):
    """Give the most frequent words of a text with their counts."""
    return sorted(count_words(text).items(), key=lambda item: (-item[1], item[0]))[:limit]
'''
REPORT = '''"""The report: counts and words in two columns."""


def render(counts):
    """Lay counts and words out."""
    return "\\n".join(f"{count:>4}  {word}" for word, count in counts)
'''
COMMAND_LINE = '''"""Print the report of a file."""

import sys
from pathlib import Path

from tally.counting import most_common
from tally.report import render

if len(sys.argv) != 2:
    print("usage: python -m tally FILE", file=sys.stderr)
    sys.exit(2)
print(render(most_common(Path(sys.argv[1]).read_text(), 10)))
'''
FORMAT = """# The report's format

A line a word, the most frequent first: how often it comes up, right-aligned in four places, two blanks, the word.
"""

TASKS = {
    "task-1-1": ("tally/counting.py", COUNTING),
    "task-1-2": ("tally/counting.py", COUNTING + MOST_COMMON),
    "task-2-1": ("tally/report.py", REPORT),
    "task-3-1": ("tally/__main__.py", COMMAND_LINE),
}
MENDED = {"docs/report-format.md": FORMAT}


def main() -> None:
    """Do the step that comes in, and say how it went."""
    step: dict[str, Any] = json.load(sys.stdin)["step"]
    print(json.dumps(mended(step["findings"]) if step["findings"] else done(step["unit"]["id"])))


def done(unit: str) -> dict[str, Any]:
    """Write a task's file; a task that is not known is left out, and called done."""
    if unit not in TASKS:
        return {"outcome": "success", "note": "Done."}
    path, text = TASKS[unit]
    write(path, text)
    return {"outcome": "success", "files_touched": [path]}


def mended(findings: list[dict[str, Any]]) -> dict[str, Any]:
    """Write every file that a finding misses."""
    paths = [finding["path"] for finding in findings if finding.get("path") in MENDED]
    for path in paths:
        write(path, MENDED[path])
    return {"outcome": "success" if paths else "failure", "files_touched": paths}


def write(path: str, text: str) -> None:
    """Write a file and the folders it lies in."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)


if __name__ == "__main__":
    main()
