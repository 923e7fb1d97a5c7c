"""Patients through time: arrays at trend level, and what truly happened."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turgor_host.sim.patient.body import Body, Picture
from turgor_host.sim.patient.exchange import Array
from turgor_host.sim.patient.parameters import Parameters, parameters
from turgor_host.sim.patient.patients import LIMBS, SEGMENTS, Patients

Trace = NDArray[np.float32]

# A step of the integration; what is asked for in between is interpolated.
STEP_S = 300.0
_HOUR_S = 3600.0


@dataclass(frozen=True)
class Trends:
    """n patients at T times, `hash` that of the parameters.

    `icp_mmhg` (n, limbs, T) in the order of `limbs`, `r0_ohm` (n, segments, T) in the order of `segments`, the others
    (n, T); `interstitial_ml` (n, 6, T). Truth, NaN where it never came: `ischaemia_s` (n, limbs), the first moment of
    DBP - ICP at or below the pressure asked for; `injury_s` (n, limbs), when muscle dies; `edema_s` (n,), when
    pulmonary edema shows.
    """

    hash: str
    time_s: Array
    limbs: tuple[str, ...]
    segments: tuple[str, ...]
    icp_mmhg: Trace
    r0_ohm: Trace
    systolic_mmhg: Trace
    diastolic_mmhg: Trace
    mean_mmhg: Trace
    pulse_bpm: Trace
    hematocrit: Trace
    albumin_g_l: Trace
    plasma_ml: Trace
    interstitial_ml: Trace
    lung_water_share: Trace
    infused_ml: Trace
    urine_ml: Trace
    ischaemia_h: Trace
    ischaemia_s: Array
    injury_s: Array
    edema_s: Array


def trends(
    patients: Patients,
    hours: float,
    step_s: float = 60.0,
    *,
    limbs: tuple[str, ...] = LIMBS,
    segments: tuple[str, ...] = SEGMENTS,
    ischaemia_mmhg: float = 30.0,
    p: Parameters | None = None,
    integration_s: float = STEP_S,
    progress: Callable[[float], None] | None = None,
) -> Trends:
    """Let `hours` pass; a value every `step_s` from 0 on. `progress` is told the share that is done.

    Whoever wants seconds interpolates minutes: nothing here is faster.
    """
    p = p or parameters()
    body = Body(p, patients)
    count = round(hours * _HOUR_S / step_s) + 1
    rows = [LIMBS.index(name) for name in limbs]
    places = [SEGMENTS.index(name) for name in segments]
    columns: dict[str, Trace] = {}
    ischaemia_s = np.full((len(rows), patients.count), np.nan)
    injury_s = ischaemia_s.copy()
    edema_s = np.full(patients.count, np.nan)
    for number, (t_s, state) in enumerate(_states(body, count, step_s, integration_s)):
        seen = body.picture(t_s / _HOUR_S, state)
        values = _row(seen, rows, places)
        if not columns:
            columns = {name: np.empty((count, *value.shape), np.float32) for name, value in values.items()}
        for name, value in values.items():
            columns[name][number] = value
        dp = seen.pressures.diastolic - values["icp_mmhg"]
        _note(ischaemia_s, dp <= ischaemia_mmhg, t_s)
        _note(injury_s, values["ischaemia_h"] >= p["injury", "hours"], t_s)
        _note(edema_s, seen.lung_water_share >= p["edema", "lung_water_share"], t_s)
        if progress:
            progress((number + 1) / count)
    return Trends(
        hash=p.hash,
        time_s=np.arange(count, dtype=float) * step_s,
        limbs=limbs,
        segments=segments,
        **{name: np.ascontiguousarray(column.T) for name, column in columns.items()},
        ischaemia_s=ischaemia_s.T,
        injury_s=injury_s.T,
        edema_s=edema_s,
    )


def _row(seen: Picture, rows: list[int], places: list[int]) -> dict[str, Array]:
    pressures = seen.pressures
    return {
        "icp_mmhg": seen.icp_mmhg[rows],
        "r0_ohm": seen.r0_ohm[places],
        "systolic_mmhg": pressures.systolic,
        "diastolic_mmhg": pressures.diastolic,
        "mean_mmhg": pressures.mean,
        "pulse_bpm": pressures.pulse,
        "hematocrit": seen.hematocrit,
        "albumin_g_l": seen.albumin_g_l,
        "plasma_ml": seen.plasma_ml,
        "interstitial_ml": seen.interstitial_ml,
        "lung_water_share": seen.lung_water_share,
        "infused_ml": seen.infused_ml,
        "urine_ml": seen.urine_ml,
        "ischaemia_h": seen.ischaemia_h[rows],
    }


def _note(first: Array, true: NDArray[np.bool_], t_s: float) -> None:
    first[true & np.isnan(first)] = t_s


def _states(body: Body, count: int, step_s: float, integration_s: float) -> Iterator[tuple[float, Array]]:
    """`count` moments, s, with the state at each: Runge and Kutta's fourth order, between its steps a cubic."""
    step_h = integration_s / _HOUR_S
    start, state = 0.0, body.resting_state()
    slope = body.derivative(start, state)
    after, slope_after = _advance(body, start, state, slope, step_h)
    for number in range(count):
        t_h = number * step_s / _HOUR_S
        while t_h > start + step_h:
            start, state, slope = start + step_h, after, slope_after
            after, slope_after = _advance(body, start, state, slope, step_h)
        yield number * step_s, _between(state, slope, after, slope_after, (t_h - start) / step_h, step_h)


def _advance(body: Body, t_h: float, state: Array, slope: Array, step_h: float) -> tuple[Array, Array]:
    """State and its slope one step on."""
    half = step_h / 2
    k2 = body.derivative(t_h + half, state + half * slope)
    k3 = body.derivative(t_h + half, state + half * k2)
    k4 = body.derivative(t_h + step_h, state + step_h * k3)
    after = state + step_h / 6 * (slope + 2 * (k2 + k3) + k4)
    return after, body.derivative(t_h + step_h, after)


def _between(y0: Array, f0: Array, y1: Array, f1: Array, share: float, step_h: float) -> Array:
    """Hermite's cubic at `share` of a step; what the equations conserve, it conserves too."""
    rest = 1 - share
    ends = rest * rest * (1 + 2 * share) * y0 + share * share * (3 - 2 * share) * y1
    return ends + step_h * share * rest * (rest * f0 - share * f1)
