"""Each rule of the lint: a page, a case it fails and one that comes near and passes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import contractgen
from contractgen import report, rulebook
from contractgen.cli import main as cli
from contractgen.model import Finding
from contractgen.pipeline import lint
from tests.generator.library import LIBRARY, Edit
from tests.generator.lint_cases import CASES, FAILING, PASSING, laid_out, main, named, told

PACKAGE = Path(contractgen.__file__).parent
PLACE = re.compile(
    r"^contracts/(?P<file>[^:]+):\d+:\d+: (?P<pointer>/\S*): (?:\w+: )?\[(?P<rule>[a-z-]+)\] (?P<rest>.+)$"
)


def not_notes(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if report.fails([finding])]


def calls() -> Iterator[ast.Call]:
    for path in PACKAGE.rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        yield from (node for node in nodes if isinstance(node, ast.Call))


def texts(call: ast.Call) -> list[str]:
    return [word.value for word in call.args if isinstance(word, ast.Constant) and isinstance(word.value, str)]


def test_the_sound_set_has_no_findings() -> None:
    assert not_notes(lint(LIBRARY)[1]) == []


@pytest.mark.parametrize("case", FAILING, ids=named)
def test_a_failing_case_is_told_with_place_and_remedy(case: Path, tmp_path: Path) -> None:
    said = told(case, laid_out(case, tmp_path))
    assert said == (case / "findings.txt").read_text(encoding="utf-8")
    found = [place for line in said.splitlines() if (place := PLACE.match(line))]
    assert named(case) in {place["rule"] for place in found}
    assert all((tmp_path / "contracts" / place["file"]).is_file() for place in found)


@pytest.mark.parametrize("case", PASSING, ids=named)
def test_a_passing_case_has_no_findings(case: Path, tmp_path: Path) -> None:
    assert told(case, laid_out(case, tmp_path)) == ""


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    """Findings name their rule first; rules that share code hand it on as a word of a call."""
    found = [call for call in calls() if isinstance(call.func, ast.Name) and call.func.id == "Finding"]
    assert {
        call.args[0].value for call in found if isinstance(call.args[0], ast.Constant)
    } - rulebook.pages().keys() == set()
    assert rulebook.pages().keys() - {word for call in calls() for word in texts(call)} == set()


def test_every_rule_has_a_case_that_fails_and_one_that_passes() -> None:
    # What `breaking` and `check` tell takes two sets or outputs: test_breaking.py and test_check.py have those.
    rules = {rule for rule in rulebook.pages() if not rule.startswith(("breaking-", "acceptance-", "output-"))}
    assert {named(case) for case in FAILING} == rules
    assert {named(case) for case in PASSING} == rules
    assert {path.name for path in CASES.iterdir()} == rules


def test_advice_is_given_only_where_there_are_no_errors() -> None:
    for case in FAILING:
        lines = (case / "findings.txt").read_text(encoding="utf-8").splitlines()
        rules = {place["rule"] for line in lines if (place := PLACE.match(line))}
        # Advice takes a sound set: where one finding is an error, all are.
        assert len({rulebook.severity(rule) == "error" for rule in rules}) == 1, case


def test_expected_findings_are_never_written_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert main() == 2


def test_a_warning_fails_the_lint_and_stops_no_generation(contracts: Path, edit: Edit, tmp_path: Path) -> None:
    edit("shapes.json", lambda data: data["$defs"]["Day"].pop("description"))
    assert cli(["lint", "--contracts", str(contracts)]) == 1
    assert cli(["generate", "--contracts", str(contracts), "--out", str(tmp_path / "generated")]) == 0


def test_notes_are_told_when_asked_for_and_fail_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["lint", "--contracts", str(LIBRARY), "--notes"]) == 0
    assert "note: [beyond-language]" in capsys.readouterr().out
    assert cli(["lint", "--contracts", str(LIBRARY)]) == 0
    assert "note" not in capsys.readouterr().out


def test_what_is_suppressed_leaves_no_trace_in_the_outputs(contracts: Path, edit: Edit, tmp_path: Path) -> None:
    entry = {"rule": "property-described", "reason": "An old map.", "until": "2999-12-31"}

    def suppress(data: Any) -> None:
        chart = data["$defs"]["Chart"]
        chart["properties"]["scale"].pop("description")
        chart["properties"]["scale"]["x-suppress"] = [entry]

    edit("shapes.json", suppress)
    assert not_notes(lint(contracts)[1]) == []
    out = tmp_path / "generated"
    assert cli(["generate", "--contracts", str(contracts), "--out", str(out)]) == 0
    texts = {path: path.read_text(encoding="utf-8") for path in out.rglob("*") if path.is_file()}
    own = out / "docs"
    assert [path for path, text in texts.items() if "x-suppress" in text and own not in path.parents] == []
