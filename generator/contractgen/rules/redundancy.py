"""No keyword is there for nothing: without it, a schema would take something that it now refuses."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen.model import ContractSet, Finding
from contractgen.rules.relaxed import REFUSING, Relaxed, relaxed

# A union is written as oneOf whether or not its branches could overlap; that they cannot is no fault.
_JUDGED = REFUSING - {"oneOf"}


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find keywords that are proven to refuse nothing."""
    for pair in relaxed(contracts, _JUDGED):
        if refuses_nothing(pair):
            message = f'"{pair.keyword}" refuses nothing that the rest of this schema takes.'
            yield Finding("keyword-redundant", pair.origin, message, "Remove it, or correct what it should have said.")


def refuses_nothing(pair: Relaxed) -> bool:
    """Say whether the keyword is proven to change nothing; what cannot be proven counts as no."""
    import jsonschema_rs
    from jsonschema_rs import canonical

    try:
        without, whole = (
            jsonschema_rs.canonicalize(dict(schema), validate_formats=True) for schema in (pair.without, pair.whole)
        )
        return without.subtract(whole).satisfiability() == canonical.Satisfiability.NO
    except canonical.CanonicalizationError:
        return False
