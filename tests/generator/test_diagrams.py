"""State and sequence diagrams follow from the tables, and say no more than they do."""

from __future__ import annotations

from pathlib import Path

import pytest

from contractgen.diagrams import life, state_diagram
from contractgen.model import Machine, Origin, Transition
from contractgen.reference_tables import consequences
from tests.generator.contract_sets import FOLDERS, LIBRARY, NAMES, load


def machine(*moves: tuple[str, str, str], terminal: tuple[str, ...] = ("done",)) -> Machine:
    transitions = tuple(Transition(trigger, (source,), (target,), "") for trigger, source, target in moves)
    return Machine("Life", "A life.", "State", "new", terminal, transitions, Origin("a.json", ""))


def test_the_librarys_life_is_drawn_with_its_events_and_with_the_command_where_no_event_leads() -> None:
    contracts = load(LIBRARY)
    assert state_diagram(contracts.machines["ItemLife"], contracts.events).splitlines() == [
        "stateDiagram-v2",
        "    [*] --> on_shelf",
        "    on_shelf --> lent: loan.item.borrow",
        "    lent --> on_shelf: item_returned",
        "    lent --> lost: item_lost",
        "    on_shelf --> lost: item_lost",
        "    lost --> [*]",
    ]


def test_a_life_with_two_ends_is_told_as_two_ways() -> None:
    told = life(load(LIBRARY), machine(
        ("loan.item.borrow", "new", "out"), ("item_returned", "out", "done"), ("item_lost", "new", "gone"),
        ("item_lost", "out", "gone"), terminal=("done", "gone"),
    ))  # fmt: skip
    assert told.splitlines() == [
        "sequenceDiagram",
        "    participant C as client",
        "    participant S as server",
        "    participant L as log",
        "    Note over S: new",
        "    alt it ends as done",
        "        C->>S: loan.item.borrow",
        "        Note over S: out",
        "        C->>S: loan.item.give-back",
        "        S->>L: item_returned",
        "        Note over S: done",
        "    else it ends as gone",
        "        C->>S: loan.item.give-back",
        "        S->>L: item_lost",
        "        Note over S: gone",
        "    end",
    ]


def test_a_life_without_an_end_has_no_way_to_one() -> None:
    assert life(load(LIBRARY), machine(("item_lost", "new", "out"), terminal=())) == ""


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_every_diagram_names_only_states_and_triggers_of_its_machine(folder: Path) -> None:
    contracts = load(folder)
    for drawn in contracts.machines.values():
        states = {member.value.replace("-", "_") for member in contracts.enumerations[drawn.states].members}
        for line in state_diagram(drawn, contracts.events).splitlines()[1:]:
            arrow, _, label = line.strip().partition(": ")
            assert set(arrow.split(" --> ")) <= states | {"[*]"}
            assert set(filter(None, label.split("<br/>"))) <= {move.trigger for move in drawn.transitions}


def test_what_follows_an_error_is_what_its_tables_decide() -> None:
    decided = "say `Wait for it.`; stop `false`; calls `catalog`; rule `reading-room`"
    assert consequences(load(LIBRARY), "ON_LOAN") == [decided]
    assert consequences(load(LIBRARY), "BAD_CALL") == ["say `Ask for another.`; stop `true`; next `catalog.search`"]
