"""Keys to check signatures with: those of a state folder, or public ones kept elsewhere. None is ever made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from foundry_mcp.adapters.private_files import unreadable
from foundry_mcp.adapters.signing import (
    CURRENT,
    KEY_FILES,
    KEYS,
    SECRET,
    fingerprint,
    id_of,
    mac_with,
    opened,
    public_pem,
)
from foundry_mcp.ports import IN_TOTO_TYPE, PortError


@dataclass(frozen=True, slots=True)
class KnownKey:
    """Hold a public key: its id, its fingerprint, its PEM text, and whether it is the one that signs now."""

    key_id: str
    fingerprint: str
    pem: str
    signs: bool


class VerificationKeys:
    """Check signatures with the keys given."""

    def __init__(self, keys: Mapping[str, Ed25519PublicKey]) -> None:
        self._keys = keys

    def __len__(self) -> int:
        return len(self._keys)

    def verify(self, envelope: dict[str, object], payload_type: str = IN_TOTO_TYPE) -> dict[str, object] | None:
        """Give the statement of an envelope of this type that one of the keys signed; None for any other."""
        return opened(envelope, payload_type, lambda key_id: self._keys.get(str(key_id)))


def keys_of_files(paths: Iterable[Path]) -> VerificationKeys:
    """Read public keys from PEM files; PortError where one holds none."""
    return VerificationKeys({id_of(key): key for key in map(_public_key, paths)})


def keys_of_folder(folder: Path) -> VerificationKeys:
    """Give the keys of a state folder; none where it has none."""
    return VerificationKeys(_keys_in(folder))


def known_keys(folder: Path) -> list[KnownKey]:
    """List the keys of a state folder, the one that signs first."""
    current = _current(folder)
    found = [
        KnownKey(name, fingerprint(key), public_pem(key), name == current) for name, key in _keys_in(folder).items()
    ]
    return sorted(found, key=lambda key: (not key.signs, key.key_id))


def secret_mac(folder: Path) -> Callable[[str], str] | None:
    """Give the keyed function of a state folder's secret; None where there is no secret."""
    path = folder / KEYS / SECRET
    try:
        secret = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unreadable(path, error) from error
    return mac_with(secret)


def _keys_in(folder: Path) -> dict[str, Ed25519PublicKey]:
    return {id_of(key): key for key in map(_own_key, sorted((folder / KEYS).glob(KEY_FILES)))}


def _current(folder: Path) -> str:
    try:
        return (folder / KEYS / CURRENT).read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        return ""


def _own_key(path: Path) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
        raise _no_key(path) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(path)
    return key.public_key()


def _public_key(path: Path) -> Ed25519PublicKey:
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise PortError(
            f"{path} cannot be read: {error.strerror or error}.", "Name a file with a public key."
        ) from error
    except ValueError as error:
        raise _no_key(path) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path)
    return key


def _no_key(path: Path) -> PortError:
    return PortError(f"{path} holds no Ed25519 key.", "'foundry-mcp keys show' prints the public keys as PEM.")
