"""Emit the package around the generated modules: its project file, README, marker and root module."""

from __future__ import annotations

from contractgen.emit.python_text import NOTICE, docstring
from contractgen.model import ContractSet

_PROJECT = """# {notice}
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "{distribution}"
version = "{version}"
description = "Models, tables and schemas of the {name} contracts."
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["pydantic>=2.12,<3", "typing_extensions>=4.12"]

[tool.hatch.build.targets.wheel]
packages = ["{package}"]
"""

_README = """# {distribution}

{notice}

| module | holds |
|---|---|
| `{package}.vocabulary` | one `StrEnum` for each closed list of names |
| `{package}.tables` | attributes, decision tables, machines and constants, as immutable data |
| `{package}.dispatch` | every command, its routes and its deprecated names |
| `{package}.handlers` | one required, typed field for each command |
| `{package}.events` | the payloads of recorded events |
| `{package}.models` | pydantic models of every shape |
| `{package}/schemas` | the same shapes as closed JSON Schemas |
"""

_ROOT = """# {notice}
{doc}

__version__ = "{version}"
CONTRACT_VERSION = "{version}"
CONTRACT_DIGEST = "{digest}"

__all__ = ["CONTRACT_DIGEST", "CONTRACT_VERSION", "__version__"]
"""


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the package's frame."""
    settings = contracts.settings
    fields = {
        "notice": NOTICE,
        "name": settings.name,
        "distribution": settings.distribution,
        "package": settings.package,
        "version": settings.version,
        "digest": contracts.digest,
        "doc": docstring(f"The {settings.name} contracts as Python: start with vocabulary, tables and dispatch."),
    }
    root = f"python/{settings.package}"
    return {
        "python/pyproject.toml": _PROJECT.format(**fields),
        "python/README.md": _README.format(**fields),
        f"{root}/__init__.py": _ROOT.format(**fields),
        f"{root}/py.typed": "",
    }
