"""A calibration put together from the commands that carry it, as a board does it."""

from collections.abc import Sequence

from turgor.core.bounds import CALIBRATION_BOUNDS
from turgor.core.channels import CHANNELS, IMPEDANCE
from turgor.core.impedance import STATE_WORDS


class CalibrationParts:
    """Fed with the words of each CALIBRATE that a board took, in order."""

    def __init__(self) -> None:
        self._words: tuple[int, ...] = ()
        self._goes_on = -1

    def take(self, command: Sequence[int]) -> tuple[int, tuple[int, ...]] | None:
        """The channel's number and the words in order of `core.bounds` once all are there, None before."""
        start, *part = command
        channel, at = start & 0xFF, start >> 16
        if (at and start != self._goes_on) or channel >= len(CHANNELS):
            # One before it was lost.
            self._goes_on = -1
            return None
        self._words = (*(self._words if at else ()), *part)
        self._goes_on = start + (len(part) << 16)
        count = STATE_WORDS if CHANNELS[channel][1] == IMPEDANCE else len(CALIBRATION_BOUNDS)
        if len(self._words) < count:
            return None
        self._goes_on = -1
        return channel, self._words[:count]
