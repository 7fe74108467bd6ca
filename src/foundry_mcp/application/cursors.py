"""Cursors: places in listings, sealed so that only their own listing takes them."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from foundry_contracts.handlers import Refusal
from foundry_contracts.vocabulary import ErrorCode
from foundry_mcp.ports import Signer


@dataclass(frozen=True, slots=True)
class Cursors:
    """Seal places and open them again."""

    signer: Signer

    def seal(self, scope: str, place: int) -> str:
        """Give the cursor of a place; `scope` names the listing."""
        seal = self.signer.mac(f"cursor:{scope}:{place}")[:16]
        return urlsafe_b64encode(f"{place}:{seal}".encode()).decode().rstrip("=")

    def place(self, scope: str, cursor: str) -> int | Refusal:
        """Give a cursor's place, or refuse one of another listing."""
        try:
            text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
            place = int(text.partition(":")[0])
        except (ValueError, Base64Error):
            place = -1
        if place >= 0 and self.seal(scope, place) == cursor:
            return place
        return Refusal(ErrorCode.INVALID_CURSOR, "The cursor is not one of this listing's.", {})
