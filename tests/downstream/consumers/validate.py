"""Validate a recorded transcript with the published schemas and jsonschema alone: `validate.py SCHEMAS TRANSCRIPT`.

A line of the transcript holds a tool's name, its arguments and the whole answer. The catalog says which schema is
whose.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

schemas = Path(sys.argv[1])
catalog = json.loads((schemas / "catalog.json").read_text(encoding="utf-8"))
entries = {entry["path"]: entry for entry in catalog["schemas"]}
by_call: dict[tuple[str, str, str | None, str], str] = {}
for entry in catalog["schemas"]:
    if call := entry.get("call"):
        by_call[call["tool"], call["action"], call["command"], entry["kind"]] = entry["path"]
        for older in call["older_actions"]:
            by_call[call["tool"], older, None, entry["kind"]] = entry["path"]
checked = 0


def validate(path: str, value: Any) -> None:
    global checked
    raw = (schemas / path).read_bytes()
    assert sha256(raw).hexdigest() == entries[path]["sha256"], f"{path} is not what the catalog says"
    Draft202012Validator(json.loads(raw)).validate(value)
    checked += 1


for line in Path(sys.argv[2]).read_text(encoding="utf-8").splitlines():
    record = json.loads(line)
    arguments, answer = dict(record["arguments"]), record["answer"]
    route = record["tool"], arguments.pop("action"), arguments.pop("command", None)
    validate(by_call[(*route, "request")], arguments)
    validate(catalog["envelope"], answer)
    validate(by_call[(*route, "response")] if answer["success"] else "formats/ErrorData.json", answer["data"])
print(checked)
