"""A run's board time against this computer's: exchanges, as they come, into timebase, recording and what is shown."""

from collections.abc import Callable
from math import isfinite

from turgor_host.host_rules import CLOCK_JUMP
from turgor_host.live import Live
from turgor_host.recording.writer import Writer
from turgor_host.timebase import Exchange, Timebase, of_one_moment
from turgor_host.wallclock import JUMP_S, WallClock
from turgor_host.wire import NO_BOOT, PING_EVERY_S

# While board time is known less exactly than this, the board is asked for it more often.
_UNCERTAIN_S = 1e-3
_PING_SOON_S = 0.1


class BoardClock:
    """`speed` is that of the board's clock; `found` is told rule and text of each jump that somebody has to look at."""

    def __init__(self, writer: Writer, live: Live, speed: float, found: Callable[[str, str], None]) -> None:
        self._writer = writer
        self._live = live
        self._speed = speed
        self._found = found
        self._clock = WallClock()
        self._timebase = Timebase()
        self._boot = NO_BOOT

    def now(self) -> float:
        """UTC that never jumps, s."""
        return self._clock.now()

    def take(self, boot: int, exchange: Exchange) -> float:
        """Take an exchange of the board's `boot` in; returns how often the board is to be asked from now on, s."""
        is_new = boot != self._boot
        if is_new:
            self._boot = boot
            self._timebase = Timebase()
        if self._speed != 1:
            # A simulated clock that runs faster has one moment in common with ours.
            if not is_new:
                return PING_EVERY_S
            exchange = of_one_moment(exchange)
        base = self._timebase
        piece = base.piece
        if base.add(exchange):
            self._writer.exchange(boot, base.piece, exchange)
        if base.jump and base.piece != piece:
            moved = f"{base.jump.by_s:+.3f} s, give or take {base.jump.uncertainty_s:.3f} s"
            # Small ones are followed: nobody has to look at them.
            tell = self._found if abs(base.jump.by_s) > JUMP_S else self._writer.note
            tell(CLOCK_JUMP, f"against the board's by {moved}")
        utc, uncertainty_s = base.utc(exchange.answered)
        if isfinite(utc):
            self._live.clock(boot, utc - exchange.answered, uncertainty_s)
        return _PING_SOON_S if uncertainty_s > _UNCERTAIN_S else PING_EVERY_S

    def look(self) -> None:
        """Tell when somebody has moved this computer's clock."""
        if moved_s := self._clock.jump():
            self._found(CLOCK_JUMP, f"by {moved_s:+.3f} s; UTC here goes on as before")
