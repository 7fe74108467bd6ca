"""Ask both validators: jsonschema-rs decides, and jsonschema has to agree before a value proves anything."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from contractgen.compat.second_opinion import formats, library

Json = Any


class Judges:
    """Hold one closed document, compiled when it is first asked for."""

    def __init__(self, document: Mapping[str, Json]) -> None:
        """Keep the document."""
        self.document = dict(document)

    @cached_property
    def _first(self) -> Any:
        import jsonschema_rs

        return jsonschema_rs.Draft202012Validator(self.document, validate_formats=True)

    @cached_property
    def _second(self) -> Any:
        return library().Draft202012Validator(self.document, format_checker=formats())

    def takes(self, value: Json) -> bool:
        """Say whether jsonschema-rs takes a value; a value it cannot read is not taken."""
        try:
            return bool(self._first.is_valid(value))
        except ValueError:
            return False

    def refuses(self, value: Json) -> bool:
        """Say whether jsonschema-rs refuses a value that it can read."""
        try:
            return not self._first.is_valid(value)
        except ValueError:
            return False

    def agree(self, value: Json, verdict: bool) -> bool:
        """Say whether both validators give a value the same verdict, after a trip through JSON text."""
        again = json.loads(json.dumps(value))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                second = bool(self._second.is_valid(again))
        except (ValueError, ArithmeticError, RecursionError):
            return False
        return second is verdict and (self.takes(again) if verdict else self.refuses(again))
