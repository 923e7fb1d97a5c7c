"""Entries: every kind comes back as it was typed, and what was mistyped is refused with the remedy."""

import re
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turgor.core import entries as numbers
from turgor.core.channels import CHANNELS, IMPEDANCE, NO_CHANNEL, channel_id
from turgor.link import lines
from turgor_host import commands as commands_module
from turgor_host.commands import Commands
from turgor_host.entered import Entry, Joiner, joined
from turgor_host.entries import (
    BY_NAME,
    BY_NUMBER,
    GROUPS,
    KINDS,
    LIMB_CHECK_PARTS,
    ONE,
    TEXT_LIMIT,
    Kind,
    commands_of,
    kind_called,
    read_words,
)
from turgor_host.errors import TurgorError, UsageError

CALF_L, CALF_Z = channel_id("calf_l"), channel_id("calf_z")


def words_of(commands: list[tuple[int, ...]]) -> list[list[int]]:
    """The five arguments of each, as a recording has them."""
    assert {command for command, *_ in commands} == {lines.ENTRY}
    return [[*words, *[0] * (5 - len(words))] for _, *words in commands]


def entered(text: str, channel: int = NO_CHANNEL) -> Entry:
    name, *words = text.split()
    kind = kind_called(name)
    return joined(words_of(commands_of(kind, *read_words(kind, words), channel)))


def test_by_hand() -> None:
    """Potassium 4.25 in hundredths, of nobody's limb, with three bytes of text."""
    kind = kind_called("potassium")
    value, text = read_words(kind, ["4.25", "gas"])
    assert commands_of(kind, value, text, NO_CHANNEL) == [
        (24, 19 | 255 << 8, 425, 3),
        (24, 19 | 255 << 8 | 1 << 16, int.from_bytes(b"gas", "little"), 0, 0, 0),
    ]
    assert entered("potassium 4.25 gas") == Entry(19, None, 4.25, "gas", True)
    assert entered("potassium 4.25 gas").line() == "potassium 4.25 mmol/L (gas)"


def test_the_table() -> None:
    assert len(BY_NUMBER) == len(BY_NAME) == len(KINDS)
    assert all(0 <= kind.number <= numbers.LAST_ENTRY for kind in KINDS)
    assert GROUPS == ("laboratory", "body", "fluids", "drugs", "limb check", "position", "procedure", "text")
    # Those that the rules know by their numbers.
    named = [name for name in dir(numbers) if name.lower() in BY_NAME]
    assert len(named) == 10
    assert all(BY_NAME[name.lower()].number == getattr(numbers, name) for name in named)
    for kind in KINDS:
        # With 30 bits, and none of them the mark for no value.
        assert kind.most * kind.scale < 1 << 29
        assert bool(kind.scale) == bool(kind.unit)
        assert not kind.balance or kind.unit == "mL"
        assert kind.least < kind.most or not kind.scale


def channel_for(kind: Kind) -> int:
    if kind.of != ONE:
        return NO_CHANNEL
    return CALF_Z if kind.number == numbers.ELECTRODES else CALF_L


@given(st.sampled_from(KINDS), st.floats(0, 1), st.text(max_size=60))
def test_whatever_may_be_entered_comes_back(kind: Kind, part: float, text: str) -> None:
    text = " ".join("".join(each for each in " ".join(text.split()) if each.isprintable()).split()) or "what"
    if len(text.encode()) > TEXT_LIMIT:
        return
    value: float | None = None
    if kind.scale:
        value = kind.least + part * (kind.most - kind.least)
    elif kind.asks:
        value = int(part * (len(kind.choices) - 1 if kind.choices else 255))
    channel = channel_for(kind)
    found = joined(words_of(commands_of(kind, value, text, channel)))
    assert (found.kind, found.text, found.is_whole) == (kind, text, True)
    assert found.channel == (None if channel == NO_CHANNEL else channel)
    assert found.value == (None if value is None else pytest.approx(value, abs=0.5001 / (kind.scale or 1)))
    assert text in found.line()


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("hematocrit 52", "hematocrit 52 %"),
        ("diuretic", "diuretic"),
        ("diuretic 40 furosemide", "diuretic 40 mg (furosemide)"),
        ("diuretic furosemide 40", "diuretic (furosemide 40)"),
        ("vasopressor 0.15 noradrenaline", "vasopressor 0.15 ug/kg/min (noradrenaline)"),
        ("position left_side", "position: left_side"),
        ("albumin_given 100 20 %", "albumin given 100 mL (20 %)"),
        ("text thirsty since noon", "text: thirsty since noon"),
        ("urine 0", "urine 0 mL"),
    ],
)
def test_lines(typed: str, line: str) -> None:
    assert entered(typed).line() == line


def test_a_limb_check_has_four_parts() -> None:
    found = entered("limb_check yes reduced unknown absent cold", CALF_L)
    # pain 2, sensation 2, movement 0, pulse 3: two bits each
    assert found.value == 2 + (2 << 2) + (3 << 6)
    assert found.line() == "limb check: pain yes, sensation reduced, movement unknown, pulse absent (cold)"
    assert [name for name, _ in LIMB_CHECK_PARTS] == ["pain", "sensation", "movement", "pulse"]


@pytest.mark.parametrize(
    ("typed", "channel", "message"),
    [
        ("potassium 40", NO_CHANNEL, "potassium of 40 mmol/L is refused; it must lie between 1 and 12 mmol/L"),
        ("potassium", NO_CHANNEL, "a number is wanted; type it in mmol/L, such as 3.75"),
        ("potassium 4,2", NO_CHANNEL, "'4,2' is no number; type it in mmol/L"),
        ("potassium nan", NO_CHANNEL, "'nan' is no number"),
        ("potassium 4.2", CALF_L, "potassium is of the patient, not of a limb; leave out --limb"),
        ("crystalloid -500", NO_CHANNEL, "crystalloid of -500 mL is refused; it must lie between 1 and 10000 mL"),
        ("urine -1", NO_CHANNEL, "urine of -1 mL is refused"),
        ("potasium 4", NO_CHANNEL, "nothing is noted as 'potasium'; did you mean potassium"),
        ("Limb-Check no", CALF_L, "did you mean limb_check"),
        ("xyzzy", NO_CHANNEL, "nothing is noted as 'xyzzy'; `turgor note --help` lists them"),
        ("dbp 70", NO_CHANNEL, "dbp has its own command: `turgor dbp MMHG`"),
        ("zero", CALF_L, "zero has its own command: `turgor zero CHANNEL`"),
        ("level 3", CALF_L, "level has its own command: `turgor level CHANNEL CM`"),
        ("flush", NO_CHANNEL, "flush is of one channel; say which with --limb"),
        ("flush", CALF_Z, "flush is of a pressure channel, such as calf_l, and calf_z is none"),
        ("flush", channel_id("skin"), "flush is of a pressure channel, such as calf_l, and skin is none"),
        ("electrodes", CALF_L, "electrodes is of an impedance channel, such as calf_z, and calf_l is none"),
        ("limb_check no normal", CALF_L, "limb_check: movement is missing; type pain on stretch"),
        ("limb_check no normal so normal", CALF_L, "'so' is no finding of movement"),
        ("limb_check no normal normal normal", channel_id("thorax_z"), "thorax_z is no limb"),
        ("position", NO_CHANNEL, "a position is wanted; it is one of lying"),
        ("position upright", NO_CHANNEL, "'upright' is no position; it is one of lying"),
        ("text", NO_CHANNEL, "text wants a text that says what it was"),
        ("drug 5", NO_CHANNEL, "drug wants a text"),
        ("text " + "x" * 161, NO_CHANNEL, "a text of 161 bytes is too long for 160; make two entries of it"),
    ],
)
def test_what_is_mistyped_is_refused(typed: str, channel: int, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        entered(typed, channel)


def test_texts_that_lack_parts_are_marked() -> None:
    """Three parts, of which the second is lost; then one that only began; then the text of one whose head is lost."""
    kind = kind_called("text")
    first = words_of(commands_of(kind, None, "0123456789abcdefghijklmnopqrstuvwxyz", NO_CHANNEL))
    other = words_of(commands_of(kind_called("drug"), 5, "a name of a drug of some length", NO_CHANNEL))
    joiner: Joiner[str] = Joiner()
    found = []
    for tag, words in [("a", first[0]), ("a", first[1]), ("a", first[3]), ("b", other[0]), ("c", first[0])]:
        found += list(joiner.take(words, tag))
    found += list(joiner.end())
    found += list(joiner.take(other[2], "d"))
    found += list(joiner.end())
    assert [(tag, entry.text, entry.is_whole) for tag, entry in found] == [
        ("a", "0123456789abcdef…wxyz", False),
        ("b", "……", False),
        ("c", "………", False),
    ]
    assert found[0][1].line() == "text: 0123456789abcdef…wxyz [incomplete]"


def test_parts_that_are_none_are_passed_over() -> None:
    """Beyond the text, twice, or of another entry: none of them makes a text whole."""
    first = words_of(commands_of(kind_called("text"), None, "0123456789abcdefghij", NO_CHANNEL))
    joiner: Joiner[int] = Joiner()
    strange = [[first[1][0] + (part << 16), *first[1][1:]] for part in (2, 255, -2)]
    other = [first[2][0] ^ 1, *first[2][1:]]
    for words in (first[0], first[1], first[1], *strange, other):
        assert list(joiner.take(words, 0)) == []
    assert [entry.text for _, entry in joiner.take(first[2], 0)] == ["0123456789abcdefghij"]


def test_a_text_moves_no_cursor() -> None:
    assert entered("text a\x1b[2Jb").text == "a?[2Jb"


def test_a_kind_of_a_later_version_is_shown_as_it_is() -> None:
    found = joined([[60 | CALF_L << 8, 12, 0, 0, 0]])
    assert (found.kind, found.line(), found.channel) == (None, "kind 60 12", CALF_L)


def taken(commands: Commands, refusal: str = "") -> list[bytes]:
    """Have a board answer everything that waits; the lines that came."""
    said = []
    while line := commands.line(0.0):
        said.append(line)
        assert commands._current is not None
        commands.answered(commands._current.id, lines.REFUSED if refusal else lines.OK, refusal)
    return said


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("state", {"channel": "calf_l", "state": "off"}, "no state 'off'; a channel is active, standby, fasciotomy or"),
        ("state", {"channel": "calf", "state": "active"}, "no channel 'calf'"),
        ("state", {"state": "active"}, "say which channel"),
        (
            "confirm",
            {"channel": "calf_l", "rule": "dp_low"},
            "'dp_low' cannot be confirmed; what can is pressure_doubt",
        ),
        (
            "confirm",
            {"channel": "calf_z", "rule": "pressure_doubt"},
            "calf_z has no pressure_doubt; channels that may: calf_l calf_r forearm_l forearm_r",
        ),
        ("admit", {"id": 0, "age_group": "adult"}, "an id of 0 is refused; give a pseudonymous whole number from 1"),
        ("admit", {"id": 1.5, "age_group": "adult"}, "an id of 1.5 is refused"),
        ("admit", {"id": "Jane", "age_group": "adult"}, "'Jane' is no number"),
        ("admit", {"id": 1, "age_group": "child"}, "no age group 'child'; it is adult, under_16 or under_10"),
        ("level", {"channel": "calf_l", "cm": 101}, "level of 101 cm is refused; it must lie between -100 and 100 cm"),
        ("note", {"kind": "urine", "value": "much"}, "'much' is no number"),
        ("note", {"kind": None}, "nothing is noted as 'None'"),
        ("note", {"kind": "flush", "channel": "calf_l", "value": 1}, "flush has no value 1"),
        ("note", {"kind": "position", "value": float("inf")}, "position has no value inf"),
        ("note", {"kind": "limb_check", "channel": "calf_l", "value": -1}, "limb_check has no value -1"),
        ("note", {"kind": "urine", "value": float("nan")}, "urine of nan mL is refused"),
        ("admit", {"id": float("inf"), "age_group": "adult"}, "an id of inf is refused"),
        ("admit", {"id": float("nan"), "age_group": "adult"}, "an id of nan is refused"),
        ("zero", {}, "no action 'zero'"),
    ],
)
def test_commands_that_are_refused_before_the_board_hears_of_them(
    name: str, arguments: dict[str, object], message: str
) -> None:
    commands = Commands(1)
    with pytest.raises(UsageError, match=re.escape(message)):
        commands.act(name, **arguments)
    assert taken(commands) == []


def test_every_kind_of_limb_channel_may_be_checked() -> None:
    for number, (name, kind, limb) in enumerate(CHANNELS):
        if limb != 255:
            assert entered("limb_check no normal normal normal", number).channel == number
        if kind == IMPEDANCE:
            assert entered("electrodes", number).channel == number, name


def test_a_refusal_names_the_channel() -> None:
    commands = Commands(1)
    answers = []

    def answer() -> None:
        while not answers:
            if taken(commands, "channel 6 is not here"):
                answers.append(1)

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(TurgorError, match="this board has no art; its configuration says what it has"):
        commands.act("state", channel="art", state="standby")
    thread.join()


def test_what_nobody_answered_is_not_said_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour later it would be taken for something new, and twice if it was typed again."""
    monkeypatch.setattr(commands_module, "_ANSWER_S", 0.01)
    commands = Commands(1)
    with pytest.raises(TurgorError, match="is not connected and was not told"):
        commands.act("dbp", mmhg=55)
    with pytest.raises(TurgorError, match="is not connected and was not told"):
        commands.act("note", kind="text", text="x" * 60)
    assert commands.line(3600.0) is None

    # One that was on its way: what became of it is not known.
    def send() -> None:
        time.sleep(0.02)
        commands.line(0.0)

    thread = threading.Thread(target=send)
    thread.start()
    with pytest.raises(TurgorError, match="look whether it has taken it"):
        commands.act("dbp", mmhg=60)
    thread.join()
    assert commands.line(3600.0) is None
