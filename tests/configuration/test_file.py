"""A configuration file: its defaults are the board's own, and what cannot be is refused by file, key and remedy."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from turgor.app.config import (
    ABP2_A,
    LIS3DH,
    LOWPASS_1_HZ_AT_80,
    MAX30009_BF,
    TMP117,
    Config,
    arterial_channel,
    default_channels,
)
from turgor.core.channel import ImpedanceChannel
from turgor.core.channels import CHANNEL_NAMES
from turgor.core.entries import ADULT, UNDER_10, UNDER_16
from turgor.core.filter_words import SETTLE, describe
from turgor.core.rules import DEFAULT_LIMITS, DP_LOW, FLUID_GAIN, HIGH, MAP_LOW, MEDIUM, SHOCK
from turgor_host.age_limits import age_of, limits_of
from turgor_host.configuration.file import default_configuration, parse_configuration, read_configuration
from turgor_host.configuration.limits import CONFIGURABLE
from turgor_host.entries import AGE_GROUPS
from turgor_host.errors import UsageError

ABP2 = '[channels.calf_l]\nsensor = "ABP2"\nrange = [0, 5]\nunit = "psi"\ntransfer = "A"\n'
IMPEDANCES = ("calf_z", "thorax_z", "calf_r_z", "forearm_z")


def fields(config: Config) -> list[dict[str, Any]]:
    return [vars(channel) for channel in config.channels]


def test_by_hand() -> None:
    """5 psi, A: 10 to 90 % of 2^22 codes are 258.575 mmHg; zero is at 10 %, 40 % of 2^22 below the middle."""
    found = parse_configuration(ABP2)
    (channel,) = found.config.channels
    assert (channel.driver, channel.bus, channel.address, channel.mux_port) == (3, 0, 0x28, -1)
    words = describe(channel.words)
    assert words[:5] == [3, *LOWPASS_1_HZ_AT_80[0]]
    assert words[9] == -1677722
    milli_a_code = ((words[10] << 15) + words[11]) * 32 / 2 ** (30 + words[12])
    assert milli_a_code == pytest.approx(258_574.65 / (0.8 * 2**22), rel=1e-7)
    assert found.ranges == {"calf_l": (0, 258575)}


def test_defaults_are_the_boards_own() -> None:
    found = parse_configuration("")
    assert found.image == default_configuration().image
    assert fields(found.config) == fields(Config(default_channels()))
    assert tuple(found.config.limits) == DEFAULT_LIMITS
    every = parse_configuration("\n".join(f"[channels.{name}]" for name in CHANNEL_NAMES[:7]))
    assert fields(every.config) == fields(Config([*default_channels(), arterial_channel()]))
    assert every.image == default_configuration(with_line=True).image


def test_the_example_says_the_defaults(root: Path) -> None:
    """But for the digital sensor that it shows."""
    path = root / "calibration" / "example_board.toml"
    found = read_configuration(path)
    assert tuple(found.config.limits) == DEFAULT_LIMITS
    same = [channel for channel in found.config.channels if channel.name != "forearm_r"]
    assert [vars(channel) for channel in same] == [vars(c) for c in default_channels() if c.name != "forearm_r"]
    # What it has as comment goes too.
    text = path.read_text().replace("\n# [channels.", "\n[channels.")
    for line in ("rate_hz = 330", "lowpass_hz = 20.0", "bus = 1", "range = [0, 6]", 'unit = "psi"', 'transfer = "A"'):
        text = text.replace("\n# " + line, "\n" + line)
    text = text.replace("\n# sensor = ", "\nsensor = ").replace("\n# address = ", "\naddress = ")
    # Not all at once.
    with pytest.raises(UsageError, match="the rules of so many channels are more than a board can keep"):
        parse_configuration(text)
    at, end = (text.index(f"\n[channels.{name}]") for name in ("calf_r_z", "cuff"))
    legs, text = text[at:end], text[:at] + text[end:]
    both = parse_configuration("[channels.calf_z]\n[channels.thorax_z]\n[channels.calf_r]\n" + legs).config.channels
    assert [(channel.name, channel.bus, channel.address) for channel in both[-2:]] == [
        ("calf_r_z", 1, 0x68),
        ("forearm_z", 1, 0x69),
    ]
    channels = {channel.name: channel for channel in parse_configuration(text).config.channels}
    assert list(channels) == [*CHANNEL_NAMES[:10], "supply"]
    assert channels["art"].rate_millihz == 330_000
    assert channels["cuff"].driver == ABP2_A
    assert (channels["skin"].driver, channels["skin"].address, channels["skin"].rate_millihz) == (TMP117, 0x48, 2000)
    assert (channels["motion"].driver, channels["motion"].address) == (LIS3DH, 0x18)


def test_chips_on_a_body_take_turns_of_a_second() -> None:
    """Two seconds for one chip and for two, else as many as there are chips; places where a file says none."""
    tables = ["[channels.calf_z]\nmux_port = 6", *(f"[channels.{name}]" for name in IMPEDANCES[1:])]
    for count, rate_millihz in enumerate((500, 500, 333, 250), 1):
        channels = parse_configuration("\n".join(tables[:count])).config.channels
        assert [channel.rate_millihz for channel in channels] == [rate_millihz] * count
        assert ImpedanceChannel([0] * 19, rate_millihz).every_s == max(2, count)
    assert [(c.name, c.bus, c.address, c.mux_port) for c in channels] == [
        ("calf_z", 0, 0x68, 6),
        ("thorax_z", 0, 0x69, -1),
        ("calf_r_z", 0, 0x68, 4),
        ("forearm_z", 0, 0x68, 5),
    ]


def test_keys_do_what_they_say() -> None:
    text = """
applied_part = "BF"
[channels.calf_l]
rate_hz = 20
bus = 1
median = 5
lowpass_hz = 0.5
lowpass_order = 4
settle_s = 10
threshold_mmhg = 25.5
release_mmhg = 20
[channels.calf_z]
mux_port = 7
[limits.dp_low]
clear_mmhg = 33.5
medium = { run_s = 60 }
[limits.fluid_gain.high]
icp_mmhg = 25
"""
    found = parse_configuration(text).config
    bridge, chip = found.channels
    assert (bridge.bus, bridge.mux_port, bridge.rate_millihz, bridge.settle_samples) == (1, -1, 20_000, 200)
    assert bridge.words[SETTLE] == 200
    assert describe(bridge.words)[0] == 5
    assert describe(bridge.words)[5] > 0
    assert describe(bridge.words)[13:] == [25_500, 20_000]
    assert (chip.driver, chip.mux_port, chip.address) == (MAX30009_BF, 7, 0x68)
    limits = {row[:2]: row for row in found.limits}
    assert limits[DP_LOW, 0] == (DP_LOW, 0, 2, 30_000, 60, 33_500, 300, 0)
    assert limits[DP_LOW, 1] == (DP_LOW, 1, 3, 30_000, 7200, 33_500, 300, 0)
    assert limits[FLUID_GAIN, 2][7] == 25 << 15 | 40
    assert [row for row in found.limits if row[0] not in (DP_LOW, FLUID_GAIN)] == [
        row for row in DEFAULT_LIMITS if row[0] not in (DP_LOW, FLUID_GAIN)
    ]


def test_map_low_is_on_where_its_table_is() -> None:
    assert MAP_LOW not in {row[0] for row in parse_configuration("").config.limits}
    rows = [row for row in parse_configuration("[limits.map_low]").config.limits if row[0] == MAP_LOW]
    assert rows == [(MAP_LOW, 0, MEDIUM, 40_000, 900, 42_000, 300, 0), (MAP_LOW, 1, HIGH, 40_000, 7200, 42_000, 300, 0)]
    text = "[limits.map_low]\nclear_mmhg = 45\nhigh = { limit_mmhg = 25, run_s = 60 }"
    rows = [row for row in parse_configuration(text).config.limits if row[0] == MAP_LOW]
    assert [row[3:7] for row in rows] == [(40_000, 900, 45_000, 300), (25_000, 60, 45_000, 300)]


def test_a_file_gives_the_pulse_nothing_but_its_time() -> None:
    text = "[limits.shock]\nclear_mmhg = 70\nclear_s = 60\npulse_above_systolic = { run_s = 120 }"
    rows = [row for row in parse_configuration(text).config.limits if row[0] == SHOCK and age_of(row) == ADULT]
    assert rows == [(SHOCK, 0, MEDIUM, 65_000, 300, 70_000, 60, 0), (SHOCK, 1, MEDIUM, 1, 120, 0, 60, 0)]
    with pytest.raises(UsageError, match=r"pulse_above_systolic.limit_mmhg: unknown key; keys are run_s"):
        parse_configuration("[limits.shock.pulse_above_systolic]\nlimit_mmhg = 1")


def test_an_age_group_has_its_own_limits_before_those_of_everybody() -> None:
    """Its table in the file, then its own defaults, then the file's for everybody; other groups are as they were."""
    text = """
        [limits.shock]
        clear_s = 60
        medium = { limit_mmhg = 70, run_s = 120 }
        clear_mmhg = 72
        [limits.under_10.shock.medium]
        limit_mmhg = 45
        [limits.under_16.dp_low.medium]
        run_s = 600
    """
    limits = parse_configuration(text).config.limits
    rows = {age: limits_of(limits, age) for age in (ADULT, UNDER_16, UNDER_10)}
    assert [rows[age][SHOCK, 0][3:7] for age in rows] == [
        (70_000, 120, 72_000, 60),
        (60_000, 120, 60_000, 60),
        (45_000, 120, 50_000, 60),
    ]
    assert [rows[age][SHOCK, 1][3] for age in rows] == [1, 1, 2]
    assert [rows[age][DP_LOW, 0][4] for age in rows] == [900, 600, 900]
    assert sum(age_of(row) != ADULT for row in limits) == 6
    assert parse_configuration("").config.limits == sorted(DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limits.under_10.shok]", "limits.under_10.shok: unknown rule, did you mean shock?"),
        ("[limits.under_16]\nshock = 5", "limits.under_16.shock: is a value; a rule is a table"),
        (
            "[limits.under_16.map_low.high]\nrun_s = 9000",
            "limits.under_16.map_low: is off for everybody; give limits.map",
        ),
        ("[limits.under_16.shock]\nclear_mmhg = 50", "limits.under_16.shock.clear_mmhg: must not lie within the alarm"),
        ("[limits.under_10.dp_lost.high]\nlimit_mmhg = 31\n[limits.under_10.dp_lost]\nclear_mmhg = 33", "dp_lost.high"),
        ("[limits.under_10.shock.medium]\nlimit_mmhg = 4000", "limits.under_10.shock.medium.limit_mmhg"),
    ],
)
def test_what_is_wrong_with_an_age_groups_limits_is_said_with_its_name(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        parse_configuration(text)


def test_the_example_names_every_rule_that_a_file_can_change(root: Path) -> None:
    named = set(
        tomllib.loads((root / "calibration" / "example_board.toml").read_text().replace("# [limits", "[limits"))[
            "limits"
        ]
    )
    assert named == {rule.name for rule in CONFIGURABLE} | set(AGE_GROUPS[1:])


def test_optional_channels_need_few_keys() -> None:
    text = '[channels.cuff]\nrange = [0, 6]\nunit = "psi"\ntransfer = "A"\n[channels.skin]\n[channels.motion]\n'
    cuff, skin, motion = parse_configuration(text).config.channels
    assert (cuff.driver, cuff.address, cuff.rate_millihz) == (ABP2_A, 0x28, 80_000)
    assert describe(cuff.words)[13:] == [200_000, 190_000]
    assert (skin.driver, skin.bus, skin.address, skin.mux_port, len(skin.words)) == (TMP117, 0, 0x48, -1, 0)
    assert (motion.driver, motion.bus, motion.address, motion.mux_port) == (LIS3DH, 0, 0x18, -1)


REFUSED = {
    "unknown key": (
        'aplied_part = "CF"',
        "aplied_part: unknown key, did you mean applied_part?; keys are applied_part",
    ),
    "unknown key of a channel": (
        "[channels.calf_l]\nrate = 80",
        "channels.calf_l.rate: unknown key, did you mean rate_hz",
    ),
    "key of another sensor": (
        "[channels.calf_z]\nlowpass_hz = 1",
        "calf_z.lowpass_hz: unknown key; keys are sensor bus",
    ),
    "unknown channel": (
        "[channels.calf_left]",
        "channels.calf_left: unknown channel, did you mean calf_l?; channels are",
    ),
    "unknown rule": ("[limits.dp_lo]", "limits.dp_lo: unknown rule, did you mean dp_low?; rules are dp_low"),
    "unknown stage": ("[limits.dp_low.medum]", "limits.dp_low.medum: unknown key, did you mean medium"),
    "unknown sensor": ('[channels.calf_l]\nsensor = "HX711"', "sensors of this channel are NAU7802 ADS1220 ABP2 HSC"),
    "sensor of another kind": ('[channels.calf_z]\nsensor = "ABP2"', "sensors of this channel are MAX30009"),
    "pressure sensor as thermometer": (
        '[channels.skin]\nsensor = "ABP2"',
        "channels.skin.sensor = 'ABP2': sensors of this channel are TMP117",
    ),
    "thermometer as cuff": (
        '[channels.cuff]\nsensor = "TMP117"',
        "sensors of this channel are ABP2 HSC NAU7802 ADS1220",
    ),
    "cuff without a range": ("[channels.cuff]", "channels.cuff.range: is missing"),
    "address of no TMP117": (
        "[channels.skin]\naddress = 0x4C",
        "channels.skin.address = 0x4C: input should be 0x48, 0x49, 0x4A or 0x4B",
    ),
    "rate of no TMP117": ("[channels.skin]\nrate_hz = 1", "channels.skin.rate_hz = 1: input should be 2"),
    "key of no TMP117": (
        "[channels.skin]\nlowpass_hz = 1",
        "channels.skin.lowpass_hz: unknown key; keys are sensor bus mux_port address rate_hz",
    ),
    "address of no LIS3DH": (
        "[channels.motion]\naddress = 0x1A",
        "channels.motion.address = 0x1A: input should be 0x18 or 0x19",
    ),
    "rate of no LIS3DH": ("[channels.motion]\nrate_hz = 12", "channels.motion.rate_hz = 12: input should be 10"),
    "port of no multiplexer": (
        "[channels.motion]\nmux_port = -1",
        "channels.motion.mux_port = -1: input should be greater than or equal to 0",
    ),
    "thermometer at a pressure's address": (
        ABP2 + "address = 0x48\n[channels.skin]",
        "channels.skin: answers at 0x48 on bus 0, as channels.calf_l does; give one another",
    ),
    "rate of no NAU7802": ("[channels.calf_l]\nrate_hz = 75", "rate_hz = 75: input should be 10, 20, 40, 80 or 320"),
    "rate of no ABP2": (ABP2 + "rate_hz = 320", "channels.calf_l.rate_hz = 320: input should be 10, 20, 40 or 80"),
    "rate of no ADS1220": (
        '[channels.calf_l]\nsensor = "ADS1220"\nrate_hz = 80',
        "rate_hz = 80: input should be 20, 45, 90, 175 or 330",
    ),
    "two at one address": (
        "[channels.calf_l]\nmux_port = 3\n[channels.forearm_r]",
        "channels.forearm_r: answers at 0x2A on mux_port 3 of bus 0, as channels.calf_l does; give one another",
    ),
    "one on the bus, one behind a port": (
        "[channels.calf_l]\nbus = 0\n[channels.forearm_r]",
        "channels.forearm_r: answers at 0x2A on mux_port 3 of bus 0, as channels.calf_l",
    ),
    "a second limb behind a port, the first on the bus": (
        "[channels.calf_z]\n[channels.calf_r_z]",
        "channels.calf_r_z: answers at 0x68 on mux_port 4 of bus 0, as channels.calf_z does; give one another",
    ),
    "port that is none": ("[channels.calf_l]\nmux_port = 8", "mux_port = 8: input should be less than or equal to 7"),
    "address of no NAU7802": ("[channels.calf_l]\naddress = 0x2B", "address = 0x2B: input should be 0x2A"),
    "ADS1220 on a bus": ('[channels.calf_l]\nsensor = "ADS1220"\nbus = 0', "channels.calf_l.bus: unknown key"),
    "cut-off too high": ("[channels.calf_l]\nlowpass_hz = 20.5", "below a quarter of the rate, 20 Hz"),
    "cut-off too low": ("[channels.calf_l]\nlowpass_hz = 0.0001", "too low at 80 samples/s: take at least"),
    "no number": ("[channels.calf_l]\nlowpass_hz = nan", "channels.calf_l.lowpass_hz"),
    "text": ('[channels.calf_l]\nrate_hz = "80"', "rate_hz = '80'"),
    "settled at once": ("[channels.calf_l]\nsettle_s = 0.1", "settle_s = 0.1: the least at 80 Hz is 0.613"),
    "release above": ("[channels.calf_l]\nrelease_mmhg = 31", "must not lie above threshold_mmhg"),
    "no range": (
        '[channels.calf_l]\nsensor = "HSC"\nunit = "psi"\ntransfer = "A"',
        "channels.calf_l.range: is missing",
    ),
    "letter of no ABP2": (ABP2.replace('"A"', '"C"'), "transfer = 'C': input should be 'A' or 'B'"),
    "absolute range": (ABP2.replace("[0, 5]", "[2, 15]"), "range: [2.0, 15.0] must rise from 0 or below"),
    "falling range": (ABP2.replace("[0, 5]", "[0, -5]"), "must rise from 0 or below"),
    "range without end": (ABP2.replace("[0, 5]", "[0, 1000]"), "codes a mmHg; there must be 250 to 2000000"),
    "endless range": (ABP2.replace("[0, 5]", "[-inf, inf]"), "range.0 = -inf: input should be a finite number"),
    "range of nothing": (ABP2.replace("[0, 5]", "[0, 0.01]"), "codes a mmHg; there must be 250 to 2000000"),
    "applied part": ('applied_part = "B"', "applied_part = 'B': input should be 'CF' or 'BF'"),
    "clear within the alarm": ("[limits.dp_low]\nclear_mmhg = 29", "limits.dp_low.clear_mmhg: must not lie within"),
    "high before medium": ("[limits.dp_low.high]\nrun_s = 600", "limits.dp_low.high: would not come after medium"),
    "high with medium": (
        "[limits.dp_low.medium]\nrun_s = 0\n[limits.dp_low.high]\nrun_s = 0",
        "limits.dp_low.high: would not come after medium",
    ),
    "less is higher": (
        "[limits.lung_fluid.high]\nlimit_percent = 4",
        "limits.lung_fluid.high: would not come after medium",
    ),
    "lost above low": ("[limits.dp_lost.high]\nlimit_mmhg = 31", "limits.dp_lost.clear_mmhg"),
    "lost above low with its end": (
        "[limits.dp_lost]\nclear_mmhg = 33\nhigh = { limit_mmhg = 31 }",
        "limits.dp_lost.high.limit_mmhg = 31: must not lie above that of dp_low, 30",
    ),
    "limit beyond": ("[limits.pressure_high.high]\nlimit_mmhg = 800", "limit_mmhg = 800: input should be less than"),
    "half a second": ("[limits.dp_low.medium]\nrun_s = 0.5", "run_s = 0.5: input should be a valid integer"),
    "no channels": ("[channels]", "channels: is empty; name at least one channel, or leave the table out"),
    "no table": ("channels = 3", "channels = 3: input should be a valid table"),
    "no TOML": ("[channels.calf_l", "no TOML: "),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_refused(name: str, tmp_path: Path) -> None:
    text, said = REFUSED[name]
    path = tmp_path / "board.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_configuration(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert said in message
    assert "\n" not in message


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give the path"):
        read_configuration(tmp_path / "none.toml")
    (tmp_path / "picture.toml").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UsageError, match="not a text file"):
        read_configuration(tmp_path / "picture.toml")
