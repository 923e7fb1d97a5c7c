"""The snapshots of a board's rules, put together from the records of a run."""

from collections.abc import Iterable

from turgor.core.judge import Judge
from turgor.core.judge_state import unpack_judge
from turgor.core.packed import WORD_SIZE
from turgor.core.rules import DEFAULT_LIMITS

Limit = tuple[int, ...]


class RuleSnapshots:
    """Fed in the order of the log. Only the first whole one counts, and the first after something may be missing.

    `has_limits`: it was made with the limits that are known here, so that its alarms are those of the same rules. One
    that was not says less, and the next one counts too.
    """

    def __init__(self) -> None:
        self.has_limits = False
        self._is_wanted = True
        self._parts: list[bytes] = []
        self._limits: dict[tuple[int, int], Limit] = {}

    def doubt(self) -> None:
        """Something may have been said that did not come here."""
        self._is_wanted = True

    def restart(self) -> None:
        """A board starts, and tells its limits anew."""
        self.doubt()
        self._limits.clear()

    def take_limit(self, *row: int) -> None:
        """A row as those of `core.rules.DEFAULT_LIMITS`."""
        self._limits[row[0], row[1]] = row

    def take_part(self, part: int, parts: int, words: bytes, channels: Iterable[int]) -> Judge | None:
        """Take a record of a board with `channels` in; the judge as it was when all its parts are there."""
        if not self._is_wanted:
            return None
        if part == 0:
            self._parts = []
        if part != len(self._parts):
            # One was lost.
            return None
        self._parts.append(words)
        if part + 1 < parts:
            return None
        packed = b"".join(self._parts)
        judge = Judge(sorted(channels), sorted(self._limits.values()) or DEFAULT_LIMITS)
        self.has_limits = int.from_bytes(packed[:WORD_SIZE], "little", signed=True) == judge.alarms.limits_sum
        # Behind the sum of the limits.
        if not unpack_judge(judge, packed, WORD_SIZE, len(packed)):
            return None
        # By other limits than are known here yet: another will come.
        self._is_wanted = not self.has_limits
        return judge
