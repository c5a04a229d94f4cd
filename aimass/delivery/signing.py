"""Signatures of webhooks, after Standard Webhooks 1.0.0 (standardwebhooks.com): HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

from aimass.errors import ConfigurationError

_LEAST = 24


def secret_bytes(secret: str, name: str = "the secret") -> bytes:
    """Return the bytes of a secret, which is written ``whsec_`` and base64.

    Raises
    ------
    ConfigurationError
        When it is no base64, or shorter than 24 bytes.

    Examples
    --------
    >>> len(secret_bytes("whsec_" + "A" * 32))
    24
    """
    try:
        raw = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ConfigurationError(f"{name} is no webhook secret: write whsec_ and base64.") from exc
    if len(raw) < _LEAST:
        raise ConfigurationError(
            f"{name} has {len(raw)} bytes, fewer than {_LEAST}. A good one: "
            "python -c 'import base64, os; print(\"whsec_\" + base64.b64encode(os.urandom(32)).decode())'"
        )
    return raw


def headers(id: str, time: float, body: bytes, secrets: Iterable[bytes]) -> dict[str, str]:
    """Return the headers of a webhook, signed with each of some secrets: two of them while one is replaced.

    Examples
    --------
    >>> signed = headers("n1", 1700000000.0, b"{}", [b"k" * 24, b"l" * 24])
    >>> signed["webhook-timestamp"], signed["webhook-signature"].count("v1,")
    ('1700000000', 2)
    """
    stamp = str(int(time))
    signed = b".".join((id.encode(), stamp.encode(), body))
    found = [base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode() for secret in secrets]
    made = {"webhook-id": id, "webhook-timestamp": stamp}
    return {**made, "webhook-signature": " ".join(f"v1,{one}" for one in found)} if found else made
