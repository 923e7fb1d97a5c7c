"""Certificates kept by number in the user's data folder: whole or not at all, and the latest of a number."""

from dataclasses import replace
from pathlib import Path

import pytest
from platformdirs import user_data_path

from turgor_host.calibrate.certificate import Certificate, encode_certificate
from turgor_host.calibrate.kept import keep, made_utc

MADE = 1_800_000_000.0
BRIDGE = Certificate("e6613852835f1c2e", "calf_l", "NAU7802", (10737, 6103, 16897, 6), MADE)


def content(certificate: Certificate) -> bytes:
    return encode_certificate(certificate, "a.turgor", False, ["codes_per_mmhg = 10737.418"])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "turgor" / "certificates"


def test_by_hand(folder: Path) -> None:
    assert made_utc(BRIDGE.number) is None
    assert keep(BRIDGE, content(BRIDGE)) == ""
    (path,) = folder.iterdir()
    assert path.name == f"{BRIDGE.number}.toml"
    assert path.read_bytes() == content(BRIDGE)
    assert made_utc(BRIDGE.number) == MADE


def test_no_test_has_the_users_own_folder(user_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(user_data))
    assert user_data_path("turgor") == user_data / "turgor"
    assert not user_data.is_relative_to(Path.home() / ".local")


def test_the_later_one_of_a_number_stays() -> None:
    later = replace(BRIDGE, made=MADE + 60)
    for given in (BRIDGE, later, BRIDGE):
        assert keep(given, content(given)) == ""
    assert made_utc(BRIDGE.number) == MADE + 60


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-20], lambda text: text.replace(b"2027", b"2037"), lambda _: b""]
)
def test_a_damaged_copy_is_none_and_is_made_good(folder: Path, damage: "type[bytes]") -> None:
    keep(BRIDGE, content(BRIDGE))
    path = folder / f"{BRIDGE.number}.toml"
    path.write_bytes(damage(content(BRIDGE)))
    assert made_utc(BRIDGE.number) is None
    assert keep(BRIDGE, content(BRIDGE)) == ""
    assert made_utc(BRIDGE.number) == MADE


def test_a_copy_under_another_number_is_none(folder: Path) -> None:
    keep(BRIDGE, content(BRIDGE))
    (folder / f"{BRIDGE.number}.toml").rename(folder / "0123abcd.toml")
    assert made_utc("0123abcd") is None


def test_a_folder_that_cannot_be_written_is_told(folder: Path) -> None:
    folder.parent.parent.write_text("no folder")
    told = keep(BRIDGE, content(BRIDGE))
    assert told.startswith(f"{folder / BRIDGE.number}.toml: Not a directory; no copy of the certificate is kept here")
    assert "make that folder writable" in told
    assert "\n" not in told
    assert made_utc(BRIDGE.number) is None


def test_a_write_that_fails_leaves_what_was_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(BRIDGE, content(BRIDGE))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    later = replace(BRIDGE, made=MADE + 60)
    assert "No space left on device" in keep(later, content(later))
    assert [path.name for path in folder.iterdir()] == [f"{BRIDGE.number}.toml"]
    assert made_utc(BRIDGE.number) == MADE
