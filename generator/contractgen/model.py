"""The intermediate representation: what a contract set says, after the last raw file was read.

Everything here is frozen and ordered. Emitters read this module and nothing else of the toolchain.
Schemas travel as plain JSON values (`Schema`), already closed: a `$ref` in one of them points to
`#/$defs/NAME`, and `ContractSet.definitions[NAME]` is what stands there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contractgen.memory import Memory

Json = Any
Schema = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Origin:
    """Say where a part of the set was written: file below the contracts folder, JSON pointer in it.

    Lines count from 1; 0 says that nobody has looked the line up yet.
    """

    file: str
    pointer: str
    line: int = 0
    column: int = 0

    def at(self, *tokens: str | int) -> Origin:
        """Name a place below this one."""
        return Origin(self.file, self.pointer + "".join("/" + _escape(token) for token in tokens))


def _escape(token: str | int) -> str:
    return str(token).replace("~", "~0").replace("/", "~1")


@dataclass(frozen=True, slots=True)
class Answer:
    """Say why a finding is right as it is, and whether that stands beside what was found or in a file of its own."""

    reason: str
    beside: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """Report one fault: rule id, place, sentence, and what to do about it.

    `proof` is text that shows the fault, where there is such a thing: JSON, or the lines that differ. How grave it
    is, the rule's page says.
    One that somebody answers for fails nothing, and is told only by formats that have words for it.
    """

    rule: str
    origin: Origin
    message: str
    remedy: str
    proof: str = ""
    answered: Answer | None = None


@dataclass(frozen=True, slots=True)
class Definition:
    """Hold one named schema. `module` is the Python module (without package) its model belongs to."""

    name: str
    schema: Schema
    module: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Member:
    """Hold one member of an enumeration with its attribute values; a deprecated one with since when, and what instead.

    The description says that it is deprecated, too.
    """

    value: str
    description: str
    attributes: Mapping[str, Json]
    deprecated: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Enumeration:
    """Hold a closed list of names.

    `attributes` maps each attribute of its members to its schema. `derived` says where the members
    come from: "events", "commands", "tools", or None when the contract lists them.
    """

    name: str
    description: str
    members: tuple[Member, ...]
    attributes: Schema
    origin: Origin
    derived: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one row of a decision table: for each input the values it matches (empty: any), and the output.

    The value None in a list stands for an absent input.
    """

    when: Mapping[str, tuple[str | None, ...]]
    then: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class DecisionTable:
    """Hold a first-match table. `inputs` maps an input to the enumeration it ranges over."""

    name: str
    description: str
    inputs: Mapping[str, str]
    domain: tuple[Mapping[str, tuple[str | None, ...]], ...]
    output: Schema
    rows: tuple[Row, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Transition:
    """Hold one legal move: what triggers it, from which states, to which (empty: stays)."""

    trigger: str
    source: tuple[str, ...]
    target: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Hold a state machine over the members of one enumeration."""

    name: str
    description: str
    states: str
    initial: str
    terminal: tuple[str, ...]
    transitions: tuple[Transition, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Values:
    """Hold named constant objects, each valid against `schema`."""

    name: str
    description: str
    schema: Schema
    values: Mapping[str, Mapping[str, Json]]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Setting:
    """Hold one setting of a configuration.

    `tighter` says which change makes it stricter: "lower", "higher", "more" (of a list, which keeps all it has),
    "order" (towards the end of `order`, where None stands for absence), "unchanged" (none does), "any" (it is no matter
    of strictness). `profile` names the field of the profiles that gives its default, where one does.
    """

    section: str
    key: str
    description: str
    schema: Schema
    tighter: str
    order: tuple[Json, ...]
    profile: str | None
    origin: Origin

    @property
    def name(self) -> str:
        """Give its full name: section.key."""
        return f"{self.section}.{self.key}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """Hold what a configuration file and the environment may set.

    `profiles` names the constants that give defaults, `chosen_by` the setting that picks one. A section in `grouped`
    can also be set as one variable.
    """

    name: str
    description: str
    file: str
    environment: str
    page: str
    profiles: str | None
    chosen_by: str | None
    grouped: tuple[str, ...]
    sections: Mapping[str, str]
    settings: tuple[Setting, ...]
    origin: Origin

    def variable(self, *words: str) -> str:
        """Name the environment variable of a setting or a section."""
        return (self.environment + "_".join(words)).upper()


@dataclass(frozen=True, slots=True)
class Event:
    """Hold one past fact: its type and the definition of its payload. A common one may come of any command."""

    type: str
    definition: str
    description: str
    stream: str
    origin: Origin
    common: bool = False


@dataclass(frozen=True, slots=True)
class Alias:
    """Hold a deprecated name of a command. Dates are ISO 8601 days."""

    action: str
    deprecated_in: str
    deprecated_on: str
    removal_version: str
    removal_date: str


@dataclass(frozen=True, slots=True)
class Example:
    """Hold one request and what answers it: `response` on success, else `error` (a code)."""

    title: str
    request: Mapping[str, Json]
    response: Mapping[str, Json] | None
    error: str | None


@dataclass(frozen=True, slots=True)
class Command:
    """Hold one thing a caller may ask for.

    `name` is tool.action or tool.action.command; `identifier` the same in snake_case.
    `request` and `response` name definitions.
    """

    name: str
    identifier: str
    tool: str
    action: str
    command: str | None
    title: str
    description: str
    request: str
    response: str
    read_only: bool
    role: str
    flag: str | None
    errors: tuple[str, ...]
    emits: tuple[str, ...]
    tags: tuple[str, ...]
    aliases: tuple[Alias, ...]
    examples: tuple[Example, ...]
    origin: Origin
    deprecated: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """Hold one MCP tool and its commands, in the order they are listed."""

    name: str
    title: str
    description: str
    commands: tuple[Command, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Settings:
    """Hold what contracts.toml says of the set."""

    name: str
    version: str
    id_base: str
    package: str
    distribution: str
    server: str
    tool_reference: str
    errors: str
    roles: str
    envelope: str
    flags: str
    property_test_floor: int
    input_budget: int
    deprecation_months: int
    deprecation_minor_releases: int


@dataclass(frozen=True, slots=True)
class Suppression:
    """Silence one rule at a place and below it, for a reason, until a day (ISO 8601)."""

    rule: str
    reason: str
    until: str
    place: Origin
    origin: Origin


@dataclass(frozen=True, slots=True)
class ContractSet:
    """Hold a whole set: the only argument an emitter takes. Mappings are in file, then document order."""

    settings: Settings
    definitions: Mapping[str, Definition]
    enumerations: Mapping[str, Enumeration]
    tables: Mapping[str, DecisionTable]
    machines: Mapping[str, Machine]
    values: Mapping[str, Values]
    configurations: Mapping[str, Configuration]
    events: Mapping[str, Event]
    tools: Mapping[str, Tool]
    published: tuple[str, ...]
    digest: str
    sources: Mapping[str, str] = field(default_factory=dict)
    suppressions: tuple[Suppression, ...] = ()
    # What was worked out of its parts already: no part of what the set says.
    memory: Memory = field(default_factory=Memory, repr=False, compare=False)

    @property
    def commands(self) -> tuple[Command, ...]:
        """List every command of every tool."""
        return tuple(command for tool in self.tools.values() for command in tool.commands)
