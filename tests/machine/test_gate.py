"""What a unit lacks to count as done, where its session carried it over."""

from __future__ import annotations

from pathlib import Path

import pytest
from rpds import HashTrieMap

from foundry_contracts.vocabulary import ReviewFindingCode, UnitStanding
from foundry_mcp.machine.gate import lacking
from foundry_mcp.machine.replacing import replace
from foundry_mcp.machine.session import Proven
from tests.driving import check, spec, start
from tests.in_process import InProcess

pytestmark = pytest.mark.anyio


async def test_a_carried_check_that_was_done_again_needs_the_receipt_of_that(tmp_path: Path) -> None:
    call = InProcess(tmp_path, spec("a-spec", [check("v1", command="make")]))
    begun = call.application._sessions.load(await start(call, "a-spec"))
    assert begun is not None
    (unit,) = begun.phase.units
    carried = replace(begun, standing=HashTrieMap({"v1": UnitStanding.PROVEN}), carried=frozenset({"v1"}))
    assert lacking(carried, unit) is None
    again = lacking(replace(carried, receipts=HashTrieMap({"v1": Proven(None, "0" * 64)})), unit)
    assert again is not None
    assert again.code == ReviewFindingCode.RECEIPT_MISSING
