"""A key that everybody knows, for what is signed in a test and has to come out the same on every machine."""

from __future__ import annotations

import base64
import json
from hashlib import sha256

from foundry_mcp.ports import IN_TOTO_TYPE


class KnownKey:
    """Sign with a key that everybody knows, so that what is signed is the same on every machine."""

    key_id = "0123456789abcdef"

    def sign(self, statement: dict[str, object], payload_type: str = IN_TOTO_TYPE) -> dict[str, object]:
        payload = base64.b64encode(json.dumps(statement).encode()).decode()
        signature = base64.b64encode(self.mac(payload).encode()).decode()
        return {
            "payload": payload,
            "payloadType": payload_type,
            "signatures": [{"keyid": self.key_id, "sig": signature}],
        }

    def verify(self, envelope: dict[str, object], payload_type: str = IN_TOTO_TYPE) -> dict[str, object] | None:
        statement: dict[str, object] = json.loads(base64.b64decode(str(envelope["payload"])))
        return statement if self.sign(statement, payload_type) == envelope else None

    def mac(self, text: str) -> str:
        return sha256(f"known to all:{text}".encode()).hexdigest()
