"""A recording, read: `open_recording(path)["calf_l"].window(t0, t1)` gives time, value and validity as numpy arrays."""

import hashlib
from collections.abc import Iterator
from math import inf
from pathlib import Path
from struct import calcsize, pack, unpack_from
from types import TracebackType
from typing import Any, Self
from zlib import crc32

import numpy as np

from turgor.core.channels import CHANNELS
from turgor.link.records import BASELINE, EVENT, GAP, HEADER, READINGS, RECORDS, row
from turgor.link.records import IMPEDANCE as IMPEDANCE_RECORD
from turgor_host.errors import TurgorError
from turgor_host.recording.boots import Boot, channel_name, load_boots, rows_between
from turgor_host.recording.decode import Floats, Ints, body_array, decode_readings
from turgor_host.recording.episodes import Episode, commands, find_entries, find_episodes, mark
from turgor_host.recording.events import Event, damaged_event, make_event
from turgor_host.recording.schema import RARE
from turgor_host.recording.store import Store
from turgor_host.recording.tracks import ImpedanceTrack, PressureTrack, Track, make_track

_EVENT_FORM = row(EVENT)[2]
_ALL = (-inf, inf)


class Recording:
    """An opened recording. `channels` are the names of its channels, `recording[name]` is the channel.

    Times are s of board time since the first record. Set-up and calibrations are those at the time of opening; data
    that a running session adds later are seen.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.store = Store(path)
        try:
            with self.store.snapshot():
                self.meta: dict[str, Any] = dict(self.store.query("SELECT key, value FROM meta"))
                self.boots = load_boots(self.store)
                self._tracks = {track.name: track for track in self._find_tracks()}
        except BaseException:
            self.close()
            raise

    @property
    def channels(self) -> list[str]:
        return list(self._tracks)

    @property
    def simulated(self) -> bool:
        return bool(self.meta.get("simulated"))

    @property
    def duration_s(self) -> float:
        """Board time from the first record to the last."""
        return max((boot.last_s + boot.shift_s for boot in self.boots), default=0.0)

    def __getitem__(self, name: str) -> Any:
        """The PressureTrack, ImpedanceTrack or SlowTrack called `name`."""
        if name not in self._tracks:
            raise TurgorError(f"{self.path} has no channel {name!r}; its channels: {' '.join(self._tracks) or 'none'}")
        return self._tracks[name]

    def _find_tracks(self) -> Iterator[Track]:
        """Every channel that was set up or, when its set-up was lost, is in the first or last readings."""
        found: dict[int, tuple[str, int]] = {}
        for boot in self.boots:
            for number in self._in_readings(boot):
                kind = CHANNELS[number][1] if number < len(CHANNELS) else 0
                found[number] = (channel_name(number), kind)
        for boot in self.boots:
            for number, setup in boot.setups.items():
                found[number] = (setup.name, setup.kind)
        for number in sorted(found):
            yield make_track(self.store, self.boots, number, *found[number])

    def _in_readings(self, boot: Boot) -> set[int]:
        if boot.setups:
            return set()
        rows = self.store.query(
            "SELECT body FROM records WHERE board = ? AND boot = ? AND kind = ? ORDER BY seq LIMIT 1",
            *boot.key,
            READINGS,
        )
        return set(decode_readings([rows[0][0]]).entries["channel"].tolist()) if rows else set()

    def events(self) -> list[Event]:
        """What the board's rules said, in order: t_s, utc, channel, rule, priority, state, value, limit, unit, and the
        episode (its id, None where nobody knows)."""
        found = [make_event(*row) for row in self.event_rows()]
        mark(found, self.episodes())
        return found

    def episodes(self) -> list[Episode]:
        """Whose the recording is, in order."""
        return find_episodes(commands(self.store, self.boots))

    def entries(self) -> list[dict[str, Any]]:
        """What somebody entered, in order: t_s, utc, episode, kind, group, channel, value, unit, text, `complete` (no
        part of the text is missing), `balance_ml` at volumes (in less out since the admission), and all as a line."""
        return find_entries(commands(self.store, self.boots))

    def event_rows(self) -> Iterator[tuple[Boot, int, int, int, int, int, int, int, int]]:
        """Of each event boot, second, channel, rule, priority, state, stage, value and limit, as the board had them."""
        for boot in self.boots:
            rows = self.store.query(
                "SELECT seq, t_s, channel, body FROM records "
                f"WHERE kind = ? AND {RARE} AND board = ? AND boot = ? ORDER BY seq",
                EVENT,
                *boot.key,
            )
            for seq, t_s, channel, body in rows:
                if len(body) != calcsize(_EVENT_FORM):
                    raise damaged_event(self.path, seq)
                yield boot, t_s, channel, *unpack_from(_EVENT_FORM, body)

    def dbp(self, t0: float | None = None, t1: float | None = None) -> tuple[Floats, Floats, Ints]:
        """Time, the diastolic pressure in force (mmHg, NaN before the first) and its age (s), once a second."""
        parts = []
        start, stop = -inf if t0 is None else t0, inf if t1 is None else t1
        for boot in self.boots:
            span = start - boot.shift_s, stop - boot.shift_s
            rows = rows_between(self.store, boot, READINGS, None, *span)
            fields = body_array(READINGS, [found[2] for found in rows])
            value = np.where(fields["dbp_milli_mmhg"] < 0, np.nan, fields["dbp_milli_mmhg"] / 1000)
            time = np.array([t_s for _, t_s, _ in rows]) + boot.shift_s
            inside = (time >= start) & (time < stop)
            age_s = fields["dbp_age_s"].astype(np.int64)
            parts.append((time[inside], value[inside], age_s[inside]))
        if not parts:
            return np.empty(0), np.empty(0), np.empty(0, np.int64)
        time, value, age_s = (np.concatenate(column) for column in zip(*parts, strict=True))
        return time, value, age_s

    def baselines(self) -> dict[str, list[tuple[float, float]]]:
        """For each impedance channel the baselines that the board set: (time, ohm)."""
        found: dict[str, list[tuple[float, float]]] = {}
        names = {track.number: track.name for track in self._tracks.values()}
        for boot in self.boots:
            for channel, t_s, body in self.store.query(
                "SELECT channel, t_s, body FROM records "
                f"WHERE kind = ? AND {RARE} AND board = ? AND boot = ? ORDER BY seq",
                BASELINE,
                *boot.key,
            ):
                if channel in names and len(body) == calcsize(row(BASELINE)[2]):
                    _, milliohm = unpack_from(row(BASELINE)[2], body)
                    entry = (t_s + boot.shift_s, milliohm / 1000)
                    found.setdefault(names[channel], []).append(entry)
        return found

    def samples_sha256(self) -> str:
        """Over all samples, not their blocks: a channel's number (u8), then for each pressure sample index and code,
        for each impedance step index, frequency, sums and extremes, all little-endian 32 bit (frequency u8); channels
        in order of their number."""
        digest = hashlib.sha256()
        names = ("index", "frequency", "sum_i", "sum_q", "min_i", "max_i", "min_q", "max_q")
        for track in self._tracks.values():
            digest.update(bytes([track.number]))
            if isinstance(track, PressureTrack):
                codes = track.codes()
                pairs = np.empty(len(codes.code), dtype=[("index", "<u4"), ("code", "<i4")])
                pairs["index"], pairs["code"] = codes.sample_index, codes.code
                digest.update(pairs.tobytes())
            if not isinstance(track, ImpedanceTrack):
                continue
            for boot in self.boots:
                rows = rows_between(self.store, boot, IMPEDANCE_RECORD, track.number, *_ALL)
                steps = body_array(IMPEDANCE_RECORD, [found[2] for found in rows])
                for step in steps[list(names)].tolist():
                    digest.update(pack("<IBiiiiii", *step))
        return digest.hexdigest()

    def events_sha256(self) -> str:
        """Over board time (u32), channel, rule, priority, state (u8 each), value and limit (i32) of each event."""
        digest = hashlib.sha256()
        for _, t_s, channel, rule, priority, state, _, value, limit in self.event_rows():
            digest.update(pack("<IBBBBii", t_s, channel, rule, priority, state, value, limit))
        return digest.hexdigest()

    def readings_sha256(self) -> str:
        """Over board time (u32) and body of each readings record."""
        digest = hashlib.sha256()
        for boot in self.boots:
            for _, t_s, body in rows_between(self.store, boot, READINGS, None, *_ALL):
                digest.update(pack("<I", t_s) + body)
        return digest.hexdigest()

    def counts(self) -> dict[str, int]:
        """Number of records of each kind."""
        names = {entry[0]: entry[1] for entry in RECORDS}
        rows = self.store.query("SELECT kind, count(*) FROM records GROUP BY kind")
        return {names.get(kind, f"kind {kind}"): number for kind, number in rows}

    @property
    def lost(self) -> int:
        """Records that the board had to drop, as its `gap` records say."""
        return sum(last - first + 1 for boot in self.boots for first, last in boot.gaps)

    def check(self) -> dict[str, Any]:
        """SQLite's own check, records whose CRC-32 does not fit, and holes in the numbering that no gap declares."""
        integrity = [str(found[0]) for found in self.store.query("PRAGMA integrity_check")]
        changed, holes = [], []
        for boot in self.boots:
            expected = 0
            for rows in self._pieces(boot):
                for seq, kind, channel, t_s, crc, body in rows:
                    header = pack(HEADER, kind, channel, boot.number, seq, t_s)
                    if crc32(body, crc32(header)) != crc:
                        changed.append({"boot": boot.number, "seq": seq})
                    if seq > expected:
                        hole = {"boot": boot.number, "seq": expected, "last_seq": seq - 1}
                        holes.append(hole)
                    lost = kind == GAP and len(body) >= 4
                    # Records that came before the gap over them are there all the same.
                    expected = max(expected, (unpack_from("<I", body)[0] if lost else seq) + 1)
        whole = integrity == ["ok"] and not changed and not holes
        return {"whole": whole, "integrity": integrity, "changed": changed, "holes": holes}

    def _pieces(self, boot: Boot) -> Iterator[list[tuple[Any, ...]]]:
        """All records of a boot (seq, kind, channel, t_s, crc, body), some thousand at a time."""
        seq = -1
        while True:
            rows = self.store.query(
                "SELECT seq, kind, channel, t_s, crc, body FROM records "
                "WHERE board = ? AND boot = ? AND seq > ? ORDER BY seq LIMIT 10000",
                *boot.key,
                seq,
            )
            if not rows:
                return
            yield rows
            seq = rows[-1][0]

    def close(self) -> None:
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_recording(path: str | Path) -> Recording:
    """Open a `.turgor` file to read, also one that is being written or was left behind by a kill.

    TurgorError when it is no recording, or one of a newer format.
    """
    return Recording(path)
