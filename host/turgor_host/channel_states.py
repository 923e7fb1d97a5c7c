"""What state each channel is in, of those of `turgor_host.entries`: as it was told, and as the board says."""

from typing import Any

from turgor.core.entries import ACTIVE, STANDBY
from turgor.core.judge import SECOND, STANDBY_S, Judge
from turgor_host.entries import STATES


class ChannelStates:
    """Fed in the order of the log; times are board seconds. A channel of which nothing was said is active.

    What is told acts at the next second. A board that goes on after a restart, and one that was told before anybody
    listened, say it in the snapshots of their rules.
    """

    def __init__(self) -> None:
        # By channel: its state, and until when a standby lasts.
        self._states: dict[int, tuple[int, int]] = {}
        self._told_s: dict[int, int] = {}
        self._restarted_s = -1

    def restart(self, t_s: int) -> None:
        """Another patient: all channels are active."""
        self._states.clear()
        self._told_s.clear()
        self._restarted_s = t_s

    def tell(self, channel: int, state: int, t_s: int) -> None:
        self._states[channel] = state, t_s + 1 + int(STANDBY_S)
        self._told_s[channel] = t_s

    def take(self, judge: Judge, t_s: int) -> None:
        """A snapshot of the tick of `t_s`: it counts where nothing was told since."""
        for position, channel in enumerate(judge.channels):
            if self._told_s.get(channel, self._restarted_s) < t_s:
                left_s = judge.until[position] - judge.words[SECOND]
                self._states[channel] = judge.states[position], t_s + left_s

    def state(self, channel: int, t_s: int | None) -> dict[str, Any]:
        """`state`, a word of `STATES`, and `standby_s`, what is left of a standby (None: it is on none)."""
        state, until_s = self._states.get(channel, (ACTIVE, 0))
        left_s = until_s - (t_s or 0)
        if state == STANDBY and left_s <= 0:
            state = ACTIVE
        return {"state": STATES[state], "standby_s": left_s if state == STANDBY else None}
