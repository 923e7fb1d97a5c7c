"""The live state: what the page shows is what the board's records say, and a missing number stays missing."""

import json
from typing import Any

import pytest

from turgor.core.channels import NO_CHANNEL, channel_id
from turgor.core.rules import ACKNOWLEDGED, BASELINE_UNKNOWN, CLEARED, MEDIUM, PRESSURE_HIGH, RAISED, SHOCK
from turgor.link import lines, records
from turgor_host.entries import commands_of, kind_called
from turgor_host.live import Live, label_of


def channel(live: Live, name: str) -> dict[str, Any]:
    return next(c for c in live.state()["channels"] if c["name"] == name)


def test_a_reading_by_hand(live: Live, board: Any) -> None:
    """ICP 22 with DBP 60: after 30 readings the median is 22 and dP 38."""
    board.act("dbp", mmhg=60)
    board.run(29)
    assert channel(live, "calf_l")["median"] is None
    assert channel(live, "calf_l")["dp"] is None
    board.run(1)
    shown = channel(live, "calf_l")
    assert (shown["value"], shown["median"], shown["dp"], shown["unit"]) == (22.0, 22.0, 38.0, "mmHg")
    assert live.state()["dbp"] == {"value": 60.0, "age_s": 29, "valid": True, "source": "typed"}


def test_a_state_is_json_and_complete(live: Live, board: Any) -> None:
    empty = json.loads(json.dumps(Live("sim:", True, 0, "x").state()))
    assert (empty["connection"], empty["t_s"], empty["channels"]) == ("waiting", None, [])
    board.run(61)
    state = json.loads(json.dumps(live.state(), allow_nan=False))
    assert (state["type"], state["simulated"], state["speed"]) == ("state", True, 60)
    assert (state["runtime"], state["machine"]) == ("MicroPython 1.29.0", "virtual board")
    assert (state["connection"], state["t_s"], state["lost"]) == ("live", 61, 0)
    assert [c["name"] for c in state["channels"]] == [
        "calf_l", "calf_r", "forearm_l", "forearm_r", "calf_z", "thorax_z",
    ]  # fmt: skip
    assert state["utc"].endswith("Z")


def test_an_impedance_has_a_baseline_and_a_change(live: Live, board: Any) -> None:
    board.run(59)
    assert (channel(live, "calf_z")["baseline"], channel(live, "calf_z")["change_percent"]) == (None, None)
    board.run(1)
    board.ramp(4, 54.0, 180)
    board.run(60)
    shown = channel(live, "calf_z")
    assert (shown["median"], shown["baseline"], shown["change_percent"]) == (54.0, 60.0, -10.0)
    assert shown["unit"] == "ohm"


@pytest.mark.parametrize(
    ("flags", "fault", "reason"),
    [(records.SATURATED, 0, "saturated"), (0, 1, "sensor absent"), (0, 0, "no usable samples")],
)
def test_an_invalid_reading_is_no_number(live: Live, board: Any, flags: int, fault: int, reason: str) -> None:
    board.run(40)
    board.readings[0] = None
    board.invalid_flags = flags
    if fault:
        board.put("fault", 0, (0, fault, 1, 3200))
    board.run(7)
    shown = channel(live, "calf_l")
    assert (shown["valid"], shown["value"], shown["reason"], shown["fresh_s"]) == (False, None, reason, 7)
    assert shown["saturated"] == bool(flags)
    # After 60 s nothing is left of the median, and of the dP that was made from it.
    board.act("dbp", mmhg=60)
    board.run(60)
    assert (channel(live, "calf_l")["median"], channel(live, "calf_l")["dp"]) == (None, None)
    if fault:
        board.put("fault", 0, (0, fault, 0, 3200))
        board.readings[0] = 22.0
        board.run(1)
        assert channel(live, "calf_l")["reason"] == ""


def test_a_dbp_grows_old(live: Live, board: Any) -> None:
    board.act("dbp", mmhg=60)
    board.run(3601)
    assert live.state()["dbp"] == {"value": 60.0, "age_s": 3600, "valid": True, "source": "typed"}
    assert channel(live, "calf_l")["dp"] == 38.0
    board.run(1)
    assert live.state()["dbp"] == {"value": 60.0, "age_s": 3601, "valid": False, "source": "typed"}
    assert channel(live, "calf_l")["dp"] is None


def test_an_alarm_is_raised_acknowledged_escalated_and_cleared(live: Live, board: Any) -> None:
    board.act("dbp", mmhg=60)
    board.run(60)
    board.readings[0] = 34.0
    board.run(960)
    raised = [a for a in live.state()["alarms"] if a["rule"] == "dp_low"]
    assert len(raised) == 1
    alarm = raised[0]
    assert (alarm["channel"], alarm["priority"], alarm["acknowledged"]) == ("calf_l", "medium", False)
    assert (alarm["value"], alarm["limit"], alarm["unit"], alarm["now"]) == (26.0, 30.0, "mmHg", 26.0)
    assert alarm["text"] == "perfusion pressure low"
    since = alarm["since_s"]
    assert live.state()["events"][0]["state"] == "raised"

    board.act("ack", channel="calf_l", rule="dp_low")
    board.run(1)
    assert [a["acknowledged"] for a in live.state()["alarms"] if a["rule"] == "dp_low"] == [True]
    event = live.state()["events"][0]
    assert (event["state"], event["value"], event["limit"]) == ("acknowledged", None, None)

    # ICP 46 is a high `pressure_high` after 5 min, which comes to stand above the medium one.
    board.readings[0] = 46.0
    board.run(400)
    alarms = [a for a in live.state()["alarms"] if a["rule"] in ("pressure_high", "dp_low")]
    assert [(a["rule"], a["priority"]) for a in alarms] == [("pressure_high", "high"), ("dp_low", "medium")]
    assert alarms[0]["acknowledged"] is False
    assert [a["since_s"] for a in alarms if a["rule"] == "dp_low"] == [since]
    escalated = next(e for e in live.state()["events"] if e.get("state") == "escalated")
    assert (escalated["rule"], escalated["priority"], escalated["limit"]) == ("pressure_high", "high", 45.0)

    # High ones stay until they are acknowledged, even when all is well again.
    board.act("dbp", mmhg=60)
    board.ramp(0, 10.0, 300)
    board.run(400)
    assert [a["rule"] for a in live.state()["alarms"]] == ["pressure_high"]
    board.act("ack")
    board.run(2)
    assert live.state()["alarms"] == []
    assert [e["state"] for e in live.state()["events"][:2]] == ["cleared", "acknowledged"]


def test_a_pause_counts_down_and_a_higher_alarm_ends_it(live: Live, board: Any) -> None:
    board.run(60)
    board.readings[0] = 34.0
    board.run(700)
    assert [a["priority"] for a in live.state()["alarms"]] == ["medium"]
    assert live.state()["paused_s"] == 0
    board.act("pause", seconds=120)
    board.run(1)
    assert live.state()["paused_s"] == 120
    assert live.state()["events"][0]["text"] == "sound paused for 120 s"
    board.run(119)
    assert live.state()["paused_s"] == 1
    board.run(1)
    assert live.state()["paused_s"] == 0
    # Another one of the same priority comes in the next pause, and then a high one.
    board.readings[1] = 34.0
    board.run(600)
    board.act("pause", seconds=120)
    board.run(100)
    # Beside them a rise of the pressure stands, low.
    assert [a["priority"] for a in live.state()["alarms"]][:2] == ["medium", "medium"]
    assert live.state()["paused_s"] == 21
    board.readings[1] = 50.0
    board.run(280)
    board.act("pause", seconds=120)
    board.run(100)
    assert "high" in [a["priority"] for a in live.state()["alarms"]]
    assert live.state()["paused_s"] == 0
    board.act("pause", seconds=60)
    board.act("pause", seconds=0)
    board.run(1)
    assert live.state()["paused_s"] == 0
    assert live.state()["events"][0]["text"] == "sound no longer paused"


def test_fluid_is_per_cent(live: Live, board: Any) -> None:
    board.run(60)
    board.act("dbp", mmhg=60)
    board.ramp(4, 55.8, 120)
    board.run(650)
    (alarm,) = live.state()["alarms"]
    assert (alarm["rule"], alarm["channel"], alarm["priority"]) == ("fluid_gain", "calf_z", "low")
    assert (alarm["value"], alarm["limit"], alarm["unit"], alarm["now"]) == (7.0, 5.0, "%", 7.0)
    assert alarm["label"] == "Left calf"


def test_in_a_local_episode_fluid_is_that_beside_the_other_leg(new_board: Any) -> None:
    """Both legs fall by 10 %, the left one by 7 % more, to 0.93 x 0.9; a systemic episode shows what each one did."""
    for local in (True, False):
        live = Live("sim:", True, 60, "x")
        board = new_board(live, channels=(channel_id("calf_z"), channel_id("calf_r_z")))
        board.readings = [60.0, 50.0]
        board.act("admit", local=local)
        board.run(61)
        for second in range(1, 301):
            board.readings = [60 - 9.78 * second / 300, 50 - 5 * second / 300]
            board.second()
        board.run(640)
        alarms = {a["label"]: a for a in live.state()["alarms"] if a["rule"] == "fluid_gain"}
        shown = {label: (a["value"], a["now"]) for label, a in alarms.items()}
        assert shown == (
            {"Left calf": (7.0, 7.0)} if local else {"Left calf": (16.3, 16.3), "Right calf": (10.0, 10.0)}
        )


def test_time_below_the_limit_is_held_without_a_dp(live: Live, board: Any) -> None:
    board.act("dbp", mmhg=40)
    board.run(30 + 10)
    assert channel(live, "calf_l")["dp_below_s"] == 11
    board.readings[0] = None
    board.run(100)
    held = channel(live, "calf_l")["dp_below_s"]
    board.run(1)
    assert channel(live, "calf_l")["dp_below_s"] == held
    board.act("dbp", mmhg=90)
    board.readings[0] = 22.0
    board.run(60)
    assert channel(live, "calf_l")["dp_below_s"] == 0


def test_slope_is_per_hour(live: Live, board: Any) -> None:
    board.run(200)
    assert channel(live, "calf_l")["slope_per_h"] is None
    for _ in range(2400):
        board.readings[0] += 12 / 3600
        board.readings[4] -= 0.6 / 3600
        board.second()
    assert channel(live, "calf_l")["slope_per_h"] == pytest.approx(12, abs=0.1)
    assert channel(live, "calf_z")["slope_per_h"] == pytest.approx(-1, abs=0.05)
    assert channel(live, "calf_r")["slope_per_h"] == 0


def test_lost_records_are_counted_and_said(live: Live, board: Any) -> None:
    board.run(5)
    board.lose(17)
    assert live.state()["lost"] == 17
    assert live.state()["events"][0]["text"] == "17 records lost"
    board.lose(3)
    (alarm,) = live.state()["alarms"]
    assert (alarm["rule"], alarm["channel"], alarm["priority"], alarm["since_s"]) == ("data_lost", None, "low", 5)
    assert alarm["group"] == "20 that the board no longer had"
    assert live.see("clock_jump") == []
    assert live.see(None) == ["data_lost"]
    assert live.state()["alarms"] == []
    assert live.state()["lost"] == 20
    board.lose(1)
    assert [alarm["group"] for alarm in live.state()["alarms"]] == ["1 that the board no longer had"]


def test_what_this_computer_found_stands_among_the_boards_alarms(live: Live, board: Any) -> None:
    board.act("dbp", mmhg=60)
    board.run(60)
    live.found("clock_jump", "by +3.000 s")
    board.readings[0] = 34.0
    board.run(700)
    live.found("lockstep", "calf_l reading value at 0:12:00: expected 34.0, found 33.9")
    alarms = live.state()["alarms"]
    order = [(alarm["rule"], alarm["priority"]) for alarm in alarms]
    assert order == [("pressure_high", "medium"), ("lockstep", "medium"), ("clock_jump", "low")]
    assert [alarm["since_s"] for alarm in alarms[1:]] == [760, 60]
    assert live.state()["events"][0]["kind"] == "technical"


def test_a_restarted_board_forgets_and_time_goes_on(live: Live, board: Any, new_board: Any) -> None:
    board.act("dbp", mmhg=40)
    board.run(1000)
    assert live.state()["alarms"]
    restarted = new_board(live, boot=2)
    restarted.run(3)
    state = live.state()
    assert (state["alarms"], state["dbp"]["value"]) == ([], None)
    assert state["t_s"] > 1000
    assert "board restarted (boot 2)" in [e["text"] for e in state["events"]]
    assert live.history(0, 2000, 2000)["t"][-1] == state["t_s"]


def test_events_are_the_last_fifty_newest_first(live: Live, board: Any) -> None:
    for mmhg in range(20, 75):
        board.act("dbp", mmhg=mmhg)
        board.second()
    texts = [e["text"] for e in live.state()["events"]]
    assert len(texts) == 50
    assert texts[0] == "DBP 74 mmHg entered"


def test_everything_that_shows_raises_the_version(live: Live, board: Any) -> None:
    before = live.version
    live.connection("live")
    board.put("baseline", 4, (1, 60000))
    before = live.version
    board.put("notice", 255, (0, 1, 5))
    assert live.version == before
    live.connection("lost")
    board.run(1)
    assert live.version > before + 1
    assert live.state()["connection"] == "lost"


def test_the_course_after_two_hours(live: Live, board: Any) -> None:
    """The left calf's resistance falls by 4 % in an hour and a half, the others stay."""
    board.run(60)
    assert live.state()["course"]["text"] == "cannot tell"
    board.run(1800)
    board.ramp(4, board.readings[4] * 0.96, 5400)
    found = live.state()["course"]
    assert found["text"] == "fluid entering limbs"
    assert found["evidence"][0].startswith("Left calf: R -")
    assert found["since_s"] <= live.t_s
    # After a diuretic nothing is said.
    told(board, *commands_of(kind_called("diuretic"), 40, "", NO_CHANNEL))
    board.run(60)
    assert live.state()["course"]["text"] == "cannot tell"
    assert live.state()["course"]["evidence"] == ["a diuretic 0 min ago"]


def test_labels() -> None:
    assert [label_of(n) for n in range(7)] == [
        "Left calf", "Right calf", "Left forearm", "Right forearm", "Left calf", "Thorax", "Arterial line",
    ]  # fmt: skip


def told(board: Any, *commands: tuple[int, ...]) -> None:
    """Commands that the board has logged in its present second."""
    for command, *words in commands:
        board.put("command", 255, (1, command, 0, 0, *words, *[0] * (5 - len(words))))


def test_entries_are_among_the_events(live: Live, board: Any) -> None:
    board.run(5)
    text = commands_of(kind_called("diuretic"), 40, "furosemide, by mouth", NO_CHANNEL)
    told(board, *text[:2])
    # It is shown when its text is there, at the second of its beginning.
    assert live.state()["events"] == []
    board.run(2)
    told(board, *text[2:], (lines.STATE, 1, 1), (lines.CONFIRM, 4, BASELINE_UNKNOWN), (lines.ADMIT, 17, 1, 0))
    assert live.state()["episode"] == 17
    told(board, (lines.DISCHARGE,))
    assert [(event["t_s"], event["text"], event["kind"]) for event in reversed(live.state()["events"])] == [
        (5, "diuretic 40 mg (furosemide, by mouth)", "info"),
        (7, "Right calf: standby", "info"),
        (7, "Left calf: baseline unknown, confirmed", "info"),
        (7, "17 admitted, under_16", "info"),
        (7, "17 discharged", "info"),
    ]
    assert live.state()["episode"] is None


def test_the_limits_shown_are_those_of_the_patients_age(live: Live, board: Any) -> None:
    """From the admission to the discharge, where the age group has some of its own."""
    board.put("limit", NO_CHANNEL, (PRESSURE_HIGH, 0, MEDIUM, 31_000, 600, 28_000, 300, 0))
    board.put("limit", NO_CHANNEL, (PRESSURE_HIGH, 8, MEDIUM, 26_000, 600, 24_000, 300, 0))
    board.run(1)
    assert live.state()["limits"]["pressure_high"] == 31
    for age, shown in ((2, 26), (1, 31), (0, 31)):
        told(board, (lines.ADMIT, 17, age, 0))
        assert live.state()["limits"]["pressure_high"] == shown
        told(board, (lines.DISCHARGE,))
        assert live.state()["limits"]["pressure_high"] == 31


def test_a_limb_check_is_due_two_hours_after_the_last(live: Live, board: Any) -> None:
    def due() -> list[tuple[str, int | None]]:
        limbs = live.state()["limb_checks"]["limbs"]
        assert [limb["channel"] for limb in limbs] == ["calf_l", "calf_r", "forearm_l", "forearm_r"]
        return [(limb["label"], limb["age_s"]) for limb in limbs if limb["due"]]

    check = commands_of(kind_called("limb_check"), 0b01010101, "", 0)
    board.run(101)
    told(board, *check)
    board.run(7100)
    # The first reading was that of second 1.
    assert due() == []
    board.run(1)
    assert due() == [("Right calf", None), ("Left forearm", None), ("Right forearm", None)]
    board.run(99)
    assert len(due()) == 3
    board.run(1)
    assert due()[0] == ("Left calf", 7201)
    # A check of the limb by its impedance; another patient has not been looked at yet, and has his own two hours.
    told(board, *commands_of(kind_called("limb_check"), 0b01010101, "", 4))
    board.run(1)
    assert [label for label, _ in due()] == ["Right calf", "Left forearm", "Right forearm"]
    told(board, (lines.ADMIT, 5, 0, 0))
    board.run(7200)
    assert due() == []
    board.run(1)
    assert [age_s for _, age_s in due()] == [None] * 4


def test_nobody_is_reminded_who_does_not_want_it(new_board: Any) -> None:
    live = Live("sim:", True, 60, "x", check_every_s=0)
    new_board(live).run(7300)
    assert not any(limb["due"] for limb in live.state()["limb_checks"]["limbs"])


def test_a_channel_says_when_it_was_calibrated(live: Live, board: Any) -> None:
    board.run(5)
    assert channel(live, "calf_r")["calibrated_s"] is None
    told(board, (lines.CALIBRATE, 1 | 1 << 8, 0, 4096, 0, 5))
    board.run(3)
    assert channel(live, "calf_r")["calibrated_s"] == 3
    assert channel(live, "calf_l")["calibrated_s"] is None


def test_a_shock_says_by_what_it_is_one(live: Live, board: Any) -> None:
    """By the pulse: the engine's second stage, and its first one's MAP of 90 when it sounds again and when it ends."""
    board.run(31)

    def event(state: int, stage: int, value: int, limit: int) -> tuple[str, str | None]:
        board.put("event", channel_id("art"), (SHOCK, MEDIUM, state, stage, value, limit))
        shown = live.state()
        note, alarms = shown["events"][0], shown["alarms"]
        assert (note["rule"], note["unit"]) == ("shock", "" if state == RAISED and value != 60000 else "mmHg")
        return note["text"], (alarms[0]["text"] if alarms else None)

    pulse, low = "pulse above the systolic pressure", "blood pressure low"
    assert event(RAISED, 1, 1, 1) == (f"Arterial line: {pulse}, raised", pulse)
    assert (live.state()["alarms"][0]["now"], live.state()["alarms"][0]["quantity"]) == (None, "pulse / systolic")
    assert event(ACKNOWLEDGED, 0, 0, 0) == (f"Arterial line: {pulse}, acknowledged", pulse)
    assert event(RAISED, 0, 90000, 65000) == (f"Arterial line: {pulse}, raised", pulse)
    assert event(CLEARED, 0, 90000, 65000) == (f"Arterial line: {pulse}, cleared", None)
    assert event(RAISED, 0, 60000, 65000) == (f"Arterial line: {low}, raised", low)
    assert live.state()["alarms"][0]["unit"] == "mmHg"
