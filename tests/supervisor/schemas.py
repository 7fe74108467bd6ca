"""The published schemas, as a reader of packets would use them."""

from __future__ import annotations

import json
from importlib.resources import files

from tests.driving import Json


def published(name: str) -> Json:
    """Give the schema of a format."""
    text = (files("foundry_contracts") / "schemas" / "formats" / f"{name}.json").read_text(encoding="utf-8")
    document: Json = json.loads(text)
    return document
