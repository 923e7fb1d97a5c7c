"""The alarms that stand, from the events of a run and from what this computer found; which of them form a group."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turgor.core.channels import CHANNEL_NAMES, NO_CHANNEL
from turgor.core.judge import Judge
from turgor.core.rules import (
    ACKNOWLEDGED,
    CLEARED,
    ESCALATED,
    EVENT_NAMES,
    PRIORITY_NAMES,
    RAISED,
    RULE_COUNT,
    RULE_NAMES,
    WITHDRAWN,
)
from turgor_host.groups import GROUPED, TOGETHER_S, Crossing, find_groups
from turgor_host.history import History
from turgor_host.host_rules import HOST_RULES
from turgor_host.live_channel import label_of
from turgor_host.recording.events import UNITS, row_of, row_told


def name_of(channel: int) -> str | None:
    return None if channel == NO_CHANNEL else str(CHANNEL_NAMES[channel])


class LiveAlarms:
    """Fed with events in the order of the log; times are board seconds. Groups are found by what is in `history`."""

    def __init__(self, history: History) -> None:
        self._history = history
        # By rule and channel.
        self._standing: dict[tuple[int, int], dict[str, Any]] = {}
        self._told_s: dict[tuple[int, int], int] = {}
        # By host rule.
        self._found: dict[str, dict[str, Any]] = {}
        self._from_s = 0
        self.restart()

    def restart(self) -> None:
        """The board starts anew: what still stands is in the first snapshot of its rules."""
        self._before = self._standing
        self._standing = {}
        self._told_s.clear()
        self._crossings: list[Crossing] = []

    def begin_episode(self, t_s: int) -> None:
        """Another patient: no group looks at what was before."""
        self._from_s = t_s
        self._crossings.clear()

    def take(self, channel: int, t_s: int, body: dict[str, int]) -> tuple[str, dict[str, Any]]:
        """Take an event in; the line that tells of it, and what else there is to say."""
        rule, state, priority = body["rule"], body["state"], body["priority"]
        _, quantity, unit_name, text = row_told(rule, body["stage"], state, body["value"], body["limit"])
        unit, scale = UNITS[unit_name]
        numbers: dict[str, Any] = {"value": body["value"] / scale, "limit": body["limit"] / scale}
        if state == ACKNOWLEDGED:
            numbers = {"value": None, "limit": None}
        self._told_s[rule, channel] = t_s
        told = {**numbers, "text": text, "quantity": quantity, "unit": unit}
        if state in (CLEARED, WITHDRAWN):
            text = self._standing.pop((rule, channel), told)["text"]
        else:
            alarm = self._standing.setdefault((rule, channel), {**told, "since_s": t_s, "group": None})
            alarm |= {"acknowledged": state == ACKNOWLEDGED, "priority": priority}
            if state != ACKNOWLEDGED:
                alarm |= told
            text = alarm["text"]
        doing = "now " + PRIORITY_NAMES[priority] if state == ESCALATED else EVENT_NAMES[state]
        more = {"rule": RULE_NAMES[rule], "priority": PRIORITY_NAMES[priority], "state": EVENT_NAMES[state]}
        return f"{label_of(channel)}: {text}, {doing}", {**more, **numbers, "unit": unit}

    def take_standing(self, judge: Judge, t_s: int) -> None:
        """A snapshot of the tick of `t_s`: it counts where there was no event since."""
        alarms = judge.alarms
        for channel in (*judge.channels, NO_CHANNEL):
            for rule in range(RULE_COUNT):
                key = rule, channel
                if self._told_s.get(key, -1) >= t_s:
                    continue
                priority = alarms.priority(channel, rule)
                if not priority:
                    self._standing.pop(key, None)
                    continue
                alarm = self._standing.setdefault(key, self._before.get(key) or _unseen(rule, t_s))
                alarm |= {"priority": priority, "acknowledged": bool(alarms.is_acknowledged(channel, rule))}
        self._before = {}

    def find(self, rule: str, t_s: int, text: str) -> None:
        """What one of `HOST_RULES` found; where its alarm stands already, that goes on with the new text."""
        judged = HOST_RULES[rule]
        nothing = dict.fromkeys(("channel", "value", "limit", "now"))
        about = {"rule": rule, "label": judged.label, "text": judged.text, "priority": judged.priority}
        since_s = self._found[rule]["since_s"] if rule in self._found else t_s
        self._found[rule] = {**nothing, **about, "quantity": "", "unit": "", "acknowledged": False}
        self._found[rule] |= {"since_s": since_s, "group": text}

    def see(self, rule: str | None) -> list[str]:
        """Acknowledge what `rule`, or any of `HOST_RULES`, found; those that stood."""
        return [name for name in list(self._found) if rule in (None, name) and self._found.pop(name)]

    def group(self, channel: int, t_s: int, body: dict[str, int], run_s: int) -> list[str]:
        """What there is to say where this limb's perfusion fell together with that of others, `run_s` ago."""
        rule = body["rule"]
        if body["state"] != RAISED or rule not in GROUPED:
            return []
        crossing = Crossing(t_s, rule, channel, t_s - run_s)
        together = [c for c in self._crossings if t_s - c.t_s <= TOGETHER_S and c.rule == rule and c.channel != channel]
        self._crossings = [*together, crossing]
        groups = find_groups(self._crossings, self._moved, self._highest_dbp)
        for found in groups:
            for member in found.crossings:
                if (member.rule, member.channel) in self._standing:
                    self._standing[member.rule, member.channel]["group"] = found.text
        return [found.text for found in groups]

    def waiting(self) -> list[int]:
        """The priorities of those that nobody acknowledged; of those before a restart until it is known what stands."""
        alarms = (*self._before.values(), *self._standing.values())
        return [alarm["priority"] for alarm in alarms if not alarm["acknowledged"]]

    def channels(self, rule: int) -> set[int]:
        """Where a rule's alarm stands."""
        return {channel for standing, channel in self._standing if standing == rule}

    def states(self, judged: Callable[[int, int], float | None]) -> list[dict[str, Any]]:
        """The highest and oldest first, ready for JSON; `judged` gives the present value of a rule on a channel."""
        board = [
            {
                **alarm,
                "rule": RULE_NAMES[rule],
                "channel": name_of(channel),
                "label": label_of(channel),
                # What is yes or no has none.
                "now": judged(rule, channel) if alarm["unit"] else None,
            }
            for (rule, channel), alarm in sorted(self._standing.items(), key=lambda item: item[0])
        ]
        order = sorted([*board, *self._found.values()], key=lambda alarm: (-alarm["priority"], alarm["since_s"]))
        return [{**alarm, "priority": PRIORITY_NAMES[alarm["priority"]]} for alarm in order]

    def _moved(self, channel: int, t0: float, t1: float) -> float | None:
        values = self._between(CHANNEL_NAMES[channel] + ".median", t0, t1)
        return float(values.max() - values.min()) if len(values) else None

    def _highest_dbp(self, t0: float, t1: float) -> float | None:
        values = self._between("dbp", t0, t1)
        return float(values.max()) if len(values) else None

    def _between(self, name: str, t0: float, t1: float) -> NDArray[np.float64]:
        seconds, columns = self._history.view()
        rows = slice(*np.searchsorted(seconds, (max(t0, self._from_s), t1 + 1)))
        values = columns[name][rows] if name in columns else np.empty(0)
        return values[~np.isnan(values)]


def _unseen(rule: int, t_s: int) -> dict[str, Any]:
    """An alarm that was raised before anybody listened."""
    _, quantity, unit_name, text = row_of(rule, 0)
    unit, _ = UNITS[unit_name]
    told = {"text": text, "quantity": quantity, "unit": unit}
    return {**told, "since_s": t_s, "value": None, "limit": None, "group": None}
