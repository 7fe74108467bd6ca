"""What `contractgen explain ID` does: print what is known of a rule, a keyword, or a name that the contracts list."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from contractgen import dialect, lower, report, rulebook
from contractgen.emit.dialect_reference import section
from contractgen.errors import ContractError
from contractgen.model import ContractSet, Enumeration, Json, Member
from contractgen.nearest import hint


def run(arguments: argparse.Namespace) -> int:
    """Print one page; 2 says that nothing has this name."""
    word, contracts = arguments.id, arguments.contracts
    if word in rulebook.pages():
        print(rulebook.pages()[word].text, end="")
    elif word in dialect.keywords():
        print(section(dialect.keywords()[word]))
    else:
        try:
            return _member(word, contracts)
        except ContractError as error:
            print(report.render(error.findings, "text", contracts, "contractgen explain"), end="", file=sys.stderr)
            return 1
    return 0


def _member(word: str, contracts: str) -> int:
    """Look the word up among the members of enumerations: error codes, signals, states and their like."""
    found, known = None, [*rulebook.pages(), *dialect.keywords()]
    if Path(contracts).is_dir():
        found = lower.load(Path(contracts))
        known += [member.value for item in found.enumerations.values() for member in item.members]
    pages = list(_pages(word, found)) if found else []
    if not pages:
        said = "" if found else f" There is no folder {contracts}; name the contracts with --contracts."
        print(f"contractgen: nothing is named {word}.{hint(word, known)}{said}", file=sys.stderr)
        return 2
    print("\n\n".join(pages))
    return 0


def _pages(word: str, contracts: ContractSet) -> Iterator[str]:
    for enumeration in contracts.enumerations.values():
        for member in enumeration.members:
            if member.value == word:
                yield "\n\n".join(_page(enumeration, member, contracts))


def _page(enumeration: Enumeration, member: Member, contracts: ContractSet) -> Iterator[str]:
    yield f"# {member.value} ({enumeration.name})"
    yield member.description
    if member.attributes:
        yield "\n".join(f"- {name}: {_shown(value)}" for name, value in member.attributes.items())
    if enumeration.name == contracts.settings.errors:
        commands = [command.name for command in contracts.commands if member.value in command.errors]
        yield f"Answered by: {', '.join(commands) or 'any command'}."
    yield f"Declared in {enumeration.origin.file}{enumeration.origin.at('x-enum').pointer}."


def _shown(value: Json) -> str:
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
