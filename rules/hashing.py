"""Recipients kept as keyed hashes: `hashed:` and the first 128 bits of HMAC-SHA256, in hex.

Who does not have the key can neither tell whose hash it is nor try all telephone numbers. Two hashes of one recipient
are equal, so that what is known of it still comes together. `docs/privacy.md` has the formula for other languages.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from rules.recipients import normal

#: No address and no telephone number begins so.
PREFIX = "hashed:"

#: Hex digits kept. Among a billion recipients the chance that any two are the same is below 10^-20.
DIGITS = 32

_HASH = re.compile(rf"{PREFIX}[0-9a-f]{{{DIGITS}}}")


def is_hash(recipient: str) -> bool:
    """Whether `recipient` is a hash already, and no address."""
    return _HASH.fullmatch(recipient) is not None


@dataclass(frozen=True, slots=True)
class Hashing:
    """The key, if there is one, and whether every recipient is kept as a hash, or only who was erased."""

    key: str | None = field(default=None, repr=False)
    everyone: bool = False

    def hash(self, spelled: str) -> str:
        """The hash of a recipient in the spelling in which it is compared; one that is a hash already stays as it is.

        ValueError without a key.
        """
        return spelled if is_hash(spelled) else self._hash(spelled)

    def of(self, recipient: str) -> str:
        """The hash of a recipient, however it is written."""
        return self.hash(normal(recipient))

    def any_text(self, text: str) -> str:
        """The hash of any text that holds an address; of a hash too, so that two texts never become one."""
        return self._hash(text)

    @property
    def proof(self) -> str:
        """What tells one key from another and tells nothing about it; no recipient has a line end before it."""
        return self._hash("\nwhich key it is")

    def _hash(self, text: str) -> str:
        if self.key is None:
            msg = "there is no key to hash with"
            raise ValueError(msg)
        digest = hmac.new(self.key.encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return PREFIX + digest[:DIGITS]


#: Recipients are kept as they are, and nobody was erased.
PLAIN = Hashing()
