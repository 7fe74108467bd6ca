"""Each rule of the lint: a page, a case it fails and one that comes near and passes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import contractgen
from contractgen import report, rulebook
from contractgen.model import Finding
from contractgen.pipeline import lint
from tests.generator.library import LIBRARY
from tests.generator.lint_cases import CASES, FAILING, PASSING, laid_out, main, named, told

PACKAGE = Path(contractgen.__file__).parent
PLACE = re.compile(
    r"^contracts/(?P<file>[^:]+):\d+:\d+: (?P<pointer>/\S*): (?:\w+: )?\[(?P<rule>[a-z-]+)\] (?P<rest>.+)$"
)


def not_notes(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if report.fails([finding])]


def named_in_code() -> set[str]:
    """List the rules that the toolchain's code names: what is given first to a finding, or as `rule`."""
    words: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in calls:
            words |= {a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)}
    return words & rulebook.pages().keys() | {word for word in words if word in _first_words()}


def _first_words() -> set[str]:
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Finding"
                and node.args
            ):
                first = node.args[0]
                found |= {first.value} if isinstance(first, ast.Constant) and isinstance(first.value, str) else set()
    return found


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
    assert _first_words() - rulebook.pages().keys() == set()
    assert rulebook.pages().keys() - named_in_code() == set()


def test_every_rule_has_a_case_that_fails_and_one_that_passes() -> None:
    # What `breaking` tells takes two sets: test_breaking.py has those.
    rules = {rule for rule in rulebook.pages() if not rule.startswith(("breaking-", "acceptance-"))}
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
