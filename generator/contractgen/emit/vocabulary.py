"""Emit vocabulary.py: one StrEnum for each closed list of names, on the standard library alone."""

from __future__ import annotations

from contractgen import names
from contractgen.emit.python_text import docstring, header
from contractgen.model import ContractSet, Enumeration


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write every enumeration of the set."""
    enumerations = contracts.enumerations.values()
    files = sorted({enumeration.origin.file for enumeration in enumerations})
    lines = [header(*files), '"""Every closed list of names."""', "from enum import StrEnum, unique", ""]
    lines.append(f"__all__ = {sorted(contracts.enumerations)!r}")
    lines += [_class(enumeration) for enumeration in enumerations]
    return {f"python/{contracts.settings.package}/vocabulary.py": "\n".join(lines) + "\n"}


def _class(enumeration: Enumeration) -> str:
    lines = ["", "@unique", f"class {enumeration.name}(StrEnum):"]
    lines += [f"    {docstring(enumeration.description, f'Name one {enumeration.name}.')}", ""]
    for member in enumeration.members:
        lines.append(f"    {names.member(member.value)} = {member.value!r}")
        lines += [f"    {docstring(member.description)}"] if member.description else []
    return "\n".join(lines)
