"""Means, slopes, deficits, changes, highest values and noise over pseudo-random and extreme input."""

from array import array

from digest import CALLS, Digest, Numbers

from turgor.core.change import fall_permille, lowest_push, lowest_state, reanchored, rise_permille
from turgor.core.decimate import mean_block, mean_state
from turgor.core.deficit import deficit_push, deficit_state
from turgor.core.highest import BINS, highest, highest_push, highest_restart
from turgor.core.median import ABSENT
from turgor.core.noise import noise_block, noise_restart, noise_rms_code_q4, noise_state, still_codes
from turgor.core.slope import slope_per_hour, slope_push, slope_state

FULL = 1 << 23
VALUE = 1 << 28
BLOCK = 500
# Blocks of these lengths in turn.
LENGTHS = (1, 2, 15, 16, 1, 1, 64, BLOCK, 33)


def run_means():
    numbers = Numbers(1)
    states = Digest("core.decimate.mean_state")
    means = Digest("core.decimate.mean_block")
    x = array("i", bytes(4 * BLOCK))
    samples = 0
    while samples < CALLS:
        factor = numbers.one_of((1, 20, 60, 8192, 1 + numbers.below(100)))
        s = mean_state(factor, 1 + numbers.below(factor))
        states.add(bytes(s))
        # A few groups and a rest; more than that now and then.
        left = numbers.below(9) if numbers.below(200) else 3 * BLOCK
        while left > 0:
            n = min(left, numbers.one_of(LENGTHS))
            left -= n
            samples += n
            kind = numbers.below(4)
            for i in range(n):
                x[i] = VALUE if kind == 0 else ABSENT if kind == 1 else numbers.between(-VALUE, VALUE)
            found = mean_block(0, n, s, x, x)
            means.add_block(n, found, bytes(x)[: 4 * found])
        means.add(bytes(s))
    states.show()
    means.show()


def run_noise():
    numbers = Numbers(2)
    blocks = Digest("core.noise.noise_block")
    levels = Digest("core.noise.noise_rms_code_q4")
    still = Digest("core.noise.still_codes")
    states = Digest("core.noise.noise_state")
    restarts = Digest("core.noise.noise_restart")
    x = array("i", bytes(4 * BLOCK))
    s = noise_state(6)
    samples = 0
    turn = 0
    while samples < CALLS:
        if turn % 1000 == 0:
            s = noise_state(numbers.below(8))
            states.add(bytes(s))
        if turn % 1000 == 500:
            noise_restart(s)
        if turn % 200 == 0:
            kind = numbers.below(4)
            level = numbers.between(-FULL, FULL - 256)
        n = LENGTHS[turn % len(LENGTHS)] if turn % 100 < 9 else 1 + (turn & 1)
        for i in range(n):
            if kind == 0:
                x[i] = FULL - 1 if numbers.below(2) else -FULL
            elif kind == 1:
                x[i] = level
            else:
                x[i] = level + numbers.below(256)
        noise_block(0, n, s, x)
        samples += n
        turn += 1
        blocks.add_block(n, bytes(s))
        levels.add_block(n, noise_rms_code_q4(s))
        still.add_block(n, still_codes(s))
    for _ in range(CALLS):
        s[numbers.below(7)] = numbers.between(0, VALUE)
        noise_restart(s)
        restarts.add(bytes(s))
    for digest in (blocks, levels, still, states, restarts):
        digest.show()


def run_slopes():
    numbers = Numbers(3)
    slopes = Digest("core.slope.slope_per_hour")
    pushes = Digest("core.slope.slope_push")
    states = Digest("core.slope.slope_state")
    s = slope_state(30)
    for turn in range(CALLS):
        if turn % 200 == 0:
            s = slope_state(numbers.one_of((2, 3, 5, 30, 60, 2 + numbers.below(59))))
            states.add(bytes(s))
            kind = numbers.below(4)
            absent_of_16 = numbers.below(10)
        value = ABSENT
        if numbers.below(16) >= absent_of_16:
            if kind == 0:
                value = VALUE if numbers.below(2) else -VALUE
            elif kind == 1:
                value = 20000 + 160 * turn + numbers.below(600)
            else:
                value = numbers.between(-VALUE, VALUE)
        slope_push(s, value)
        pushes.add(s[1])
        if turn % 4 == 3:
            slopes.add_block(4, slope_per_hour(s))
    pushes.add(bytes(s))
    for digest in (slopes, pushes, states):
        digest.show()


def run_deficits():
    numbers = Numbers(4)
    pushes = Digest("core.deficit.deficit_push")
    states = Digest("core.deficit.deficit_state")
    s = deficit_state()
    states.add(bytes(s))
    dp = 40000
    for second in range(CALLS):
        if second % 300 == 0:
            dp = numbers.one_of((ABSENT, -VALUE, VALUE, 29999, 20000, numbers.between(0, 60000)))
            limit = numbers.one_of((30000, 30000, VALUE, -VALUE))
        deficit_push(s, second, dp if dp == ABSENT or second % 300 == 0 else dp + numbers.below(300), limit)
        pushes.add(bytes(s))
    pushes.show()
    states.show()


def run_highest():
    numbers = Numbers(6)
    pushes = Digest("core.highest.highest_push")
    found = Digest("core.highest.highest")
    restarts = Digest("core.highest.highest_restart")
    s = array("i", bytes(4 * (3 + BINS)))
    highest_restart(s, 3)
    for second in range(CALLS):
        highest_push(s, 3, second, 60, numbers.one_of((ABSENT, numbers.between(-VALUE, VALUE), numbers.below(99))))
        pushes.add(bytes(s))
        found.add(highest(s, 3))
        if numbers.below(3000) == 0:
            highest_restart(s, 3)
            restarts.add(bytes(s))
    for digest in (pushes, found, restarts):
        digest.show()


def run_changes():
    numbers = Numbers(5)
    falls = Digest("core.change.fall_permille")
    rises = Digest("core.change.rise_permille")
    moves = Digest("core.change.reanchored")
    lows = Digest("core.change.lowest_push")
    states = Digest("core.change.lowest_state")
    for _ in range(CALLS):
        baseline = numbers.between(1, VALUE) >> numbers.below(20) or 1
        now = numbers.one_of((numbers.between(-VALUE, VALUE), baseline + numbers.below(baseline)))
        falls.add(fall_permille(baseline, now))
        rises.add(rise_permille(baseline, now))
        before = numbers.between(1, VALUE)
        moves.add(reanchored(baseline, before, numbers.one_of((numbers.between(1, VALUE), 1 + before // 3))))
    s = lowest_state()
    for turn in range(CALLS):
        if turn % 1000 == 0:
            s = lowest_state()
            states.add(bytes(s))
        lowest_push(s, numbers.one_of((ABSENT, numbers.between(-VALUE, VALUE) if turn % 40 == 0 else VALUE)))
        lows.add(bytes(s))
    for digest in (falls, rises, moves, lows, states):
        digest.show()


if __name__ == "__main__":
    run_means()
    run_noise()
    run_slopes()
    run_deficits()
    run_highest()
    run_changes()
