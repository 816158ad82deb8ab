"""Shares as people read them."""

#: Percent below which nobody minds how small a share is, and from which on whole ones are enough.
LEAST, WHOLE = 0.01, 10


def percent(share: float) -> str:
    """`0%`, `0.03%`, `1.2%`, `45%`."""
    found = share * 100
    if 0 < found < LEAST:
        return f"less than {LEAST}%"
    return f"{found:.0f}%" if found >= WHOLE or found == 0 else f"{found:.2g}%"
