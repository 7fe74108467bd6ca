"""`contractgen breaking` and `contractgen accept`: compare the set with an older one, and answer for a change."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

from contractgen import documents, lower, report, rulebook
from contractgen.breaking import acceptance, against, behaviour, documentation, shapes, source
from contractgen.breaking.change import Change
from contractgen.breaking.deprecation import Policy
from contractgen.breaking.places import Places
from contractgen.breaking.snapshot import snapshot
from contractgen.compat.normal import NotASchema
from contractgen.days import is_day
from contractgen.errors import ContractError
from contractgen.model import Finding

CLEAN, FINDINGS, BAD_USE = 0, 1, 2
TOOL = "contractgen breaking"


def run(arguments: argparse.Namespace) -> int:
    """Carry out the verb; exit code 0 nothing breaks that is not accepted, 1 something does, 2 bad use."""
    place = arguments.against, arguments.contracts, arguments.out
    if arguments.command == "accept":
        return _accept(arguments.fingerprint, arguments.reason, arguments.until, *place)
    return _tell(*place, arguments.format, arguments.notes)


def _tell(older: str | None, contracts: str, out: str, form: str, notes: bool) -> int:
    folder = Path(contracts)
    older = older or against.last_release(folder)
    if older is None:
        print("No tag v* can be reached from here, so there is no release to compare with: nothing was compared.")
        return CLEAN
    try:
        changes = compare(older, folder, Path(out))
        findings = list(acceptance.apply(changes, acceptance.read(folder), date.today()))
    except (against.NotFound, acceptance.Unreadable, NotASchema) as error:
        print(f"contractgen: {error}", file=sys.stderr)
        return BAD_USE
    except ContractError as error:
        print(report.render(error.findings, form, contracts, TOOL), end="", file=sys.stderr)
        return FINDINGS
    prints = {change.finding: change.fingerprint for change in changes}
    shown = [item for item in findings if notes or rulebook.severity(item.rule) != "note"]
    marked = [_with_fingerprint(item, prints.get(replace(item, answered=None))) for item in shown]
    accepted = [item for item in findings if item.answered]
    if form != "text" or any(item.answered is None for item in shown):
        print(report.render(documents.locate(marked, folder), form, contracts, TOOL), end="")
    else:
        print(f"Nothing breaks against {older}: {len(changes)} changes to tell, {len(accepted)} of them accepted.")
    return FINDINGS if report.fails(findings) else CLEAN


def _with_fingerprint(finding: Finding, fingerprint: str | None) -> Finding:
    if fingerprint is None:
        return finding
    return replace(finding, remedy=f"{finding.remedy} Fingerprint: {fingerprint}.")


def compare(older: str, folder: Path, out: Path) -> list[Change]:
    """List every change between an older set and the present one, the gravest degree first."""
    contracts = lower.load(folder)
    old, new = against.find(older, folder, out), snapshot(contracts)
    settings = contracts.settings
    policy = Policy(settings.deprecation_months, settings.deprecation_minor_releases, date.today(), settings.version)
    places = Places(contracts)
    return [
        *shapes.compare(old, new, policy, places),
        *source.compare(old, new, policy, places),
        *behaviour.compare(old, new, places),
        *documentation.compare(old, new, places),
    ]


def _accept(fingerprint: str, reason: str, until: str, older: str | None, contracts: str, out: str) -> int:
    folder = Path(contracts)
    older = older or against.last_release(folder)
    try:
        if older is None:
            raise against.NotFound("no tag v* can be reached from here. Name what to compare with by --against")
        if not is_day(until) or not reason.strip():
            raise against.NotFound("an acceptance has a reason and a last day such as 2026-01-31. Give both")
        known = {change.fingerprint for change in compare(older, folder, Path(out))}
        if fingerprint not in known:
            raise against.NotFound(
                f"no change against {older} has the fingerprint {fingerprint}. Copy it from `breaking`"
            )
        if fingerprint in {entry.fingerprint for entry in acceptance.read(folder)}:
            raise against.NotFound(f"{fingerprint} is already in {acceptance.FILE}. Edit that entry")
    except (against.NotFound, acceptance.Unreadable, NotASchema, ContractError) as error:
        print(f"contractgen: {error}", file=sys.stderr)
        return BAD_USE
    acceptance.add(folder, fingerprint, reason, until)
    print(f"Accepted {fingerprint} until {until} in {folder / acceptance.FILE}.")
    return CLEAN
