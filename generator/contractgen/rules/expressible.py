"""Say which keywords a target language has no words for, and show that the validator enforces each.

The schema is the judge, so such a keyword is no fault; who reads only the types has to know of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from contractgen.model import ContractSet, Finding
from contractgen.rules.redundancy import refuses_nothing
from contractgen.rules.relaxed import Relaxed, relaxed
from contractgen.samples import witness

# What pydantic models generated from a schema drop or take too widely.
PYDANTIC = frozenset({
    "contains", "dependentRequired", "dependentSchemas", "format", "if", "maxContains", "maxProperties",
    "minProperties", "not", "oneOf", "patternProperties", "prefixItems", "propertyNames", "unevaluatedItems",
    "unevaluatedProperties", "uniqueItems",
})  # fmt: skip
# Types of TypeScript know no bounds of values either.
TYPESCRIPT = PYDANTIC | {
    "exclusiveMaximum", "exclusiveMinimum", "maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum",
    "multipleOf", "pattern",
}  # fmt: skip
LANGUAGES = {"pydantic models": PYDANTIC, "TypeScript": TYPESCRIPT}


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Name each place where a language is wider than the schema, with a value that only the keyword refuses."""
    for pair in relaxed(contracts, TYPESCRIPT):
        if not refuses_nothing(pair):
            yield _note(pair)


def _note(pair: Relaxed) -> Finding:
    languages = " and ".join(name for name, beyond in LANGUAGES.items() if pair.keyword in beyond)
    shown = witness(pair.whole, pair.without)
    end = "the validator enforces it" if shown else "no value was found to show that the validator enforces it"
    proof = json.dumps(shown[0], ensure_ascii=False) if shown else ""
    message = f'"{pair.keyword}" cannot be told in {languages}; {end}.'
    return Finding("beyond-language", pair.origin, message, "Validate against the schema, not by the types.", proof)
