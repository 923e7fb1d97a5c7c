"""When each limb was last looked at: pain on stretch, sensation, movement and pulse, which no sensor tells."""

from typing import Any

from turgor.core.channels import CHANNELS, NO_LIMB, PRESSURE
from turgor_host.live_channel import label_of

CHECK_EVERY_S = 7200


class LimbChecks:
    """Times of the last checks, board seconds. A limb that was never checked is due `every_s` after `restart`.

    `every_s` 0: nobody wants to be reminded.
    """

    def __init__(self, every_s: int) -> None:
        self._every_s = every_s
        self._since_s = 0
        self._last_s: dict[int, int] = {}

    def restart(self, t_s: int) -> None:
        """Another patient, or none seen before."""
        self._since_s = t_s
        self._last_s.clear()

    def take(self, channel: int, t_s: int) -> None:
        """The limb of a channel was checked."""
        self._last_s[CHANNELS[channel][2]] = t_s

    def state(self, channels: list[int], t_s: int | None) -> dict[str, Any]:
        """Each limb whose pressure is among `channels`: age of its last check (None: never), and whether one is due."""
        limbs = []
        for number in sorted(channels):
            _, kind, limb = CHANNELS[number]
            if kind != PRESSURE or limb == NO_LIMB:
                continue
            last_s = self._last_s.get(limb)
            waited_s = 0 if t_s is None else t_s - (self._since_s if last_s is None else last_s)
            limbs.append(
                {
                    "channel": CHANNELS[number][0],
                    "label": label_of(number),
                    "age_s": None if last_s is None else waited_s,
                    "due": bool(self._every_s and waited_s > self._every_s),
                }
            )
        return {"every_s": self._every_s, "limbs": limbs}
