"""What is published, and whether its catalog tells the truth."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from contractgen.emit.published_schemas import emit
from tests.generator.contract_sets import FOLDERS, NAMES, load

pytestmark = pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)


def test_the_catalog_lists_every_file_with_its_digest(folder: Path) -> None:
    files = emit(load(folder))
    listed = json.loads(files["schemas/catalog.json"])["schemas"]
    digests = {f"schemas/{entry['path']}": entry["sha256"] for entry in listed}
    schemas = {
        path: text for path, text in files.items() if path.startswith("schemas/") and path != "schemas/catalog.json"
    }
    assert digests == {path: hashlib.sha256(text.encode()).hexdigest() for path, text in schemas.items()}
    assert all(json.loads(files[f"schemas/{entry['path']}"])["$id"] == entry["id"] for entry in listed)


def test_the_package_carries_the_same_files(folder: Path) -> None:
    contracts = load(folder)
    files = emit(contracts)
    prefix = f"python/{contracts.settings.package}/"
    carried = {path.removeprefix(prefix): text for path, text in files.items() if path.startswith(prefix)}
    assert carried == {path: text for path, text in files.items() if not path.startswith(prefix)}


def test_every_request_response_event_and_format_is_published(folder: Path) -> None:
    contracts = load(folder)
    paths = {path.removeprefix("schemas/") for path in emit(contracts) if path.startswith("schemas/")}
    commands = {f"{c.identifier}.{side}.json" for c in contracts.commands for side in ("request", "response")}
    events = {f"events/{name}.json" for name in contracts.events}
    formats = {f"formats/{name}.json" for name in contracts.published}
    assert paths == commands | events | formats | {"catalog.json"}


def test_no_published_file_shows_our_own_keywords(folder: Path) -> None:
    assert not [path for path, text in emit(load(folder)).items() if '"x-' in text]
