"""Bytes on the wire of the default configuration, beside JSON lines and MAVLink 2 for the same samples.

The firmware's own path over fake drivers: four pressures at 80 samples/s, two impedances, a host that takes everything.
Counted is what the serial port was given from second 10 to second 70. Sizes repeat exactly, so limits are asserted.

JSON is one compact object a sample and line: channel, index, tick in us, value. MAVLink 2 is a TUNNEL message for each
20 codes of a channel, 3 bytes a code, which leaves out index and time: nothing typed that MAVLink has is as short.
For comparison its DEBUG_FLOAT_ARRAY, with time and name, and an ENCAPSULATED_DATA of four channels' 80 codes, which is
as good as a byte stream and takes no part in the limits.
"""

import json
from collections.abc import Callable
from functools import cache
from math import pi, sin
from random import Random
from typing import Any

import pytest
from cobs import cobs
from fake_board import Board

from turgor.link import lines
from turgor.link.blocks import CHUNK_SAMPLES, unpack_chunks
from turgor.link.records import FILTER_STATE, HEADER_SIZE, IMPEDANCE, READINGS, RULE_STATE, SAMPLES

RATE_HZ = 80
SECOND_US = 1_000_000
FROM_S, TO_S = 10, 70
CODES_PER_MMHG = 10737
PRESSURES = ("calf_l", "calf_r", "forearm_l", "forearm_r")
QUARTER = RATE_HZ // 4
# A quarter of what 115200 baud carry.
MOST_BYTES_PER_S = 2880


def beat(t_s: float) -> float:
    """A pulse with a second harmonic."""
    phase = 2 * pi * 1.2 * t_s
    return sin(phase) + 0.4 * sin(2 * phase + 0.7)


@cache
def wave(noise_lsb: int, seed: int) -> list[int]:
    """20 mmHg, a pulse of 0.3 mmHg peak to peak at 1.2 Hz, a drift of 9 LSB/s, and white noise."""
    random = Random(seed)
    times = [i / RATE_HZ for i in range((TO_S + 2) * RATE_HZ)]
    pulse = [beat(t) for t in times]
    scale = 0.3 * CODES_PER_MMHG / (max(pulse) - min(pulse))
    return [round(214748 + 9 * t + scale * p + random.gauss(0, noise_lsb)) for t, p in zip(times, pulse, strict=True)]


@cache
def sent(noise_lsb: int) -> list[bytes]:
    """The frames, without their zeros, that a host was sent in the counted seconds."""

    def code_of(seed: int) -> Callable[[int], int]:
        return wave(noise_lsb, seed).__getitem__

    board = Board(
        {name: (code_of(seed),) for seed, name in enumerate(PRESSURES)},
        {"calf_z": lambda sweep: 5000 + sweep % 3, "thorax_z": lambda sweep: 7000 + sweep % 5},
        period_us=SECOND_US // RATE_HZ,
    )
    board.say(lines.command_line(2, lines.HELLO, -1, 0))
    for tenth in range(1, TO_S * 10 + 1):
        board.run(tenth * SECOND_US // 10)
        if tenth == FROM_S * 10:
            board.serial.take()
        # What is 10 s old was received long ago.
        commit = max(-1, board.app.log.next_seq - 100)
        board.say(lines.command_line(0, lines.ACK, board.serial.written, board.boot, commit))
    assert not board.app.log.dropped
    return board.serial.take().split(b"\0")[1:-1]


def samples_of(frames: list[bytes]) -> tuple[int, list[tuple[int, list[int]]]]:
    """The bytes of the frames that carry samples, zeros included, and their chunks as (channel, codes)."""
    size = 0
    chunks = []
    for frame in frames:
        record = cobs.decode(frame)[:-4]
        if record[0] == SAMPLES:
            size += len(frame) + 1
            chunks += [(channel, codes) for channel, *_, codes in unpack_chunks(record[HEADER_SIZE:])]
    return size, chunks


def bytes_per_sample(noise_lsb: int) -> float:
    size, chunks = samples_of(sent(noise_lsb))
    count = sum(len(codes) for _, codes in chunks)
    # All of them, less what the first and the last quarter leave on either side.
    assert abs(count - len(PRESSURES) * RATE_HZ * (TO_S - FROM_S)) <= len(PRESSURES) * CHUNK_SAMPLES
    return size / count


def json_size(chunks: list[tuple[int, list[int]]]) -> int:
    size = 0
    index = dict.fromkeys(range(len(PRESSURES)), FROM_S * RATE_HZ)
    for channel, codes in chunks:
        for code in codes:
            index[channel] += 1
            sample = {
                "channel": channel,
                "index": index[channel],
                "tick": index[channel] * SECOND_US // RATE_HZ,
                "value": code,
            }
            size += len(json.dumps(sample, separators=(",", ":"))) + 1
    return size


def packed(codes: list[int], limit: int) -> bytes:
    """Codes of 24 bits, filled with zeros up to a message's `limit`; trailing zeros are not sent."""
    return b"".join(code.to_bytes(3, "little", signed=True) for code in codes).ljust(limit, b"\0")


def test_by_hand() -> None:
    """A line of JSON, and 20 codes in a TUNNEL: 10 bytes before the payload, 5 fixed ones, 60, a checksum of 2."""
    assert json_size([(0, [7])]) == len('{"channel":0,"index":801,"tick":10012500,"value":7}\n')
    mavlink = pytest.importorskip("pymavlink.dialects.v20.common", reason="no pymavlink: pip install pymavlink")
    link = mavlink.MAVLink(None)
    message = mavlink.MAVLink_tunnel_message(0, 0, 40000, 60, list(packed([200000] * 20, 128)))
    # The top byte of the last code is no 0.
    assert len(message.pack(link)) == 10 + 5 + 60 + 2


def test_bytes_per_sample(benchmark: Any) -> None:
    """Header, CRC, COBS and zero included; 90 LSB of noise are those of the default sensor."""
    figures = {noise: bytes_per_sample(noise) for noise in (20, 90, 2000)}
    benchmark.extra_info.update(
        wire_bytes_per_sample=round(figures[90], 4),
        wire_bytes_per_sample_20=round(figures[20], 4),
        wire_bytes_per_sample_2000=round(figures[2000], 4),
    )
    benchmark.pedantic(samples_of, (sent(90),), rounds=1)
    assert figures[90] <= 1.75
    assert figures[20] < figures[90] < figures[2000]


def test_everything_fits_a_slow_line(benchmark: Any) -> None:
    """Samples, sweeps, readings and snapshots: a quarter of 115200 baud."""
    frames = sent(90)
    rate = sum(len(frame) + 1 for frame in frames) / (TO_S - FROM_S)
    benchmark.extra_info["wire_bytes_per_second"] = round(rate, 1)
    benchmark.pedantic(len, (frames,), rounds=1)
    assert rate <= MOST_BYTES_PER_S
    kinds = {cobs.decode(frame)[0] for frame in frames}
    assert kinds >= {SAMPLES, IMPEDANCE, READINGS, FILTER_STATE, RULE_STATE}


def test_beside_json_and_mavlink(benchmark: Any) -> None:
    mavlink = pytest.importorskip("pymavlink.dialects.v20.common", reason="no pymavlink: pip install pymavlink")
    size, chunks = samples_of(sent(90))
    link = mavlink.MAVLink(None, srcSystem=1, srcComponent=1)

    def mavlink_size() -> tuple[int, int]:
        tunnels = arrays = 0
        for channel, codes in chunks:
            data = packed(codes, 128)
            assert len(codes) == QUARTER
            tunnels += len(mavlink.MAVLink_tunnel_message(0, 0, 40000, 3 * QUARTER, list(data)).pack(link))
            values = [float(code) for code in codes] + [0.0] * (58 - QUARTER)
            array = mavlink.MAVLink_debug_float_array_message(
                SECOND_US * FROM_S, PRESSURES[channel].encode(), channel, values
            )
            arrays += len(array.pack(link))
        return tunnels, arrays

    tunnels, arrays = benchmark.pedantic(mavlink_size, rounds=1)
    streamed = 0
    codes = [code for _, chunk in chunks for code in chunk]
    whole = len(codes) - len(codes) % RATE_HZ
    for at in range(0, whole, RATE_HZ):
        data = packed(codes[at : at + RATE_HZ], 253)
        streamed += len(mavlink.MAVLink_encapsulated_data_message(0, list(data)).pack(link))
    figures = {
        "wire_vs_json": json_size(chunks) / size,
        "wire_vs_mavlink": tunnels / size,
        "wire_vs_mavlink_float_array": arrays / size,
        "wire_vs_mavlink_encapsulated": streamed / whole / (size / len(codes)),
    }
    benchmark.extra_info.update({name: round(value, 3) for name, value in figures.items()})
    assert figures["wire_vs_json"] >= 6
    assert figures["wire_vs_mavlink"] >= 2.2
