"""Examples hold: requests and responses are valid, errors are ones the command can answer with."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import Command, ContractSet, Example, Finding, Origin
from contractgen.rules.judge import Judge
from contractgen.rules.vocabulary import common_errors


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find examples that contradict their command."""
    judge, common = Judge(contracts), common_errors(contracts)
    for command in contracts.commands:
        for position, example in enumerate(command.examples):
            origin = command.origin.at("examples", position)
            yield from _example(command, example, origin, judge, common)


def _example(command: Command, example: Example, origin: Origin, judge: Judge, common: set[str]) -> Iterator[Finding]:
    what = f'The {{}} of example "{example.title}"'
    # A refusal may show a request that its contract refuses: that is what some codes are for.
    if example.error is None:
        yield from judge.named(
            "example-valid", command.request, example.request, origin.at("request"), what.format("request")
        )
    if example.response is not None:
        where = origin.at("response")
        yield from judge.named("example-valid", command.response, example.response, where, what.format("response"))
    if example.error is not None and example.error not in {*command.errors, *common}:
        message = f'Example "{example.title}" answers with {example.error}, which {command.name} does not list.'
        yield Finding("example-error", origin.at("error"), message, "List it under errors, or correct the example.")
