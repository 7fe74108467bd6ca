"""Say, by hashes alone, whether nothing has changed since the last generation.

This is the path a developer waits for a hundred times a day: it parses nothing and imports only `os` and a hash.
The lock's last entry, `state`, is the hash of the lock's text before it and of every contract, generator source and
output, so that an edit of any of them, or of the lock itself, shows.
"""

from __future__ import annotations

import os

# The quick hash itself, where it is to be had: by way of hashlib it would bring all of OpenSSL along, which costs more
# than hashing every file does.
try:
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

# Type checkers take this name for true; the import costs as much as hashing a hundred files.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LOCK = "manifest.lock.json"
SETTINGS_FILE = "contracts.toml"
GENERATOR = os.path.dirname(os.path.abspath(__file__))
_SOURCES = (".py", ".json", ".j2", ".jinja", ".md", ".toml")
_SIZE = 32
_MARK = b'  "state": "'
_END = b'"\n}\n'


# What Python and its tools leave in a folder of outputs that is imported from and tested.
_CACHES = frozenset({"__pycache__", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache"})


def _files(root: str, below: str = "", skipped: frozenset[str] = frozenset()) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(os.path.join(root, below)), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        path = f"{below}/{entry.name}" if below else entry.name
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in skipped and not (skipped and entry.name.endswith(".egg-info")):
                yield from _files(root, path, skipped)
        else:
            yield path


def outputs(root: str) -> list[str]:
    """List the files below the folder of outputs; caches of Python and of its tools do not count."""
    return list(_files(root, skipped=_CACHES))


def digest(root: str, paths: Iterable[str], replaced: Mapping[str, str] | None = None) -> str:
    """Hash files by path and content; `replaced` gives texts that are not on disk."""
    whole = blake2b(digest_size=_SIZE)
    for path in sorted(paths):
        whole.update(path.encode() + b"\0" + blake2b(_content(root, path, replaced), digest_size=_SIZE).digest())
    return whole.hexdigest()


def _content(root: str, path: str, replaced: Mapping[str, str] | None) -> bytes:
    if replaced is not None:
        return replaced[path].encode()
    with open(os.path.join(root, path), "rb") as file:
        return file.read()


def contracts_digest(root: str) -> str:
    """Hash a contracts folder."""
    return digest(root, contract_files(root))


def contract_files(root: str) -> list[str]:
    """List the files of a contracts folder in the order every output follows."""
    return sorted(path for path in _files(root) if path.endswith(".json") or path == SETTINGS_FILE)


def generator_digest() -> str:
    """Hash the toolchain's own sources."""
    return digest(GENERATOR, (path for path in _files(GENERATOR, skipped=_CACHES) if path.endswith(_SOURCES)))


def state(head: bytes, contracts: str, tree: str) -> str:
    """Hash the lock's text before `state` together with everything the lock speaks of."""
    known = b"\0".join([head, contracts.encode(), generator_digest().encode(), tree.encode()])
    return blake2b(known, digest_size=_SIZE).hexdigest()


def seal(head: str, contracts: str, tree: Mapping[str, str]) -> str:
    """Close a lock's text: `head` is a JSON object's lines without the closing brace, ending in a comma.

    `contracts` is the digest of the contracts that the tree was made of.
    """
    known = state(head.encode(), contracts, digest("", tree, tree))
    return f"{head}{_MARK.decode()}{known}{_END.decode()}"


def is_fresh(contracts_dir: str, out: str) -> bool:
    """Say whether contracts, toolchain and outputs are all as the lock last saw them."""
    try:
        with open(os.path.join(out, LOCK), "rb") as file:
            head, _, tail = file.read().partition(_MARK)
    except OSError:
        return False
    paths = [path for path in outputs(out) if path != LOCK]
    return tail == state(head, contracts_digest(contracts_dir), digest(out, paths)).encode() + _END
