"""The emitters, in the order they run. Each is a pure function of the set; none knows another.

A module named here has `emit(contracts) -> dict[str, str]`: path below generated/ -> text. Python text need not
be formatted; the pipeline does that once for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from contractgen.model import ContractSet

Emitter = Callable[..., dict[str, str]]

EMITTERS = (
    "python_package",
    "vocabulary",
    "tables",
    "dispatch",
    "settings_table",
    "handlers",
    "events",
    "models",
    "published_schemas",
    "typescript",
    "contracts_lock",
    "mcp_tools",
    "manifest",
    "sample_config",
    "tool_reference",
    "settings_page",
    "dialect_reference",
    "property_tests",
)


def emitters() -> Iterator[tuple[str, Emitter]]:
    """List each emitter with its name, importing it only now."""
    for name in EMITTERS:
        yield name, import_module(f"contractgen.emit.{name}").emit


def emit_all(contracts: ContractSet) -> dict[str, str]:
    """Run every emitter that reads anything new; two that write one path are a fault of the toolchain."""
    tree: dict[str, str] = {}
    for name, emit in emitters():
        for path, text in contracts.memory.recall(emit, contracts, ()).items():
            if path in tree:
                raise RuntimeError(f"emitter {name} writes {path}, which an earlier one wrote")
            tree[path] = text
    return dict(sorted(tree.items()))
