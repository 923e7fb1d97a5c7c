"""Each finding both ways, from what was seen: as it should be, and with the remedy where it is not."""

import os
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from serial.tools import list_ports

from turgor import __version__
from turgor.app.config import LIS3DH, NAU7802, TMP117, arterial_channel, default_channels
from turgor.core.channels import CHANNEL_NAMES
from turgor.drivers import FAULT_NAMES, NO_FAULT
from turgor.link.records import (
    CONFIG_REFUSED,
    FLASH_FAILED,
    LINK_STALLED,
    POWER_ON,
    SENSORS_OFF,
    STATE_REFUSED,
    STORED,
    VALID,
    WATCHDOG_RESET,
    WIRE_VERSION,
)
from turgor_host.configuration.file import Configuration, default_configuration, parse_configuration
from turgor_host.doctor import sensors, state
from turgor_host.doctor.findings import FAILURE, OK, WARNING, Examination, Finding, failure, ok
from turgor_host.doctor.link import Seen
from turgor_host.doctor.look import Bus, Looked, Tried
from turgor_host.doctor.noise import noise
from turgor_host.flash.plan import Plan
from turgor_host.timebase import Exchange

RANDOM = random.Random(7)
QUIET = [round(RANDOM.gauss(100000, 90)) for _ in range(400)]
CALF = sensors.of_channel(default_channels()[0])


def one(findings: Any) -> Finding:
    """The only finding."""
    (finding,) = list(findings) if not isinstance(findings, Finding) else [findings]
    assert bool(finding.remedy) == (finding.status != OK), finding
    assert "\n" not in finding.said + finding.remedy
    return finding


def test_noise_by_hand() -> None:
    """Second differences of 0, 1, 0, 1 are -2 and 2: an RMS of 2 / 1.9544 codes."""
    found = noise([0, 1] * 20, "NAU7802", 80)
    assert found
    assert found.rms == pytest.approx(1.0233, abs=1e-4)
    assert (found.mean, found.still, found.at_limit) == (0.5, False, False)
    # A drift and a level have none.
    drift = noise(list(range(0, 4000, 100)), "NAU7802", 80)
    assert drift
    assert drift.still
    assert noise([5] * 31, "NAU7802", 80) is None


def test_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    port = tmp_path / "ttyACM0"
    port.touch()
    usb = SimpleNamespace(device=str(port), vid=0x2E8A, pid=5)
    monkeypatch.setattr(list_ports, "comports", lambda: [usb])
    assert one(state.port_finding(str(port))) == ok("port", "opens; USB 2E8A:0005, Raspberry Pi")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = one(state.port_finding(str(port)))
    assert (found.status, found.remedy) == (FAILURE, f"sudo usermod -aG {port.group()} $USER, then log in again")


@pytest.mark.parametrize(("version", "status"), [((1, 23, 0), OK), ((1, 22, 2), FAILURE), ((2, 0), OK)])
def test_micropython(version: tuple[int, ...], status: str) -> None:
    assert one(state.micropython_finding(version)).status == status


@pytest.mark.parametrize(
    ("version", "wire", "status"),
    [
        (__version__, WIRE_VERSION, OK),
        ("0.0.9", WIRE_VERSION, WARNING),
        ("0.0.9", WIRE_VERSION - 1, FAILURE),
        ("", WIRE_VERSION, FAILURE),
    ],
)
def test_turgor(version: str, wire: int, status: str) -> None:
    found = one(state.turgor_finding("COM5", version, wire))
    assert (found.status, found.remedy) == (status, "" if status == OK else "turgor flash COM5")


def test_reset() -> None:
    assert one(state.reset_finding(POWER_ON)) == ok("last reset", "power-on")
    assert one(state.reset_finding(WATCHDOG_RESET)).status == WARNING


def exchanges(rate: float, trip_s: float) -> list[Exchange]:
    """One a second for 10 s with a board clock that runs faster by `rate`; each way takes half of `trip_s`."""
    found = []
    for i in range(11):
        board_s = (i + trip_s / 2) * (1 + rate)
        found.append(Exchange(float(i), board_s, board_s, i + trip_s))
    return found


@pytest.mark.parametrize(
    ("rate", "trip_s", "status"),
    [(0, 0.002, OK), (150e-6, 0.002, OK), (1e-3, 0.002, FAILURE), (-1e-3, 0.002, FAILURE), (0, 0.3, WARNING)],
)
def test_clock(rate: float, trip_s: float, status: str) -> None:
    found = one(state.clock_finding(exchanges(rate, trip_s)))
    assert found.status == status
    assert f"round trip {trip_s * 1000:.1f} ms" in found.said
    # The width of 0.04 s within 10 s is no rate.
    assert (f", runs {rate * 1e6:+.0f} ppm" in found.said) == (trip_s < 0.02)
    assert not list(state.clock_finding(exchanges(rate, trip_s)[:1]))


def test_memory_and_region() -> None:
    assert one(state.memory_finding(236 * 1024, 240 * 1024)).said == "236 KB free of 240 at the prompt"
    assert one(state.memory_finding(120 * 1024, 130 * 1024)).status == WARNING
    assert one(state.region_finding(166)) == ok("flash region", "166 sectors, 664 KB")
    assert one(state.region_finding(0)).status == WARNING


@pytest.mark.parametrize(
    ("there", "start", "here", "runs", "wanted"),
    [
        (True, False, True, True, [OK, OK]),
        (True, True, True, True, [OK, WARNING]),
        (False, False, True, True, [OK, WARNING]),
        # As a board with a spoiled file, which stays at its prompt.
        (False, False, True, False, [OK, FAILURE]),
        (False, True, False, False, [OK]),
    ],
)
def test_files(there: bool, start: bool, here: bool, runs: bool, wanted: list[str]) -> None:
    plan = Plan(there, False, (), (), start, False, 200000, 300000)
    found = list(state.files_findings("COM5", plan, "0.1.0", here, runs))
    assert [finding.status for finding in found] == wanted
    assert found[-1].remedy == ("turgor flash COM5" if {WARNING, FAILURE} & {*wanted} else "")


@pytest.mark.parametrize(
    ("notice", "value", "status"),
    [
        (CONFIG_REFUSED, 0, FAILURE),
        (SENSORS_OFF, 24, FAILURE),
        (FLASH_FAILED, 7, WARNING),
        (STATE_REFUSED, 3, WARNING),
        (LINK_STALLED, 450, WARNING),
    ],
)
def test_notices(notice: int, value: int, status: str) -> None:
    found = one(state.notice_findings("COM5", [(STORED, 4), (notice, value)]))
    assert found.status == status
    assert not value or notice == STATE_REFUSED or str(value) in found.said
    assert not list(state.notice_findings("COM5", [(STORED, 4)]))


def setups(configuration: Configuration) -> Seen:
    channels = configuration.config.channels
    return Seen(channels={c.number: {"driver": c.driver, "rate_millihz": c.rate_millihz} for c in channels})


def test_configuration() -> None:
    default, other = default_configuration(), default_configuration(with_line=True)
    assert one(state.configuration_finding("COM5", setups(default), default.config, False)).said.endswith("the default")
    assert one(state.configuration_finding("COM5", setups(other), default.config, False)).said.endswith(
        "not the default"
    )
    assert one(state.configuration_finding("COM5", setups(other), other.config, True)).status == OK
    found = one(state.configuration_finding("COM5", setups(default), other.config, True))
    assert (found.status, found.said) == (FAILURE, "the board's is another one than the file: art")


@pytest.mark.parametrize(
    ("scale", "status", "said"),
    [
        (1, OK, "mmHg rms at 9.3 mmHg; a NAU7802 at 80 Hz has 0.008"),
        (4, OK, "0.0"),
        (8, WARNING, "mmHg rms"),
        (100, FAILURE, "more than any limb or line makes"),
        (0, FAILURE, "none: no code differs"),
    ],
)
def test_noise(scale: int, status: str, said: str) -> None:
    codes = [100000 + scale * (code - 100000) for code in QUIET]
    found = one(sensors.noise_finding(CALF, codes))
    assert found.status == status
    assert said in found.said


def test_noise_of_other_sensors() -> None:
    """Of 14 bits equal codes may be a quiet pressure; a faster converter is noisier."""
    text = '[channels.calf_l]\nsensor = "HSC"\ntransfer = "A"\nrange = [0, 150]\nunit = "mmHg"\n'
    hsc = sensors.of_channel(parse_configuration(text).config.channels[0])
    assert one(sensors.noise_finding(hsc, [-1300000] * 100)).status == OK
    line = sensors.of_channel(arterial_channel())
    assert one(sensors.noise_finding(line, [100000 + 8 * (code - 100000) for code in QUIET])).status == OK
    assert "at 320 Hz has 0.017" in one(sensors.noise_finding(line, QUIET)).said
    at_limit = [*QUIET[:-1], 0x7FFFFF]
    assert one(sensors.noise_finding(CALF, at_limit)).said == "the converter is at its limit"
    assert not list(sensors.noise_finding(CALF, QUIET[:31]))


def state_of(name: str, fault: int = NO_FAULT, flags: int | None = VALID) -> Finding:
    """The finding about one channel of a running board."""
    number = CHANNEL_NAMES.index(name)
    words = {"offset_code": 0, "gain_high": 6103, "gain_low": 16896, "gain_shift": 6}
    driver = {"skin": TMP117, "motion": LIS3DH}.get(name, 2 if name.endswith("_z") else NAU7802)
    seen = Seen(channels={number: {"driver": driver, "rate_millihz": 80000, **words}})
    if fault:
        seen.faults[number] = fault
    if flags is not None:
        # Of a motion: x, y and z are 0.992, 0 and 0 g, each in the lower part of its step.
        seen.readings[number] = {
            "flags": flags,
            "value_milli": 190 << 20 | 128 << 12 | 128 << 4 if name == "motion" else 12340,
        }
    return one(sensors.from_link(seen))


def test_each_fault_has_its_remedy() -> None:
    assert state_of("calf_l") == ok("calf_l", "NAU7802: 12.3 mmHg")
    assert state_of("calf_z") == ok("calf_z", "MAX30009: 12.3 ohm")
    remedies = set()
    for fault, name in enumerate(FAULT_NAMES[1:], 1):
        found = state_of("calf_l", fault)
        assert (found.status, found.said) == (FAILURE, f"NAU7802: {name.replace('_', ' ')}")
        remedies.add(found.remedy)
    assert len(remedies) == len(FAULT_NAMES) - 1


@pytest.mark.parametrize(
    ("name", "flags", "status", "said"),
    [
        ("calf_l", 0, WARNING, "NAU7802: no valid reading yet"),
        ("calf_l", VALID | 4, FAILURE, "NAU7802: at its limit"),
        ("calf_l", 16, FAILURE, "NAU7802: no code differs from the others"),
        ("calf_l", VALID | 32, FAILURE, "NAU7802: noisier than any limb or line"),
        ("calf_l", None, FAILURE, "NAU7802: no reading came"),
        ("art", VALID | 16, WARNING, "NAU7802: no beats"),
        ("art", VALID | 32, WARNING, "NAU7802: damped"),
        ("calf_z", 16, WARNING, "MAX30009: an electrode is off"),
        ("calf_z", 4, FAILURE, "MAX30009: at its limit"),
        ("skin", VALID, OK, "TMP117: 12.3 degC"),
        ("skin", 4, FAILURE, "TMP117: out of its range"),
        ("motion", 16, FAILURE, "LIS3DH: out of its range"),
        ("motion", None, FAILURE, "LIS3DH: no reading came"),
    ],
)
def test_readings_in_trouble(name: str, flags: int | None, status: str, said: str) -> None:
    found = state_of(name, flags=flags)
    assert (found.status, found.said) == (status, said)


def test_a_motion_is_told_as_a_posture() -> None:
    assert state_of("motion").said == "LIS3DH: 89.4 deg"


SLOW = "[channels.calf_l]\n[channels.skin]\n[channels.motion]\n"


def test_slow_sensors_are_themselves() -> None:
    """A board that runs the file is as the file has it, and a thermometer at its address is no MAX30009."""
    wanted = parse_configuration(SLOW)
    assert one(state.configuration_finding("COM5", setups(wanted), wanted.config, True)).status == OK
    seen = Looked(POWER_ON, 0, {"i2c0_sda": 4, "i2c0_scl": 5, "drdy_calf_l": 10})
    seen.buses = {0: Bus("", True, [(-1, 0x18), (-1, 0x48), (-1, 0x70), (0, 0x2A)]), 1: Bus("no pins", False, [])}
    seen.identities = {(0, 0, 0x2A): 0x0F}
    seen.tried = {"calf_l": Tried(0, True, QUIET, False), "skin": Tried(0, True, [], False)}
    seen.tried["motion"] = Tried(2, False, [], False)
    found = {finding.name: finding for finding in sensors.from_look(seen, wanted.config.channels)}
    assert found["skin"] == ok("skin", "TMP117 at 0x48 on bus 0: converts")
    assert (found["motion"].status, found["motion"].said) == (FAILURE, "LIS3DH at 0x18 on bus 0: wrong id")
    assert found.keys() == {"I2C bus 0", "calf_l", "calf_l noise", "skin", "motion"}


def test_a_pressure_sensor_at_the_address_of_another_chip() -> None:
    """An HSC may be ordered with a MAX30009's address: what it answers is no part id."""
    text = '[channels.calf_l]\nsensor = "HSC"\ntransfer = "A"\nrange = [0, 150]\nunit = "mmHg"\naddress = 0x68\n'
    seen = Looked(POWER_ON, 0, {"i2c0_sda": 4, "i2c0_scl": 5})
    seen.buses = {0: Bus("", False, [(-1, 0x68)])}
    seen.identities = {(0, -1, 0x68): 0x15}
    seen.tried = {"calf_l": Tried(0, True, QUIET, False)}
    found = {finding.name: finding for finding in sensors.from_look(seen, parse_configuration(text).config.channels)}
    assert found["calf_l"] == ok("calf_l", "HSC at 0x68 on bus 0: 400 codes")


def looked(**changes: Any) -> dict[str, Finding]:
    """Findings about a bus with one NAU7802 behind port 0 of the multiplexer, as calf_l alone wants it."""
    seen = Looked(POWER_ON, 0, {"i2c0_sda": 4, "i2c0_scl": 5, "drdy_calf_l": 10})
    seen.buses = {0: Bus("", True, [(-1, 0x70), (0, 0x2A)]), 1: Bus("", False, [])}
    seen.identities = {(0, 0, 0x2A): 0x0F}
    seen.tried = {"calf_l": Tried(0, True, QUIET, False)}
    for name, value in changes.items():
        setattr(seen, name, value)
    found = list(sensors.from_look(seen, default_channels()[:1]))
    return {one(finding).name: finding for finding in found}


def test_a_sensor_in_its_place() -> None:
    assert {name: finding.status for name, finding in looked().items()} == dict.fromkeys(
        ("I2C bus 0", "I2C bus 1", "calf_l", "calf_l noise"), OK
    )


@pytest.mark.parametrize(
    ("changes", "name", "said"),
    [
        ({"tried": {"calf_l": Tried(1, False, [], False)}}, "calf_l", "absent"),
        ({"tried": {"calf_l": Tried(0, False, [], False)}}, "calf_l", "did not start within the time"),
        ({"tried": {"calf_l": Tried(0, True, QUIET, True)}}, "calf_l", "its data-ready pin tells nothing"),
        ({"identities": {(0, 0, 0x2A): 0x05}}, "calf_l", "revision 0x05: wrong id"),
        ({"buses": {0: Bus("", True, [(-1, 0x70)])}}, "calf_l", "nobody answers there"),
        ({"buses": {0: Bus("", False, [])}}, "I2C bus 0", "no multiplexer at 0x70, and nobody else answers"),
        ({"buses": {0: Bus("held low", False, [])}}, "calf_l", "not to be reached, the bus is held low"),
        ({"buses": {0: Bus("held low", False, [])}}, "I2C bus 0", "held low"),
        ({"buses": {0: Bus("held low behind port 3", True, [(-1, 0x70)])}}, "I2C bus 0", "held low behind port 3"),
        ({"buses": {0: Bus("no pins", False, [])}}, "I2C bus 0", "this board has no pins for it"),
    ],
)
def test_a_sensor_that_is_not(changes: dict[str, Any], name: str, said: str) -> None:
    found = looked(**changes)[name]
    assert found.status == FAILURE
    assert said in found.said


def test_what_nobody_wants() -> None:
    buses = {0: Bus("", True, [(-1, 0x70), (-1, 0x48), (0, 0x2A), (5, 0x2A)]), 1: Bus("no pins", False, [])}
    found = looked(buses=buses, identities={(0, 0, 0x2A): 0x0F, (0, 5, 0x2A): 0x2F})
    assert {name: finding.said for name, finding in found.items() if finding.status == WARNING} == {
        "0x48 on bus 0": "perhaps a TMP117 answers, and the configuration does not name it",
        "0x2A on bus 0 port 5": "a NAU7802 (revision 0x2F) answers, and the configuration does not name it",
    }
    assert "I2C bus 1" not in found


def test_the_report_names_nobody() -> None:
    found = Examination("/dev/ttyACM7", "Raspberry Pi Pico", "e6613852835f1c2e")
    found.add([failure("Turgor", f"id e6613852835f1c2e, {Path.home()}/board.toml", "turgor flash /dev/ttyACM7")])
    report = found.report()
    for secret in ("e6613852835f1c2e", "ttyACM7", str(Path.home()), os.uname().nodename):
        assert secret not in report
    assert "turgor flash PORT" in report
    assert found.report() == report
    assert Examination("/dev/ttyACM7", "", "e6613852835f1c2f").report() != report


def test_a_closer_look_replaces_a_finding() -> None:
    found = Examination("COM5")
    found.add([failure("calf_l", "absent", "check"), ok("port", "opens")])
    found.add([ok("calf_l", "there")])
    assert [(finding.name, finding.status) for finding in found] == [("port", OK), ("calf_l", OK)]
    assert found.as_dict()["failures"] == 0
