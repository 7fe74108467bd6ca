"""Configuration outside any workspace: where a test may loosen what a profile says, and what then holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from foundry_mcp.adapters.settings import read_layers
from foundry_mcp.machine.settings import Resolved, resolve


def outside(folder: Path) -> dict[str, str]:
    """Give the environment in which the configuration below a folder counts, and no other."""
    return {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_CONFIG_DIRS": str(folder / "system")}


def user_config(folder: Path, text: str) -> dict[str, str]:
    """Write the user's configuration below a folder, and give the environment in which it counts."""
    file = folder / "config" / "foundry-mcp" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return outside(folder)


def load_settings(workspace: Path, environ: Mapping[str, str]) -> Resolved:
    """Give the settings that hold, as a server that starts there finds them."""
    return resolve(read_layers(workspace, environ))
