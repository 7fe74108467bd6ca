"""`contractgen compat`: judge the change between two schema files, and say so as text or JSON."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from contractgen.compat.normal import DIALECT, NotASchema, normal
from contractgen.compat.verdict import BREAKING, REQUEST, RESPONSE, SAFE, UNPROVEN, Judgement, judge

Json = Any
CLEAN, FINDINGS, BAD_USE = 0, 1, 2
_SENTENCES = {
    (BREAKING, REQUEST): "The new schema refuses a value that the old one takes.",
    (BREAKING, RESPONSE): "The new schema allows a value that a reader of the old one does not take.",
    (
        UNPROVEN,
        REQUEST,
    ): "No proof was found that the new schema takes all that the old one takes, and no value against it.",
    (UNPROVEN, RESPONSE): "No proof was found that readers of the old schema take all the new one allows, and no value "
    "against it.",
}
_REMEDIES = {
    BREAKING: "Widen the schema so that it takes the value, or publish the change as a breaking one.",
    UNPROVEN: "Make the change smaller or its schema plainer, or treat it as a breaking one.",
}


def run(arguments: argparse.Namespace) -> int:
    """Judge a change and print the verdict; exit code 0 safe, 1 breaking or unproven, 2 bad use."""
    old, new = arguments.old, arguments.new
    try:
        schemas = [_read(Path(path)) for path in (old, new)]
        found = judge(schemas[0], schemas[1], arguments.role, (Path(old).parent, Path(new).parent))
    except NotASchema as error:
        print(f"contractgen: {error}", file=sys.stderr)
        return BAD_USE
    print(json.dumps(report(found), indent=2, ensure_ascii=False) if arguments.format == "json" else _text(found))
    return CLEAN if found.verdict == SAFE else FINDINGS


def _read(path: Path) -> Json:
    """Read a schema file; raise NotASchema with a sentence that names the file."""
    import jsonschema_rs

    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotASchema(f"{path} cannot be read ({error.strerror}). Name a file that exists.") from None
    except UnicodeDecodeError:
        raise NotASchema(f"{path} is not UTF-8. Save it as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise NotASchema(f"{path} is not JSON: {error}. Mend the syntax.") from None
    if not isinstance(schema, (bool, dict)):
        raise NotASchema(f"{path} is not a schema: a schema is an object, true or false.")
    dialect = schema.get("$schema", DIALECT) if isinstance(schema, dict) else DIALECT
    if not isinstance(dialect, str) or dialect.rstrip("#") != DIALECT:
        raise NotASchema(f"{path} is written in {dialect}; only {DIALECT} can be compared. Convert it first.")
    try:
        jsonschema_rs.meta.validate(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        place = "/".join(map(str, getattr(error, "instance_path", ())))
        message = getattr(error, "message", str(error))
        raise NotASchema(f"{path} is not a schema at /{place}: {message}. Correct this place.") from None
    try:
        compiled = jsonschema_rs.Draft202012Validator(normal(schema, path.parent), validate_formats=True)
        compiled.is_valid(None)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        if not isinstance(error, NotASchema):
            raise NotASchema(f"{path} is not a schema: {error}. Correct this place.") from None
        raise NotASchema(f"{path}: {error} Correct the reference, or put the file beside it.") from None
    return schema


def report(found: Judgement) -> dict[str, Json]:
    """Write a judgement as data, of the shape in compat/report.schema.json."""
    findings = []
    for direction, inclusion in found.directions.items():
        if inclusion.verdict != SAFE:
            findings.append(
                {
                    "rule": f"compat/{inclusion.verdict}",
                    "direction": direction,
                    "message": _SENTENCES[inclusion.verdict, direction],
                    "remedy": _REMEDIES[inclusion.verdict],
                    **({"counterexample": inclusion.witness[0]} if inclusion.witness else {}),
                }
            )
    witness = {"counterexample": found.witness[0]} if found.witness else {}
    return {"role": found.role, "verdict": found.verdict, **witness, "findings": findings}


def _text(found: Judgement) -> str:
    lines = [f"{found.verdict}: as a {found.role}"]
    for finding in report(found)["findings"]:
        lines.append(f"{finding['direction']}: {finding['message']} {finding['remedy']}")
        if "counterexample" in finding:
            takes, refuses = (
                ("old", "new") if finding["direction"] == REQUEST else ("new", "old (as its readers see it)")
            )
            example = json.dumps(finding["counterexample"], ensure_ascii=False)
            lines.append(f"  counterexample: {example}\n  taken by {takes}, refused by {refuses}")
    return "\n".join(lines)
