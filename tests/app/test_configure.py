"""A configuration that a host sends: taken in parts, checked, kept with the calibrations of sensors that stay."""

from collections.abc import Iterator
from struct import unpack
from typing import Any

import pytest

from turgor.app.assemble import check_rates
from turgor.app.config import NAU7802
from turgor.app.journal import PARTS
from turgor.app.keep import Keep
from turgor.app.ring import CONTENT
from turgor.core.filter_words import describe
from turgor.link.lines import CALIBRATE, CONFIG_PART, CONFIGURE, command_line
from turgor_host.configuration.file import parse_configuration
from turgor_host.sim.flash import Flash


class Clock:
    us = 0


class Host:
    """Says commands to a fake board with a flash, each until it was carried out."""

    def __init__(self, fake: Any) -> None:
        self.flash = Flash(Clock(), 12)
        self.board = fake.Board({"calf_l": (lambda index: 160_000,)}, flash=self.flash)
        # As a board's own `main` does: what its drivers cannot do is no configuration.
        self.board.keep.configuration(self.board.config, check_rates)
        self._ids: Iterator[int] = iter(range(1, 10_000))

    def say(self, command: int, *arguments: int) -> str:
        """Returns the refusal, "" when it was taken."""
        self.board.say(command_line(next(self._ids), command, *arguments))
        self.board.run(self.board.us + 200_000)
        answer = self.board.app.wire._command_answer
        return str(answer.text.decode())

    def send(self, image: bytes) -> None:
        for at in range(0, len(image), 16):
            assert self.say(CONFIG_PART, at, *unpack("<iiii", image[at : at + 16].ljust(16, b"\0"))) == ""

    def configure(self, text: str) -> str:
        image = parse_configuration(text).image
        self.send(image)
        return self.say(CONFIGURE, len(image), 0)

    def kept(self) -> Any:
        """The configuration with which the next start begins."""
        self.board.run(self.board.us + 3_000_000)
        return Keep(self.flash).configuration(None, check_rates)


CALIBRATED = (10_737, 6_000, 5, 6)


def calibration(config: Any) -> list[int]:
    return list(describe(config.channels[0].words)[9:13])


@pytest.fixture
def host(fake: Any) -> Host:
    return Host(fake)


def test_by_hand(host: Host) -> None:
    """Two channels and 34 limits, 3 + 72 + 88 + 816 bytes in parts, and the next start has them."""
    text = "[channels.calf_l]\nrate_hz = 40\n[channels.calf_z]\n[limits.dp_low.medium]\nrun_s = 77"
    image = parse_configuration(text).image
    assert len(image) == 1123
    running = host.board.app.tick.judge.channels
    assert host.configure(text) == ""
    kept = host.kept()
    assert [(channel.name, channel.rate_millihz) for channel in kept.channels] == [("calf_l", 40_000), ("calf_z", 500)]
    assert kept.limits[0][4] == 77
    assert host.board.app.tick.judge.channels == running


def test_parts_come_in_order_and_once(host: Host) -> None:
    image = parse_configuration("").image
    host.send(image[:32])
    assert host.say(CONFIG_PART, 48, 0, 0, 0, 0) == "at = 48 does not go on from 32"
    assert host.say(CONFIG_PART, 1 << 20, 0, 0, 0, 0) == f"at = {1 << 20} does not go on from 32"
    assert host.say(CONFIGURE, len(image), 0) == f"size = {len(image)} where 32 bytes came"
    # From the start again it goes.
    host.send(image)
    assert host.say(CONFIGURE, len(image) - 16, 0).startswith("size = ")
    assert host.say(CONFIGURE, len(image), 0) == ""


def test_no_more_than_can_be_kept_is_taken(host: Host) -> None:
    most = PARTS * CONTENT // 16 * 16
    for at in range(0, most, 16):
        assert host.say(CONFIG_PART, at, 0, 0, 0, 0) == ""
    assert host.say(CONFIG_PART, most, 0, 0, 0, 0) == f"at = {most} does not go on from {most}"


@pytest.mark.parametrize(
    ("at", "values", "said"),
    [
        (0, (9,), "no configuration of this layout"),
        (4, (11,), "calf_l: driver = 11 does not measure this"),
        (11, (1, 0, 0, 0), "calf_l: rate_millihz = 1 is no rate of its converter"),
    ],
)
def test_what_cannot_be_run_is_refused(host: Host, at: int, values: tuple[int, ...], said: str) -> None:
    image = bytearray(parse_configuration("").image)
    image[at : at + len(values)] = bytes(values)
    host.send(bytes(image))
    assert host.say(CONFIGURE, len(image), 0) == said
    assert host.kept() is None


@pytest.mark.parametrize("first", ["calibration", "configuration"])
def test_a_calibration_outlives_a_configuration(host: Host, first: str) -> None:
    """Given before or after it, with another rate and filter on the same transducer."""
    text = "[channels.calf_l]\nrate_hz = 320\nlowpass_hz = 5"
    # The fake board's own transducer is another kind; one of the usual is there from now on.
    words = host.board.config.channels[0].words
    words[35:39] = parse_configuration("").config.channels[0].words[35:39]
    acts = [lambda: host.say(CALIBRATE, NAU7802 << 8, *CALIBRATED), lambda: host.configure(text)]
    for act in acts if first == "calibration" else reversed(acts):
        assert act() == ""
        host.board.run(host.board.us + 3_000_000)
    kept = host.kept()
    assert kept.channels[0].rate_millihz == 320_000
    assert calibration(kept) == list(CALIBRATED)


@pytest.mark.parametrize(
    "text",
    [
        "[channels.calf_l]\nsensitivity_uv_v_mmhg = 10",
        '[channels.calf_l]\nsensor = "ADS1220"',
        '[channels.calf_l]\nsensor = "ABP2"\nrange = [0, 5]\nunit = "psi"\ntransfer = "A"',
    ],
)
def test_another_transducer_has_no_calibration_yet(host: Host, text: str) -> None:
    words = host.board.config.channels[0].words
    words[35:39] = parse_configuration("").config.channels[0].words[35:39]
    assert host.say(CALIBRATE, NAU7802 << 8, *CALIBRATED) == ""
    host.board.run(host.board.us + 3_000_000)
    assert host.configure(text) == ""
    assert calibration(host.kept()) == calibration(parse_configuration(text).config)


def test_a_board_without_flash_says_so(fake: Any) -> None:
    board = fake.Board({"calf_l": (lambda index: 160_000,)})
    for command in (CONFIG_PART, CONFIGURE):
        board.say(command_line(command, command, 0))
        board.run(board.us + 200_000)
        assert board.app.wire._command_answer.text.startswith(b"this board has no flash")
