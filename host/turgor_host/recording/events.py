"""Events as a user sees them, and their comparison with what was expected."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from turgor.core.rules import ACKNOWLEDGED, EVENT_NAMES, PRIORITY_NAMES, RAISED, RULE_NAMES, RULES, SHOCK
from turgor_host.errors import TurgorError, UsageError
from turgor_host.recording.boots import Boot, channel_name

Event = dict[str, Any]

# From the rules' integer units to those of a user.
# Of what a rule judges: as it is shown, and how many make one.
UNITS = {
    "milli_mmhg": ("mmHg", 1000),
    "milli_mmhg_h": ("mmHg h", 1000),
    "milli_mmhg_per_h": ("mmHg/h", 1000),
    "milli_v": ("V", 1000),
    "permille": ("%", 10),
    "s": ("s", 1),
    "yes": ("", 1),
}
_EXPECTED = {"rule": str, "channel": str, "priority": str, "state": str}
_TIMES = ("t_s", "tolerance_s")


Row = tuple[str, str, str, str]
# The one stage that judges something else than its rule's first, as `turgor.core.rules.RULES` has that.
_PULSE = ("shock", "pulse / systolic", "yes", "pulse above the systolic pressure")


def row_of(rule: int, stage: int) -> Row:
    """Name, what is judged, its unit and the text of an alarm, for a stage of a rule."""
    row: Row = _PULSE if (rule, stage) == (SHOCK, 1) else RULES[rule]
    return row


def row_told(rule: int, stage: int, state: int, value: int, limit: int) -> Row:
    """The same of an event's stage.

    An alarm that sounds again tells what its first stage sees: a shock with MAP inside its limit is one by the pulse.
    """
    return row_of(rule, 1 if rule == SHOCK and state == RAISED and value >= limit else stage)


def clock(t_s: float) -> str:
    """A moment of the recording as h:mm:ss."""
    whole = int(t_s)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def seconds(t: float) -> float | int:
    """A time to the microsecond, whole where it is."""
    t = round(t, 6)
    return int(t) if t == int(t) else t


def utc_text(utc: float | None) -> str | None:
    """ISO 8601 to the millisecond."""
    if utc is None:
        return None
    return datetime.fromtimestamp(utc, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def make_event(
    boot: Boot,
    t_s: int,
    channel: int,
    rule: int,
    priority: int,
    state: int,
    stage: int,
    value: int,
    limit: int,
) -> Event:
    """An event record's numbers (t_s: board time) as `turgor events --json` shows them."""
    known = rule < len(RULES)
    unit, scale = UNITS[row_told(rule, stage, state, value, limit)[2]] if known else ("", 1)
    shown = state != ACKNOWLEDGED
    return {
        "t_s": seconds(t_s + boot.shift_s),
        "utc": utc_text(boot.utc(t_s)),
        "channel": boot.setups[channel].name if channel in boot.setups else channel_name(channel),
        "rule": RULE_NAMES[rule] if known else f"rule {rule}",
        "priority": named(PRIORITY_NAMES, priority),
        "state": named(EVENT_NAMES, state),
        "value": value / scale if shown else None,
        "limit": limit / scale if shown else None,
        "unit": unit,
    }


def named(names: Sequence[str], number: int) -> str:
    """The name of a number, itself where it has none."""
    return names[number] if 0 <= number < len(names) else str(number)


def read_expected(path: Path) -> list[Event]:
    """The `[[event]]` tables of a TOML file; UsageError when it is none."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); give a TOML file with [[event]] tables") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: no TOML ({error})") from None
    tables = document.get("event", [])
    if set(document) - {"event"} or not isinstance(tables, list) or not all(isinstance(t, dict) for t in tables):
        raise UsageError(f"{path}: write each event as a table [[event]], and nothing else")
    for table in tables:
        _check(path, table)
    return tables


def _check(path: Path, table: Mapping[str, object]) -> None:
    for key, value in table.items():
        if key in _EXPECTED:
            if not isinstance(value, str):
                raise UsageError(f"{path}: {key} = {value!r} is no text")
        elif key in _TIMES:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise UsageError(f"{path}: {key} = {value!r} is no number")
        else:
            known = ", ".join((*_EXPECTED, *_TIMES))
            raise UsageError(f"{path}: an event has no {key!r}; it may have {known}")
    if "rule" not in table or "channel" not in table:
        raise UsageError(f"{path}: each [[event]] needs rule and channel")


def compare(expected: Sequence[Event], found: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """(expected events that are missing, events that nobody expected), each found event used once.

    An expected event may leave out priority, state and t_s; `tolerance_s` (0) is for t_s.
    """
    left = list(found)
    missing = []
    # Those that say most choose first.
    for wanted in sorted(expected, key=len, reverse=True):
        fitting = [event for event in left if _fits(wanted, event)]
        if not fitting:
            missing.append(wanted)
            continue
        t_s = wanted.get("t_s", fitting[0]["t_s"])
        left.remove(min(fitting, key=lambda event: abs(event["t_s"] - t_s)))
    return missing, left


def _fits(wanted: Event, event: Event) -> bool:
    if any(wanted[key] != event[key] for key in _EXPECTED if key in wanted):
        return False
    return "t_s" not in wanted or abs(event["t_s"] - wanted["t_s"]) <= wanted.get("tolerance_s", 0)


def damaged_event(path: Path, seq: int) -> TurgorError:
    return TurgorError(f"{path}: event record {seq} is damaged; `turgor replay --verify` says more")
