"""Receipts signed with Ed25519 in DSSE envelopes, and MACs only this server can check.

Keys lie in `keys/` of the state folder: `ed25519-<key id>.pem` each, `current` naming the one that signs, and
`mac.secret`. The keys that signed before stay there and still verify.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from foundry_mcp.adapters.private_files import make_once, replace, unreadable
from foundry_mcp.ports import IN_TOTO_TYPE, PortError

KEYS: Final = "keys"
CURRENT, SECRET, KEY_FILES = "current", "mac.secret", "ed25519-*.pem"
_ID_DIGITS: Final = 16
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")
_SECRET_BYTES: Final = 32
_SHA256: Final = "sha256"


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Give the bytes a DSSE signature covers."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


class FileSigner:
    """Sign with the key the state folder names; servers that share the folder share the key."""

    def __init__(self, folder: Path) -> None:
        self._keys = folder / KEYS
        self._secret = make_once(self._keys / SECRET, secrets.token_bytes(_SECRET_BYTES))
        if len(self._secret) != _SECRET_BYTES:
            raise _damaged(self._keys / SECRET)
        self._mac = mac_with(self._secret)
        self._key_id = self._agreed_key_id()
        self._private = self._read_key(self._key_id)
        self._public: dict[str, Ed25519PublicKey] = {self._key_id: self._private.public_key()}

    @property
    def key_id(self) -> str:
        """Name the signing key: sixteen digits of its public half's SHA-256."""
        return self._key_id

    def sign(self, statement: dict[str, object], payload_type: str = IN_TOTO_TYPE) -> dict[str, object]:
        """Wrap a statement in a signed DSSE envelope whose payload is of this type."""
        payload = json.dumps(statement, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        signature = self._private.sign(pre_authentication_encoding(payload_type, payload))
        return {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"keyid": self._key_id, "sig": base64.b64encode(signature).decode()}],
        }

    def verify(self, envelope: dict[str, object], payload_type: str = IN_TOTO_TYPE) -> dict[str, object] | None:
        """Give the statement of an envelope of this type one of our keys signed; None for any other."""
        return opened(envelope, payload_type, self._public_key)

    def mac(self, text: str) -> str:
        """Give the hexadecimal HMAC-SHA256 of a text."""
        return self._mac(text)

    def public_pem(self, key_id: str) -> bytes | None:
        """Give the public half of one of our keys, for checking receipts elsewhere."""
        key = self._public_key(key_id)
        return None if key is None else public_pem(key).encode()

    def rotate(self) -> str:
        """Sign with a fresh key from now on, and give its id; other servers follow when they start again."""
        self._key_id = self._fresh_key()
        replace(self._keys / CURRENT, self._key_id.encode())
        self._private = self._read_key(self._key_id)
        self._public[self._key_id] = self._private.public_key()
        return self._key_id

    def _agreed_key_id(self) -> str:
        # A key written by a process that then lost the race for the name signs nothing and is taken away.
        named = self._keys / CURRENT
        ours = "" if named.exists() else self._fresh_key()
        agreed = make_once(named, ours.encode()).decode("ascii", "replace")
        if not _KEY_ID.fullmatch(agreed):
            raise _damaged(named)
        if ours and ours != agreed:
            self._path(ours).unlink(missing_ok=True)
        return agreed

    def _fresh_key(self) -> str:
        key = Ed25519PrivateKey.generate()
        key_id = id_of(key.public_key())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        make_once(self._path(key_id), pem)
        return key_id

    def _read_key(self, key_id: str) -> Ed25519PrivateKey:
        path = self._path(key_id)
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise unreadable(path, error) from error
        except ValueError as error:
            raise _damaged(path) from error
        if not isinstance(key, Ed25519PrivateKey) or id_of(key.public_key()) != key_id:
            raise _damaged(path)
        return key

    def _path(self, key_id: str) -> Path:
        return self._keys / KEY_FILES.replace("*", key_id)

    def _public_key(self, key_id: object) -> Ed25519PublicKey | None:
        # Another server may have rotated the key since this one started, so an unknown id is looked up.
        if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
            return None
        if key_id not in self._public and self._path(key_id).exists():
            self._public[key_id] = self._read_key(key_id).public_key()
        return self._public.get(key_id)


def opened(
    envelope: Mapping[str, object], payload_type: str, key_of: Callable[[object], Ed25519PublicKey | None]
) -> dict[str, object] | None:
    """Give the statement of an envelope of this type that a key signed; None for any other."""
    payload = _decoded(envelope.get("payload"))
    signatures = envelope.get("signatures")
    if payload is None or envelope.get("payloadType") != payload_type or not isinstance(signatures, list):
        return None
    signed = pre_authentication_encoding(payload_type, payload)
    if not any(_is_signature(signed, signature, key_of) for signature in signatures):
        return None
    return _statement(payload)


def _is_signature(signed: bytes, signature: object, key_of: Callable[[object], Ed25519PublicKey | None]) -> bool:
    if not isinstance(signature, dict):
        return False
    key, value = key_of(signature.get("keyid")), _decoded(signature.get("sig"))
    if key is None or value is None:
        return False
    try:
        key.verify(value, signed)
    except InvalidSignature:
        return False
    return True


def mac_with(secret: bytes) -> Callable[[str], str]:
    """Give the hexadecimal HMAC-SHA256 under a secret, as a function of a text."""
    return lambda text: hmac.digest(secret, text.encode(), _SHA256).hex()


def fingerprint(key: Ed25519PublicKey) -> str:
    """Give the SHA-256 of a public key's 32 bytes, in hexadecimal; a key's id is its first sixteen digits."""
    return hashlib.sha256(key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)).hexdigest()


def public_pem(key: Ed25519PublicKey) -> str:
    """Give a public key as PEM text."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def id_of(key: Ed25519PublicKey) -> str:
    """Give a key's id."""
    return fingerprint(key)[:_ID_DIGITS]


def _decoded(text: object) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _statement(payload: bytes) -> dict[str, object] | None:
    try:
        statement = json.loads(payload)
    except ValueError:
        return None
    return statement if isinstance(statement, dict) else None


def _damaged(path: Path) -> PortError:
    return PortError(f"The file {path} is damaged.", "Restore it from a backup, or move it away: a new one is made.")
