"""Where the small foreign contract set lies, and the kinds of the fixtures that serve it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).parent / "cases" / "library" / "contracts"

Change = Callable[[Any], None]
Edit = Callable[[str, Change], None]
Run = Callable[..., "subprocess.CompletedProcess[str]"]
