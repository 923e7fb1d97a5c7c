"""Whose a recording is: the episodes between admission and discharge, and what was entered in them.

An admission acts at the tick behind its second: that second is still the last one's. Nobody knows whose a span is that
lies before the first admission, or behind a discharge.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from turgor.core.entries import LATE, LOCAL
from turgor.core.rules import RULE_NAMES
from turgor.link import lines
from turgor_host.entered import Entry, Joiner
from turgor_host.entries import AGE_GROUPS, BY_NAME, STATES
from turgor_host.recording.boots import Boot, Command, channel_name, load_commands
from turgor_host.recording.events import Event, named, seconds, utc_text
from turgor_host.recording.store import Store

Row = dict[str, Any]


@dataclass(frozen=True)
class Episode:
    """Times are s of board time since the recording began, `end_s` None while it goes on.

    `id` is None, and all else unknown, of one that was admitted before the recording began.
    """

    id: int | None
    age_group: str | None
    is_local: bool | None
    is_late: bool | None
    begin_s: float
    end_s: float | None
    begin_utc: str | None

    def has(self, t_s: float) -> bool:
        """Whether what the board decided at a tick belongs to it."""
        return t_s > self.begin_s and (self.end_s is None or t_s <= self.end_s)

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "age_group": self.age_group,
            "cause": None if self.is_local is None else "local" if self.is_local else "systemic",
            "late": self.is_late,
            "t_s": seconds(self.begin_s),
            "end_s": None if self.end_s is None else seconds(self.end_s),
            "utc": self.begin_utc,
        }


def commands(store: Store, boots: Iterable[Boot]) -> Iterator[tuple[Boot, Command]]:
    """All commands that are recorded by now, in order."""
    for boot in boots:
        for command in load_commands(store, boot):
            yield boot, command


def find_episodes(said: Iterable[tuple[Boot, Command]]) -> list[Episode]:
    """The episodes in order."""
    found: list[Episode] = []
    running: Episode | None = None
    for boot, command in said:
        t_s = command.t_s + boot.shift_s
        if command.command == lines.ADMIT:
            if running:
                # A board that has forgotten it: whatever it is now, it is the other's.
                found[-1] = replace(running, end_s=t_s)
            id, age, bits, *_ = command.words
            utc = utc_text(boot.utc(command.t_s))
            running = Episode(id, named(AGE_GROUPS, age), bool(bits & LOCAL), bool(bits & LATE), t_s, None, utc)
            found.append(running)
        elif command.command == lines.DISCHARGE:
            if running is None:
                # The board refuses it when nobody was admitted, so somebody was.
                begin_s = found[-1].end_s if found else None
                found.append(Episode(None, None, None, None, -1 if begin_s is None else begin_s, t_s, None))
            else:
                found[-1] = replace(running, end_s=t_s)
            running = None
    return found


def mark(events: Sequence[Event], episodes: Sequence[Episode]) -> None:
    """Have each event say by its `episode` whose it is, None where nobody knows."""
    for event in events:
        event["episode"] = next((episode.id for episode in episodes if episode.has(event["t_s"])), None)


def find_entries(said: Iterable[tuple[Boot, Command]]) -> list[Row]:
    """What `Recording.entries` gives."""
    found: list[Row] = []
    joiner: Joiner[Row] = Joiner()
    episode: int | None = None
    last: Boot | None = None
    for boot, command in said:
        if boot is not last:
            # A text does not go on over a restart.
            _fill(joiner.end())
            last = boot
        if command.command == lines.ADMIT:
            episode = command.words[0]
        row = {"t_s": seconds(command.t_s + boot.shift_s), "utc": utc_text(boot.utc(command.t_s)), "episode": episode}
        if command.command == lines.ENTRY:
            if not command.words[0] >> 16:
                found.append(row)
            _fill(joiner.take(command.words, row))
        elif fields := _said(command):
            found.append(row | fields)
        if command.command == lines.DISCHARGE:
            episode = None
    _fill(joiner.end())
    _balance(found)
    return found


def _fill(entries: Iterable[tuple[Row, Entry]]) -> None:
    """Put what came into the rows that were kept for it."""
    for row, entry in entries:
        kind = entry.kind
        finding = entry.finding()
        row |= _row(
            entry.name,
            group=(kind.group or "procedure") if kind else None,
            channel=None if entry.channel is None else channel_name(entry.channel),
            value=entry.value if finding is None else finding,
            unit=kind.unit or None if kind else None,
            text=entry.text or None,
            complete=entry.is_whole,
            line=entry.line(),
        )


def _row(kind: str, line: str, **fields: Any) -> Row:
    empty = {"group": None, "channel": None, "value": None, "unit": None, "text": None, "complete": True}
    return {"kind": kind, **empty, **fields, "balance_ml": None, "line": line}


def _said(command: Command) -> Row | None:
    """Commands about the patient that are no entries; None for those about the board."""
    a, b, c, *_ = command.words
    if command.command == lines.DBP:
        return _row("dbp", f"DBP {a / 1000:g} mmHg", group="body", value=a / 1000, unit="mmHg")
    if command.command == lines.MARK:
        return _row("mark", "marked at the board")
    if command.command == lines.CONFIRM:
        rule = named(RULE_NAMES, b)
        return _row("confirm", f"{rule} confirmed", channel=channel_name(a), value=rule)
    if command.command == lines.STATE:
        state = named(STATES, b)
        return _row("state", state, channel=channel_name(a), value=state)
    if command.command == lines.ADMIT:
        words = [named(AGE_GROUPS, b), "local" if c & LOCAL else "systemic", *(["attached late"] if c & LATE else [])]
        return _row("admit", f"{a} admitted: {', '.join(words)}", value=a, text=", ".join(words))
    if command.command == lines.DISCHARGE:
        return _row("discharge", "discharged")
    return None


def _balance(found: Sequence[Row]) -> None:
    """What went in less what went out since the admission, at each volume."""
    running = 0.0
    for row in found:
        kind = BY_NAME.get(row["kind"])
        if row["kind"] in ("admit", "discharge"):
            running = 0.0
        elif kind and kind.balance and row["value"] is not None:
            running += kind.balance * row["value"]
            row["balance_ml"] = running
