"""What is said of a patient: checked, logged, and acting at the next tick."""

from types import ModuleType
from typing import Any

import pytest

from turgor.core.channels import NO_CHANNEL
from turgor.core.doubt import EXPLAINED_AT, EXPLAINED_S
from turgor.core.entries import DIURETIC, FASCIOTOMY, FLUSH, LAST_ENTRY, LATE, LOCAL
from turgor.core.rules import BASELINE_UNKNOWN
from turgor.link import lines
from turgor.link.records import unpack

SECOND_US = 1_000_000
CALF_L, CALF_Z, THORAX_Z = 0, 4, 5


@pytest.fixture
def board(fake: ModuleType) -> Any:
    board = fake.Board({"calf_l": (lambda index: 160000,)}, {"calf_z": lambda n: 1000})
    board.run(10_500_000)
    return board


def say(board: Any, command: int, *words: int) -> str:
    """Why the board refuses it, "" when it does not."""
    board.app.tick.execute(1, command, *words, *[0] * (5 - len(words)))
    return str(board.app.tick.refusal)


def commands(board: Any) -> list[tuple[int, ...]]:
    """(second, command, a) of those that are in the log."""
    found = [unpack(record) for record in board.logged()]
    return [(header["t_s"], body["command"], body["a"]) for header, body, _ in found if header["kind"] == "command"]


def explained(board: Any) -> int:
    """For how many seconds falls of calf_l are explained."""
    judge = board.app.tick.judge
    return int(judge.kept[judge.channels.index(CALF_L)][0][EXPLAINED_AT])


def test_by_hand(board: Any) -> None:
    """A flush of calf_l: logged in second 10, known to the rules from tick 11 on."""
    assert say(board, lines.ENTRY, FLUSH | CALF_L << 8, lines.NO_VALUE, 0) == ""
    assert commands(board) == [(10, lines.ENTRY, FLUSH)]
    assert explained(board) == 0
    board.run(11_500_000)
    assert explained(board) == EXPLAINED_S - 1


def test_a_text_is_logged_and_acts_once(board: Any) -> None:
    """Its parts take no place of those that act within a second, of which there are 8."""
    start = DIURETIC | NO_CHANNEL << 8
    assert say(board, lines.ENTRY, start, 4000, 160) == ""
    for part in range(1, 11):
        assert say(board, lines.ENTRY, start | part << 16, -1, 1 << 30, -(1 << 31), 0x20202020) == ""
    assert len(commands(board)) == 11
    for _ in range(7):
        assert say(board, lines.ENTRY, start, 4000, 0) == ""
    assert say(board, lines.ENTRY, start, 4000, 0) == "too many commands within a second; try again"
    board.run(11_500_000)
    # No fall of a pressure has a diuretic for its reason.
    assert explained(board) == 0


@pytest.mark.parametrize(
    ("command", "words", "refusal"),
    [
        (lines.ENTRY, (LAST_ENTRY + 1 | CALF_L << 8, 0, 0), "kind = 64 is not within 0 to 63"),
        (lines.ENTRY, (LAST_ENTRY | NO_CHANNEL << 8, 0, 0), ""),
        (lines.ENTRY, (FLUSH | THORAX_Z << 8, 0, 0), "channel 5 is not here"),
        (lines.ENTRY, (FLUSH | CALF_Z << 8, 0, 0), ""),
        (lines.CONFIRM, (THORAX_Z, 0), "channel 5 is not here"),
        (lines.CONFIRM, (NO_CHANNEL, 0), "channel 255 is not here"),
        (lines.CONFIRM, (CALF_Z, -1), "rule = -1 is not within 0 to"),
        (lines.CONFIRM, (CALF_Z, 255), "rule = 255 is not within 0 to"),
        (lines.CONFIRM, (CALF_Z, 2), ""),
        (lines.STATE, (1, 0), "channel 1 is not here"),
        (lines.STATE, (CALF_L, 4), "state = 4 is not within 0 to 3"),
        (lines.STATE, (CALF_L, -1), "state = -1 is not within 0 to 3"),
        (lines.STATE, (CALF_L, FASCIOTOMY), ""),
        (lines.ADMIT, (0, 0, 0), "id = 0 is not within 1 to"),
        (lines.ADMIT, (17, 3, 0), "age_group = 3 is not within 0 to 2"),
        (lines.ADMIT, (17, 0, 4), "bits = 4 is not within 0 to 3"),
        (lines.DISCHARGE, (), "no episode runs; nobody was admitted"),
    ],
)
def test_what_cannot_be_is_refused_and_not_logged(
    board: Any, command: int, words: tuple[int, ...], refusal: str
) -> None:
    said = say(board, command, *words)
    assert said.startswith(refusal)
    assert bool(said) == bool(refusal)
    assert len(commands(board)) == (not refusal)


def test_states_and_confirmations_reach_the_rules(board: Any) -> None:
    say(board, lines.STATE, CALF_L, FASCIOTOMY)
    say(board, lines.CONFIRM, CALF_Z, BASELINE_UNKNOWN)
    board.run(11_500_000)
    judge = board.app.tick.judge
    assert judge.states[judge.channels.index(CALF_L)] == FASCIOTOMY


def test_one_episode_at_a_time(board: Any) -> None:
    """Also within one second, before the first command has acted."""
    judge = board.app.tick.judge
    assert say(board, lines.ADMIT, 17, 1, LOCAL | LATE) == ""
    assert say(board, lines.ADMIT, 18, 0, 0) == "an episode runs; discharge first"
    assert not judge.is_admitted()
    board.run(11_500_000)
    assert judge.is_admitted()
    assert say(board, lines.ADMIT, 18, 0, 0) == "an episode runs; discharge first"
    assert say(board, lines.DISCHARGE) == ""
    assert say(board, lines.DISCHARGE) == "no episode runs; nobody was admitted"
    # Out and in within a second.
    assert say(board, lines.ADMIT, 18, 0, LATE) == ""
    board.run(12_500_000)
    assert judge.is_admitted()
    assert say(board, lines.DISCHARGE) == ""
    board.run(13_500_000)
    assert not judge.is_admitted()
