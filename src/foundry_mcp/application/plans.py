"""Plans: pinned ones from the store, and the one a spec file gives now, each prepared once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from foundry_contracts.models.formats_plan import Plan
from foundry_mcp.machine.plan_index import PlanIndex, index_plan
from foundry_mcp.machine.situation import SpecOnDisk
from foundry_mcp.machine.spec_document import plan_digest, structure_digest
from foundry_mcp.ports import LoadedSpec, PlanText, SpecFiles, Store


class PlanBroken(Exception):
    """Report that a pinned plan is not in the store as it was pinned."""


class Plans:
    """Keep prepared plans by digest; plans never change."""

    def __init__(self, store: Store, specs: SpecFiles) -> None:
        self._store = store
        self._specs = specs
        self._pinned: dict[str, PlanIndex] = {}
        self._read: dict[str, tuple[LoadedSpec, SpecOnDisk]] = {}

    def pinned(self, digest: str) -> PlanIndex:
        """Give the plan a session pinned."""
        known = self._pinned.get(digest)
        if known is None:
            plan = pinned_plan(self._store.plan(digest), digest)
            known = self._pinned[digest] = index_plan(plan, digest, structure_digest(plan))
        return known

    def on_disk(self, spec_id: str) -> SpecOnDisk | None:
        """Give a spec as its file stands now; None where there is none."""
        loaded = self._specs.load(spec_id)
        if loaded is None:
            return None
        known = self._read.get(spec_id)
        if known is None or known[0] is not loaded:
            known = self._read[spec_id] = (loaded, _prepare(loaded))
        return known[1]

    def text(self, plan: PlanIndex) -> PlanText:
        """Give a plan as the store keeps it."""
        self._pinned.setdefault(plan.digest, plan)
        return PlanText(plan.digest, plan.plan.model_dump_json(exclude_unset=True))


def pinned_plan(text: PlanText | None, digest: str) -> Plan:
    """Read a pinned plan; PlanBroken where it is gone or is not what its digest says."""
    if text is None:
        raise PlanBroken(f"The pinned plan {digest} is not in the store.")
    try:
        plan = Plan.model_validate_json(text.text)
    except ValueError as error:
        raise PlanBroken(f"The pinned plan {digest} cannot be read.") from error
    if plan_digest(plan) != digest:
        raise PlanBroken(f"The pinned plan {digest} was changed: its digest is another.")
    return plan


def _prepare(loaded: LoadedSpec) -> SpecOnDisk:
    plan = loaded.plan
    if plan is None:
        return SpecOnDisk(None, loaded.findings)
    return SpecOnDisk(
        index_plan(plan, plan_digest(plan), loaded.structure_digest), loaded.findings, tuple(_claimed(plan))
    )


def _claimed(plan: Plan) -> Iterator[str]:
    """Say which statuses the file claims: they are no evidence, and the work is done again."""
    statuses = Counter(unit.status for phase in plan.phases for unit in phase.units)
    for status, count in sorted(statuses.items()):
        if status not in ("pending", ""):
            yield f"The file says {status!r} of {count} units; that is no evidence: they are done again."
