"""Read typed values out of a JSON object; what has the wrong type becomes a finding and counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from foundry_contracts.vocabulary import FindingCode
from foundry_mcp.machine.spec_findings import Findings, pointer_to

JSON_TYPES: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Fields:
    """Hold a JSON object, where it stands, where its faults go, and which of its keys were asked for."""

    values: Mapping[str, object]
    pointer: str
    node: str | None
    findings: Findings
    asked: set[str] = field(default_factory=set)

    def _value(self, key: str) -> object:
        self.asked.add(key)
        return self.values.get(key)

    def wrong(self, value: object, wanted: str, *tokens: str | int) -> None:
        """Note that the value at `tokens` is not what is wanted there."""
        found = JSON_TYPES.get(type(value), "something else")
        message = f"Expected {wanted}, found {found}: write {wanted} here or remove the key."
        self.findings.error(FindingCode.WRONG_TYPE, pointer_to(self.pointer, *tokens), message, self.node)

    def text(self, key: str) -> str | None:
        """Give a string; null and blank ones are absent."""
        value = self._value(key)
        if isinstance(value, str):
            return value if value.strip() else None
        if value is not None:
            self.wrong(value, "a string", key)
        return None

    def texts(self, key: str) -> tuple[tuple[str, str], ...]:
        """Give a list of strings, each with its pointer; null is empty."""
        value = self._value(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong(value, "a list of strings", key)
            return ()
        for index, item in enumerate(value):
            if not isinstance(item, str):
                self.wrong(item, "a string", key, index)
        return tuple((item, pointer_to(self.pointer, key, i)) for i, item in enumerate(value) if isinstance(item, str))

    def lines(self, key: str) -> tuple[str, ...]:
        """Give a list of strings, or one string as a list of one; blank ones are left out."""
        if isinstance(self._value(key), str):
            only = self.text(key)
            return () if only is None else (only,)
        return tuple(item for item, _ in self.texts(key) if item.strip())

    def inner(self, key: str) -> Fields:
        """Give the object at a key; null is an empty one."""
        value = self._value(key)
        if value is not None and not isinstance(value, dict):
            self.wrong(value, "an object", key)
        return Fields(value if isinstance(value, dict) else {}, pointer_to(self.pointer, key), self.node, self.findings)
