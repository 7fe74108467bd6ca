"""Protected files: what differs from what a session holds them to, and what counts from now on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pydantic_core import MISSING
from rpds import HashTrieMap

from foundry_contracts.models.common import ReviewFinding
from foundry_contracts.models.events_session import SessionSettings
from foundry_contracts.models.formats_review import ProtectedChange, ProtectedFile
from foundry_contracts.vocabulary import ChangeKind, ReviewFindingCode
from foundry_mcp.machine.optional import or_absent
from foundry_mcp.machine.path_patterns import PathPatterns
from foundry_mcp.machine.plan_index import PlanIndex
from foundry_mcp.machine.replacing import replace
from foundry_mcp.machine.session import Session

# Paths to digests.
Files = Mapping[str, str]

_TOLD = 100
_SENTENCES = {
    ChangeKind.ADDED: "This file was added among the protected ones; take it away again.",
    ChangeKind.REMOVED: "This protected file is gone; put it back.",
    ChangeKind.CHANGED: "This protected file was edited; put it back as it was.",
}


def patterns_of(plan: PlanIndex, settings: SessionSettings) -> tuple[str, ...]:
    """Give the patterns of a session's protected files: its settings' and its spec's."""
    return tuple(dict.fromkeys((*settings.protected_paths, *plan.protected_paths)))


def listed(files: Files) -> list[ProtectedFile]:
    """Give protected files as events hold them."""
    return [ProtectedFile(path=path, digest=digest) for path, digest in sorted(files.items())]


def mapped(files: Iterable[ProtectedFile]) -> HashTrieMap[str, str]:
    """Give protected files as a session holds them."""
    return HashTrieMap({file.path: file.digest for file in files})


def protected_changes(held: Files, now: Files) -> list[ProtectedChange]:
    """Say which protected files are others than those a session is held to."""
    return [
        ProtectedChange(path=path, change=_kind(held.get(path), now.get(path)), digest=or_absent(now.get(path)))
        for path in sorted({*held, *now})
        if held.get(path) != now.get(path)
    ]


def _kind(before: str | None, now: str | None) -> ChangeKind:
    if before is None:
        return ChangeKind.ADDED
    return ChangeKind.REMOVED if now is None else ChangeKind.CHANGED


def findings_of(changes: Sequence[ProtectedChange]) -> tuple[ReviewFinding, ...]:
    """Give the findings of changes; of very many the first, and how many there are."""
    found = [_finding(change.path, _SENTENCES[change.change]) for change in changes[:_TOLD]]
    if len(changes) > _TOLD:
        message = f"{len(changes)} protected files differ in all; the event of the run names each."
        found.append(ReviewFinding(code=ReviewFindingCode.PROTECTED_PATH_CHANGED, message=message))
    return tuple(found)


def _finding(path: str, sentence: str) -> ReviewFinding:
    message = f"{sentence} Only a maintainer takes such a change over."
    return ReviewFinding(code=ReviewFindingCode.PROTECTED_PATH_CHANGED, path=path, message=message)


def held_under(patterns: Iterable[str], now: Files, held: Files, before: Iterable[str]) -> dict[str, str]:
    """Give what counts under other patterns than `before`.

    What was protected already counts as it was held, also where it differs now: other patterns take nothing over.
    """
    known, wanted = PathPatterns(before), PathPatterns(patterns)
    kept = {path: digest for path, digest in held.items() if wanted.name(path)}
    return kept | {path: digest for path, digest in now.items() if wanted.name(path) and not known.name(path)}


def taken_over(state: Session, taken: Iterable[ProtectedChange]) -> Session:
    """Hold a session to protected files as changes left them."""
    held = state.protected
    for change in taken:
        held = held.discard(change.path) if change.digest is MISSING else held.insert(change.path, change.digest)
    return replace(state, protected=held)
