"""The signature of what goes to the shop's system and of what comes from it."""

import hmac
import time

TIMESTAMP_HEADER = "Payout-Timestamp"
SIGNATURE_HEADER = "Payout-Signature"
# How far the other side's clock may be from ours; within it, a call that is repeated changes nothing.
TOLERANCE_SECONDS = 300
_VERSION = "v1="


def headers_for(body: bytes, secret: str, *, now: float | None = None) -> dict[str, str]:
    """The headers that sign `body` now: the time in Unix seconds, and the signature over it and the body."""
    timestamp = str(int(time.time() if now is None else now))
    return {TIMESTAMP_HEADER: timestamp, SIGNATURE_HEADER: _signature(timestamp, body, secret)}


def is_signed(body: bytes, timestamp: str, signature: str, secret: str) -> bool:
    """Whether whoever knows the secret signed exactly this body, within the last five minutes."""
    if not secret or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
        return False
    if abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    return hmac.compare_digest(_signature(timestamp, body, secret).encode(), signature.encode())


def _signature(timestamp: str, body: bytes, secret: str) -> str:
    mac = hmac.new(secret.encode(), timestamp.encode() + b"." + body, "sha256")
    return _VERSION + mac.hexdigest()
