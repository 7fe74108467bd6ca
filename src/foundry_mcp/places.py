"""The product's name, and where what it keeps lies: known to the server and to the supervisor alike."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PRODUCT: Final = "foundry-mcp"


def product_folder(environ: Mapping[str, str]) -> Path:
    """Give the product's folder in the user's state folder."""
    # The XDG specification has relative paths ignored.
    named = environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(named):
        return Path(named) / PRODUCT
    home = environ.get("HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home()) / ".local" / "state" / PRODUCT
