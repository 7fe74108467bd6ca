"""Load jsonschema without the grammar of IRIs, which takes it seconds to read, until an IRI has to be judged."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from typing import Any

GRAMMAR = "rfc3987_syntax"
_RULES = {"iri": "iri", "iri-reference": "iri_reference"}


@cache
def library() -> Any:
    """Give the module jsonschema."""
    if GRAMMAR in sys.modules or "jsonschema" in sys.modules:
        return import_module("jsonschema")
    modules: dict[str, Any] = sys.modules
    # A name that stands for None cannot be imported, and jsonschema goes on without it.
    modules[GRAMMAR] = None
    try:
        return import_module("jsonschema")
    finally:
        del modules[GRAMMAR]


@cache
def formats() -> Any:
    """Give jsonschema's format checker, able to judge IRIs when it comes to that."""
    known = library().Draft202012Validator.FORMAT_CHECKER
    checker = library().FormatChecker(())
    checker.checkers = dict(known.checkers)
    for name, rule in _RULES.items():
        if name not in checker.checkers:
            checker.checkers[name] = (_judge_of(rule), (ValueError,))
    return checker


def _judge_of(rule: str) -> Any:
    def judge(instance: object) -> bool:
        if not isinstance(instance, str):
            return True
        return bool(import_module(GRAMMAR).is_valid_syntax(rule, instance))

    return judge
