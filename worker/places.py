"""Places for polls: so many, and as many again for those whose provider keeps them waiting.

A poll that waits for long gives its place to others and goes on in a slow one. Its account begins in a slow place next
time, until a poll of it has not waited for long. So accounts that answer find a place however many do not.
"""

from collections.abc import Hashable

#: A poll that has had no answer for so many seconds is slow.
PATIENCE = 2.0


class Places:
    """`count` usual places, and `count` slow ones."""

    def __init__(self, count: int) -> None:
        """All are free."""
        self._count = count
        self._usual: set[Hashable] = set()
        self._slow: set[Hashable] = set()
        #: Those who were slow last time.
        self._known: set[Hashable] = set()

    def __contains__(self, who: Hashable) -> bool:
        """Whether they have a place."""
        return who in self._usual or who in self._slow

    def take(self, who: Hashable) -> bool:
        """Take a place; false if there is none for them now, or they have one."""
        places = self._slow if who in self._known else self._usual
        if who in self or len(places) >= self._count:
            return False
        places.add(who)
        return True

    def slow(self, who: Hashable) -> None:
        """They wait for long. Where all slow places are taken they stay where they are."""
        self._known.add(who)
        if who in self._usual and len(self._slow) < self._count:
            self._usual.remove(who)
            self._slow.add(who)

    def leave(self, who: Hashable, *, was_slow: bool) -> None:
        """Leave their place, and be remembered as slow or not."""
        self._usual.discard(who)
        self._slow.discard(who)
        if not was_slow:
            self._known.discard(who)
