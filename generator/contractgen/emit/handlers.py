"""Emit handlers.py: one required, exactly typed field for each command."""

from __future__ import annotations

from contractgen.emit.python_text import header
from contractgen.model import Command, ContractSet

_HEAD = '''"""What carries commands out: a record with one required field for each."""
from __future__ import annotations
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Self, TypeAlias, TypeVar
{code_import}
if TYPE_CHECKING:
    from {package}.events import EventPayload
{imports}

JsonValue: TypeAlias = "None | bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue]"

R = TypeVar("R", covariant=True)
C = TypeVar("C")
Q = TypeVar("Q")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Hold a declared "no": its code, a sentence, details, and what of it is to be recorded."""

    code: {code}
    message: str
    details: Mapping[str, JsonValue] = field(default_factory=dict)
    events: tuple[EventPayload, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted(Generic[R]):
    """Hold a "yes": the reply, and the events to record before it is given."""

    reply: R
    events: tuple[EventPayload, ...] = ()


# Where each command is declared, by its field below.
DECLARED: Mapping[str, tuple[str, str]] = {declared}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handlers(Generic[C, Q]):
    """Hold what carries each command out; C is the context of commands, Q that of those that only read."""

    def __new__(cls, **given: object) -> Self:
        """Name every command that goes without, and where it is declared; raise TypeError for it."""
        missing = [f"{{name}}: nothing carries out {{command}}, which {{place}} declares."
            for name, (command, place) in DECLARED.items() if name not in given]
        if missing:
            remedy = "Write the functions, and name them in Handlers(...)."
            raise TypeError("\\n".join([f"{{len(missing)}} handler(s) missing.", *missing, f"Remedy: {{remedy}}"]))
        return object.__new__(cls)

'''


def emit(contracts: ContractSet) -> dict[str, str]:
    """Write the handler record of the set."""
    package = contracts.settings.package
    code = contracts.settings.errors if contracts.settings.errors in contracts.enumerations else "str"
    shapes = sorted({name for command in contracts.commands for name in (command.request, command.response)})
    head = _HEAD.format(
        package=package,
        code=code,
        declared=_declared(contracts),
        code_import="" if code == "str" else f"from {package}.vocabulary import {code}\n",
        imports="\n".join(f"    {_import(contracts, name)}" for name in shapes),
    )
    fields = [_field(command) for command in contracts.commands] or ["    pass"]
    return {f"python/{package}/handlers.py": "\n".join([header(), head, *fields, ""])}


def _declared(contracts: ContractSet) -> str:
    """Write where each command is declared: the file with its line, and the pointer in it."""
    lines = [f'    "{command.identifier}": ("{command.name}", "{_place(command)}"),' for command in contracts.commands]
    return "\n".join(["{", *lines, "}"])


def _place(command: Command) -> str:
    origin = command.origin
    return f"contracts/{origin.file}:{origin.line}:{origin.column} {origin.pointer}"


def _import(contracts: ContractSet, name: str) -> str:
    return f"from {contracts.settings.package}.models.{contracts.definitions[name].module} import {name}"


def _field(command: Command) -> str:
    if command.read_only:
        signature = f"Callable[[Q, {command.request}], {command.response} | Refusal]"
    else:
        signature = f"Callable[[C, {command.request}], Accepted[{command.response}] | Refusal]"
    return f"    {command.identifier}: {signature}"
