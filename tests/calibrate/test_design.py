"""`turgor design lowpass`: what it prints, draws and refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from turgor.app.config import LOWPASS_1_HZ_AT_80, LOWPASS_20_HZ_AT_320
from turgor_host.calibrate.lowpass import lowpass
from turgor_host.calibrate.lowpass_picture import sketch
from turgor_host.cli.commands import app
from turgor_host.errors import TurgorError, UsageError


def design(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["design", "lowpass", *map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_by_hand() -> None:
    """Second order, twice the cut-off: |H|^2 is 1 / (1 + 2^4), -12.3 dB, and so 34 bars of 2 dB from -80."""
    lines = {line.split()[0]: line.split() for line in sketch(lowpass(1, 80))}
    assert lines["1"][:4] == ["1", "Hz", "-3.0", "dB"]
    assert lines["2"][2] == "-12.3"
    assert lines["2"][4] == "\u2588" * 34
    assert lines["0.1"][2:] == ["0.0", "dB", "\u2588" * 40]


def test_the_boards_configuration_is_what_it_prints() -> None:
    for cutoff_hz, rate_hz, words in ((1, 80, LOWPASS_1_HZ_AT_80), (20, 320, LOWPASS_20_HZ_AT_320)):
        found = json.loads(design("--cutoff", cutoff_hz, "--rate", rate_hz, "--json"))
        assert tuple(tuple(section.values()) for section in found["sections"]) == words


def test_what_it_says() -> None:
    said = design("--cutoff", 0.1, "--rate", 80, "--order", 4)
    found = json.loads(design("--cutoff", 0.1, "--rate", 80, "--order", 4, "--json"))
    for number, section in enumerate(found["sections"], start=1):
        assert f"section {number}: E {section['e']}, C {section['c']}, z {section['z']}, g {section['g']}" in said
    assert "-3 dB at 0.1 Hz" in said
    assert f"nothing is left of a step after {found['settled_samples']} samples" in said
    assert f"at most {found['error_codes']:.3f} codes" in said
    assert said.count("dB \u2588") >= 6


def test_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "lowpass.png"
    assert design("--cutoff", 1, "--rate", 80, "--picture", path).splitlines()[-1] == str(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    plain = tmp_path / "lowpass"
    design("--cutoff", 1, "--rate", 80, "--picture", plain)
    assert plain.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("where", ["", "missing/lowpass.png"])
def test_a_picture_that_cannot_be_written(tmp_path: Path, where: str) -> None:
    with pytest.raises(TurgorError, match=r"cannot be written .*choose another --picture"):
        design("--cutoff", 1, "--rate", 80, "--picture", tmp_path / where)
    assert list(tmp_path.parent.glob("*.png")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--cutoff", 20, "--rate", 80), "a quarter of the rate, 20 Hz"),
        (("--cutoff", "nan", "--rate", 80), "above 0"),
        (("--cutoff", 1, "--rate", 80, "--order", 3), "the order is 2 or 4"),
        (("--cutoff", 0.00061, "--rate", 80), "take at least 0.0006103515625 Hz"),
        (("--cutoff", 20.0000001, "--rate", 80), "20.0000001 Hz does not go"),
        (("--cutoff", 1, "--rate", "nan"), "a rate of nan"),
        (("--cutoff", 1, "--rate", "inf"), "a rate of inf"),
        (("--cutoff", 1e-310, "--rate", 1e-308), "a rate of 1e-308"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_limit(arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        design(*arguments)
