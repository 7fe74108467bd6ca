"""Queries on spec files: find, list, get, validate."""

from __future__ import annotations

from pydantic_core import MISSING

from foundry_contracts.handlers import Refusal
from foundry_contracts.models.spec_find import SpecFindRequest, SpecFindResponse, SpecListEntry
from foundry_contracts.models.spec_get import SpecGetRequest, SpecGetResponse
from foundry_contracts.models.spec_list import SpecListRequest, SpecListResponse
from foundry_contracts.models.spec_validate import SpecValidateRequest, SpecValidateResponse
from foundry_mcp.application.reader import Reader
from foundry_mcp.ports import SpecEntry


def find(reader: Reader, request: SpecFindRequest) -> SpecFindResponse | Refusal:
    """Find specs by a text in their id or title."""
    wanted = request.query.casefold()
    found = [
        _listed(entry)
        for entry in reader.specs.entries()
        if wanted in entry.spec_id.casefold() or wanted in entry.title.casefold()
    ]
    return SpecFindResponse(specs=found[: request.limit])


def list_specs(reader: Reader, request: SpecListRequest) -> SpecListResponse | Refusal:
    """List specs, those of one folder if it is named."""
    found = [
        _listed(entry)
        for entry in reader.specs.entries()
        if request.folder is MISSING or entry.folder is request.folder
    ]
    return SpecListResponse(specs=found[: request.limit])


def _listed(entry: SpecEntry) -> SpecListEntry:
    return SpecListEntry(spec_id=entry.spec_id, folder=entry.folder, title=entry.title)


def get(reader: Reader, request: SpecGetRequest) -> SpecGetResponse | Refusal:
    """Give a spec as it will be run."""
    plan = reader.plan(request.spec_id)
    if isinstance(plan, Refusal):
        return plan
    loaded = reader.spec(request.spec_id)
    if isinstance(loaded, Refusal):
        return loaded
    return SpecGetResponse(folder=loaded.folder, plan=plan.plan, structure_digest=plan.structure_digest)


def validate(reader: Reader, request: SpecValidateRequest) -> SpecValidateResponse | Refusal:
    """Check a spec file and tell every finding at once."""
    loaded = reader.spec(request.spec_id)
    if isinstance(loaded, Refusal):
        return loaded
    phases = loaded.plan.phases if loaded.plan else []
    return SpecValidateResponse(
        valid=loaded.plan is not None,
        path=loaded.path.relative_to(reader.workspace).as_posix(),
        findings=list(loaded.findings),
        phases=len(phases),
        units=sum(len(phase.units) for phase in phases),
    )
