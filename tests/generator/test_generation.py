"""What is generated can be imported, is exactly typed, and does what the contracts say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.generator.library import Run

USE = """
from collections.abc import Callable
from library_contracts.handlers import Accepted, Handlers, Refusal
from library_contracts.events import ItemLent, event_type
from library_contracts.models.loan_item_borrow import BorrowRequest, BorrowResponse
from library_contracts.models.loan_item_give_back import GiveBackRequest, GiveBackResponse
from library_contracts.models.catalog_search import SearchRequest, SearchResponse
from library_contracts.models.shapes import Book
from library_contracts.tables import decide_advice
from library_contracts.vocabulary import ItemStatus, Problem


def borrow(context: int, request: BorrowRequest) -> Accepted[BorrowResponse] | Refusal:
    reply = BorrowResponse(item=Book(kind="book", pages=3), due="2026-02-01")
    return Accepted(reply, (ItemLent(item=request.item, due=reply.due),))


def give_back(context: int, request: GiveBackRequest) -> Accepted[GiveBackResponse] | Refusal:
    return Refusal(Problem.NO_SUCH_ITEM, "no such item", {"item": request.item})


def search(context: str, request: SearchRequest) -> SearchResponse | Refusal:
    return SearchResponse(shelves=[])


handlers: Handlers[int, str] = Handlers(loan_item_borrow=borrow, loan_item_give_back=give_back, catalog_search=search)
said: str | None = decide_advice(problem=Problem.ON_LOAN, status=ItemStatus.LENT).say
answer = handlers.loan_item_borrow(1, BorrowRequest(item="B-1"))
assert isinstance(answer, Accepted) and event_type(answer.events[0]) == "item_lent"
"""


@pytest.fixture(scope="module")
def use(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a program that uses the generated package."""
    path = tmp_path_factory.mktemp("use") / "use.py"
    path.write_text(USE, encoding="utf-8")
    return path


def python(generated: Path) -> str:
    return str(generated / "python")


def test_a_program_that_uses_the_generated_package_runs(generated: Path, use: Path, run: Run) -> None:
    done = run("-W", "error", str(use), PYTHONPATH=python(generated))
    assert done.returncode == 0, done.stderr


def test_the_generated_package_and_its_user_type_check_strictly(generated: Path, use: Path, run: Run) -> None:
    package = generated / "python" / "library_contracts"
    cache = str(use.parent / "mypy")
    done = run("-m", "mypy", "--strict", "--cache-dir", cache, str(package), str(use), MYPYPATH=python(generated))
    assert done.returncode == 0, done.stdout


def test_a_missing_handler_is_named_when_the_record_is_built(generated: Path, run: Run) -> None:
    code = "from library_contracts.handlers import Handlers; Handlers(loan_item_borrow=None, catalog_search=None)"
    done = run("-c", code, PYTHONPATH=python(generated))
    assert done.stderr.splitlines()[-3:] == [
        "TypeError: 1 handler(s) missing.",
        "loan_item_give_back: nothing carries out loan.item.give-back, which"
        " contracts/commands/loan/give_back.json:5:3 /x-command declares.",
        "Remedy: Write the functions, and name them in Handlers(...).",
    ]


def test_vocabulary_tables_and_dispatch_import_nothing_but_the_standard_library(generated: Path, run: Run) -> None:
    code = (
        "import sys, library_contracts.tables, library_contracts.dispatch, library_contracts.handlers;"
        "print([name for name in sys.modules if name.startswith(('pydantic', 'typing_extensions'))])"
    )
    assert run("-c", code, PYTHONPATH=python(generated)).stdout.strip() == "[]"


def test_dispatch_holds_every_command_route_and_alias(generated: Path, run: Run) -> None:
    code = """
import json
from library_contracts.dispatch import ALIASES, COMMANDS, ROUTES
entry = COMMANDS["loan.item.give-back"]
alias = ALIASES["loan", "borrow-item"]
print(json.dumps([
    list(COMMANDS), [list(key) for key in ROUTES], entry.identifier, entry.role, entry.flag, entry.emits,
    entry.request_model, entry.request_schema, alias.command_name, dict(alias.replacement), alias.removal_date]))
"""
    assert json.loads(run("-c", code, PYTHONPATH=python(generated)).stdout) == [
        ["loan.item.borrow", "loan.item.give-back", "catalog.search"],
        [["loan", "item", "borrow"], ["loan", "item", "give-back"], ["catalog", "search", None]],
        "loan_item_give_back",
        "librarian",
        "returns",
        ["item_returned", "item_lost"],
        "library_contracts.models.loan_item_give_back:GiveBackRequest",
        "loan_item_give_back.request.json",
        "loan.item.borrow",
        {"action": "item", "command": "borrow"},
        "2027-01-01",
    ]


def test_tables_decide_the_first_match_and_refuse_a_point_outside_the_domain(generated: Path, run: Run) -> None:
    code = """
from library_contracts.tables import *
from library_contracts.vocabulary import *
print(decide_advice(problem=Problem.ON_LOAN, status=ItemStatus.LOST).say)
print(decide_advice(status=ItemStatus.LOST).say)
print(decide_advice(status=ItemStatus.LENT).say)
print(PROBLEM_INFO[Problem.ON_LOAN].retryable, PROBLEM_INFO[Problem.BAD_CALL].retryable)
print(ITEM_LIFE_TRANSITIONS["item_lost"].source == {ItemStatus.LENT, ItemStatus.ON_SHELF}, ITEM_LIFE_TERMINAL)
print(LENDING_RULE_VALUES["open-shelf"].open_to == (Standing.READER, Standing.LIBRARIAN))
try:
    decide_advice()
except LookupError as error:
    print(error)
"""
    assert run("-c", code, PYTHONPATH=python(generated)).stdout.splitlines() == [
        "Wait for it.",
        "Report it.",
        "None",
        "True False",
        "True frozenset({<ItemStatus.LOST: 'lost'>})",
        "True",
        "Advice has no row for problem=None, status=None",
    ]


def test_a_request_s_default_is_the_enumeration_s_member(generated: Path, run: Run) -> None:
    code = """
from library_contracts.models.loan_item_borrow import BorrowRequest
from library_contracts.vocabulary import Standing
request = BorrowRequest.model_validate({"item": "B-1"})
print(request.as_ is Standing.READER, request.model_dump(exclude_unset=True))
"""
    assert run("-c", code, PYTHONPATH=python(generated)).stdout.strip() == "True {'item': 'B-1'}"


def test_every_generated_file_of_python_names_its_contract_or_all_of_them(generated: Path) -> None:
    for path in generated.rglob("*.py"):
        assert "Generated by contractgen from" in path.read_text(encoding="utf-8"), path
    model = generated / "python/library_contracts/models/shapes.py"
    assert "# Source: contracts/shapes.json" in model.read_text(encoding="utf-8")
