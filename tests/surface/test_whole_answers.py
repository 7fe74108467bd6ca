"""Answers that go out in one piece, and what must not wait for one."""

from __future__ import annotations

from typing import Any

from foundry_mcp.surface.http.whole_answers import WholeAnswers


class Written:
    """Stand for a transport, and keep what is done to it."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.under_way = False

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


def begun() -> tuple[Written, WholeAnswers]:
    beneath = Written()
    return beneath, WholeAnswers(beneath, lambda: beneath.under_way)  # type: ignore[arg-type]


def test_the_parts_of_an_answer_are_one_write() -> None:
    beneath, answers = begun()
    beneath.under_way = True
    answers.write(b"head ")
    answers.write(b"body")
    assert beneath.done == []
    beneath.under_way = False
    answers.write(b"")
    assert beneath.done == [b"head body"]


def test_what_is_no_part_of_an_answer_under_way_is_written_at_once_and_nothing_is_no_write() -> None:
    beneath, answers = begun()
    answers.write(b"go on")
    answers.write(b"")
    assert beneath.done == [b"go on"]


def test_what_is_held_goes_out_before_the_end() -> None:
    beneath, answers = begun()
    beneath.under_way = True
    answers.write(b"head")
    answers.close()
    assert beneath.done == [b"head", "closed"]
    assert answers.is_closing()
