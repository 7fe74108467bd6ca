"""Configuration outside any workspace: the place where a test may loosen what a profile says."""

from __future__ import annotations

from pathlib import Path


def outside(folder: Path) -> dict[str, str]:
    """Give the environment in which the configuration below a folder counts, and no other."""
    return {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_CONFIG_DIRS": str(folder / "system")}


def user_config(folder: Path, text: str) -> dict[str, str]:
    """Write the user's configuration below a folder, and give the environment in which it counts."""
    file = folder / "config" / "foundry-mcp" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return outside(folder)
