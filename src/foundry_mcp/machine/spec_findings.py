"""Collect what is wrong with a spec file: all of it, so that one reading is enough to mend it."""

from __future__ import annotations

from foundry_contracts.models.common import Finding
from foundry_contracts.vocabulary import FindingCode, FindingLevel
from foundry_mcp.machine.optional import or_absent


def pointer_to(parent: str, *tokens: str | int) -> str:
    """Give the JSON pointer (RFC 6901) of a place below `parent`."""
    return parent + "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in tokens)


def make_finding(
    code: FindingCode, pointer: str, message: str, node: str | None = None, level: FindingLevel = FindingLevel.ERROR
) -> Finding:
    """Make a finding; an empty node is none."""
    return Finding(code=code, level=level, node=or_absent(node or None), pointer=pointer, message=message)


class Findings:
    """Gather findings in the order they are met."""

    def __init__(self) -> None:
        self._met: list[Finding] = []

    def error(self, code: FindingCode, pointer: str, message: str, node: str | None = None) -> None:
        """Note a fault that refuses the spec."""
        self._met.append(make_finding(code, pointer, message, node))

    def warning(self, code: FindingCode, pointer: str, message: str, node: str | None = None) -> None:
        """Note a fault that was mended while reading."""
        self._met.append(make_finding(code, pointer, message, node, FindingLevel.WARNING))

    @property
    def refused(self) -> bool:
        """Tell whether any of them is an error."""
        return any(finding.level is FindingLevel.ERROR for finding in self._met)

    def all(self) -> tuple[Finding, ...]:
        """Give every finding."""
        return tuple(self._met)
