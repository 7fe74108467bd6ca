"""Where a workspace's state lies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from foundry_mcp.adapters.state_folder import state_folder, workspace_id
from foundry_mcp.ports import PortError


def test_it_lies_below_the_state_home_for_its_owner_only(tmp_path: Path) -> None:
    workspace = tmp_path / "My Work_space"
    workspace.mkdir()
    folder = state_folder(workspace, {"XDG_STATE_HOME": str(tmp_path / "state")})
    assert folder.parent == tmp_path / "state" / "foundry-mcp"
    assert re.fullmatch(r"my-work-space-[0-9a-f]{12}", folder.name)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_without_a_state_home_it_lies_below_the_home(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    for environ in ({"HOME": str(tmp_path / "h")}, {"HOME": str(tmp_path / "h"), "XDG_STATE_HOME": "relative"}):
        assert state_folder(tmp_path / "w", environ).parent == tmp_path / "h/.local/state/foundry-mcp"


def test_a_folder_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "s")}
    (tmp_path / "w").mkdir()
    state_folder(tmp_path / "w", environ).chmod(0o755)
    assert state_folder(tmp_path / "w", environ).stat().st_mode & 0o777 == 0o700


def test_two_ways_to_one_workspace_share_its_id(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "link").symlink_to("w")
    assert workspace_id(tmp_path / "link") == workspace_id(tmp_path / "w") != workspace_id(tmp_path)


def test_a_name_without_letters_gets_a_readable_slug(tmp_path: Path) -> None:
    assert workspace_id(tmp_path / "___").startswith("workspace-")


def test_inside_the_workspace_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("w/inner")
    for home in ("w", "w/inner", "link"):
        with pytest.raises(PortError, match="inside the workspace"):
            state_folder(tmp_path / "w", {"XDG_STATE_HOME": str(tmp_path / home)})
    assert list((tmp_path / "w" / "inner").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(PortError, match="cannot be made"):
        state_folder(tmp_path / "w", {"XDG_STATE_HOME": str(tmp_path / "file")})
