"""States of channels and standing alarms: as they were told, and where that did not come here, as the board's snapshots
of its rules have them.
"""

from pathlib import Path
from typing import Any

from turgor.core.channels import NO_CHANNEL
from turgor.core.rules import DEFAULT_LIMITS
from turgor.link import lines, records
from turgor_host.calibration_ages import CalibrationAges
from turgor_host.live import Live
from turgor_host.live_resume import resume
from turgor_host.recording.writer import Writer


def state_of(live: Live, name: str) -> tuple[str, int | None]:
    found = next(c for c in live.state()["channels"] if c["name"] == name)
    return found["state"], found["standby_s"]


def test_a_channel_is_on_standby_for_half_an_hour(live: Live, board: Any) -> None:
    """Told in second 10 it acts at second 11, and at second 1811 the channel is active again, as the board's own is."""
    board.run(10)
    assert state_of(live, "calf_l") == ("active", None)
    board.act("state", channel="calf_l", state="standby")
    board.run(1)
    assert state_of(live, "calf_l") == ("standby", 1800)
    assert state_of(live, "calf_z") == ("active", None)
    board.run(1799)
    assert state_of(live, "calf_l") == ("standby", 1)
    assert board._judge.states[0] == 1
    board.run(1)
    assert state_of(live, "calf_l") == ("active", None)
    assert board._judge.states[0] == 0
    board.act("state", channel="calf_l", state="removed")
    board.run(2000)
    assert state_of(live, "calf_l") == ("removed", None)


def test_a_state_told_before_anybody_listened_is_in_the_snapshot(board: Any, new_live: Any) -> None:
    board.act("state", channel="calf_l", state="standby")
    board.act("state", channel="forearm_r", state="fasciotomy")
    board.run(100)
    late = listen_late(board, new_live)
    board.run(1)
    assert state_of(late, "calf_l") == ("active", None)
    board.snapshot()
    assert state_of(late, "calf_l") == ("standby", 1700)
    assert state_of(late, "forearm_r") == ("fasciotomy", None)


def standing(live: Live) -> dict[tuple[str, str], tuple[str, bool, int]]:
    alarms = live.state()["alarms"]
    return {(a["channel"], a["rule"]): (a["priority"], a["acknowledged"], a["since_s"]) for a in alarms}


def press(board: Any) -> None:
    """35 mmHg in the left calf for as long as it takes to be called high."""
    board.act("dbp", mmhg=60)
    board.readings[0] = 35.0
    board.run(700)


def listen_late(board: Any, new_live: Any) -> Live:
    """Somebody who hears nothing of what the board said so far, but how it is set up."""
    late: Live = new_live()
    board.live = late
    board.begin()
    return late


def test_alarms_of_before_a_restart_stand_as_the_board_says(live: Live, board: Any) -> None:
    """The board goes on with them: the first snapshot of the new boot tells of them, and since when is known here."""
    press(board)
    before = standing(live)
    assert ("calf_l", "pressure_high") in before
    board.act("ack", channel="calf_l", rule="pressure_high")
    board.run(1)
    board.boot, board.t_s = 2, 0
    board.begin()
    assert standing(live) == {}
    board.snapshot()
    after = standing(live)
    assert after.keys() == before.keys()
    assert after["calf_l", "pressure_high"] == ("medium", True, before["calf_l", "pressure_high"][2])
    (alarm,) = [a for a in live.state()["alarms"] if a["rule"] == "pressure_high"]
    assert (alarm["limit"], alarm["now"]) == (30, None)


def test_alarms_raised_before_anybody_listened_are_in_the_snapshot(board: Any, new_live: Any) -> None:
    """And one whose end was lost on the way does not stand on."""
    press(board)
    late = listen_late(board, new_live)
    board.run(1)
    assert standing(late) == {}
    board.snapshot()
    assert standing(late)["calf_l", "pressure_high"] == ("medium", False, 701)
    (alarm,) = [a for a in late.state()["alarms"] if a["rule"] == "pressure_high"]
    assert (alarm["text"], alarm["value"], alarm["limit"]) == ("compartment pressure high", None, None)
    board.readings[0] = 27.0
    board.live = new_live()
    board.run(400)
    board.live = late
    board.lose(400)
    board.snapshot()
    assert ("calf_l", "pressure_high") not in standing(late)


def test_a_snapshot_by_other_limits_tells_of_no_alarms(board: Any, new_live: Any) -> None:
    """Which alarm is which depends on the rules that are on."""
    press(board)
    late = listen_late(board, new_live)
    board.put("limit", 255, (0, 0, 2, 31000, 900, 32000, 300, 0))
    board.snapshot()
    assert standing(late) == {}


def test_a_snapshot_counts_where_something_may_be_missing(live: Live, board: Any) -> None:
    """One without all of its parts says nothing, nor does one of what was told after its tick."""
    board.act("state", channel="calf_r", state="removed")
    board.run(1)
    board.put("rule_state", 255, (1, 2), b"")
    board.act("state", channel="calf_l", state="standby")
    board.send()
    board.snapshot()
    assert state_of(live, "calf_l")[0] == "standby"
    board.run(1)
    # The board has been told something that was lost on the way here.
    board._judge.set_state(1, 0)
    board.snapshot()
    assert state_of(live, "calf_r") == ("removed", None)
    board.lose(1)
    board.run(1)
    board.snapshot()
    assert state_of(live, "calf_r") == ("active", None)
    assert state_of(live, "calf_l") == ("standby", 1799)


def test_another_patient_has_no_states(live: Live, board: Any) -> None:
    board.act("state", channel="calf_l", state="removed")
    board.run(5)
    board.put("command", NO_CHANNEL, (1, lines.ADMIT, 0, 0, 7, 0, 0, 0, 0))
    assert state_of(live, "calf_l") == ("active", None)


def test_a_snapshot_counts_once_the_limits_are_known(board: Any, new_live: Any) -> None:
    """A late host may hear one before the board has told it the limits again."""
    press(board)
    late = listen_late(board, new_live)
    board.put("limit", 255, (*DEFAULT_LIMITS[0][:3], 31000, *DEFAULT_LIMITS[0][4:]))
    board.snapshot()
    assert standing(late) == {}
    for row in DEFAULT_LIMITS:
        board.put("limit", 255, tuple(row))
    board.snapshot()
    assert ("calf_l", "pressure_high") in standing(late)


def test_that_alarms_are_not_known_is_said(board: Any, new_live: Any) -> None:
    press(board)
    assert board.live.state()["alarms_known"]
    late = new_live()
    board.live = late
    for row in DEFAULT_LIMITS:
        board.put("limit", 255, tuple(row))
    board.run(1)
    assert (late.state()["alarms_known"], standing(late)) == (False, {})
    board.snapshot()
    assert late.state()["alarms_known"]
    board.lose(1)
    assert not late.state()["alarms_known"]
    board.snapshot()
    assert late.state()["alarms_known"]


def test_a_baseline_of_before_is_in_the_snapshot(board: Any, new_live: Any) -> None:
    board.run(70)
    late = listen_late(board, new_live)
    board.run(1)
    board.snapshot()
    found = {channel["name"]: channel["baseline"] for channel in late.state()["channels"] if "baseline" in channel}
    assert (found["calf_z"], found["thorax_z"]) == (60, 50)


class Written:
    """Takes what a board logs into a recording."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def feed(self, header: dict[str, Any], body: dict[str, int], tail: bytes) -> None:
        number = records.row(header["kind"])[0]
        place = (header["channel"], header["boot"], header["seq"], header["t_s"])
        self._writer.add([records.pack(number, *place, tuple(body.values()), tail)])

    def clock(self, boot: int, offset_s: float, uncertainty_s: float) -> None:
        """Not of the log."""


def test_a_run_that_goes_on_is_shown_as_it_stood(tmp_path: Path, new_board: Any, new_live: Any) -> None:
    path = tmp_path / "run.turgor"
    with Writer(path, "port", False, 1) as writer:
        board = new_board(Written(writer))
        for row in DEFAULT_LIMITS:
            board.put("limit", 255, tuple(row))
        press(board)
        board.act("state", channel="calf_r", state="fasciotomy")
        board.run(100)
        board.lose(3)
        board.run(1)
    late = new_live()
    resume(late, CalibrationAges(), path, board.boot)
    state = late.state()
    assert standing(late)["calf_l", "pressure_high"][0] == "medium"
    assert state_of(late, "calf_r")[0] == "fasciotomy"
    assert state["t_s"] == board.t_s
    assert state["heard_s"] is None
    # It was said when it happened.
    assert state["lost"] == 0
    assert {channel["baseline"] for channel in state["channels"] if channel["name"] == "calf_z"} == {60}


def test_nothing_of_a_patient_reaches_the_next(live: Live, board: Any) -> None:
    board.act("dbp", mmhg=60)
    board.readings[0] = 35.0
    board.run(7300)
    assert live.state()["course"]["text"] == "no change measured"
    board.act("admit", local=False)
    board.readings[0], board.readings[4] = 22.0, 54.0
    board.run(660)
    state = live.state()
    assert (state["course"]["text"], "less than 2 h of data" in state["course"]["evidence"][-1]) == (
        "cannot tell",
        True,
    )
    assert {channel["baseline"] for channel in state["channels"] if channel["name"] == "calf_z"} == {54}
