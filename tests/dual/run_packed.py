"""States as bytes: those of channels and judges on their way, and what copies of them make of the rest."""

from array import array

from digest import CALLS, Digest, Numbers

from turgor.app.config import LOWPASS_1_HZ_AT_80, LOWPASS_20_HZ_AT_320
from turgor.core.alarms import idle_words
from turgor.core.arterial import beats_size, pack_beats, unpack_beats
from turgor.core.beats import beat_state
from turgor.core.channel import ImpedanceChannel, PressureChannel, pressure_channel
from turgor.core.channels import ARTERIAL
from turgor.core.filter_words import filter_state
from turgor.core.judge import Judge
from turgor.core.judge_state import pack_judge, unpack_judge
from turgor.core.median import ABSENT
from turgor.core.packed import filter_size, get_triples, get_words, pack_filter, put_triples, put_words, unpack_filter
from turgor.core.rules import DEFAULT_LIMITS

BLOCK = 250
WORD = 1 << 30
UNIT = (0, 4096, 0, 2)


def run_words():
    numbers = Numbers(1)
    put = Digest("core.packed.put_words")
    got = Digest("core.packed.get_words")
    buffer = bytearray(64)
    words = array("i", bytes(64))
    again = array("i", bytes(64))
    done = 0
    while done < CALLS:
        words[numbers.below(16)] = numbers.between(-WORD, WORD - 1)
        first = numbers.below(6)
        count = numbers.below(17 - first)
        done += count
        put.add_block(count, put_words(words, first, count, buffer, 4 * first), bytes(buffer))
        got.add_block(count, get_words(again, first, count, buffer, 4 * first), *again)
    put.show()
    got.show()


def run_filters():
    """Samples by blocks, a state after each, which a second channel goes on from."""
    numbers = Numbers(2)
    sizes = Digest("core.packed.filter_size")
    states = Digest("core.packed.pack_filter")
    copies = Digest("core.packed.unpack_filter")
    beat_sizes = Digest("core.arterial.beats_size")
    beats = Digest("core.arterial.pack_beats")
    beat_copies = Digest("core.arterial.unpack_beats")
    made = (
        lambda: PressureChannel(filter_state(3, LOWPASS_1_HZ_AT_80, UNIT, 30000, 28000, 160)),
        lambda: PressureChannel(filter_state(5, 2 * LOWPASS_1_HZ_AT_80, UNIT, 30000, 28000, 160)),
        lambda: pressure_channel(ARTERIAL, filter_state(3, LOWPASS_20_HZ_AT_320, UNIT, 200000, 190000, 160), 320),
    )
    for make in made:
        channel = make()
        copy = make()
        buffer = bytearray(1024)
        samples = 0
        while samples < (CALLS if make is made[2] else CALLS // 10):
            n = 1 + numbers.below(BLOCK)
            for i in range(n):
                at = (samples + i) % 256
                level = 120000 - 160 * at if at > 30 else 80000 + 1300 * at
                channel.sample(level + numbers.below(500))
                if not i & 7:
                    copy.sample(level)
            samples += n
            if not numbers.below(20):
                channel.restart()
            channel.capture()
            end = channel.pack_state(buffer, 0)
            states.add_block(n, bytes(buffer[:end]))
            copies.add_block(n, copy.unpack_state(buffer, 0, end), copy.index, *copy.words)
            sizes.add_block(n, filter_size(channel.words))
            # A byte that makes another state of it, or none.
            buffer[numbers.below(end)] ^= 1 << numbers.below(8)
            copies.add(copy.unpack_state(buffer, 0, end), copy.index)
            end = pack_filter(channel.words, buffer, 0)
            states.add(bytes(buffer[:end]))
            copies.add(unpack_filter(copy.words, buffer, 0))
            if make is made[2]:
                end = pack_beats(channel.beats, buffer, 0)
                beats.add_block(n, bytes(buffer[:end]))
                beat_copies.add_block(n, unpack_beats(copy.beats, buffer, 0), *copy.beats[128:])
                beat_sizes.add_block(n, beats_size(channel.beats))
    for rate_hz in (100, 320, 400):
        beat_sizes.add(beats_size(beat_state(rate_hz)))
    for digest in (sizes, states, copies, beat_sizes, beats, beat_copies):
        digest.show()


def run_sweeps():
    numbers = Numbers(3)
    sweeps = Digest("core.channel.ImpedanceChannel")
    words = array("i", 3 * [1 << 27, 0, 0, 1 << 27, 0, 0] + [3])
    channel = ImpedanceChannel(words)
    copy = ImpedanceChannel(words[:])
    buffer = bytearray(128)
    for _ in range(CALLS // 10):
        word = numbers.between(-(1 << 19), (1 << 19) - 1)
        channel.result(0, numbers.below(17), not numbers.below(5), word, word, word, word, word, word)
        if numbers.below(3):
            channel.capture()
        end = channel.pack_state(buffer, 0)
        sweeps.add(bytes(buffer[:end]), copy.unpack_state(buffer, 0, end), copy.capture(), copy.index, copy.value)
        buffer[numbers.below(end)] ^= 1 << numbers.below(8)
        sweeps.add(copy.unpack_state(buffer, 0, end), copy.index)
    sweeps.show()


def run_triples():
    numbers = Numbers(5)
    put = Digest("core.packed.put_triples")
    got = Digest("core.packed.get_triples")
    buffer = bytearray(48)
    words = array("i", bytes(64))
    again = array("i", bytes(64))
    done = 0
    while done < CALLS:
        words[numbers.below(16)] = numbers.one_of((ABSENT, numbers.between(-(1 << 28), 1 << 28), numbers.below(9) - 4))
        first = numbers.below(6)
        count = numbers.below(17 - first)
        done += count
        put.add_block(count, put_triples(words, first, count, buffer, 3 * first), bytes(buffer))
        got.add_block(count, get_triples(again, first, count, buffer, 3 * first), *again)
    put.show()
    got.show()


def run_judge():
    numbers = Numbers(4)
    packs = Digest("core.judge_state.pack_judge")
    unpacks = Digest("core.judge_state.unpack_judge")
    alarms = Digest("core.alarms.Alarms")
    limits = [row[:4] + (row[4] // 10, row[5], row[6] // 10, row[7]) for row in DEFAULT_LIMITS]
    judge = Judge([0, 1, 4, 6], limits)
    copy = Judge([0, 4, 5], DEFAULT_LIMITS)
    alarms.add(judge.alarms.limits_sum, copy.alarms.limits_sum)
    buffer = bytearray(1024)
    levels = [20000, 31000, 40000, 90000]
    for _ in range(CALLS // 50):
        judge.begin()
        judge.take_diastolic(60000 if judge.words[0] % 900 < 200 else ABSENT)
        if not numbers.below(600):
            judge.type_dbp(numbers.between(10000, 200000))
        if not numbers.below(300):
            judge.alarms.acknowledge(255, 255)
        if not numbers.below(400):
            judge.set_state(numbers.one_of((0, 1, 4, 6)), numbers.below(4))
        for position in range(4):
            if not numbers.below(300):
                levels[position] = levels[position] * (80 + numbers.below(40)) // 100
            judge.reading(position, levels[position] if numbers.below(20) else ABSENT)
        for position in range(5):
            judge.weigh(position)
            judge.decide(position)
        end = pack_judge(judge, buffer, 0)
        packs.add(bytes(buffer[:end]))
        unpacks.add(unpack_judge(copy, buffer, 0, end, numbers.below(2000)))
        unpacks.add(copy.dbp_milli_mmhg, copy.dbp_age_s, copy.dbp_source, *copy.baseline(1))
        alarms.add(*copy.alarms.words)
        buffer[numbers.below(end)] ^= 1 << numbers.below(8)
        unpacks.add(unpack_judge(copy, buffer, 0, end))
        end = judge.alarms.pack_subject(0, buffer, 0)
        alarms.add(bytes(buffer[:end]))
        alarms.add(judge.alarms.unpack_subject(0, idle_words(judge.alarms.count), buffer, 0, end))
    for digest in (packs, unpacks, alarms):
        digest.show()


run_words()
run_triples()
run_filters()
run_sweeps()
run_judge()
