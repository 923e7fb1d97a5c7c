"""A picture of a recording: pressures, DBP - ICP, impedance, temperature, posture and alarms over time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from turgor.core.channels import IMPEDANCE, MOTION, PRESSURE, PRESSURES, SUPPLY, TEMPERATURE
from turgor.core.rules import DBP_VALID_S, DEFAULT_LIMITS, DP_LOW, FLUID_GAIN, PRESSURE_HIGH
from turgor_host.errors import TurgorError, UsageError
from turgor_host.recording.decode import Floats
from turgor_host.recording.events import Event
from turgor_host.recording.reader import Recording

# Distinct for the colour-blind, dark enough for thin lines on white (Okabe and Ito).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#8a6d00", "#444444", "#7f4f24")
_PRIORITY_COLOURS = {"low": "#3db8d6", "medium": "#e0a800", "high": "#c62828"}
_INK = "#222222"
_RULE_PANELS = {"dp_low": "dp", "pressure_high": "pressure", "fluid_gain": "impedance"}
# A line with more points than this is drawn as the least and greatest of each bucket.
_POINTS = 4000
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True)
class Span:
    """A time for which an alarm stood with one priority."""

    rule: str
    channel: str
    priority: str
    start_s: float
    end_s: float


def alarm_spans(events: list[Event], end_s: float) -> list[Span]:
    """Events as spans; an alarm that was not cleared stands until `end_s`."""
    standing: dict[tuple[str, str], tuple[str, float]] = {}
    spans = []
    for event in events:
        key = event["rule"], event["channel"]
        if event["state"] in ("raised", "escalated", "cleared"):
            if key in standing:
                spans.append(Span(*key, *standing.pop(key), event["t_s"]))
            if event["state"] != "cleared":
                standing[key] = event["priority"], event["t_s"]
    spans += [Span(*key, *rest, end_s) for key, rest in standing.items()]
    return sorted(spans, key=lambda span: span.start_s)


def plot(recording: Recording, out: Path, start_s: float | None = None, end_s: float | None = None) -> None:
    """Write a PNG; UsageError when the window is empty, TurgorError when it cannot be drawn or written."""
    try:
        import matplotlib
    except ImportError:
        raise TurgorError("plots need matplotlib; pip install 'turgor[all]'") from None
    matplotlib.use("Agg")
    from matplotlib import pyplot

    t0 = 0.0 if start_s is None else start_s
    t1 = recording.duration_s if end_s is None else end_s
    if not t0 < t1:
        raise UsageError(
            f"nothing lies between {t0:g} s and {t1:g} s; the recording is {recording.duration_s:g} s long"
        )
    figure = _draw(pyplot, recording, t0, t1)
    try:
        figure.savefig(out, dpi=120, format="png")
    except OSError as error:
        raise TurgorError(f"{out}: cannot be written ({error.strerror or error}); choose another --out") from None
    finally:
        pyplot.close(figure)


def _draw(pyplot: Any, recording: Recording, t0: float, t1: float) -> Any:
    lines = {
        "pressure": _pressures(recording, t0, t1),
        "dp": _perfusion(recording, t0, t1),
        "impedance": _impedances(recording, t0, t1),
        "temperature": _readings(recording, (TEMPERATURE,), t0, t1),
        "supply": _readings(recording, (SUPPLY,), t0, t1),
        "posture": _postures(recording, t0, t1),
    }
    panels = [name for name in lines if lines[name]] or ["pressure"]
    spans = [s for s in alarm_spans(recording.events(), t1) if s.end_s > t0 and s.start_s < t1]
    rows = list(dict.fromkeys((span.rule, span.channel) for span in spans))
    heights = [{"pressure": 3.0, "dp": 2.2, "impedance": 2.2}.get(name, 1.4) for name in panels]
    heights.append(0.35 + 0.28 * max(len(rows), 1))
    figure, axes = pyplot.subplots(
        len(heights),
        1,
        sharex=True,
        figsize=(11, 1.6 + sum(heights)),
        height_ratios=heights,
        layout="constrained",
    )
    for axis, name in zip(axes, panels, strict=False):
        _panel(axis, name, lines[name], t0, t1)
        for span in spans:
            if _RULE_PANELS.get(span.rule) == name:
                colour = _PRIORITY_COLOURS.get(span.priority, _INK)
                axis.axvspan(max(span.start_s, t0), min(span.end_s, t1), color=colour, alpha=0.09, lw=0)
    _strip(axes[-1], spans, rows, t0, t1)
    _time_axis(axes[-1], t0, t1)
    figure.suptitle(_title(recording), x=0.01, ha="left", fontsize=12, color=_INK)
    return figure


def _title(recording: Recording) -> str:
    meta = recording.meta
    text = recording.path.name
    if recording.simulated:
        speed = f"{meta['speed']:g}x" if meta.get("speed") else "maximum"
        text += f"  ·  SIMULATED ({meta.get('runtime', 'virtual board')}, {speed} speed)"
    # On a line of its own: no name, however long, may push it off the picture.
    return text + "\nresearch and bench tool, not a medical device"


def _panel(axis: Any, name: str, lines: list[tuple[str, str, Floats, Floats, str]], t0: float, t1: float) -> None:
    for label, colour, time, value, style in lines:
        axis.plot(*_thinned(time, value), style, color=colour, label=label, lw=1.2)
    if name in _LIMIT_LINES:
        limit = _LIMIT_LINES[name]
        axis.axhline(limit[0], color=_PRIORITY_COLOURS["high"], lw=0.9, ls=(0, (6, 3)), zorder=1)
        axis.annotate(
            limit[1],
            (1, limit[0]),
            (-4, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color=_PRIORITY_COLOURS["high"],
        )
    axis.set_ylabel(_LABELS[name], color=_INK)
    low, high = axis.get_ylim()
    lacking = max(0.0, _LEAST_SPANS[name] - (high - low))
    axis.set_ylim(low - lacking / 2, high + lacking / 2)
    axis.set_xlim(t0, t1)
    axis.grid(alpha=0.25, lw=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    if lines:
        axis.legend(loc="upper left", ncols=len(lines), fontsize=8, frameon=False, bbox_to_anchor=(0, 1.14))


_LABELS = {
    "pressure": "pressure, mmHg",
    "dp": "DBP - ICP, mmHg",
    "impedance": "resistance against\nbaseline, %",
    "temperature": "skin, degC",
    "supply": "supply, V",
    "posture": "posture, deg",
}


# What lies still is not shown through a magnifying glass.
_LEAST_SPANS = {"pressure": 5.0, "dp": 5.0, "impedance": 2.0, "temperature": 2.0, "supply": 1.0, "posture": 20.0}


def _limit(rule: int) -> float:
    return float(DEFAULT_LIMITS[[row[:2] for row in DEFAULT_LIMITS].index((rule, 0))][3])


_LIMIT_LINES = {
    "pressure": (_limit(PRESSURE_HIGH) / 1000, f"{_limit(PRESSURE_HIGH) / 1000:g} mmHg"),
    "dp": (_limit(DP_LOW) / 1000, f"{_limit(DP_LOW) / 1000:g} mmHg"),
    "impedance": (-_limit(FLUID_GAIN) / 10, f"-{_limit(FLUID_GAIN) / 10:g} %"),
}


def _strip(axis: Any, spans: list[Span], rows: list[tuple[str, str]], t0: float, t1: float) -> None:
    """One row an alarm, coloured by priority, with its name in words."""
    for span in spans:
        start, end = max(span.start_s, t0), min(span.end_s, t1)
        colour = _PRIORITY_COLOURS.get(span.priority, _INK)
        at = rows.index((span.rule, span.channel))
        axis.barh(at, end - start, left=start, height=0.7, color=colour, lw=0)
        if end - start > 0.08 * (t1 - t0):
            dark = span.priority == "high"
            axis.text(
                start + 0.006 * (t1 - t0),
                at,
                span.priority,
                va="center",
                fontsize=8,
                color="white" if dark else _INK,
            )
    axis.set_yticks(range(len(rows)), [f"{rule} {channel}" for rule, channel in rows], fontsize=8)
    axis.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axis.tick_params(axis="y", length=0)
    axis.spines[["top", "right", "left"]].set_visible(False)
    if not rows:
        axis.set_yticks([0], ["alarms"], fontsize=8)
        axis.text((t0 + t1) / 2, 0, "no alarm", ha="center", va="center", fontsize=8, color=_INK)


def _time_axis(axis: Any, t0: float, t1: float) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    step = next((step for step in _TIME_STEPS if (t1 - t0) / step <= 12), _TIME_STEPS[-1])
    axis.xaxis.set_major_locator(MultipleLocator(step))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda t, _: _clock(t, step >= 60)))
    axis.set_xlabel("board time, h:min" if step >= 60 else "board time, h:min:s", color=_INK)


def _clock(t: float, minutes: bool) -> str:
    whole = round(t)
    text = f"{whole // 3600}:{whole // 60 % 60:02d}"
    return text if minutes else f"{text}:{whole % 60:02d}"


def _readings(
    recording: Recording, kinds: tuple[int, ...], t0: float, t1: float
) -> list[tuple[str, str, Floats, Floats, str]]:
    """The valid readings of all channels of `kinds`."""
    lines = []
    for name in recording.channels:
        track = recording[name]
        if track.kind in kinds:
            found = track.readings(t0, t1)
            value = np.where(found.valid, found.value, np.nan)
            lines.append((name, _COLOURS[track.number % len(_COLOURS)], found.time, value, "-"))
    return lines


def _postures(recording: Recording, t0: float, t1: float) -> list[tuple[str, str, Floats, Floats, str]]:
    lines: list[tuple[str, str, Floats, Floats, str]] = []
    for name in recording.channels:
        if recording[name].kind == MOTION:
            time, posture, valid = recording[name].posture(t0, t1)
            for label, value in (("inclination", posture.incline_deg), ("roll", posture.roll_deg)):
                colour = _COLOURS[len(lines) % len(_COLOURS)]
                lines.append((label, colour, time, np.where(valid, value, np.nan), "-"))
    return lines


def _pressures(recording: Recording, t0: float, t1: float) -> list[tuple[str, str, Floats, Floats, str]]:
    lines = _readings(recording, PRESSURES, t0, t1)
    time, dbp, age_s = recording.dbp(t0, t1)
    dbp = np.where(age_s <= DBP_VALID_S, dbp, np.nan)
    if lines and np.isfinite(dbp).any():
        lines.append(("DBP", _INK, time, dbp, "-"))
    return lines


def _perfusion(recording: Recording, t0: float, t1: float) -> list[tuple[str, str, Floats, Floats, str]]:
    """DBP - ICP as the rules see it: on the 60 s median, absent without a DBP that is young enough."""
    _, dbp, age_s = recording.dbp(t0, t1)
    dbp = np.where(age_s <= DBP_VALID_S, dbp, np.nan)
    lines = []
    for name in recording.channels:
        track = recording[name]
        if track.kind == PRESSURE and np.isfinite(dbp).any():
            found = track.readings(t0, t1)
            if len(found.median) == len(dbp):
                colour = _COLOURS[track.number % len(_COLOURS)]
                lines.append((name, colour, found.time, dbp - found.median, "-"))
    return lines


def _impedances(recording: Recording, t0: float, t1: float) -> list[tuple[str, str, Floats, Floats, str]]:
    lines = []
    for name in recording.channels:
        track = recording[name]
        baselines = recording.baselines().get(name, [])
        if track.kind != IMPEDANCE or not baselines:
            continue
        found = track.readings(t0, t1)
        times = np.array([t for t, _ in baselines])
        at = np.searchsorted(times, found.time, "right") - 1
        ohms = np.array([ohm for _, ohm in baselines])[np.maximum(at, 0)]
        change = np.where(at >= 0, 100 * (found.median / ohms - 1), np.nan)
        lines.append((name, _COLOURS[track.number % len(_COLOURS)], found.time, change, "-"))
    return lines


def _thinned(time: Floats, value: Floats) -> tuple[Floats, Floats]:
    """Least and greatest of each bucket, so that no peak is lost; gaps stay gaps where a whole bucket is absent."""
    size = len(time) // (_POINTS // 2)
    if size < 2:
        return time, value
    count = len(time) // size
    rows = value[: count * size].reshape(count, size)
    empty = np.isnan(rows).all(axis=1)
    low = np.where(empty, np.nan, np.where(np.isnan(rows), np.inf, rows).min(axis=1))
    high = np.where(empty, np.nan, np.where(np.isnan(rows), -np.inf, rows).max(axis=1))
    middle = time[: count * size].reshape(count, size)[:, size // 2]
    tail = count * size
    times: Floats = np.concatenate([np.repeat(middle, 2), time[tail:]])
    values: Floats = np.concatenate([np.stack([low, high], axis=1).ravel(), value[tail:]])
    return times, values
