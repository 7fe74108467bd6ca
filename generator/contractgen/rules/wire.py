"""Every tool can be told on the wire: its parameters and the envelope fit what all clients accept.

The lowering itself is the judge, so that the rule and what is emitted cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from contractgen.emit.mcp_tools import definition
from contractgen.model import ContractSet, Finding, Tool
from contractgen.wire import WireError

LONGEST_TOOL, LONGEST_PARAMETER = 45, 64
_PARAMETER = re.compile(rf"[a-z][a-z0-9_]{{0,{LONGEST_PARAMETER - 1}}}")


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find tools that the wire profile cannot carry."""
    for tool in contracts.tools.values():
        yield from _names(contracts, tool)
        try:
            definition(contracts, tool)
        except WireError as error:
            message = f"The tool {tool.name} does not fit the wire profile: {error}."
            remedy = "Simplify the schema that the message names; the command's own contract may stay as rich."
            yield Finding("wire-profile", tool.origin, message, remedy)


def _names(contracts: ContractSet, tool: Tool) -> Iterator[Finding]:
    if len(tool.name) > LONGEST_TOOL:
        message = f"The name {tool.name} has {len(tool.name)} characters; some clients take {LONGEST_TOOL}."
        yield Finding("wire-name", tool.origin.at("name"), message, "Shorten it.")
    for command in tool.commands:
        definition = contracts.definitions[command.request]
        for name in definition.schema.get("properties", {}):
            if not _PARAMETER.fullmatch(name):
                message = f'Some clients refuse a parameter named "{name}".'
                remedy = f"Use small letters, digits and _, beginning with a letter, at most {LONGEST_PARAMETER}."
                yield Finding("wire-name", definition.origin.at("properties", name), message, remedy)
