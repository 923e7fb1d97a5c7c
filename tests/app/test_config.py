"""The image of a configuration: out comes what went in, and no image keeps a board from starting."""

from random import Random
from struct import pack_into
from typing import Any

import pytest

from turgor.app.assemble import check_rates, make_samplers
from turgor.app.blocks import Blocks
from turgor.app.config import (
    LIS3DH,
    TMP117,
    VSYS,
    Channel,
    Config,
    arterial_channel,
    default_channels,
    impedance_channel,
    pressure_channel,
    unpack_config,
)
from turgor.app.journal import PARTS, Journal
from turgor.app.keep import Keep
from turgor.app.log import Log
from turgor.app.ring import CONTENT
from turgor.core.bounds import LIMIT_BOUNDS
from turgor.core.channels import CHANNEL_NAMES
from turgor.core.entries import UNDER_10
from turgor.core.judge import Judge
from turgor.core.rules import AGE_STAGES, DEFAULT_LIMITS, DP_LOW, HOW, MEDIUM, RULES, STAGES
from turgor.core.ticks import BoardTime
from turgor.link.records import CONFIG_REFUSED, NOTICE, unpack
from turgor_host.sim.flash import Flash

# Bytes of the head, and of a channel's head and a limit.
HEAD, CHANNEL, LIMIT = 3, 12, 24
DRIVER, BUS, ADDRESS, PORT, WORDS, SETTLE, RATE = 1, 2, 3, 4, 5, 6, 8
SITE = [
    pressure_channel("cuff", 0, 5),
    Channel("skin", TMP117, 0, 0x48, -1, 2000, 0, ()),
    Channel("motion", LIS3DH, 0, 0x18, -1, 10_000, 0, ()),
    impedance_channel("calf_r_z", 1, 0x68),
    impedance_channel("forearm_z", 1, 0x69),
    Channel("supply", VSYS, 0, 0, -1, 4000, 0, ()),
]
ALL = Config([*default_channels(), arterial_channel(), *SITE])
LIMITS = len(DEFAULT_LIMITS)
# The stages of all rules.
STAGES_THERE = [
    (rule, stage) for rule in range(len(RULES)) for stage in range(STAGES) if HOW[(rule * STAGES + stage) * 4]
]
# Where the first two without words begin, from the end: two impedances, the third and the limits stand behind them.
SLOW_AT = -LIMITS * LIMIT - CHANNEL - 2 * 88 - 2 * CHANNEL
SIZE = 3 + 6 * 72 + 4 * 88 + 3 * 12 + LIMITS * LIMIT


class Clock:
    us = 0


class Wires:
    """A bus and ports with nothing on them."""

    def bus(self, number: int) -> Any:
        return (self, self)[number]

    def lines(self, number: int) -> None:
        return None

    def ready(self, name: str) -> None:
        return None

    def supply(self) -> None:
        return None

    def writeto(self, address: int, buf: bytes) -> int:
        raise OSError(5)

    def readfrom_into(self, address: int, buf: bytearray) -> None:
        raise OSError(5)

    def readfrom_mem_into(self, address: int, register: int, buf: bytearray) -> None:
        raise OSError(5)


def image_of(config: Config) -> bytearray:
    buffer = bytearray(PARTS * CONTENT)
    at = config.pack_head(buffer)
    for position in range(len(config.channels)):
        at = config.pack_channel(position, buffer, at)
    return buffer[: config.pack_limits(buffer, at)]


def flash_with(image: bytes) -> Flash:
    """A flash on which this image was kept."""
    flash = Flash(Clock(), 12)
    journal = Journal(flash, 0, 4)
    journal.content[: len(image)] = image
    journal.begin(len(image), 1, 0)
    while journal.saving:
        journal.step()
    return flash


def start(image: bytes) -> bool:
    """All that a board makes of a configuration before it runs; whether that is the one of the image."""
    keep = Keep(flash_with(image))
    config = keep.configuration(ALL, check_rates)
    Judge([channel.number for channel in config.channels], config.limits)
    log, time = Log(4096, keep.boot), BoardTime(0)
    blocks = Blocks(log, time)
    blocks.samplers = make_samplers(config, Wires())(log, blocks, time, 0)
    assert (config is ALL) == keep.refused
    return not keep.refused


def spoilt(at: int, *values: int) -> bytearray:
    image = image_of(ALL)
    image[at : at + len(values)] = bytes(values)
    return image


def test_by_hand() -> None:
    """Thirteen channels, six with 15 words, four with 19 and three with none, and the limits: 3 + 6 * 72 + 4 * 88 +
    3 * 12 + 40 * 24 bytes."""
    image = image_of(ALL)
    assert len(image) == SIZE == 1783
    assert image[:3] == bytes((1, 13, 40))
    # calf_l: channel 0, a NAU7802 on bus 0 at 0x2A behind port 0, 15 words, 160 samples to settle, 80 Hz.
    assert image[HEAD : HEAD + CHANNEL] == bytes((0, 1, 0, 0x2A, 1, 15, 160, 0)) + (80000).to_bytes(4, "little")
    again = unpack_config(image, len(image))
    assert [channel.name for channel in again.channels] == list(CHANNEL_NAMES)
    assert tuple(again.limits) == DEFAULT_LIMITS
    for before, after in zip(ALL.channels, again.channels, strict=True):
        assert vars(before) == vars(after)
    assert start(image)


def test_the_largest_one_fits_what_keeps_it() -> None:
    """Each channel and each limit once is all there can be."""
    limits = [(rule, stage, 1, 0, 0, 0, 0, 0) for rule, stage in STAGES_THERE]
    assert len(image_of(Config(ALL.channels, limits))) <= PARTS * CONTENT


@pytest.mark.parametrize(
    ("at", "values", "said"),
    [
        (0, (2,), "no configuration of this layout"),
        (1, (12,), "goes on behind its end"),
        (1, (14,), "calf_l: 117 words"),
        (2, (LIMITS - 1,), "goes on behind its end"),
        (2, (LIMITS + 1,), "ends early"),
        (HEAD, (99,), "channel 99"),
        (HEAD, (1,), "calf_r: is there twice"),
        (HEAD, (4,), "calf_z: 15 words"),
        (HEAD + DRIVER, (2,), "calf_l: driver = 2"),
        (HEAD + DRIVER, (11,), "calf_l: driver = 11"),
        (HEAD + DRIVER, (13,), "calf_l: driver = 13"),
        (SLOW_AT + CHANNEL + DRIVER, (11,), "motion: driver = 11 does not measure this"),
        (SLOW_AT + CHANNEL + WORDS, (1,), "motion: 1 words"),
        (SLOW_AT + CHANNEL + RATE, (0xE8, 0x03, 0, 0), "motion: rate_millihz = 1000 is no rate"),
        (SLOW_AT + RATE, (0xE8, 0x03, 0, 0), "skin: rate_millihz = 1000 is no rate"),
        (HEAD + DRIVER, (10,), "calf_l: driver = 10"),
        (HEAD + BUS, (2,), "calf_l: bus = 2 is not within 0 to 1"),
        (HEAD + ADDRESS, (0x80,), "calf_l: address = 128"),
        (HEAD + PORT, (9,), "calf_l: mux_port = 8 is not within -1 to 7"),
        (HEAD + WORDS, (19,), "calf_l: 19 words"),
        (HEAD + RATE, (0, 0, 0, 0), "calf_l: rate_millihz = 0"),
        (HEAD + RATE, (0x01, 0x38, 1, 0), "calf_l: rate_millihz = 79873 is no rate of its converter"),
        (HEAD + RATE, (0x80, 0xBB, 0, 0), "calf_l: rate_millihz = 48000 is no rate of its converter"),
        (HEAD + CHANNEL, (4,), "calf_l: median = 4"),
        (-LIMITS * LIMIT, (len(RULES),), f"limits: rule = {len(RULES)} is not within 0 to {len(RULES) - 1}"),
        (-LIMITS * LIMIT + 1, (3,), "limits: rule = 0 has no stage 3"),
        (-LIMITS * LIMIT + 1, (11,), "limits: stage = 11 is not within 0 to 10"),
        (-LIMITS * LIMIT + 1, (7,), "limits: rule = 0 has no stage 3"),
        (-LIMITS * LIMIT + 1, (4,), "limits: rule = 0, stage = 4 is of an age group alone"),
        (-LIMITS * LIMIT + 1, (1,), "limits: rule = 0, stage = 1 is there twice"),
        (-LIMITS * LIMIT + 2, (4,), "limits: priority = 4"),
        (-1, (0x7F,), "limits: aux = "),
    ],
)
def test_what_a_board_cannot_run_is_refused_by_its_field(at: int, values: tuple[int, ...], said: str) -> None:
    image = spoilt(at if at >= 0 else at + SIZE, *values)
    with pytest.raises(ValueError, match=said):
        check_rates(unpack_config(image, len(image)))
    assert not start(image)


def test_no_image_keeps_a_board_from_starting() -> None:
    """Bytes at random with the right check sum, as of another version: refused, or it packs as it was."""
    random = Random(4)
    good = image_of(ALL)
    ran = 0
    for number in range(2000):
        image = bytearray(good)
        for _ in range(random.choice((1, 1, 2, 8))):
            image[random.randrange(len(image))] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))
        if number % 5 == 0:
            image = image[: random.randrange(1, len(image))]
        if start(image):
            ran += 1
            config = unpack_config(image, len(image))
            assert sorted(image_of(config)) == sorted(image)
    assert 200 < ran < 1500


def test_limits_are_just_what_the_rules_can_hold() -> None:
    """Every stage that the table knows how to judge, and no other; one beyond a bound is refused."""
    rule, stage = LIMIT_BOUNDS[0], LIMIT_BOUNDS[1]
    assert (rule[2], stage[2]) == (len(RULES) - 1, STAGES - 1 + UNDER_10 * AGE_STAGES)
    assert {(row[0], row[1] % AGE_STAGES) for row in DEFAULT_LIMITS} < set(STAGES_THERE)
    for place in ((a, b) for a in range(len(RULES)) for b in range(STAGES)):
        row = (*place, MEDIUM, 0, 0, 0, 0, 0)
        if place in STAGES_THERE:
            Judge(list(range(len(CHANNEL_NAMES))), Config([], [row]).limits)
        else:
            with pytest.raises(ValueError, match=f"rule = {place[0]} has no stage {place[1]}"):
                Config([], [row])
    good = (DP_LOW, 1, 1, 0, 0, 0, 0, 0)
    for i, (name, low, high) in enumerate(LIMIT_BOUNDS):
        for value in (low - 1, high + 1):
            row = list(good)
            row[i] = value
            with pytest.raises(ValueError, match=f"limits: {name} = {value}"):
                Config([], [tuple(row)])


def test_a_refused_one_is_told_and_the_board_runs(fake: Any) -> None:
    """The limits of a version that knew more rules: the default's readings come, and a notice says why."""
    flash = Flash(Clock(), 12)
    board = fake.Board({"calf_l": (lambda index: 160_000,)}, flash=flash)
    image = image_of(board.config)
    pack_into("<B", image, len(image) - LIMIT, len(RULES))
    board = fake.Board({"calf_l": (lambda index: 160_000,)}, flash=flash_with(image))
    board.run(3_000_000)
    found = [unpack(record) for record in board.logged()]
    notices = [body["notice"] for header, body, _ in found if header["kind"] == "notice"]
    assert notices == [CONFIG_REFUSED]
    assert sum(header["kind"] == "readings" for header, _, _ in found) == 3
    assert found[0][0]["kind"] == "boot"
    assert NOTICE in {record[0] for record in board.logged()}
