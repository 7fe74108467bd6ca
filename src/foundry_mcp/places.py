"""The product's name, and where what it keeps lies: known to the server and to the supervisor alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PRODUCT: Final = "foundry-mcp"
_OUTSIDE_NAME: Final = "config.toml"
_SYSTEM: Final = "/etc"


def home_folder(environ: Mapping[str, str]) -> Path:
    """Give the user's home: as the environment has it, else as the system does."""
    home = environ.get("HOME", "")
    return Path(home) if os.path.isabs(home) else Path.home()


def product_folder(environ: Mapping[str, str]) -> Path:
    """Give the product's folder in the user's state folder."""
    # The XDG specification has relative paths ignored.
    named = environ.get("XDG_STATE_HOME", "")
    return (Path(named) if os.path.isabs(named) else home_folder(environ) / ".local" / "state") / PRODUCT


def user_settings(environ: Mapping[str, str]) -> Path:
    """Give the user's configuration file."""
    # The XDG specification has relative paths ignored.
    named = environ.get("XDG_CONFIG_HOME", "")
    return (Path(named) if os.path.isabs(named) else home_folder(environ) / ".config") / PRODUCT / _OUTSIDE_NAME


def system_settings(environ: Mapping[str, str]) -> list[Path]:
    """Give the system's configuration files, from the weakest to the strongest."""
    named = [folder for folder in environ.get("XDG_CONFIG_DIRS", "").split(":") if os.path.isabs(folder)]
    return [Path(folder) / PRODUCT / _OUTSIDE_NAME for folder in reversed(named or [_SYSTEM])]


def outside_settings(environ: Mapping[str, str]) -> list[Path]:
    """Give every configuration file outside the workspace, there or not."""
    return [*system_settings(environ), user_settings(environ)]
