"""Certificates: what is written is read, and what is damaged, old or another's is refused with its remedy."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from turgor_host.calibrate.certificate import (
    Certificate,
    board_name,
    check_age,
    read_certificate,
    write_certificate,
)
from turgor_host.commands import Commands, explained
from turgor_host.errors import UsageError

MADE = 1_800_000_000.0
DAY_S = 86400
BRIDGE = Certificate("e6613852835f1c2e", "calf_l", "NAU7802", (10737, 6103, 16896, 6), MADE)
SWEEPS = Certificate("e6613852835f1c2e", "calf_z", "MAX30009", (222144164, 0, -77, 5, 0, 0) * 3 + (4,), MADE)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c.toml"


def test_by_hand(path: Path) -> None:
    write_certificate(path, BRIDGE, "a.turgor", False, ["codes_per_mmhg = 10737.418"])
    text = path.read_text()
    assert 'board = "e6613852835f1c2e"' in text
    assert "made = 2027-01-15T08:00:00Z" in text
    assert '[pressure.calf_l]\nsensor = "NAU7802"\nwords = [10737, 6103, 16896, 6]\n' in text
    assert re.search(r'number = "[0-9a-f]{8}"', text)
    assert re.search(r"\n# crc32 [0-9a-f]{8}\n$", text)


@pytest.mark.parametrize("certificate", [BRIDGE, SWEEPS])
def test_out_comes_what_went_in(path: Path, certificate: Certificate) -> None:
    write_certificate(path, certificate, "a.turgor", False, [])
    assert read_certificate(path) == certificate


def test_each_has_a_number_of_its_own() -> None:
    others = [
        replace(BRIDGE, board="0" * 16),
        replace(BRIDGE, channel="calf_r"),
        replace(BRIDGE, sensor="ADS1220"),
        replace(BRIDGE, words=(10738, 6103, 16896, 6)),
    ]
    assert len({found.number for found in (BRIDGE, *others)}) == 5
    # It follows from what a recording has of it, the date apart.
    assert replace(BRIDGE, made=0.0).number == BRIDGE.number


def test_any_cut_and_any_change_is_noticed(path: Path) -> None:
    write_certificate(path, SWEEPS, "a.turgor", False, [])
    whole = path.read_bytes()
    for at in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:at])
        with pytest.raises(UsageError, match=r"make it again with `turgor calibrate`"):
            read_certificate(path)
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(bytes(changed))
        with pytest.raises(UsageError, match="make it again with `turgor calibrate`"):
            read_certificate(path)


@pytest.mark.parametrize(
    ("certificate", "message"),
    [
        (replace(BRIDGE, words=(10737, 6103, 40000, 6)), "gain_low = 40000 is not within 0 to 32767"),
        (replace(BRIDGE, words=(10737,)), "1 words; there must be 4"),
        (replace(SWEEPS, words=(*SWEEPS.words[:18], 30)), "shift = 30 is not within 0 to 29"),
        (replace(BRIDGE, sensor="HX711"), "no HX711 on calf_l is known"),
    ],
)
def test_what_no_board_takes_is_refused(path: Path, certificate: Certificate, message: str) -> None:
    write_certificate(path, certificate, "a.turgor", False, [])
    with pytest.raises(UsageError, match=message):
        read_certificate(path)


def test_a_file_that_is_none(tmp_path: Path, path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_certificate(tmp_path / "nowhere.toml")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="no text"):
        read_certificate(path)
    path.write_text("[pressure.calf_l]\noffset_code = 0\n")
    with pytest.raises(UsageError, match="no certificate"):
        read_certificate(path)


def test_it_holds_for_a_year() -> None:
    check_age(BRIDGE, MADE + 365 * DAY_S)
    with pytest.raises(UsageError, match="366 days old and holds for 365; make it again"):
        check_age(BRIDGE, MADE + 366 * DAY_S)
    with pytest.raises(UsageError, match="3 days from now; set this computer's clock"):
        check_age(BRIDGE, MADE - 3 * DAY_S)


def test_of_another_board_it_is_not_sent() -> None:
    commands = Commands(1)
    commands.board = board_name(0x0123456789ABCDEF)
    with pytest.raises(UsageError, match=r"of board e6613852835f1c2e and this is 0123456789abcdef"):
        commands.calibrate(BRIDGE)
    assert commands.line(0.0) is None
    commands.board = BRIDGE.board
    assert len(commands.calibrate(BRIDGE)) == 1
    assert len(commands.calibrate(SWEEPS)) == 5


def test_a_boards_refusal_is_explained() -> None:
    said = explained(BRIDGE, "driver = 1 is not within 9 to 9")
    assert said.endswith("another sensor than the certificate's NAU7802 is there, calibrate that one")
    assert "--config" in explained(BRIDGE, "channel 0 has no sensor here")
