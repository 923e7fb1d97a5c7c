"""A scenario judged at trend level: what the virtual board would say of it, without its samples."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from turgor.core.channels import ARTERIAL, CHANNELS, IMPEDANCE, MOTION, PRESSURE, channel_id
from turgor_host.configuration.file import default_configuration
from turgor_host.sim.scenario import Scenario, compile_scenario
from turgor_host.trend.watch import Alarm, Words, watch

_US = 1_000_000

# Standard deviation of a reading on the virtual board: milli-mmHg at 10 samples a second, milliohm. Without it the
# lowest that a channel ever had is not as low as a board finds it.
READING_NOISE = {PRESSURE: 4.0, IMPEDANCE: 9.0}
# How long a sweep's reading stands.
_SWEEP_S = 2


def play(
    scenario: Scenario,
    seconds: int,
    limits: Sequence[Sequence[int]] | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[Alarm]:
    """The alarms of `seconds` of a scenario without faults, an arterial line or a motion sensor (ValueError), which
    only a board's samples show. Nobody acknowledges anything."""
    unlike = [name for name in scenario.channels if CHANNELS[channel_id(name)][1] in (ARTERIAL, MOTION)]
    if unlike or scenario.faults:
        raise ValueError(f"a trend shows no {' '.join(unlike) or 'fault'}; have the virtual board play this scenario")
    configuration = default_configuration()
    tables = compile_scenario(scenario, 0, configuration)
    channels = [channel_id(channel.name) for channel in configuration.config.channels]
    noise = np.random.default_rng(0)
    readings = np.stack([_column(tables, CHANNELS[channel][0], seconds, noise) for channel in channels], axis=1)
    typed = [(t_us / _US, dbp) for t_us, dbp in tables["dbp"]]
    rows = configuration.config.limits if limits is None else limits
    return watch(channels, rows, readings, typed, progress=progress).alarms


def _column(tables: dict[str, Any], name: str, seconds: int, noise: np.random.Generator) -> Words:
    """Milli-mmHg, or the milliohm at the lowest frequency, of seconds 1, 2, ..."""
    if name in tables["pressure"]:
        times, values = tables["pressure"][name]
        deviates = READING_NOISE[PRESSURE] * noise.standard_normal(seconds)
    else:
        _, times, values, _ = tables["impedance"][name][0]
        deviates = READING_NOISE[IMPEDANCE] * noise.standard_normal(seconds // _SWEEP_S + 1)
        deviates = deviates.repeat(_SWEEP_S)[:seconds]
    at = np.arange(1, seconds + 1) * _US
    words: Words = np.rint(np.interp(at, times, values) / 1000 + deviates).astype(np.int32)
    return words
