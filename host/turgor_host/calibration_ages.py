"""How old the calibrations are that a board runs with: the rule `cal_expired`."""

import math
import time
from collections.abc import Callable

from turgor.link import lines
from turgor_host.calibrate.certificate import DAY_S, calibration_number
from turgor_host.calibrate.kept import made_utc
from turgor_host.calibrate.parts import CalibrationParts
from turgor_host.configuration.sensors import is_nominal, sensor_name
from turgor_host.host_rules import OLDEST_DAYS
from turgor_host.recording.boots import Setup

_HOLDS_S = OLDEST_DAYS * DAY_S
_REMEDY = f"calibrate again, or run `turgor calibrate upload` with a certificate younger than {OLDEST_DAYS} days"


class CalibrationAges:
    """Fed with the records of a run in order. A certificate's age is that by `utc`, this computer's clock."""

    def __init__(self, utc: Callable[[], float] = time.time) -> None:
        self._utc = utc
        self._boot: int | None = None
        self._setups: dict[int, Setup] = {}
        self._parts = CalibrationParts()
        # A channel was described or calibrated; and that is in force, with all that came together.
        self._changed = self._is_due = False
        self._next_expiry = math.inf
        self._told: set[str] = set()
        # By number what was told and not acknowledged.
        self._unseen: dict[str, str] = {}

    def take(self, header: dict[str, int], body: dict[str, int], tail: bytes) -> None:
        """Take one record in, as `turgor.link.records.unpack` gives it."""
        kind = str(header["kind"])
        if header["boot"] != self._boot:
            self._boot = header["boot"]
            self._setups.clear()
            self._parts = CalibrationParts()
        if kind in ("pressure_channel", "impedance_channel"):
            number = header["channel"]
            self._setups[number] = Setup.described(number, tuple(body.values()), tail)
            self._changed = True
        elif kind == "command" and body["command"] == lines.CALIBRATE and body["status"] == lines.OK:
            whole = self._parts.take([body[name] for name in "abcde"])
            if whole and whole[0] in self._setups:
                self._setups[whole[0]].calibrations.append((0, whole[1]))
                self._changed = True
        elif kind == "readings":
            self._is_due |= self._changed

    def poll(self, board: str) -> str:
        """What is too old or of unknown age on this board, "" when there is nothing that was not told in this run."""
        now = self._utc()
        if not self._is_due and now <= self._next_expiry:
            return ""
        self._changed = self._is_due = False
        self._next_expiry = math.inf
        unseen = {}
        has_news = False
        for setup in self._setups.values():
            number = calibration_number(board, setup.name, sensor_name(setup.driver), setup.calibration())
            if not (why := self._judge(setup, number, now)):
                continue
            if number not in self._told or number in self._unseen:
                unseen[number] = f"{setup.name} ({number}) {why}"
            has_news |= number not in self._told
            self._told.add(number)
        self._unseen = unseen
        return f"{'; '.join(unseen.values())}; {_REMEDY}" if has_news else ""

    def see(self) -> None:
        """What was told is acknowledged."""
        self._unseen = {}

    def _judge(self, setup: Setup, number: str, now: float) -> str:
        made = made_utc(number)
        if made is None and is_nominal(setup.driver, setup.calibration()):
            return ""
        # From a later day, by a clock that was or is wrong, it might never expire.
        if made is None or made > now + DAY_S:
            return "is of unknown age"
        if now <= made + _HOLDS_S:
            self._next_expiry = min(self._next_expiry, made + _HOLDS_S)
            return ""
        day = time.strftime("%Y-%m-%d", time.gmtime(made))
        return f"is {(now - made) / DAY_S:.0f} days old, of {day}"
