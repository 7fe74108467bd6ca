"""A workspace with specs, settings and links into them, and a home with a state folder."""

from __future__ import annotations

import pytest

from tests.guard.workplace import Workplace


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    folder = tmp_path_factory.mktemp("guarded")
    place = Workplace(folder / "work", folder / "home")
    (place.workspace / "specs" / "active").mkdir(parents=True)
    (place.workspace / "specs" / "active" / "greeter.json").write_text("{}")
    (place.workspace / "foundry-mcp.toml").write_text("")
    (place.workspace / "src").mkdir()
    (place.workspace / "src" / "a.py").write_text("")
    (place.workspace / "plans").symlink_to("specs")
    keys = place.state / "work-1" / "keys"
    keys.mkdir(parents=True)
    (keys / "mac.secret").write_text("secret")
    (place.workspace / "elsewhere").symlink_to(place.state)
    return place
