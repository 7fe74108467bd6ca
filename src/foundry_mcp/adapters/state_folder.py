"""Where a workspace's store and keys lie: outside the workspace, for their owner only."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from foundry_mcp.places import product_folder
from foundry_mcp.ports import PortError

_SLUG_LENGTH: Final = 40


def workspace_id(workspace: Path) -> str:
    """Name a workspace: a readable slug of its folder's name, and twelve digits of its real path's SHA-256."""
    real = os.path.realpath(workspace)
    slug = re.sub(r"[^a-z0-9]+", "-", os.path.basename(real).lower()).strip("-")[:_SLUG_LENGTH].rstrip("-")
    return f"{slug or 'workspace'}-{hashlib.sha256(os.fsencode(real)).hexdigest()[:12]}"


def state_folder(workspace: Path, environ: Mapping[str, str]) -> Path:
    """Give the folder of a workspace's store and keys, made with mode 0700.

    Raises PortError where it would lie inside the workspace, or cannot be made.
    """
    folder = place_outside(workspace, environ)
    _make_private(folder)
    return folder


def place_outside(workspace: Path, environ: Mapping[str, str]) -> Path:
    """Give where a workspace's state folder is or would be; PortError where that is inside. Nothing is made."""
    folder = place_of_state(workspace, environ)
    # What works in the workspace could read the keys there, and the tree's digests would cover the store.
    if folder.is_relative_to(os.path.realpath(workspace)):
        raise PortError(
            f"The state folder {folder} would lie inside the workspace.",
            "Set XDG_STATE_HOME to a folder outside the workspace.",
        )
    return folder


def place_of_state(workspace: Path, environ: Mapping[str, str]) -> Path:
    """Give where a workspace's state folder is or would be; nothing is made."""
    return Path(os.path.realpath(product_folder(environ) / workspace_id(workspace)))


def _make_private(folder: Path) -> None:
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise PortError(
            f"The state folder {folder} cannot be made: {error.strerror or error}.",
            "Set XDG_STATE_HOME to a folder the server's user may write.",
        ) from error
