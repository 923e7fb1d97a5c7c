"""What sensors and people make of the truth: each error a named event."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from turgor_host.sim.patient.exchange import Array
from turgor_host.sim.patient.parameters import Parameters
from turgor_host.sim.patient.patients import SEGMENTS
from turgor_host.sim.patient.trends import Trace, Trends

_HOUR_S = 3600.0
_DAY_S = 24 * _HOUR_S
# Whom an event is about when no channel.
_ALL = ""


@dataclass(frozen=True)
class Event:
    """`name` befell `patient` on `channel` ("" is all) from `from_s` to `to_s`; `size` in mmHg or as a share of R0."""

    name: str
    patient: int
    channel: str
    from_s: float
    to_s: float
    size: float = 0.0


@dataclass(frozen=True)
class Measured:
    """What a board is told of n patients. NaN where nothing is attached.

    `icp_mmhg` (n, limbs, T), `r0_ohm` (n, segments, T), `line_dbp_mmhg` (n, T), which without an arterial line is NaN;
    `typed` has for each patient the (s, mmHg) that somebody typed.
    """

    icp_mmhg: Trace
    r0_ohm: Trace
    line_dbp_mmhg: Trace
    typed: list[list[tuple[float, float]]]
    events: list[Event] = field(default_factory=list)

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]


class _Making:
    """The trends on their way to what is measured; one method a disturbance."""

    def __init__(self, p: Parameters, trends: Trends, seed: int | Sequence[int]) -> None:
        self._p = p
        self._trends = trends
        self._rng: Generator = np.random.default_rng(seed)
        self._count = len(trends.diastolic_mmhg)
        self._end_s = float(trends.time_s[-1])
        self.icp = trends.icp_mmhg.copy()
        self.r0 = trends.r0_ohm.copy()
        self.line = trends.diastolic_mmhg.copy()
        self.events: list[Event] = []

    def _of(self, name: str) -> float:
        return self._p["disturbance", name]

    def _between(self, name: str, count: int) -> Array:
        low, high = self._p.row("disturbance", name)
        return self._rng.uniform(low, high, count)

    def _struck(self, name: str, channels: int) -> list[tuple[int, int]]:
        """Patients and channels that the share `name` of them falls on."""
        return [(int(n), int(c)) for n, c in np.argwhere(self._rng.random((self._count, channels)) < self._of(name))]

    def _from(self, t_s: float) -> int:
        return int(np.searchsorted(self._trends.time_s, t_s))

    def level_and_zero(self) -> None:
        """Transducers hang too high or low all the time; zeros drift, then stay."""
        shape = self.icp.shape[:2]
        level = self._of("level_sd_mmhg") * self._rng.standard_normal(shape)
        drift = self._of("zero_drift_mmhg") * self._rng.uniform(-1, 1, shape)
        grown = np.minimum(self._trends.time_s / (self._of("zero_drift_h") * _HOUR_S), 1)
        self.icp += (level[..., None] + drift[..., None] * grown).astype(np.float32)
        for n, c in np.ndindex(shape):
            limb = self._trends.limbs[c]
            self.events.append(Event("level_error", n, limb, 0, self._end_s, float(level[n, c])))
            self.events.append(Event("zero_drift", n, limb, 0, self._end_s, float(drift[n, c])))

    def noise(self) -> None:
        self.icp += self._of("noise_sd_mmhg") * self._rng.standard_normal(self.icp.shape, dtype=np.float32)

    def dislodged(self) -> None:
        """A catheter slips out: its pressure is near zero from then on."""
        for n, c in self._struck("dislodged_share", self.icp.shape[1]):
            t_s = self._rng.uniform(0, self._end_s)
            self.icp[n, c, self._from(t_s) :] = self._of("dislodged_mmhg")
            self.events.append(Event("dislodged", n, self._trends.limbs[c], t_s, self._end_s))

    def blocked(self) -> None:
        """A catheter clots: it shows what was there, without a tremor."""
        for n, c in self._struck("blocked_share", self.icp.shape[1]):
            t_s = self._rng.uniform(0, self._end_s)
            at = self._from(t_s)
            self.icp[n, c, at:] = self.icp[n, c, at]
            self.events.append(Event("blocked", n, self._trends.limbs[c], t_s, self._end_s))

    def electrodes(self) -> None:
        """An electrode is moved: R0 has a step."""
        for n, c in self._struck("electrode_share", self.r0.shape[1]):
            t_s = self._rng.uniform(0, self._end_s)
            step = self._of("electrode_step") + self._of("electrode_step_sd") * self._rng.standard_normal()
            self.r0[n, c, self._from(t_s) :] *= 1 + step
            self.events.append(Event("electrode_moved", n, self._trends.segments[c], t_s, self._end_s, step))

    def thorax(self) -> None:
        """A healthy thorax drifts within hours, then stays."""
        if "thorax" not in self._trends.segments:
            return
        c = self._trends.segments.index("thorax")
        drift = self._between("thorax_drift", self._count)
        lasts_s = self._of("thorax_drift_h") * _HOUR_S
        grown = np.minimum(self._trends.time_s / lasts_s, 1)
        self.r0[:, c] *= (1 + drift[:, None] * grown).astype(np.float32)
        self.events += [Event("thorax_drift", n, "thorax", 0, lasts_s, float(d)) for n, d in enumerate(drift)]

    def skin(self) -> None:
        """Skin warms and cools in the course of a day."""
        phase = self._rng.uniform(0, 2 * np.pi, (self._count, 1))
        degc = self._of("skin_degc") * np.sin(2 * np.pi * self._trends.time_s / _DAY_S + phase)
        for c, name in enumerate(self._trends.segments):
            self.r0[:, c] *= (1 + skin_gain(self._p, name) * degc).astype(np.float32)
        self.events += [Event("skin_temperature", n, _ALL, 0, self._end_s) for n in range(self._count)]

    def lines(self) -> None:
        """Some have an arterial line; a damped one over-reads the diastolic pressure."""
        has = self._rng.random(self._count) < self._of("line_share")
        for n, _ in self._struck("damped_share", 1):
            if not has[n]:
                continue
            from_s = self._rng.uniform(0, self._end_s)
            to_s = min(from_s + _HOUR_S * float(self._between("damped_h", 1)[0]), self._end_s)
            over = float(self._between("damped_mmhg", 1)[0])
            self.line[n, self._from(from_s) : self._from(to_s)] += over
            self.events.append(Event("line_damped", n, "art", from_s, to_s, over))
        self.line[~has] = np.nan

    def typed(self) -> list[list[tuple[float, float]]]:
        """Diastolic pressures that somebody measures now and then and types, in whole mmHg; some are never typed."""
        never = self._rng.random(self._count) < self._of("dbp_never_share")
        entries: list[list[tuple[float, float]]] = []
        for n in range(self._count):
            rows: list[tuple[float, float]] = []
            t_s = 0.0
            while not never[n]:
                gap_h = self._of("dbp_interval_h") * np.exp(self._of("dbp_interval_sd") * self._rng.standard_normal())
                t_s += _HOUR_S * float(gap_h)
                if t_s > self._end_s:
                    break
                true = self._trends.diastolic_mmhg[n, self._from(t_s)]
                error = self._of("dbp_error_sd_mmhg") * self._rng.standard_normal()
                rows.append((t_s, float(np.clip(np.round(true + error), 10, 200))))
            entries.append(rows)
            name = "dbp_never" if never[n] else "dbp_irregular"
            self.events.append(Event(name, n, _ALL, 0, self._end_s))
        return entries

    def late(self) -> None:
        """Some are attached hours after it began: before, there is nothing."""
        for n, _ in self._struck("late_share", 1):
            to_s = min(_HOUR_S * float(self._between("late_h", 1)[0]), self._end_s)
            at = self._from(to_s)
            self.icp[n, :, :at] = np.nan
            self.r0[n, :, :at] = np.nan
            self.line[n, :at] = np.nan
            self.events.append(Event("attached_late", n, _ALL, 0, to_s))


def skin_gain(p: Parameters, segment: str) -> float:
    """Change of R0, as a share, for a degree of skin temperature."""
    return float(p.row("impedance", "skin_per_degc")[SEGMENTS.index(segment)])


def measure(p: Parameters, trends: Trends, seed: int | Sequence[int]) -> Measured:
    """What would be measured of `trends`, with every disturbance of the file; the same for the same arguments."""
    making = _Making(p, trends, seed)
    making.level_and_zero()
    making.noise()
    making.dislodged()
    making.blocked()
    making.electrodes()
    making.thorax()
    making.skin()
    making.lines()
    typed = making.typed()
    making.late()
    before = {event.patient: event.to_s for event in making.events if event.name == "attached_late"}
    typed = [[row for row in rows if row[0] >= before.get(n, 0)] for n, rows in enumerate(typed)]
    return Measured(making.icp, making.r0, making.line, typed, making.events)
