"""No keyword only looks like a rule: the validator enforces what is written."""

from __future__ import annotations

from collections.abc import Iterator

from contractgen import resolve
from contractgen.model import ContractSet, Finding
from contractgen.nearest import hint

_ANNOTATIONS = ("contentEncoding", "contentMediaType", "contentSchema")
FORMATS = (
    "date", "date-time", "duration", "email", "hostname", "idn-email", "idn-hostname", "ipv4", "ipv6", "iri",
    "iri-reference", "json-pointer", "regex", "relative-json-pointer", "time", "uri", "uri-reference", "uri-template",
    "uuid",
)  # fmt: skip


def check(contracts: ContractSet) -> Iterator[Finding]:
    """Find keywords and formats that no validator acts on."""
    for definition in contracts.definitions.values():
        for tokens, schema in resolve.walk(definition.schema):
            origin = definition.origin.at(*tokens)
            for keyword in _ANNOTATIONS:
                if keyword in schema:
                    message = f'"{keyword}" is an annotation: no validator holds a value to it.'
                    yield Finding("keyword-ignored", origin.at(keyword), message, "Say it in the description.")
            form = schema.get("format")
            if form is not None and form not in FORMATS:
                message = f'The format "{form}" is not one of JSON Schema, so nothing is held to it.'
                remedy = f"Use one that is, or a pattern.{hint(form, FORMATS)}"
                yield Finding("keyword-ignored", origin.at("format"), message, remedy)
