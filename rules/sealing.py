"""Sealed texts: what we give out and get back later, which nobody else can read, make or change.

A place in a list may hold an address (blocked addresses are listed in their order), and whoever may see masked
recipients only is given that place to ask for the next page. So it is encrypted, with what the standard library has:
the text is joined with the output of HMAC-SHA256 in counter mode, begun from a tag that is itself the HMAC of purpose
and text (the SIV construction, RFC 5297, with HMAC as its function). The same text gives the same seal, so that a link
to a page stays the same.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

#: Bytes of a tag.
TAG = 16

#: Bytes of a key.
KEY = 32


class Unsealed(ValueError):
    """The text was not sealed by us for this purpose."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Seals texts with a key of 32 bytes."""

    key: bytes = field(repr=False)

    def close(self, purpose: str, text: str) -> str:
        """`text` as letters that may stand in an address of the web."""
        plain = text.encode()
        tag = self._tag(purpose, plain)
        return base64.urlsafe_b64encode(tag + self._joined(tag, plain)).decode().rstrip("=")

    def open(self, purpose: str, sealed: str) -> str:
        """The text. Raises Unsealed."""
        try:
            raw = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise Unsealed from None
        tag, plain = raw[:TAG], self._joined(raw[:TAG], raw[TAG:])
        if not hmac.compare_digest(tag, self._tag(purpose, plain)):
            raise Unsealed
        return plain.decode()

    def sign(self, purpose: str, text: str) -> str:
        """A word that only we can make for `text`."""
        return self._hmac(b"sign", purpose.encode() + b"\0" + text.encode()).hex()

    def _tag(self, purpose: str, plain: bytes) -> bytes:
        return self._hmac(b"tag", purpose.encode() + b"\0" + plain)[:TAG]

    def _joined(self, tag: bytes, text: bytes) -> bytes:
        blocks = range((len(text) + 31) // 32)
        stream = b"".join(self._hmac(b"stream", tag + block.to_bytes(8)) for block in blocks)
        return bytes(a ^ b for a, b in zip(text, stream, strict=False))

    def _hmac(self, use: bytes, text: bytes) -> bytes:
        # A key of its own for each use.
        derived = hmac.digest(self.key, b"landed " + use, hashlib.sha256)
        return hmac.digest(derived, text, hashlib.sha256)
