"""Every tool can be told on the wire: its parameters and the envelope fit what all clients accept.

The lowering itself is the judge, so that the rule and what is emitted cannot differ.
"""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.emit.mcp_tools import definition
from contractgen.model import ContractSet, Finding
from contractgen.wire import WireError


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find tools that the wire profile cannot carry."""
    for tool in contracts.tools.values():
        try:
            definition(contracts, tool)
        except WireError as error:
            message = f"The tool {tool.name} does not fit the wire profile: {error}."
            remedy = "Simplify the schema that the message names; the command's own contract may stay as rich."
            yield Finding("wire-profile", tool.origin, message, remedy)
