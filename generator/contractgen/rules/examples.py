"""Examples hold: requests and responses are valid, errors are ones the command can answer with."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import Command, ContractSet, Example, Finding, Json, Origin
from contractgen.rules.judge import faults
from contractgen.rules.vocabulary import common_errors


def check_command(contracts: ContractSet, command: Command) -> Iterator[Finding]:
    """Find examples that contradict their command."""
    for position, example in enumerate(command.examples):
        yield from _example(contracts, command, example, command.origin.at("examples", position))


def _example(contracts: ContractSet, command: Command, example: Example, origin: Origin) -> Iterator[Finding]:
    what = f'The {{}} of example "{example.title}"'
    # A refusal may show a request that its contract refuses: that is what some codes are for.
    if example.error is None:
        yield from _shown(contracts, command.request, example.request, origin.at("request"), what.format("request"))
    if example.response is not None:
        where = origin.at("response")
        yield from _shown(contracts, command.response, example.response, where, what.format("response"))
    if example.error is not None and example.error not in {*command.errors, *common_errors(contracts)}:
        message = f'Example "{example.title}" answers with {example.error}, which {command.name} does not list.'
        yield Finding("example-error", origin.at("error"), message, "List it under errors, or correct the example.")


def _shown(contracts: ContractSet, name: str, value: Json, origin: Origin, what: str) -> Iterator[Finding]:
    if name in contracts.definitions:
        yield from faults(contracts, "example-valid", contracts.definitions[name].schema, value, origin, what)
