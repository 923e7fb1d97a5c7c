"""The age of the calibrations in force: what is raised of which channel, when, and how often."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from turgor.app.config import MAX30009, NAU7802, NOMINAL_IMPEDANCE, NOMINAL_PRESSURE
from turgor.core.channels import CHANNELS, IMPEDANCE, NO_CHANNEL, PRESSURE, channel_id
from turgor.link import lines, records
from turgor_host.calibrate.certificate import Certificate, encode_certificate
from turgor_host.calibrate.kept import keep
from turgor_host.calibration_ages import CalibrationAges
from turgor_host.commands import Commands
from turgor_host.recording.boots import Setup
from turgor_host.zero import keep_zeroed, zeroed

BOARD = f"{5:016x}"
NOW = 1_800_000_000.0
DAY_S = 86400
FITTED = (10737, 6103, 17000, 6)
SWEPT = (222144164, 0, -77, 5, 0, 0) * 3 + (4,)
REMEDY = "; calibrate again, or run `turgor calibrate upload` with a certificate younger than 365 days"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def certified(channel: str, words: Sequence[int], days: float) -> Certificate:
    """A calibration made `days` before NOW, of which a copy is kept here."""
    sensor = "MAX30009" if channel.endswith("_z") else "NAU7802"
    certificate = Certificate(BOARD, channel, sensor, tuple(words), NOW - days * DAY_S)
    assert keep(certificate, encode_certificate(certificate, "a.turgor", False, [])) == ""
    return certificate


class Run:
    """A run of BOARD at a time that the test sets, from its channels' records on."""

    def __init__(self, **channels: Sequence[int]) -> None:
        self.now = NOW
        self._ages = CalibrationAges(lambda: self.now)
        self.begin(1, **channels)

    def begin(self, boot: int, **channels: Sequence[int]) -> None:
        self._boot = boot
        self._put(records.BOOT, NO_CHANNEL, (records.WIRE_VERSION, 0, len(channels), 0, 5))
        for name, words in channels.items():
            number = channel_id(name)
            if CHANNELS[number][1] == IMPEDANCE:
                self._put(records.IMPEDANCE_CHANNEL, number, (IMPEDANCE, MAX30009, 0, 500, *words), name.encode())
            else:
                values = (PRESSURE, NAU7802, 160, 80000, 3, *[1] * 8, *words, 30000, 28000)
                self._put(records.PRESSURE_CHANNEL, number, values, name.encode())

    def calibrate(self, channel: str, words: Sequence[int], status: int = lines.OK, parts: int = 9) -> None:
        """The board's records of the commands that carry it, or of the first `parts`."""
        sensor = "MAX30009" if channel.endswith("_z") else "NAU7802"
        given = Certificate(BOARD, channel, sensor, tuple(words), 0.0)
        for command, *arguments in Commands(1)._calibration(given)[:parts]:
            self._put(records.COMMAND, NO_CHANNEL, (1, command, status, 0, *arguments))

    def tick(self) -> str:
        """A second's readings; what is raised."""
        self._put(records.READINGS, NO_CHANNEL, (-1, records.NO_AGE, 0))
        return self.poll()

    def poll(self) -> str:
        return self._ages.poll(BOARD)

    def see(self) -> None:
        self._ages.see()

    def _put(self, kind: int, channel: int, values: Sequence[Any], tail: bytes = b"") -> None:
        self._ages.take(*records.unpack(records.pack(kind, channel, self._boot, 0, 0, values, tail)))


def test_by_hand() -> None:
    number = certified("calf_l", FITTED, 400).number
    run = Run(calf_l=FITTED)
    assert run.tick() == f"calf_l ({number}) is 400 days old, of 2025-12-11{REMEDY}"
    assert run.tick() == ""


@pytest.mark.parametrize(("seconds", "is_raised"), [(-1, False), (0, False), (1, True)])
@pytest.mark.parametrize(("channel", "words"), [("calf_l", FITTED), ("calf_z", SWEPT)])
def test_on_both_sides_of_a_year(channel: str, words: tuple[int, ...], seconds: int, is_raised: bool) -> None:
    certified(channel, words, 365 + seconds / DAY_S)
    assert bool(Run(**{channel: words}).tick()) == is_raised


def test_a_run_that_lasts_beyond_the_day() -> None:
    certified("calf_l", FITTED, 364)
    certified("calf_r", FITTED, 363)
    run = Run(calf_l=FITTED, calf_r=FITTED)
    assert run.tick() == ""
    run.now += DAY_S
    assert run.poll() == ""
    run.now += 1
    assert run.poll().startswith("calf_l (")
    run.see()
    run.now += DAY_S - 1
    assert run.poll() == ""
    run.now += 1
    assert run.poll().startswith("calf_r (")
    run.now += 100 * DAY_S
    assert run.poll() == ""


def test_what_nobody_here_knows() -> None:
    run = Run(calf_l=FITTED, calf_r=NOMINAL_PRESSURE, calf_z=SWEPT, thorax_z=NOMINAL_IMPEDANCE)
    assert [part.split()[0::2] for part in run.tick().removesuffix(REMEDY).split("; ")] == [
        ["calf_l", "is", "unknown"],
        ["calf_z", "is", "unknown"],
    ]


def test_a_certificate_of_another_board_or_channel_says_nothing() -> None:
    given = certified("calf_r", FITTED, 1)
    other = replace(given, board=f"{6:016x}", channel="calf_l")
    keep(other, encode_certificate(other, "a.turgor", False, []))
    assert "calf_l" in Run(calf_l=FITTED).tick()


def test_the_nominal_words_raise_nothing_zeroed_or_not() -> None:
    offset, *gain = NOMINAL_PRESSURE
    run = Run(calf_l=NOMINAL_PRESSURE, calf_r=(offset + 500, *gain), thorax_z=NOMINAL_IMPEDANCE)
    assert run.tick() == ""


def test_a_damaged_copy_leaves_the_age_unknown(tmp_path: Path) -> None:
    number = certified("calf_l", FITTED, 1).number
    assert Run(calf_l=FITTED).tick() == ""
    path = tmp_path / "turgor" / "certificates" / f"{number}.toml"
    path.write_bytes(path.read_bytes()[:-3])
    assert Run(calf_l=FITTED).tick() == f"calf_l ({number}) is of unknown age{REMEDY}"


def test_a_certificate_of_a_later_day_has_no_age() -> None:
    certified("calf_l", FITTED, -0.9)
    assert Run(calf_l=FITTED).tick() == ""
    certified("calf_l", FITTED, -1.1)
    assert "unknown age" in Run(calf_l=FITTED).tick()


def test_nothing_is_judged_before_all_is_described_and_in_force() -> None:
    run = Run(calf_l=FITTED)
    assert run.poll() == ""
    certified("calf_l", (1, *FITTED[1:]), 0)
    run.calibrate("calf_l", (1, *FITTED[1:]))
    assert run.tick() == ""


def test_a_new_calibration_is_judged_when_it_is_whole() -> None:
    certified("calf_z", SWEPT, 0)
    run = Run(calf_z=SWEPT)
    assert run.tick() == ""
    other = (*SWEPT[:-1], 5)
    run.calibrate("calf_z", other, status=lines.REFUSED)
    run.calibrate("calf_z", other, parts=4)
    assert run.tick() == ""
    run.calibrate("calf_z", other)
    assert "calf_z" in run.tick()
    # It takes the place of the one before.
    run.calibrate("calf_z", SWEPT)
    assert run.tick() == ""


def test_once_a_run_and_number_and_what_is_acknowledged_no_more() -> None:
    run = Run(calf_l=FITTED)
    assert "calf_l" in run.tick()
    run.begin(2, calf_l=FITTED, calf_r=FITTED)
    # What stands goes on with both.
    told = run.tick()
    assert "calf_l" in told
    assert "calf_r" in told
    run.see()
    run.begin(3, calf_l=FITTED, calf_r=FITTED)
    assert run.tick() == ""
    run.calibrate("calf_r", (1, *FITTED[1:]))
    told = run.tick()
    assert "calf_l" not in told
    assert "calf_r" in told
    assert "calf_l" in Run(calf_l=FITTED).tick()


def recording(words: Sequence[int]) -> Any:
    setup = Setup(0, "calf_l", PRESSURE, NAU7802, 160, 80000, (3, *[1] * 8, *words, 30000, 29000))
    boots = [SimpleNamespace(board=5, setups={0: setup})]
    return SimpleNamespace(path=Path("a.turgor"), simulated=False, boots=boots)


@pytest.mark.parametrize(("days", "is_raised"), [(364, False), (366, True)])
def test_a_zero_keeps_the_date(days: int, is_raised: bool) -> None:
    certified("calf_l", FITTED, days)
    words: Sequence[int] = FITTED
    # Also that of a zero.
    for _ in range(2):
        certificate, _ = zeroed(recording(words), "calf_l", 4.0)
        assert keep_zeroed(recording(words), certificate) == ""
        words = certificate.words
    assert bool(Run(calf_l=words).tick()) == is_raised


def test_a_zero_of_what_nobody_knows_keeps_nothing(tmp_path: Path) -> None:
    certificate, _ = zeroed(recording(FITTED), "calf_l", 4.0)
    assert keep_zeroed(recording(FITTED), certificate) == ""
    assert list(tmp_path.iterdir()) == []
    assert "unknown age" in Run(calf_l=certificate.words).tick()
