"""Test that generated models and published schemas say the same, on instances made from the schemas.

A generated test file is a table of cases over this module. For each schema, valid instances are made (hypothesis), kept
when the real validator takes them, and put through the model; then invalid ones are made from them by one change each.

How many is enough: at least `floor` different accepted instances. A schema that has fewer values than that in all (an
empty object, a few small enumerations) cannot have so many: its values are all enumerated and all tested instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
from hypothesis import HealthCheck, Phase, assume, given, settings
from pydantic import TypeAdapter, ValidationError

from contractgen.bundle import unrolled
from contractgen.instances import enumerate_all, strategy
from contractgen.mutations import mutants
from contractgen.propertyreport import Report
from contractgen.refusals import refused_by_one_keyword, taken

RECURSION = 2
# Values beside those of hypothesis, of the kinds that are worth trying when a schema changes.
FURTHER = 80


@dataclass(frozen=True, slots=True)
class Case:
    """Name a schema file of the package and the model that stands for it."""

    schema: str
    module: str
    model: str


@dataclass(frozen=True)
class Subject:
    """Hold a schema, its two validators and its model, ready to be tried."""

    schema: Mapping[str, Any]
    model: Any

    @cached_property
    def judge(self) -> jsonschema_rs.Draft202012Validator:
        """Give the validator that decides."""
        return jsonschema_rs.Draft202012Validator(dict(self.schema))

    @cached_property
    def second_judge(self) -> Any:
        """Give an independent validator."""
        return jsonschema.Draft202012Validator(dict(self.schema))

    @cached_property
    def view(self) -> Any:
        """Give the schema without references, for generators that know none."""
        return unrolled(self.schema, RECURSION)

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """Give the model as pydantic reads and writes it, class or alias."""
        return TypeAdapter(self.model)

    def round_trip(self, instance: Any) -> None:
        """Fail unless the model takes a valid instance and gives it back unchanged."""
        try:
            value = self.adapter.validate_json(json.dumps(instance))
        except ValidationError as error:
            raise AssertionError(f"the model refuses what the schema takes: {json.dumps(instance)}\n{error}") from error
        returned = self.adapter.dump_python(value, mode="json", by_alias=True, exclude_unset=True)
        assert same(returned, instance), f"the model changes {json.dumps(instance)} to {json.dumps(returned)}"

    def refuse(self, instance: Any, what: str) -> None:
        """Fail unless both validators refuse an invalid instance."""
        assert not self.judge.is_valid(instance), f"jsonschema-rs takes an instance with {what}: {json.dumps(instance)}"
        assert not self.second_judge.is_valid(instance), (
            f"jsonschema takes an instance with {what}: {json.dumps(instance)}"
        )


def same(left: Any, right: Any) -> bool:
    """Compare two JSON values as JSON does: 1 equals 1.0, but never true."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def accepted(subject: Subject, floor: int, try_on: Callable[[Any], None]) -> tuple[list[Any], bool]:
    """Try different valid instances, `floor` or more, or every one there is; tell also whether it was every one."""
    every = enumerate_all(subject.view, floor)
    if every is not None:
        valid = [instance for instance in every if subject.judge.is_valid(instance)]
        for instance in valid:
            try_on(instance)
        return valid, True
    seen: dict[str, Any] = {}
    # Different draws may give equal values; where many do, a longer run follows.
    for examples in (floor + floor // 5, 6 * floor):
        if len(seen) < floor:
            _draw(subject, examples, seen, try_on)
    return list(seen.values()), False


def _draw(subject: Subject, examples: int, seen: dict[str, Any], try_on: Callable[[Any], None]) -> None:
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(strategy(subject.view))
    def draw(instance: Any) -> None:
        assume(subject.judge.is_valid(instance))
        try_on(instance)
        seen[json.dumps(instance, sort_keys=True)] = instance

    draw()


def try_subject(name: str, subject: Subject, floor: int, examples: list[Any]) -> Report:
    """Try valid, invalid and written-down instances on a subject; fail at the first that goes wrong."""
    for example in examples:
        errors = [error.message for error in subject.judge.iter_errors(example)]
        assert not errors, f"{name}: an example of the contract is not valid: {errors}"
        subject.round_trip(example)
    valid, complete = accepted(subject, floor, subject.round_trip)
    for instance in taken(subject.schema, FURTHER):
        subject.round_trip(instance)
    wrong = dict(pair for instance in [*examples, *valid] for pair in mutants(subject.view, instance))
    wrong |= dict(refused_by_one_keyword(subject.schema))
    for what, instance in wrong.items():
        subject.refuse(instance, what)
    report = Report(name, len(valid), len(wrong), len(examples), complete)
    assert len(valid) >= (1 if complete else floor), f"too few valid instances to judge by (need {floor}): {report}"
    return report


@dataclass(frozen=True, slots=True)
class Suite:
    """Hold what the cases of one generated test file share: package, floor and examples."""

    package: str
    floor: int
    examples: Mapping[str, list[Any]]

    @classmethod
    def of(cls, package: str, floor: int, examples: Path) -> Suite:
        """Read the examples of the contracts and begin."""
        return cls(package, floor, json.loads(examples.read_text(encoding="utf-8")))

    def try_case(self, case: Case) -> Report:
        """Try one case and tell what was counted."""
        path = files(self.package).joinpath("schemas", *case.schema.split("/"))
        model = getattr(import_module(f"{self.package}.{case.module}"), case.model)
        subject = Subject(json.loads(path.read_text(encoding="utf-8")), model)
        return try_subject(case.schema, subject, self.floor, self.examples.get(case.schema, []))
