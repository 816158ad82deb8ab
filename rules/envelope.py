"""The lower envelope of lines: which of many lines is lowest at a place, when both come in order."""

from typing import Generic, TypeVar

Owner = TypeVar("Owner")


class Envelope(Generic[Owner]):
    """The lowest of many lines, each of which falls more steeply than those before it, for questions ever further on.

    What each line and question costs does not grow with their number. (The "convex hull trick"; Brucker, "Efficient
    algorithms for some path partitioning problems", 1995, has it for such paths.)
    """

    __slots__ = ("_first", "_heights", "_owners", "_slopes")

    def __init__(self) -> None:
        self._slopes: list[float] = []
        self._heights: list[float] = []
        self._owners: list[Owner] = []
        #: Lines before this one are not lowest any more.
        self._first = 0

    def add(self, slope: float, height: float, owner: Owner) -> None:
        """One more line, by its slope and its height at zero, and whose it is."""
        slopes, heights, first = self._slopes, self._heights, self._first
        while len(slopes) > first:
            if slope == slopes[-1]:
                if height >= heights[-1]:
                    return
            elif len(slopes) == first + 1 or not self._hidden(slope, height):
                break
            slopes.pop()
            heights.pop()
            self._owners.pop()
        slopes.append(slope)
        heights.append(height)
        self._owners.append(owner)

    def _hidden(self, slope: float, height: float) -> bool:
        """Whether the last line is nowhere lowest, once the one given is there."""
        (one, last), (high, low) = self._slopes[-2:], self._heights[-2:]
        return (height - high) * (one - last) <= (low - high) * (one - slope)

    def lowest(self, at: float) -> tuple[float, Owner]:
        """The least height at `at`, and whose line it is. There must be a line."""
        slopes, heights, first = self._slopes, self._heights, self._first
        least = heights[first] + slopes[first] * at
        while first + 1 < len(slopes) and (height := heights[first + 1] + slopes[first + 1] * at) <= least:
            first += 1
            least = height
        self._first = first
        return least, self._owners[first]
