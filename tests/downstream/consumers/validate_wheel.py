"""Read a recorded transcript with the wheel of the contracts alone: `validate_wheel.py TRANSCRIPT`."""

import json
import sys
from hashlib import sha256
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from foundry_contracts.dispatch import ALIASES, COMMANDS, ROUTES
from foundry_contracts.models.envelope import Envelope, ErrorData

checked = 0


def read(model: Any, value: Any) -> None:
    global checked
    assert model.model_validate(value).model_dump(mode="json", exclude_unset=True, by_alias=True) == value
    checked += 1


def model_of(name: str) -> Any:
    module, _, owner = name.partition(":")
    return getattr(import_module(module), owner)


schemas = resources.files("foundry_contracts") / "schemas"
for published in json.loads((schemas / "catalog.json").read_text(encoding="utf-8"))["schemas"]:
    assert sha256((schemas / published["path"]).read_bytes()).hexdigest() == published["sha256"]

for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
    record = json.loads(line)
    arguments, answer = dict(record["arguments"]), record["answer"]
    tool, action, command = record["tool"], arguments.pop("action"), arguments.pop("command", None)
    alias = ALIASES.get((tool, action))
    entry = COMMANDS[alias.command_name if alias else ROUTES[tool, action, command]]
    read(model_of(entry.request_model), arguments)
    read(Envelope, answer)
    read(model_of(entry.response_model) if answer["success"] else ErrorData, answer["data"])
print(checked)
