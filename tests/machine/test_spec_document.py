"""Every rule of reading a spec file, one case each."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundry_contracts.models.formats_plan import Plan, PlanUnit
from foundry_contracts.vocabulary import FindingCode, FindingLevel, UnitKind, VerificationKind
from foundry_mcp.adapters.json_text import parse_json
from foundry_mcp.machine.spec_document import SpecReading, plan_digest, read_spec, structure_digest
from foundry_mcp.machine.spec_order import circles

SPEC_ID = "a-spec"
REAL = Path(os.environ.get("FOUNDRY_SPECS", Path(__file__).parents[3] / "shared" / "specs"))
REAL_FILES = sorted(REAL.glob("*.json"))
BROKEN = "git-integration-2025-10-26-001"
Json = dict[str, Any]


def node(kind: str, parent: str | None = None, children: list[str] | None = None, **more: Any) -> Json:
    return {"type": kind, "parent": parent, "children": children or [], **more}


def after(*targets: str) -> Json:
    return {"dependencies": {"blocked_by": list(targets)}}


def verify(parent: str, kind: str | None = "manual", **metadata: Any) -> Json:
    more = {} if kind is None else {"verification_type": kind}
    return node("verify", parent, metadata={**more, **metadata})


def spec(hierarchy: Json, **more: Any) -> Json:
    return {"spec_id": SPEC_ID, "title": "A spec", "hierarchy": hierarchy, **more}


def one_phase(**nodes: Json) -> Json:
    """Make a spec of one phase `p`; the nodes that name it as their parent are its children."""
    inside = [name for name, content in nodes.items() if content.get("parent") == "p"]
    return spec({"root": node("spec", None, ["p"]), "p": node("phase", "root", inside), **nodes})


def two_phases(first: Json | None = None, second: Json | None = None, task: Json | None = None) -> Json:
    return spec(
        {
            "root": node("spec", None, ["p1", "p2"]),
            "p1": node("phase", "root", ["t1"], **(first or {})),
            "p2": node("phase", "root", ["t2"], **(second or {})),
            "t1": node("task", "p1", **(task or {})),
            "t2": node("task", "p2"),
        }
    )


def plan_of(document: object) -> Plan:
    reading = read_spec(document, SPEC_ID)
    assert [finding for finding in reading.findings if finding.level is FindingLevel.ERROR] == []
    assert reading.plan is not None
    return reading.plan


def units_of(document: object) -> dict[str, PlanUnit]:
    return {unit.id: unit for phase in plan_of(document).phases for unit in phase.units}


def waits_of(document: object) -> dict[str, list[str]]:
    return {name: list(unit.depends_on) for name, unit in units_of(document).items()}


def met(reading: SpecReading) -> list[tuple[FindingCode, str, str]]:
    return [(f.code, f.pointer, str(f.model_dump().get("node", ""))) for f in reading.findings]


C = FindingCode
FAULTS: list[tuple[str, object, list[tuple[FindingCode, str, str]]]] = [
    ("not an object", [], [(C.WRONG_TYPE, "", "")]),
    ("no nodes", {"spec_id": SPEC_ID}, [(C.MISSING_FIELD, "", "")]),
    ("no id", {**one_phase(t=node("task", "p")), "spec_id": None}, [(C.MISSING_FIELD, "", "")]),
    ("number as id", {**one_phase(t=node("task", "p")), "spec_id": 5}, [(C.WRONG_TYPE, "/spec_id", "")]),
    (
        "absolute path",
        one_phase(t=node("task", "p", metadata={"file_path": "/etc/passwd"})),
        [(C.OUTSIDE_WORKSPACE, "/hierarchy/t/metadata/file_path", "t")],
    ),
    (
        "path upwards",
        one_phase(t=node("task", "p", metadata={"file_path": "a/../../b"})),
        [(C.OUTSIDE_WORKSPACE, "/hierarchy/t/metadata/file_path", "t")],
    ),
    ("other id", {**one_phase(t=node("task", "p")), "spec_id": "b"}, [(C.ID_MISMATCH, "/spec_id", "")]),
    (
        "hierarchy is a list",
        {**spec({}), "hierarchy": [1]},
        [(C.WRONG_TYPE, "/hierarchy", ""), (C.NO_PHASES, "/hierarchy", "")],
    ),
    ("only a root", spec({"root": node("spec")}), [(C.NO_PHASES, "/hierarchy", "")]),
    ("compact without phases", {"spec_id": SPEC_ID, "phases": []}, [(C.NO_PHASES, "/phases", "")]),
    (
        "no root",
        spec({"p": node("phase", None, ["t"]), "t": node("task", "p")}),
        [(C.MISSING_FIELD, "/hierarchy", ""), (C.UNLISTED_CHILD, "/hierarchy/p", "p")],
    ),
    ("no type", one_phase(t={"parent": "p"}), [(C.MISSING_FIELD, "/hierarchy/t", "t")]),
    ("unknown type", one_phase(t=node("epic", "p")), [(C.WRONG_TYPE, "/hierarchy/t/type", "t")]),
    ("title is a number", one_phase(t=node("task", "p", title=3)), [(C.WRONG_TYPE, "/hierarchy/t/title", "t")]),
    (
        "two faults in one node",
        one_phase(t=node("task", "p", status=1, metadata=[])),
        [(C.WRONG_TYPE, "/hierarchy/t/metadata", "t"), (C.WRONG_TYPE, "/hierarchy/t/status", "t")],
    ),
    (
        "pointer escapes",
        one_phase(**{"a/b~c": node("task", "p", title=3)}),
        [(C.WRONG_TYPE, "/hierarchy/a~1b~0c/title", "a/b~c")],
    ),
    (
        "dependency is a number",
        one_phase(t=node("task", "p", dependencies={"blocked_by": [1]})),
        [(C.WRONG_TYPE, "/hierarchy/t/dependencies/blocked_by/0", "t")],
    ),
    (
        "two listers",
        one_phase(a=node("group", "p", ["t"]), b=node("group", "p", ["t"]), t=node("task", "a")),
        [(C.TWO_PARENTS, "/hierarchy/b/children/0", "t")],
    ),
    (
        "lister and named parent differ",
        spec(
            {
                "root": node("spec", None, ["p"]),
                "p": node("phase", "root", ["g", "t"]),
                "g": node("group", "p"),
                "t": node("task", "g"),
            }
        ),
        [(C.TWO_PARENTS, "/hierarchy/t/parent", "t")],
    ),
    (
        "parent is not there",
        one_phase(t=node("task", "p"), u=node("task", "gone")),
        [(C.MISSING_FIELD, "/hierarchy/u/parent", "u")],
    ),
    ("no parent at all", one_phase(t=node("task", "p"), u=node("task")), [(C.MISSING_FIELD, "/hierarchy/u", "u")]),
    (
        "contain each other",
        one_phase(t=node("task", "p"), a=node("group", "b", ["b"]), b=node("group", "a", ["a"])),
        [(C.CYCLE, "/hierarchy/a/children", "a")],
    ),
    (
        "wait for each other",
        one_phase(a=node("task", "p", **after("b")), b=node("task", "p", **after("a"))),
        [(C.CYCLE, "/hierarchy/a/dependencies", "a")],
    ),
    ("waits for itself", one_phase(a=node("task", "p", **after("a"))), [(C.CYCLE, "/hierarchy/a/dependencies", "a")]),
    (
        "waits for its group",
        one_phase(g=node("group", "p", ["t"]), t=node("task", "g", **after("g"))),
        [(C.CYCLE, "/hierarchy/g/dependencies", "g")],
    ),
    (
        "waits for its phase",
        one_phase(t=node("task", "p", **after("p"))),
        [(C.CYCLE, "/hierarchy/p/dependencies", "p")],
    ),
    (
        "empty groups wait for each other",
        one_phase(t=node("task", "p"), a=node("group", "p", **after("b")), b=node("group", "p", **after("a"))),
        [(C.CYCLE, "/hierarchy/a/dependencies", "a")],
    ),
    (
        "phases wait for each other",
        two_phases(after("p2"), after("p1")),
        [(C.CYCLE, "/hierarchy/p1/dependencies", "p1")],
    ),
    (
        "dangling dependency",
        one_phase(t=node("task", "p", **after("gone"))),
        [(C.DANGLING_DEPENDENCY, "/hierarchy/t/dependencies/blocked_by/0", "t")],
    ),
    (
        "dangling blocks",
        one_phase(t=node("task", "p", dependencies={"blocks": ["gone"]})),
        [(C.DANGLING_DEPENDENCY, "/hierarchy/t/dependencies/blocks/0", "t")],
    ),
    (
        "later phase",
        two_phases(task=after("t2")),
        [(C.LATER_PHASE_DEPENDENCY, "/hierarchy/t1/dependencies/blocked_by/0", "t1")],
    ),
    ("empty phase", one_phase(g=node("group", "p")), [(C.EMPTY_PHASE, "/hierarchy/p", "p")]),
    ("only a gate", one_phase(v=verify("p", "fidelity")), [(C.EMPTY_PHASE, "/hierarchy/p", "p")]),
    (
        "unknown verification",
        one_phase(v=verify("p", "magic")),
        [(C.UNKNOWN_VERIFICATION, "/hierarchy/v/metadata/verification_type", "v")],
    ),
    (
        "task below the root",
        spec(
            {
                "root": node("spec", None, ["p", "t"]),
                "p": node("phase", "root", ["u"]),
                "u": node("task", "p"),
                "t": node("task", "root"),
            }
        ),
        [(C.WRONG_TYPE, "/hierarchy/t/type", "t")],
    ),
    (
        "phase in a phase",
        one_phase(t=node("task", "p"), q=node("phase", "p", ["u"]), u=node("task", "q")),
        [(C.WRONG_TYPE, "/hierarchy/q/type", "q")],
    ),
    (
        "verify with children",
        one_phase(v={**verify("p"), "children": ["t"]}, t=node("task", "v")),
        [(C.WRONG_TYPE, "/hierarchy/v/children", "v")],
    ),
    ("dangling child", one_phase(t=node("task", "p", ["gone"])), [(C.DANGLING_CHILD, "/hierarchy/t/children/0", "t")]),
    (
        "unlisted child",
        one_phase(t=node("task", "p"), g=node("group", "p"), u=node("task", "g")),
        [(C.UNLISTED_CHILD, "/hierarchy/u", "u")],
    ),
    (
        "compact without id",
        {"spec_id": SPEC_ID, "phases": [{"id": "p", "tasks": [{"id": "t"}, {}]}]},
        [(C.MISSING_FIELD, "/phases/0/tasks/1", "")],
    ),
    (
        "compact id twice",
        {"spec_id": SPEC_ID, "phases": [{"id": "p", "tasks": [{"id": "t"}, {"id": "t"}]}]},
        [(C.TWO_PARENTS, "/phases/0/tasks/1", "t")],
    ),
    (
        "compact task is text",
        {"spec_id": SPEC_ID, "phases": [{"id": "p", "tasks": [{"id": "t"}, "u"]}]},
        [(C.WRONG_TYPE, "/phases/0/tasks/1", "p")],
    ),
    (
        "key slipped in writing",
        one_phase(t=node("verify", "p", metadata={"verificaton_type": "auto"})),
        [(C.MISSPELLED_KEY, "/hierarchy/t/metadata/verificaton_type", "t")],
    ),
    (
        "key of another format",
        {"spec_id": SPEC_ID, "phases": [{"id": "p", "tasks": [{"id": "t"}, {"id": "u", "depends_on": ["t"]}]}]},
        [(C.MISSPELLED_KEY, "/phases/0/tasks/1/depends_on", "u")],
    ),
    (
        "key of its author's own",
        one_phase(
            t=node("task", "p", metadata={"blocked_at": "noon", "title_of_mine": "x", "detials": "y", "details": "z"})
        ),
        [],
    ),
]


@pytest.mark.parametrize(("document", "wanted"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_is_found_where_it_stands(document: object, wanted: list[tuple[FindingCode, str, str]]) -> None:
    reading = read_spec(document, SPEC_ID)
    assert met(reading) == wanted
    mended = {FindingCode.DANGLING_CHILD, FindingCode.UNLISTED_CHILD, FindingCode.MISSPELLED_KEY}
    assert (reading.plan is None) is any(code not in mended for code, _, _ in wanted)


def test_every_finding_code_is_produced_by_some_case() -> None:
    produced = {code for _, _, wanted in FAULTS for code, _, _ in wanted}
    texts = (b'{"a": 1, "a": 2}', b"{")
    produced |= {finding.code for text in texts for finding in parse_json(text).findings}
    assert produced == set(FindingCode)


def test_all_faults_are_found_in_one_reading() -> None:
    document = one_phase(
        a=node("task", "p", **after("gone")), b=node("task", "p", **after("b")), v=verify("p", "magic")
    )
    codes = [code for code, _, _ in met(read_spec({**document, "spec_id": "other"}, SPEC_ID))]
    assert codes == [C.ID_MISMATCH, C.DANGLING_DEPENDENCY, C.CYCLE, C.UNKNOWN_VERIFICATION]


def test_a_circle_names_all_its_nodes() -> None:
    nodes = {"a": after("b"), "b": after("c"), "c": after("a")}
    reading = read_spec(one_phase(**{name: node("task", "p", **more) for name, more in nodes.items()}), SPEC_ID)
    assert "'a', 'b', 'c'" in reading.findings[0].message


@pytest.mark.parametrize(
    ("document", "title"),
    [
        (one_phase(t=node("task", "p")), "A spec"),
        ({**one_phase(t=node("task", "p")), "title": " "}, SPEC_ID),
        ({**one_phase(t=node("task", "p")), "title": None, "metadata": {"title": "Of metadata"}}, "Of metadata"),
        (
            {
                "spec_id": SPEC_ID,
                "metadata": {"title": "Of metadata"},
                "hierarchy": {
                    "root": node("spec", None, ["p"], title="Of root"),
                    "p": node("phase", "root", ["t"]),
                    "t": node("task", "p"),
                },
            },
            "Of root",
        ),
    ],
)
def test_the_title_falls_back(document: Json, title: str) -> None:
    assert plan_of(document).title == title


@pytest.mark.parametrize(
    ("more", "description"),
    [
        ({"description": "own", "metadata": {"description": "other"}}, "own"),
        ({"metadata": {"description": "extra", "details": "more"}}, "extra"),
        ({"metadata": {"details": "more"}}, "more"),
        ({"metadata": {"details": ["one", "two"]}}, "one\ntwo"),
        ({"metadata": None}, None),
    ],
)
def test_the_description_is_the_first_there_is(more: Json, description: str | None) -> None:
    assert units_of(one_phase(t=node("task", "p", **more)))["t"].model_dump().get("description") == description


@pytest.mark.parametrize("dependencies", [None, {}, {"blocked_by": None, "depends": None, "blocks": None}])
def test_absent_dependencies_mean_none(dependencies: object) -> None:
    assert waits_of(one_phase(t=node("task", "p", dependencies=dependencies))) == {"t": []}


@pytest.mark.parametrize("word", ["blocked_by", "depends"])
def test_depends_equals_blocked_by(word: str) -> None:
    document = one_phase(a=node("task", "p", dependencies={word: ["b"]}), b=node("task", "p"))
    assert waits_of(document) == {"a": ["b"], "b": []}


def test_blocks_is_the_other_side_of_blocked_by() -> None:
    document = one_phase(a=node("task", "p"), b=node("task", "p", dependencies={"blocks": ["a"]}))
    assert waits_of(document) == {"a": ["b"], "b": []}


def test_groups_are_transparent_and_hand_their_dependencies_down() -> None:
    document = one_phase(
        g=node("group", "p", ["a", "b"]),
        h=node("group", "p", ["c"], **after("g")),
        a=node("task", "g"),
        b=node("task", "g"),
        c=node("task", "h"),
    )
    assert waits_of(document) == {"a": [], "b": [], "c": ["a", "b"]}


def test_an_empty_group_passes_on_what_it_waits_for() -> None:
    document = one_phase(a=node("task", "p"), g=node("group", "p", **after("a")), b=node("task", "p", **after("g")))
    assert waits_of(document) == {"a": [], "b": ["a"]}


def test_a_task_with_subtasks_stands_for_its_leaves() -> None:
    document = one_phase(
        a=node("task", "p"),
        t=node("task", "p", ["t1", "t2"], **after("a")),
        t1=node("subtask", "t", **after("t2")),
        t2=node("subtask", "t"),
        b=node("task", "p", **after("t")),
    )
    assert waits_of(document) == {"a": [], "t1": ["a", "t2"], "t2": ["a"], "b": ["t1", "t2"]}


def test_a_verify_waits_for_all_tasks_that_do_not_wait_for_it() -> None:
    document = one_phase(
        v=verify("p"),
        a=node("task", "p"),
        b=node("task", "p", **after("v")),
        c=node("task", "p", **after("b")),
        w={**verify("p"), **after("v")},
    )
    assert waits_of(document) == {"v": ["a"], "a": [], "b": ["v"], "c": ["b"], "w": ["v", "a", "b", "c"]}


def test_two_verifies_with_a_task_behind_each_do_not_wait_in_a_circle() -> None:
    document = one_phase(
        v=verify("p"), w=verify("p"), a=node("task", "p", **after("v")), b=node("task", "p", **after("w"))
    )
    assert waits_of(document) == {"v": ["b"], "w": [], "a": ["v"], "b": ["w"]}


def test_a_fidelity_verify_names_the_gate_and_nothing_waits_for_it() -> None:
    document = one_phase(a=node("task", "p", **after("v")), v={**verify("p", "fidelity"), **after("a")})
    (phase,) = plan_of(document).phases
    assert phase.gate == "v"
    assert waits_of(document) == {"a": []}


@pytest.mark.parametrize(
    ("kind", "command", "wanted"),
    [
        ("auto", "make", VerificationKind.COMMAND),
        ("test", None, VerificationKind.COMMAND),
        ("run-tests", "  ", VerificationKind.COMMAND),
        ("manual", "make", VerificationKind.MANUAL),
        (None, "make", VerificationKind.COMMAND),
        (None, None, VerificationKind.MANUAL),
    ],
)
def test_the_verification_type_says_how(kind: str | None, command: str | None, wanted: VerificationKind) -> None:
    unit = units_of(one_phase(v=verify("p", kind, command=command)))["v"]
    assert unit.kind is UnitKind.VERIFY
    told = {} if command is None or not command.strip() else {"command": command}
    assert unit.model_dump()["verification"] == {"kind": wanted, **told}


def test_a_verify_keeps_what_it_is_judged_by() -> None:
    document = one_phase(v=verify("p", "auto", expected="ok", protected_paths="tests", acceptance_criteria=["x", ""]))
    dumped = units_of(document)["v"].model_dump(mode="json")
    assert dumped["acceptance_criteria"] == ["x"]
    assert dumped["verification"] == {"kind": "command", "expected": "ok", "protected_paths": ["tests"]}


def phases_of(document: object) -> list[str]:
    return [phase.id for phase in plan_of(document).phases]


def test_phases_follow_their_dependencies_and_else_the_root() -> None:
    assert phases_of(two_phases()) == ["p1", "p2"]
    assert phases_of(two_phases(first=after("p2"))) == ["p2", "p1"]
    document = two_phases()
    document["hierarchy"]["root"]["children"] = ["p2", "p1"]
    assert phases_of(document) == ["p2", "p1"]


def test_phases_the_root_does_not_list_come_behind_in_file_order() -> None:
    document = two_phases()
    document["hierarchy"]["root"]["children"] = ["p2"]
    assert phases_of(document) == ["p2", "p1"]
    assert [code for code, _, _ in met(read_spec(document, SPEC_ID))] == [FindingCode.UNLISTED_CHILD]


def test_a_dependency_on_an_earlier_phase_means_its_units() -> None:
    document = two_phases()
    document["hierarchy"]["t2"].update(after("p1"))
    assert waits_of(document) == {"t1": [], "t2": ["t1"]}


def test_the_compact_form_reads_like_the_other() -> None:
    tasks = [
        {"id": "a", "title": "A", "subtasks": [{"id": "a1"}, {"id": "a2", "depends": ["a1"]}]},
        {"id": "b", "dependencies": {"blocked_by": ["a"]}, "file_path": "b.py"},
        {"id": "v", "verification_type": "run-tests", "command": "make"},
    ]
    document = {"spec_id": SPEC_ID, "phases": [{"id": "p", "title": "P", "tasks": tasks}]}
    assert waits_of(document) == {"a1": [], "a2": ["a1"], "b": ["a1", "a2"], "v": ["a1", "a2", "b"]}
    units = units_of(document)
    assert units["b"].file_path == "b.py"
    assert units["v"].kind is UnitKind.VERIFY
    assert plan_of(document).title == SPEC_ID


def test_statuses_are_counted_by_unit() -> None:
    document = one_phase(a=node("task", "p", status="completed"), b=node("task", "p"), c=node("task", "p", status=" "))
    assert read_spec(document, SPEC_ID).statuses == {"completed": 1, "pending": 2}


def judged() -> Json:
    return one_phase(
        a=node("task", "p", title="A", status="pending", metadata={"acceptance_criteria": ["x"]}),
        b=node("task", "p", **after("a")),
        v=verify("p", "auto", command="make", expected="ok", acceptance_criteria=["y"], protected_paths=["tests"]),
    )


@pytest.mark.parametrize(
    ("path", "value", "same"),
    [
        (("title",), "Other", True),
        (("hierarchy", "a", "title"), "Other", True),
        (("hierarchy", "a", "status"), "completed", True),
        (("hierarchy", "a", "description"), "Other", True),
        (("hierarchy", "p", "title"), "Other", True),
        (("hierarchy", "p", "children"), ["b", "a", "v"], False),
        (("hierarchy", "b", "dependencies"), {}, False),
        (("hierarchy", "v", "metadata", "verification_type"), "manual", False),
        (("hierarchy", "v", "metadata", "command"), "true", False),
        (("hierarchy", "v", "metadata", "expected"), "fine", False),
        (("hierarchy", "v", "metadata", "acceptance_criteria"), [], False),
        (("hierarchy", "v", "metadata", "protected_paths"), [], False),
    ],
)
def test_the_structure_digest_covers_what_a_session_is_held_to(
    path: tuple[str, ...], value: object, same: bool
) -> None:
    before, changed = plan_of(judged()), copy.deepcopy(judged())
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    after_change = plan_of(changed)
    assert (structure_digest(before) == structure_digest(after_change)) is same
    assert plan_digest(before) != plan_digest(after_change)


def test_a_chain_of_groups_deeper_than_calls_can_nest_is_read() -> None:
    depth = 3000
    groups = {f"g{i}": node("group", f"g{i - 1}" if i else "p", [f"g{i + 1}"]) for i in range(depth)}
    groups[f"g{depth}"] = node("task", f"g{depth - 1}")
    assert waits_of(one_phase(**groups)) == {f"g{depth}": []}


@st.composite
def hierarchies(draw: st.DrawFn) -> Json:
    """Make a sound spec: dependencies lead from later to earlier nodes of a hidden order, or between phases back."""
    count = draw(st.integers(1, 3))
    nodes: Json = {"root": node("spec", None, [f"p{i}" for i in draw(st.permutations(range(count)))])}
    for i in range(count):
        nodes[f"p{i}"] = node(
            "phase", "root", **after(*(f"p{j}" for j in range(i) if draw(st.booleans()) or j == i - 1))
        )
        earlier: list[str] = []
        for k in range(draw(st.integers(1, 7))):
            homes = [f"p{i}", *(name for name in earlier if nodes[name]["type"] == "group")]
            kind = draw(st.sampled_from(["task", "verify", "group"])) if k else "task"
            home, name = draw(st.sampled_from(homes)), f"n{i}-{k}"
            wished = draw(st.lists(st.sampled_from(earlier), max_size=2, unique=True)) if earlier else []
            nodes[name] = node(kind, home, **after(*wished), metadata={"verification_type": "manual"})
            nodes[home]["children"].append(name)
            earlier.append(name)
    return spec(nodes)


@given(hierarchies())
@settings(max_examples=200, deadline=None)
def test_a_plan_can_be_worked_off_in_its_order(document: Json) -> None:
    reading = read_spec(document, SPEC_ID)
    if reading.plan is None:
        # A node may have drawn its own group as a dependency.
        assert {finding.code for finding in reading.findings} == {FindingCode.CYCLE}
        return
    place = {phase.id: index for index, phase in enumerate(reading.plan.phases)}
    done: set[str] = set()
    for phase in reading.plan.phases:
        assert all(
            place[earlier] < place[phase.id]
            for earlier in document["hierarchy"][phase.id]["dependencies"]["blocked_by"]
        )
        left = list(phase.units)
        while left:
            ready = next(unit for unit in left if done.issuperset(unit.depends_on))
            left.remove(ready)
            done.add(ready.id)


NAMES = st.sampled_from(["a", "b", "c", "d", "gone"])
LISTS = st.none() | st.lists(NAMES | st.integers(), max_size=3) | NAMES
ODD_NODES = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["spec", "phase", "group", "task", "subtask", "verify", "", "odd", None, 1]),
        "parent": st.none() | NAMES | st.integers(),
        "children": LISTS,
        "dependencies": st.none() | st.fixed_dictionaries({}, optional={"blocked_by": LISTS, "blocks": LISTS}) | LISTS,
        "depends": LISTS,
        "metadata": st.none()
        | st.fixed_dictionaries({}, optional={"verification_type": st.sampled_from(["fidelity", "auto", "odd", 1])}),
        "id": st.none() | NAMES,
        "tasks": st.lists(st.fixed_dictionaries({}, optional={"id": NAMES, "depends": LISTS}), max_size=3),
    },
)


@given(st.dictionaries(NAMES, ODD_NODES | st.integers(), max_size=5), st.none() | st.lists(ODD_NODES, max_size=4))
@settings(max_examples=500, deadline=None)
def test_whatever_a_file_holds_it_is_read_to_a_plan_or_to_an_error(hierarchy: Json, phases: list[Json] | None) -> None:
    document = (
        {"spec_id": SPEC_ID, "hierarchy": hierarchy} if phases is None else {"spec_id": SPEC_ID, "phases": phases}
    )
    reading = read_spec(document, SPEC_ID)
    refused = any(finding.level is FindingLevel.ERROR for finding in reading.findings)
    assert (reading.plan is None) is refused


@given(st.dictionaries(st.integers(0, 6), st.lists(st.integers(0, 6), max_size=3)))
def test_circles_are_the_groups_that_reach_each_other(drawn: dict[int, list[int]]) -> None:
    graph = {vertex: drawn.get(vertex, []) for vertex in range(7)}
    reached = {vertex: set(targets) for vertex, targets in graph.items()}
    for _ in graph:
        for seen in reached.values():
            seen.update(*(reached[target] for target in tuple(seen)))
    groups = [[b for b in graph if b in reached[a] and a in reached[b]] for a in graph if a in reached[a]]
    assert circles(graph) == [group for i, group in enumerate(groups) if group not in groups[:i]]


@pytest.mark.parametrize("path", REAL_FILES, ids=lambda path: path.stem)
def test_real_files_load(path: Path) -> None:
    text = parse_json(path.read_bytes())
    reading = read_spec(text.value, path.stem)
    assert reading.plan is not None or path.stem == BROKEN
    assert (text.findings == ()) is (path.stem != BROKEN)
    assert json.loads(path.read_text())["spec_id"] == path.stem
