"""What the guard's table has to be beside what its rows do: whole, without doubles, of one mind with the rest."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from foundry_contracts.settings import FILE_NAME
from foundry_contracts.tables import (
    GUARDED_AGENT_INFO,
    GUARDED_PLACE_INFO,
    GUARDED_VERB_VALUES,
    PROGRAM_INTERPRETER_VALUES,
    PROGRAM_KIND_INFO,
    PROGRAM_WRAPPER_VALUES,
)
from foundry_contracts.vocabulary import GuardAccess, GuardedAgent, GuardedPlace, GuardReason, ProgramKind
from tests.guard.workplace import Workplace

# Stated a second time: what a loop may do where.
HIDDEN = {GuardedPlace.STATE, GuardedPlace.PROCESSES}


def test_the_store_is_hidden_and_everything_else_can_be_read() -> None:
    assert {place for place, info in GUARDED_PLACE_INFO.items() if info.access is GuardAccess.NONE} == HIDDEN
    assert GUARDED_PLACE_INFO[GuardedPlace.SETTINGS].paths == (FILE_NAME,)


def test_no_program_is_of_two_kinds() -> None:
    names = [program for info in PROGRAM_KIND_INFO.values() for program in info.programs]
    names += [*GUARDED_VERB_VALUES, *PROGRAM_WRAPPER_VALUES, *PROGRAM_INTERPRETER_VALUES]
    assert [name for name, times in Counter(names).items() if times > 1] == []
    for known in GUARDED_VERB_VALUES.values():
        assert not set(known.reads) & set(known.changes)
        assert {*known.reserved_options, *known.runs} <= {*known.reads, *known.changes}


@pytest.mark.parametrize("program", PROGRAM_KIND_INFO[ProgramKind.RESERVED].programs)
def test_a_reserved_program_is_refused(workplace: Workplace, program: str) -> None:
    assert workplace.judged(f"{program} x") is GuardReason.COMMAND_RESERVED


@pytest.mark.parametrize("program", PROGRAM_KIND_INFO[ProgramKind.REMOVER].programs)
def test_a_program_that_changes_files_keeps_off_specs_and_what_holds_them(workplace: Workplace, program: str) -> None:
    assert workplace.judged(f"{program} specs/active/greeter.json") is GuardReason.PLACE_READ_ONLY
    assert workplace.judged(f"{program} .") is GuardReason.PLACE_READ_ONLY
    assert workplace.judged(f"{program} src/a.py") is None


@pytest.mark.parametrize("program", sorted({*PROGRAM_KIND_INFO[ProgramKind.READER].programs} - {"[[", "alias", "cd"}))
def test_a_program_that_reads_may_read_specs_and_not_the_store(workplace: Workplace, program: str) -> None:
    assert workplace.judged(f"{program} specs/active/greeter.json") is None
    assert workplace.judged(f"{program} %STATE%/work-1/keys/mac.secret") is GuardReason.PLACE_HIDDEN


@pytest.mark.parametrize("name", sorted(PROGRAM_WRAPPER_VALUES))
def test_a_program_is_judged_through_the_one_that_runs_it(workplace: Workplace, name: str) -> None:
    known = PROGRAM_WRAPPER_VALUES[name]
    for verb in known.verbs or ("",):
        words = [name, verb, *known.valued[:1], *(["x"] if known.valued else []), *(["1"] * known.before)]
        assert workplace.judged(" ".join(filter(None, [*words, "git push"]))) is GuardReason.COMMAND_RESERVED


@pytest.mark.parametrize("name", sorted(PROGRAM_INTERPRETER_VALUES))
def test_code_that_names_a_spec_is_refused_whatever_runs_it(workplace: Workplace, name: str) -> None:
    known = PROGRAM_INTERPRETER_VALUES[name]
    for option in known.code or (("",) if known.first else ()):
        assert workplace.judged(f"{name} {option} 'x(\"specs/a\")'") is GuardReason.PLACE_READ_ONLY
    if known.reads_input:
        assert workplace.judged(f"cat x | {name}") is GuardReason.NOT_UNDERSTOOD


@pytest.mark.parametrize("agent", list(GuardedAgent))
def test_an_agent_s_own_files_are_guarded_and_its_hook_sees_every_tool(agent: GuardedAgent) -> None:
    known = GUARDED_AGENT_INFO[agent]
    assert known.file in known.files
    assert known.matcher == "*" or re.fullmatch(known.matcher, "any_tool")
    names = [tool["tool"] for tool in known.tools]
    assert len(names) == len(set(names))


def test_the_rules_of_an_agent_name_the_places_in_its_workspace() -> None:
    known = GUARDED_AGENT_INFO[GuardedAgent.CLAUDE_CODE]
    workspace = [
        path for place in (GuardedPlace.SPECS, GuardedPlace.SETTINGS) for path in GUARDED_PLACE_INFO[place].paths
    ]
    for path in (*workspace, *known.files):
        assert any(rule in known.denials for rule in (f"Edit(/{path})", f"Edit(/{path}/**)")), path
