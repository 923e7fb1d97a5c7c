"""What is in a recording, as one dictionary."""

from typing import Any

import numpy as np

from turgor_host.calibrate.certificate import board_name, calibration_number
from turgor_host.configuration.sensors import is_nominal, sensor_name
from turgor_host.kinds import KIND_NAMES
from turgor_host.limits_hash import limits_hash
from turgor_host.recording.events import seconds, utc_text
from turgor_host.recording.reader import Recording
from turgor_host.recording.schema import FORMAT_VERSION
from turgor_host.recording.tracks import ImpedanceTrack, PressureTrack


def describe(recording: Recording) -> dict[str, Any]:
    """File, origin, channels, counts and hashes; what `turgor info --json` prints."""
    meta = recording.meta
    counts = recording.counts()
    first = recording.boots[0] if recording.boots else None
    started = None if first is None else first.utc(first.first_s)
    return {
        "file": str(recording.path),
        "format": FORMAT_VERSION,
        "created_utc": utc_text(meta.get("created_utc")),
        "started_utc": utc_text(started),
        "source": meta.get("source"),
        "simulated": recording.simulated,
        "speed": meta.get("speed") or "max",
        "host_version": meta.get("host_version"),
        "firmware_version": meta.get("firmware_version"),
        "runtime": meta.get("runtime"),
        "platform": meta.get("platform"),
        "machine": meta.get("machine"),
        "boots": len(recording.boots),
        "duration_s": seconds(recording.duration_s),
        "records": sum(counts.values()),
        "records_by_kind": counts,
        "lost": recording.lost,
        "limits_hash": limits_hash(recording.boots[-1].limits) if recording.boots else None,
        "channels": [_channel(recording, name) for name in recording.channels],
        "events": counts.get("event", 0),
        "episodes": [episode.as_dict() for episode in recording.episodes()],
        "samples_sha256": recording.samples_sha256(),
        "readings_sha256": recording.readings_sha256(),
        "events_sha256": recording.events_sha256(),
    }


def _channel(recording: Recording, name: str) -> dict[str, Any]:
    track = recording[name]
    if isinstance(track, PressureTrack):
        found = track.codes()
        time, index = found.time, found.sample_index
    elif isinstance(track, ImpedanceTrack):
        sweeps = track.sweeps()
        lowest = sweeps.frequency_hz == sweeps.frequency_hz.min(initial=1 << 30)
        time, index = sweeps.time[lowest], sweeps.sweep_index[lowest]
    else:
        # Nothing but readings.
        time, index = np.empty(0), np.empty(0, np.int64)
    steps = np.diff(index)
    # Where the index begins anew another boot does.
    onward = steps > 0
    conversions, span_s = int(steps[onward].sum()), float(np.diff(time)[onward].sum())
    readings = track.readings()
    return {
        "name": name,
        "kind": KIND_NAMES.get(track.kind, "unknown"),
        "unit": track.unit,
        "samples": len(index),
        "missed": conversions - int(onward.sum()),
        "rate_hz": round(conversions / span_s, 6) if span_s > 0 else None,
        "readings": len(readings.time),
        "valid_readings": int(readings.valid.sum()),
        **_calibration(recording, name),
    }


def _calibration(recording: Recording, name: str) -> dict[str, Any]:
    """The number of the calibration in force at the end, as its certificate has it, and whether it is the nominal one.

    None where the recording does not tell, or readings are their sensor's own codes.
    """
    for boot in reversed(recording.boots):
        for setup in boot.setups.values():
            if setup.name == name and not setup.is_slow():
                board, sensor, words = board_name(boot.board), sensor_name(setup.driver), setup.calibration()
                number = calibration_number(board, name, sensor, words)
                return {"calibration": number, "nominal": is_nominal(setup.driver, words)}
    return {"calibration": None, "nominal": None}
