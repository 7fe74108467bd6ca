"""The emitters, in the order they run. Each is a pure function of the set; none knows another.

A module named here has `emit(contracts) -> dict[str, str]`: path below generated/ -> text. Python text need not
be formatted; the pipeline does that once for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module

from contractgen.memory import Memory
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

# Those whose work is long enough to be remembered: they are given the memory, too.
REMEMBERING = ("models",)


def emitters() -> Iterator[tuple[str, Emitter]]:
    """List each emitter with its name, importing it only now."""
    for name in EMITTERS:
        yield name, import_module(f"contractgen.emit.{name}").emit


def emit_all(contracts: ContractSet, memory: Memory) -> dict[str, str]:
    """Run every emitter; two that write one path are a fault of the toolchain."""
    tree: dict[str, str] = {}
    for name, emit in emitters():
        texts = emit(contracts, memory) if name in REMEMBERING else emit(contracts)
        for path, text in texts.items():
            if path in tree:
                raise RuntimeError(f"emitter {name} writes {path}, which an earlier one wrote")
            tree[path] = text
    return dict(sorted(tree.items()))
