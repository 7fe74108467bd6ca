"""The cases of the lint: cases/lint/RULE/passing and cases/lint/RULE/failing, each a few edits of the library's set.

`edits.json` lists them: in a file, text to replace and by what; or a new file with what to write. `findings.txt` of a
failing case is all that `lint` then prints. It is never written by a test: run this module to have it written anew
after a rule changed, and read the difference.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from contractgen import report, rulebook
from contractgen.pipeline import lint
from tests.generator.library import LIBRARY

CASES = Path(__file__).parent / "cases" / "lint"
PASSING = sorted(CASES.glob("*/passing"))
FAILING = sorted(CASES.glob("*/failing"))


def named(case: Path) -> str:
    """Name a case by its rule."""
    return case.parent.name


def laid_out(case: Path, folder: Path) -> Path:
    """Copy the library's contracts into a folder with the case's edits made, and give where they lie."""
    contracts = Path(shutil.copytree(LIBRARY, folder / "contracts"))
    for edit in json.loads((case / "edits.json").read_text(encoding="utf-8")):
        path = contracts / edit["file"]
        if "write" in edit:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(edit["write"]), encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        assert text.count(edit["replace"]) == 1, (
            f"{case}: {edit['replace']!r} stands {text.count(edit['replace'])} times"
        )
        path.write_text(text.replace(edit["replace"], edit["by"]), encoding="utf-8")
    return contracts


def told(case: Path, contracts: Path) -> str:
    """Print the findings of a set as `lint` does; notes where the case is about one, less those of the library."""
    findings = lint(contracts)[1]
    if rulebook.severity(named(case)) == "note":
        before = {(finding.rule, finding.origin.pointer) for finding in lint(LIBRARY)[1]}
        findings = [finding for finding in findings if (finding.rule, finding.origin.pointer) not in before]
    else:
        findings = [finding for finding in findings if report.fails([finding])]
    return report.render(findings, "text", "contracts") if findings else ""


def main() -> int:
    """Write findings.txt of every failing case anew, but never where nobody reads the difference."""
    if os.environ.get("CI"):
        print(
            "lint_cases: expected findings are not written in CI. Remedy: write them on your machine.", file=sys.stderr
        )
        return 2
    for case in FAILING:
        with tempfile.TemporaryDirectory() as folder:
            said = told(case, laid_out(case, Path(folder)))
        (case / "findings.txt").write_text(said, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
