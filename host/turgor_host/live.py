"""The present state of a run: what the board's records amount to now, and how it came to be."""

import math
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

from turgor.core.channels import CHANNELS, IMPEDANCE, PRESSURE
from turgor.core.entries import ADULT, DIURETIC, LIMB_CHECK, LOCAL
from turgor.core.judge import DBP_SOURCES, NO_SOURCE
from turgor.core.median import ABSENT
from turgor.core.rules import (
    BASELINE_UNKNOWN,
    DBP_VALID_S,
    DEFAULT_LIMITS,
    DP_LOST,
    DP_LOW,
    ESCALATED,
    EVENT_NAMES,
    FLUID_GAIN,
    FLUID_RETURN,
    HIGH,
    LUNG_FLUID,
    MEDIUM,
    NO_PRIORITY,
    PRESSURE_HIGH,
    PRIORITY_NAMES,
    RAISED,
    RULES,
    SHOCK,
)
from turgor.core.signs import dp_milli_mmhg
from turgor.drivers import FAULT_NAMES
from turgor.link import lines
from turgor.link.records import NO_DBP, SENSORS_OFF, VALID, unpack_readings
from turgor_host.age_limits import limits_of
from turgor_host.channel_states import ChannelStates
from turgor_host.entered import Entry, Joiner
from turgor_host.entries import AGE_GROUPS, STATES
from turgor_host.history import POINTS_LIMIT, Buckets, History, filled_back
from turgor_host.host_rules import DATA_LOST, HOST_RULES
from turgor_host.limb_checks import CHECK_EVERY_S, LimbChecks
from turgor_host.live_alarms import LiveAlarms, name_of
from turgor_host.live_channel import LiveChannel, label_of
from turgor_host.live_course import LiveCourse
from turgor_host.rule_snapshots import RuleSnapshots

Fields = dict[str, int]

_EVENTS_KEPT = 50


class Live:
    """Fed with records by one thread, read by others. Pressures are mmHg, impedances ohm, times board seconds.

    Board seconds go on over a restart of the board. `version` grows with everything that changes the state.
    """

    def __init__(
        self, source_name: str, simulated: bool, speed: float, file: str, check_every_s: int = CHECK_EVERY_S
    ) -> None:
        self.version = 0
        self._lock = threading.Lock()
        self._source_name = source_name
        self._simulated = simulated
        self._speed = speed
        self._file = file
        self._identity: dict[str, str] = {}
        self._connection = ("waiting", time.time())
        self._history = History()
        self._alarms = LiveAlarms(self._history)
        self._notes: deque[dict[str, Any]] = deque(maxlen=_EVENTS_KEPT)
        self._rows: dict[tuple[int, int], tuple[int, ...]] = {row[:2]: row for row in DEFAULT_LIMITS}
        self._age = ADULT
        self._limits = limits_of(self._rows.values(), ADULT)
        self._lost = 0
        self._unseen_lost = 0
        self._joiner: Joiner[int] = Joiner()
        self._checks = LimbChecks(check_every_s)
        self._course = LiveCourse()
        self._states = ChannelStates()
        self._snapshots = RuleSnapshots()
        # Whose it is, as far as this program saw.
        self._episode: int | None = None
        self._is_local = False
        self._boot: int | None = None
        self._base_s = 0
        self._t_s: int | None = None
        self._heard: float | None = None
        self._utc_at_0: float | None = None
        # Boot and utc - board time of the latest exchange, and how far off that may be.
        self._clock: tuple[int, float] | None = None
        self._uncertainty_s = math.inf
        # Whether all that stands is known: the boot was heard from its start, or a snapshot told.
        self._knows_alarms = False
        # The priority above which an alarm brings a paused sound back.
        self._paused_at = int(NO_PRIORITY)
        self._forget()

    def _forget(self) -> None:
        """What a restarted board no longer knows."""
        self._channels: dict[int, LiveChannel] = {}
        self._alarms.restart()
        self._dbp_milli_mmhg = int(NO_DBP)
        self._dbp_age_s = 0
        self._dbp_source = int(NO_SOURCE)
        # The second at which the sound comes back.
        self._paused_until_s = 0
        self._least = int(NO_PRIORITY)

    # Feeding.

    def feed(self, header: Fields, body: Fields, tail: bytes) -> None:
        """Take one record in, as `turgor.link.records.unpack` gives it."""
        kind = str(header["kind"])
        with self._lock:
            self._heard = time.monotonic()
            if header["boot"] != self._boot:
                self._start_boot(header["boot"])
            take = getattr(self, "_take_" + kind, None)
            if take is None:
                return
            take(header, body, tail)
            self.version += 1

    def connection(self, text_state: str) -> None:
        """`waiting`, `live`, `lost`, or `full` while the disk is."""
        with self._lock:
            if text_state != self._connection[0]:
                self._connection = (text_state, time.time())
                self.version += 1

    def clock(self, boot: int, offset_s: float, uncertainty_s: float) -> None:
        """In `boot` UTC is board time + `offset_s`, to within `uncertainty_s`."""
        with self._lock:
            self._clock = (boot, offset_s)
            self._uncertainty_s = uncertainty_s
            self._set_clock()

    def resumed(self) -> None:
        """What was fed so far is from earlier; nothing was heard yet."""
        with self._lock:
            self._heard = None
            self.version += 1

    def found(self, rule: str, text: str) -> None:
        """One of `HOST_RULES` has something to say."""
        with self._lock:
            t_s = self._t_s or 0
            self._alarms.find(rule, t_s, text)
            self._note(t_s, f"{HOST_RULES[rule].label}: {HOST_RULES[rule].text}: {text}", "technical")
            self.version += 1

    def see(self, rule: str | None) -> list[str]:
        """Acknowledge the alarm of one of `HOST_RULES`, or all of them; which stood."""
        with self._lock:
            seen = self._alarms.see(rule)
            if DATA_LOST in seen:
                self._unseen_lost = 0
            self.version += 1
            return seen

    def _set_clock(self) -> None:
        # A new boot's clock may come before its first record.
        if self._clock and self._clock[0] == self._boot:
            self._utc_at_0 = self._clock[1] - self._base_s

    def identity(self, identity: dict[str, str]) -> None:
        """Who the board is: keys `version`, `platform`, `runtime`, `machine`."""
        with self._lock:
            self._identity = dict(identity)
            self.version += 1

    def _start_boot(self, boot: int) -> None:
        self._snapshots.restart()
        first = self._boot is None
        self._boot = boot
        self._knows_alarms = False
        if first:
            self._set_clock()
            return
        self._forget()
        if self._t_s is not None:
            # The new boot's second 0 takes its place where the host's clock says it is.
            passed = 1.0
            if self._utc_at_0 is not None and self._speed == 1:
                passed = max(1.0, time.time() - self._utc_at_0 - self._t_s)
            self._base_s = self._t_s + math.ceil(passed)
            self._note(self._base_s, f"board restarted (boot {boot})", "technical")
        self._set_clock()

    def _at(self, header: dict[str, int]) -> int:
        return self._base_s + header["t_s"]

    def _channel(self, number: int) -> LiveChannel:
        if number not in self._channels:
            self._channels[number] = LiveChannel(number)
        return self._channels[number]

    def _take_boot(self, header: Fields, body: Fields, tail: bytes) -> None:
        self._knows_alarms = True

    def _take_pressure_channel(self, header: Fields, body: Fields, tail: bytes) -> None:
        self._channel(header["channel"])

    _take_impedance_channel = _take_slow_channel = _take_pressure_channel

    def _take_limit(self, header: Fields, body: Fields, tail: bytes) -> None:
        self._rows[body["rule"], body["stage"]] = tuple(body.values())
        self._limits = limits_of(self._rows.values(), self._age)
        self._snapshots.take_limit(*body.values())

    def _take_baseline(self, header: Fields, body: Fields, tail: bytes) -> None:
        channel = self._channel(header["channel"])
        channel.baseline_milliohm = body["value_milliohm"]
        text = f"{label_of(channel.number)}: baseline {body['value_milliohm'] / 1000:.2f} ohm"
        self._note(self._at(header), text, "info", channel.name)

    def _take_gap(self, header: Fields, body: Fields, tail: bytes) -> None:
        count = body["last_seq"] - header["seq"] + 1
        self._lost += count
        self._unseen_lost += count
        self._snapshots.doubt()
        self._knows_alarms = False
        self._alarms.find(DATA_LOST, self._at(header), f"{self._unseen_lost} that the board no longer had")
        self._note(self._at(header), f"{count} records lost", "technical")

    def _take_fault(self, header: Fields, body: Fields, tail: bytes) -> None:
        channel = self._channel(header["channel"])
        channel.fault = body["fault"] if body["state"] else 0
        name = FAULT_NAMES[body["fault"]].replace("_", " ")
        end = "" if body["state"] else " no longer"
        self._note(self._at(header), f"{label_of(channel.number)}: sensor {name}{end}", "technical", channel.name)

    def _take_command(self, header: Fields, body: Fields, tail: bytes) -> None:
        if body["command"] == lines.DBP:
            self._note(self._at(header), f"DBP {body['a'] / 1000:g} mmHg entered", "info")
        elif body["command"] == lines.CALIBRATE and not body["a"] >> 16:
            # The first of its parts.
            self._channel(body["a"] & 0xFF).calibrated_t_s = self._at(header)
            self._note(self._at(header), f"{label_of(body['a'] & 0xFF)}: calibration changed", "info")
        elif body["command"] == lines.PAUSE:
            # It counts from the next tick on.
            self._paused_until_s = self._at(header) + 1 + body["a"] if body["a"] else 0
            # In second 0 one goes on from before the restart, over what it was over then.
            if header["t_s"]:
                self._paused_at = self._level()
            text = f"sound paused for {body['a']} s" if body["a"] else "sound no longer paused"
            self._note(self._at(header), text, "info")
        elif body["command"] == lines.MARK:
            self._note(self._at(header), "marked at the board", "info")
        elif body["command"] == lines.MAINTAIN:
            self._note(self._at(header), "stopped for maintenance", "technical")
        elif body["command"] == lines.SWEEPS:
            self._note(self._at(header), f"{label_of(body['a'])}: sweeps for calibration, no readings", "info")
        else:
            self._take_told(self._at(header), body["command"], [body[name] for name in "abcde"])

    def _take_told(self, t_s: int, command: int, words: list[int]) -> None:
        """What somebody says of the patient."""
        if command == lines.ENTRY:
            for at, entry in self._joiner.take(words, t_s):
                self._entered(at, entry)
        elif command == lines.CONFIRM and words[1] < len(RULES):
            self._note(t_s, f"{label_of(words[0])}: {RULES[words[1]][3]}, confirmed", "info")
        elif command == lines.STATE:
            self._states.tell(words[0], words[1], t_s)
            self._note(t_s, f"{label_of(words[0])}: {STATES[words[1]]}", "info")
        elif command == lines.ADMIT:
            self._episode = words[0]
            self._is_local = bool(words[2] & LOCAL)
            self._begin_episode(t_s, words[1])
            self._note(t_s, f"{words[0]} admitted, {AGE_GROUPS[words[1]]}", "info")
        elif command == lines.DISCHARGE:
            self._note(t_s, "discharged" if self._episode is None else f"{self._episode} discharged", "info")
            self._episode = None
            self._is_local = False
            self._begin_episode(t_s, ADULT)

    def _begin_episode(self, t_s: int, age: int) -> None:
        """Nothing of the last patient reaches the next."""
        self._take_age(age)
        self._checks.restart(t_s)
        self._course.restart(t_s)
        self._states.restart(t_s)
        self._alarms.begin_episode(t_s)
        for channel in self._channels.values():
            channel.baseline_milliohm = channel.dp_below_s = 0

    def _take_age(self, age: int) -> None:
        self._age = age
        self._limits = limits_of(self._rows.values(), age)

    def _take_rule_state(self, header: Fields, body: Fields, tail: bytes) -> None:
        judge = self._snapshots.take_part(body["part"], body["parts"], tail, self._channels)
        if judge:
            self._states.take(judge, self._at(header))
            self._take_age(judge.age_group())
            for position, number in enumerate(judge.channels):
                if CHANNELS[number][1] == IMPEDANCE:
                    self._channel(number).baseline_milliohm = judge.baseline(position)[1]
            if self._snapshots.has_limits:
                self._alarms.take_standing(judge, self._at(header))
                self._knows_alarms = True

    def _level(self) -> int:
        """The highest priority that nobody acknowledged."""
        return max([self._least, *self._alarms.waiting()])

    def _entered(self, t_s: int, entry: Entry) -> None:
        where = "" if entry.channel is None else f"{label_of(entry.channel)}: "
        self._note(t_s, where + entry.line(), "info")
        if entry.number == DIURETIC:
            self._course.diuretic_s = t_s
        if entry.number == LIMB_CHECK and entry.channel is not None:
            self._checks.take(entry.channel, t_s)

    def _take_notice(self, header: Fields, body: Fields, tail: bytes) -> None:
        if body["notice"] == SENSORS_OFF:
            self._least = HIGH
            text = f"sensors off: 3 watchdog resets within {body['value']} s; switch the power off and on to try again"
            self._note(self._at(header), text, "technical")
        else:
            # Nothing of it is shown.
            self.version -= 1

    def _take_event(self, header: Fields, body: Fields, tail: bytes) -> None:
        channel, t_s = header["channel"], self._at(header)
        text, more = self._alarms.take(channel, t_s, body)
        if body["state"] in (RAISED, ESCALATED) and body["priority"] > self._paused_at:
            self._paused_until_s = 0
        row = self._limits.get((body["rule"], body["stage"]))
        for group in self._alarms.group(channel, t_s, body, row[4] if row else 0):
            about = {"priority": PRIORITY_NAMES[MEDIUM], "state": EVENT_NAMES[RAISED], "value": None}
            self._note(t_s, group, "alarm", None, **about)
        self._note(t_s, text, "alarm", name_of(channel), **more)

    def _note(self, t_s: int, text: str, kind: str, channel: str | None = None, **more: Any) -> None:
        self._notes.appendleft({"t_s": t_s, "kind": kind, "channel": channel, "text": text, **more})

    def _take_readings(self, header: Fields, body: Fields, tail: bytes) -> None:
        t_s = self._at(header)
        if self._t_s is None:
            self._checks.restart(t_s)
        self._t_s = t_s
        self._dbp_milli_mmhg = body["dbp_milli_mmhg"]
        self._dbp_age_s = body["dbp_age_s"]
        self._dbp_source = body["dbp_source"]
        # As the board does: what is over is nothing that the pause is over.
        self._paused_at = min(self._paused_at, self._level())
        row = {"dbp": self._dbp_milli_mmhg / 1000 if self._dbp_valid() else math.nan}
        for entry in unpack_readings(tail):
            channel = self._channel(entry["channel"])
            channel.take(entry, t_s)
            row[channel.name] = channel.shown(channel.value_milli) if entry["flags"] & VALID else math.nan
            absent = channel.median_milli == ABSENT
            row[channel.name + ".median"] = math.nan if absent else channel.shown(channel.median_milli)
            if channel.kind == IMPEDANCE and channel.baseline_milliohm:
                row[channel.name + ".baseline"] = channel.baseline_milliohm / 1000
            elif channel.kind == PRESSURE:
                dp = self._dp(channel)
                # A run is held while its input is absent, as the board holds it.
                if dp != ABSENT:
                    channel.dp_below_s = channel.dp_below_s + 1 if dp < self._limits[DP_LOW, 0][3] else 0
        self._history.append(t_s, row)
        unknown = self._alarms.channels(BASELINE_UNKNOWN)
        self._course.take(t_s, self._channels.values(), self._history, unknown)

    # Reading.

    @property
    def t_s(self) -> int | None:
        """Board second of the last readings; None before the first."""
        return self._t_s

    def _dbp_valid(self) -> bool:
        return self._dbp_milli_mmhg >= 0 and self._dbp_age_s <= DBP_VALID_S

    def _dp(self, channel: LiveChannel) -> int:
        return int(dp_milli_mmhg(self._dbp_milli_mmhg, self._dbp_age_s, channel.median_milli))

    def state(self) -> dict[str, Any]:
        """Everything that the page shows but the trends, ready for JSON."""
        with self._lock:
            identity = self._identity
            heard_s = None if self._heard is None else round(time.monotonic() - self._heard, 2)
            never = self._dbp_milli_mmhg < 0
            return {
                "type": "state",
                "simulated": self._simulated,
                "speed": self._speed,
                "runtime": identity.get("runtime", ""),
                "machine": identity.get("machine", ""),
                "firmware": identity.get("version", ""),
                "source": self._source_name,
                "file": self._file,
                "connection": self._connection[0],
                "connection_utc": _utc(self._connection[1]),
                "heard_s": heard_s,
                "t_s": self._t_s,
                "utc": self._utc_of(self._t_s),
                "first_t_s": int(self._history.view()[0][0]) if self._history.rows else None,
                "lost": self._lost,
                "limits": {
                    "dp_low": self._limits[DP_LOW, 0][3] / 1000,
                    "pressure_high": self._limits[PRESSURE_HIGH, 0][3] / 1000,
                    "fluid_gain": self._limits[FLUID_GAIN, 0][3] / 10,
                },
                "channels": [self._channel_state(self._channels[n]) for n in sorted(self._channels)],
                "dbp": {
                    "value": None if never else self._dbp_milli_mmhg / 1000,
                    "age_s": None if never else self._dbp_age_s,
                    "valid": self._dbp_valid(),
                    "source": DBP_SOURCES[self._dbp_source] if self._dbp_source < len(DBP_SOURCES) else "unknown",
                },
                "episode": self._episode,
                "course": self._course.state(),
                "limb_checks": self._checks.state([c.number for c in self._channels.values()], self._t_s),
                "alarms": self._alarms.states(self._judged_now),
                "alarms_known": self._knows_alarms,
                "paused_s": max(0, self._paused_until_s - (self._t_s or 0)),
                "events": [{**note, "utc": self._utc_of(note["t_s"])} for note in self._notes],
            }

    def _utc_of(self, t_s: int | None) -> str | None:
        return None if t_s is None or self._utc_at_0 is None else _utc(self._utc_at_0 + t_s)

    def _channel_state(self, channel: LiveChannel) -> dict[str, Any]:
        dp = self._dp(channel) if channel.kind == PRESSURE else ABSENT
        return {
            **channel.state(self._t_s),
            **self._states.state(channel.number, self._t_s),
            "dp": None if dp == ABSENT else dp / 1000,
            "slope_per_h": channel.slope_per_h(self._history),
        }

    def _judged_now(self, rule: int, number: int) -> float | None:
        """The present value of what the rule judges, None where that is nothing to be seen."""
        if number not in self._channels:
            return None
        channel = self._channels[number]
        if rule in (FLUID_GAIN, FLUID_RETURN, LUNG_FLUID):
            change = channel.change_percent()
            if rule == FLUID_GAIN and self._is_local:
                change = self._change_beside(channel, change)
            return None if change is None else round(-change, 1)
        if rule not in (DP_LOW, DP_LOST, PRESSURE_HIGH, SHOCK):
            return None
        judged = self._dp(channel) if rule in (DP_LOW, DP_LOST) else channel.median_milli
        return None if judged == ABSENT else judged / 1000

    def _change_beside(self, channel: LiveChannel, change: float | None) -> float | None:
        """That of a limb's ratio to the other side's where there is one, as the board judges it in a local episode."""
        limb = CHANNELS[channel.number][2] ^ 1
        for other in self._channels.values():
            if (other.kind, CHANNELS[other.number][2]) == (IMPEDANCE, limb):
                beside = other.change_percent()
                if change is not None and beside is not None:
                    return 100 * (100 + change) / (100 + beside) - 100
        return change

    def history(self, t0: float, t1: float, points: int) -> dict[str, Any]:
        """Readings from `t0` to `t1` in at most about `points` buckets, each with least, greatest and mean value.

        `channels` has each in its unit, `change` the per cent by which an impedance differs from its baseline,
        `dbp` the DBP in force. None stands where a bucket has no valid reading.
        """
        points = max(1, min(int(points), POINTS_LIMIT))
        with self._lock:
            seconds, columns = self._history.view()
            kinds = {c.name: c.kind for c in self._channels.values()}
        buckets = Buckets(seconds, t0, t1, points)
        changes = {}
        for name in kinds:
            if name + ".baseline" in columns:
                baselines = filled_back(columns[name + ".baseline"])
                changes[name] = buckets.extremes_and_mean(100 * (columns[name] / baselines - 1))
        return {
            "step_s": buckets.width_s,
            "t": buckets.t_s,
            "channels": {n: buckets.extremes_and_mean(columns[n]) for n in kinds if n in columns},
            "change": changes,
            "dbp": buckets.last(columns["dbp"]) if "dbp" in columns else [],
        }


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
