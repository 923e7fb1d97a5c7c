"""A calibration as a TOML file: whose it is, the words for the board, then how they were found.

Its last line is a comment with the CRC-32 of all before it: a certificate that was changed or cut short is none.
"""

import time
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from zlib import crc32

from turgor.core.bounds import CALIBRATION_BOUNDS, impedance_misfit, misfit
from turgor.core.channels import CHANNEL_NAMES, CHANNELS, IMPEDANCE, channel_id
from turgor.core.impedance import STATE_WORDS
from turgor_host.calibrate.impedance import ImpedanceCalibration
from turgor_host.calibrate.pressure import Calibration, Point
from turgor_host.configuration.sensors import DRIVERS
from turgor_host.errors import TurgorError, UsageError
from turgor_host.host_rules import OLDEST_DAYS

DAY_S = 86400
_CRC = "# crc32 "
_AGAIN = "make it again with `turgor calibrate`"


@dataclass(frozen=True)
class Certificate:
    """What a board is told, and whose it is.

    `board` is its identity, 16 hexadecimal digits; `sensor` a name of DRIVERS; `words` in order of `core.bounds`;
    `made` UTC, s.
    """

    board: str
    channel: str
    sensor: str
    words: tuple[int, ...]
    made: float

    @property
    def number(self) -> str:
        """By which it is known: 8 hexadecimal digits, which follow from all that a recording has of it."""
        return calibration_number(self.board, self.channel, self.sensor, self.words)


def calibration_number(board: str, channel: str, sensor: str, words: Sequence[int]) -> str:
    text = " ".join([board, channel, sensor, *(str(word) for word in words)])
    return sha256(text.encode()).hexdigest()[:8]


def board_name(board: int) -> str:
    """The identity of a board as certificates and greetings have it."""
    return f"{board % (1 << 64):016x}"


def check_words(channel: str, words: Sequence[int]) -> None:
    """UsageError names the first word that a board would not take, with its limits."""
    is_impedance = _kind(channel) == "impedance"
    count = STATE_WORDS if is_impedance else len(CALIBRATION_BOUNDS)
    if len(words) != count:
        raise UsageError(f"calibration of {channel}: {len(words)} words; there must be {count}")
    if why := impedance_misfit(words) if is_impedance else misfit(CALIBRATION_BOUNDS, words):
        raise UsageError(f"calibration of {channel}: {why}")


def check_age(certificate: Certificate, now: float) -> None:
    """UsageError when a calibration is too old to be handed to a board."""
    days = (now - certificate.made) / DAY_S
    if days > OLDEST_DAYS:
        raise UsageError(
            f"the certificate of {certificate.channel} is {days:.0f} days old and holds for {OLDEST_DAYS}; {_AGAIN}"
        )
    if days < -1:
        raise UsageError(
            f"the certificate of {certificate.channel} was made {-days:.0f} days from now; set this computer's clock"
        )


def read_certificate(path: Path) -> Certificate:
    """The certificate in a file; UsageError names what is wrong with it."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a file made by `turgor calibrate`") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: no text; give a file made by `turgor calibrate`") from None
    content, mark, crc = text.rpartition(_CRC)
    if not mark:
        raise UsageError(f"{path}: no certificate, or only a part of one; {_AGAIN}")
    if crc.strip() != _crc(content):
        raise UsageError(f"{path}: the certificate was changed since it was made; {_AGAIN}")
    try:
        found = tomllib.loads(content)
        ((channel, table),) = found[found["kind"]].items()
        certificate = Certificate(
            str(found["board"]), channel, table["sensor"], tuple(table["words"]), found["made"].timestamp()
        )
        if channel not in CHANNEL_NAMES or certificate.sensor not in DRIVERS:
            raise ValueError(f"no {certificate.sensor} on {channel} is known")
        check_words(channel, certificate.words)
        if certificate.number != found["number"]:
            raise ValueError("its number is another one's")
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path}: no certificate of this version ({error}); {_AGAIN}") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    return certificate


def encode_certificate(certificate: Certificate, recording: str, simulated: bool, lines: Sequence[str]) -> bytes:
    """What its file holds, `lines` saying how it was found."""
    kind = _kind(certificate.channel)
    content = "\n".join(
        [
            "# A calibration by `turgor calibrate`. Any change makes it void.",
            f'kind = "{kind}"',
            f'number = "{certificate.number}"',
            f'board = "{certificate.board}"',
            f'recording = "{recording}"',
            f"made = {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(certificate.made))}",
            f"simulated = {'true' if simulated else 'false'}",
            "",
            f"[{kind}.{certificate.channel}]",
            f'sensor = "{certificate.sensor}"',
            f"words = {list(certificate.words)}",
            *lines,
            "",
        ]
    )
    return f"{content}{_CRC}{_crc(content)}\n".encode()


def write_certificate(
    path: Path, certificate: Certificate, recording: str, simulated: bool, lines: Sequence[str]
) -> None:
    """Write it to `path` (replaced when it exists); TurgorError when that cannot be."""
    try:
        path.write_bytes(encode_certificate(certificate, recording, simulated, lines))
    except OSError as error:
        raise TurgorError(f"{path}: {error.strerror}; choose another place with --out") from None


def pressure_lines(result: Calibration, points: Sequence[Point]) -> list[str]:
    """How a pressure calibration was found."""
    lines = [
        f"codes_per_mmhg = {result.codes_per_mmhg:.3f}",
        f"slope_against_nominal_percent = {result.slope_against_nominal_percent:.3f}",
        f"offset_mmhg = {result.offset_mmhg:.3f}",
    ]
    for point, noise, error in zip(points, result.noise_mmhg, result.error_mmhg, strict=True):
        lines += [
            "",
            f"[[pressure.{result.channel}.points]]",
            f"mmhg = {point.mmhg:g}",
            f"fitted = {'true' if point.fitted else 'false'}",
            f"from_s = {point.times_s[0]:.3f}",
            f"to_s = {point.times_s[-1]:.3f}",
            f"samples = {len(point.codes)}",
            f"noise_mmhg = {noise:.4f}",
            f"error_mmhg = {error:.4f}",
        ]
    return lines


def impedance_lines(result: ImpedanceCalibration) -> list[str]:
    """How an impedance calibration was found."""
    lines = [f"ohm = {result.ohm:g}"]
    for receiver in result.receivers:
        lines += ["", f"[[impedance.{result.channel}.receivers]]"]
        lines += [f"{key} = {value:.10g}" for key, value in asdict(receiver).items()]
    return lines


def _kind(channel: str) -> str:
    return "impedance" if CHANNELS[channel_id(channel)][1] == IMPEDANCE else "pressure"


def _crc(content: str) -> str:
    return f"{crc32(content.encode()):08x}"
