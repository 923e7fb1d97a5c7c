"""Alarms, their inputs and the judge over pseudo-random and extreme input."""

from array import array

from digest import CALLS, Digest, Numbers

from turgor.core.alarms import EVENT_WORDS, Alarms, idle_words
from turgor.core.deficit import deficit_state
from turgor.core.doubt import STATE_WORDS as DOUBT_WORDS
from turgor.core.doubt import believe, doubt_push, doubt_state, explain
from turgor.core.fluid import (
    ANCHOR,
    confirm_baseline,
    fall_from_baseline,
    fall_from_highest,
    fluid_push,
    fluid_reading,
    fluid_state,
    forget,
    lose_baseline,
    restart_highest,
    set_baseline,
    unmoved,
)
from turgor.core.judge import Judge
from turgor.core.judge_state import last_part, pack_part, part_size
from turgor.core.median import ABSENT
from turgor.core.rules import DEFAULT_LIMITS, RULES, RULES_OF, SYSTEM_RULES, THORAX_RULES, X_WORDS, YES
from turgor.core.signs import (
    SLOPE_VALUES,
    dp_milli_mmhg,
    impedance_signs,
    is_returning,
    limb_signs,
    local_signs,
    pressure_signs,
    thorax_signs,
    trouble_of,
    trouble_signs,
)
from turgor.core.slope import slope_state
from turgor.core.slow import has_turned

VALUE = 1 << 28
# The default stages with a hundredth of their times, so that all of them come up.
LIMITS = [row[:4] + (row[4] // 100, row[5], row[6] // 100, row[7]) for row in DEFAULT_LIMITS]


def run_alarms():
    """Inputs near all limits, held for a while; acknowledgements, withdrawals, and bytes."""
    numbers = Numbers(1)
    digest = Digest("core.alarms.Alarms")
    fresh = Digest("core.alarms.idle_words")
    subjects = ((0, RULES_OF[1]), (4, RULES_OF[2]), (5, THORAX_RULES), (6, RULES_OF[3]), (255, SYSTEM_RULES))
    alarms = Alarms(subjects, LIMITS)
    digest.add(alarms.limits_sum, *[alarms.aux(rule, stage) for rule in range(len(RULES)) for stage in range(3)])
    limits = [row[3] for row in LIMITS] + [row[5] for row in LIMITS]
    x = [array("i", bytes(4 * X_WORDS)) for _ in subjects]
    buffer = bytearray(512)
    # Two results each.
    for call in range(CALLS // 2):
        subject = numbers.below(len(subjects))
        own = x[subject]
        own[YES] = 1
        for _ in range(3):
            at = numbers.one_of(limits)
            own[1 + numbers.below(X_WORDS - 1)] = numbers.one_of(
                (ABSENT, 0, 1, 0, 1, at - 1, at, at + 1, at - 6000, VALUE, -VALUE)
            )
        fate = numbers.below(400)
        if fate < 4:
            which = numbers.one_of((0, 4, 5, 255)), numbers.one_of((0, 4, 6, 12, 255))
            digest.add(alarms.standing(*which))
            alarms.acknowledge(*which)
        elif fate == 4:
            alarms.withdraw(subject)
            digest.add(*alarms.events[: EVENT_WORDS * alarms.event_count])
        elif fate == 5:
            end = alarms.pack_subject(subject, buffer, 0)
            words = idle_words(alarms.count)
            digest.add(bytes(buffer[:end]), alarms.unpack_subject(subject, words, buffer, 0, end), *words)
        elif fate == 6:
            # Long runs and acknowledgements.
            at = 7 * numbers.below(alarms.count)
            alarms.words[at + numbers.below(4)] = (1 << 29) - 300
            if alarms.words[at + 5]:
                alarms.words[at + 5] = 1799
        alarms.step(subject, own)
        digest.add(*alarms.events[: EVENT_WORDS * alarms.event_count])
        digest.add(alarms.annunciation(), alarms.is_counting)
        alarms.is_counting = False
        if call % 100 == 0:
            digest.add(alarms.priority(0, 4), alarms.is_acknowledged(4, 6), alarms.has(3), *alarms.words)
    fresh.add(bytes(idle_words(3)))
    digest.show()
    fresh.show()


def run_doubt():
    numbers = Numbers(2)
    pushes = Digest("core.doubt.doubt_push")
    states = Digest("core.doubt.doubt_state")
    explained = Digest("core.doubt.explain")
    believed = Digest("core.doubt.believe")
    s = doubt_state()
    states.add(bytes(s))
    median = 20000
    step = 500
    for second in range(CALLS):
        if not numbers.below(500):
            median = numbers.one_of((ABSENT, 1000, 2000, 4000, 30000, 41000, VALUE, -VALUE))
            step = numbers.one_of((0, 100, 400, 1000, VALUE))
        doubt_push(s, second, median, numbers.one_of((ABSENT, median, median - step, median - step)))
        pushes.add(*s)
        if not numbers.below(1000):
            median -= 1000
        if not numbers.below(2000):
            explain(s)
            explained.add(*s)
        elif not numbers.below(9000):
            believe(s)
            believed.add(*s)
    for call in range(CALLS):
        s[numbers.below(DOUBT_WORDS)] = numbers.between(-VALUE, VALUE)
        explain(s, numbers.below(300)) if call & 1 else explain(s)
        explained.add(bytes(s))
        believe(s)
        believed.add(bytes(s))
    for digest in (pushes, states, explained, believed):
        digest.show()


def run_fluid():
    numbers = Numbers(3)
    names = (
        "fluid_state",
        "fluid_reading",
        "fluid_push",
        "unmoved",
        "fall_from_baseline",
        "fall_from_highest",
        "set_baseline",
        "confirm_baseline",
        "restart_highest",
    )
    states, readings, pushes, moved, falls, highest, baselines, confirmed, restarts = [
        Digest("core.fluid." + name) for name in names
    ]
    s = fluid_state()
    states.add(bytes(s))
    level = 100000
    for second in range(CALLS):
        if not numbers.below(60):
            level = numbers.one_of((level * 97 // 100, level * 104 // 100, VALUE, 1, ABSENT, 0, -VALUE, 100000))
            level = max(-VALUE, min(VALUE, level)) if level != ABSENT else ABSENT
        value = level if level < 1000 else min(VALUE, level + numbers.below(level // 150))
        readings.add(fluid_reading(s, second, value))
        value = unmoved(s, value)
        moved.add(value)
        fluid_push(s, second, 300, value if value > 0 else ABSENT)
        pushes.add(*s) if second % 10 == 0 else pushes.add(s[0], s[1])
        falls.add(fall_from_baseline(s, value))
        highest.add(fall_from_highest(s, value))
        if not numbers.below(2000):
            restart_highest(s)
            restarts.add(*s)
        if not numbers.below(700):
            s = fluid_state()
    for call in range(CALLS):
        set_baseline(s, numbers.between(1, VALUE), numbers.below(5), numbers.one_of((ABSENT, 33000)))
        s[ANCHOR] = numbers.between(1, VALUE)
        baselines.add(*s) if call % 20 == 0 else baselines.add(s[2])
        moved.add(unmoved(s, numbers.between(-VALUE, VALUE)))
        restart_highest(s)
        restarts.add(s[2], s[44])
        confirm_baseline(s)
        confirmed.add(*s) if call % 20 == 0 else confirmed.add(s[4])
    for digest in (states, readings, pushes, moved, falls, highest, baselines, confirmed, restarts):
        digest.show()


def run_signs():
    numbers = Numbers(4)
    dps = Digest("core.signs.dp_milli_mmhg")
    suffered = Digest("core.signs.trouble_of")
    troubles = Digest("core.signs.trouble_signs")
    pressures = Digest("core.signs.pressure_signs")
    shared = Digest("core.signs.impedance_signs")
    limbs = Digest("core.signs.limb_signs")
    ratios = Digest("core.signs.local_signs")
    chests = Digest("core.signs.thorax_signs")
    returns = Digest("core.signs.is_returning")
    x = array("i", bytes(4 * X_WORDS))
    aux = array("i", (40000, 15000, 30000))
    doubt, slope, deficit = doubt_state(), slope_state(SLOPE_VALUES), deficit_state()
    limb, chest = fluid_state(), fluid_state()
    icp = middle = 20000
    map = ABSENT
    for second in range(CALLS):
        if not numbers.below(200):
            icp = numbers.one_of((ABSENT, 1500, 20000, 33000, 46000, VALUE, -VALUE))
            middle = numbers.one_of((ABSENT, 100000, 96000, 84000, 103000, VALUE, 1))
            map = numbers.one_of((ABSENT, 70000, 45000))
        reading = numbers.one_of((ABSENT, icp, icp))
        dbp = numbers.one_of((-1, 60000, 60000, 75000, 10000))
        age = numbers.one_of((0, 899, 900, 3600, 3601, 65535))
        dps.add(dp_milli_mmhg(dbp, age, icp))
        suffered.add(trouble_of(numbers.below(7), numbers.below(256), reading))
        trouble_signs(x, numbers.below(64))
        troubles.add(*x[22:])
        pressure_signs(x, doubt, slope, deficit, second, icp, reading, dbp, age, map, aux)
        pressures.add(*x[1:12])
        if second % 1000 == 0:
            set_baseline(limb, numbers.between(90000, 110000), numbers.below(5), numbers.one_of((ABSENT, 33000)))
            set_baseline(chest, numbers.between(90000, 110000), numbers.below(5), ABSENT)
        impedance_signs(x, limb, numbers.below(2))
        shared.add(x[16], x[17])
        skin = numbers.one_of((ABSENT, 33000, 36000, 36001))
        limb_signs(x, limb, second, middle, skin, icp, dp_milli_mmhg(dbp, age, icp), 20 << 15 | 40)
        limbs.add(x[2], x[12], x[13])
        local_signs(x, limb, middle, chest, numbers.one_of((ABSENT, 100000, numbers.between(80000, 120000), VALUE, 1)))
        ratios.add(x[12])
        returning = is_returning(limb, middle, 30 << 15 | 100)
        returns.add(returning)
        thorax_signs(x, chest, second, middle, returning)
        chests.add(x[12], x[14], x[15])
    for digest in (dps, suffered, troubles, pressures, shared, limbs, ratios, chests, returns):
        digest.show()


def run_judge():
    """Readings, entries, states and episodes of all kinds of channels."""
    numbers = Numbers(8)
    digest = Digest("core.judge.Judge")
    channels = [0, 1, 4, 5, 6, 8, 9, 10]
    judge = Judge(channels, LIMITS)
    levels = [20000, 31000, 100000, 60000, 90000, 33000, 0x0808BE04, 80000]
    for t in range(CALLS // 16):
        judge.begin()
        judge.take_diastolic(numbers.one_of((ABSENT, numbers.between(5000, 210000))) if t % 3000 < 400 else ABSENT)
        fate = numbers.below(2500)
        if fate < 4:
            judge.type_dbp(numbers.between(10000, 200000))
        elif fate < 8:
            judge.set_state(numbers.one_of(channels), numbers.below(4))
        elif fate < 12:
            judge.entry(numbers.one_of((0, 255)), numbers.below(12))
        elif fate < 16:
            judge.confirm(numbers.one_of((0, 1, 4, 5)), numbers.one_of((11, 13)))
        elif fate == 16:
            judge.watchdog_reset()
        elif fate == 17:
            judge.admit(numbers.below(4))
        elif fate == 18:
            judge.was_off()
        elif fate < 24:
            judge.alarms.acknowledge(255, 255)
        for position in range(8):
            if not numbers.below(900) and position != 6:
                levels[position] = levels[position] * (85 + numbers.below(25)) // 100
            value = levels[position] + numbers.below(300) if numbers.below(20) else ABSENT
            if position == 6:
                value = numbers.one_of((0x0808BE04, 0x0BE08044)) if t % 2000 == 0 else levels[6]
            # At times an arterial line's pulse is above the systolic pressure for long.
            flags = numbers.one_of((1, 1, 1, 3, 9, 17, 33)) if t % 3000 < 2900 else 9
            digest.add(judge.reading(position, value, flags), judge.medians[position])
        for position in range(9):
            judge.weigh(position)
            judge.decide(position)
            alarms = judge.alarms
            digest.add(*alarms.events[: EVENT_WORDS * alarms.event_count])
        digest.add(judge.dbp_milli_mmhg, judge.dbp_age_s, judge.dbp_source, *judge.baseline(2))
        digest.add(judge.is_turned(1200), judge.is_held(), *judge.states)
    digest.show()


def run_parts():
    """What a tick's state and a posture are made of."""
    numbers = Numbers(13)
    turns = Digest("core.slow.has_turned")
    forgotten = Digest("core.fluid.forget")
    lost = Digest("core.fluid.lose_baseline")
    s = fluid_state()
    for _ in range(CALLS):
        turns.add(has_turned(numbers.below(1 << 28), numbers.below(1 << 28)))
        s[11 + numbers.below(10)] = numbers.below(1 << 28)
        forget(s)
        forgotten.add(*s[11:21])
        s[2] = numbers.below(2)
        lose_baseline(s)
        lost.add(s[2], s[4])
    turns.show()
    forgotten.show()
    lost.show()
    last = Digest("core.judge_state.last_part")
    sizes = Digest("core.judge_state.part_size")
    parts = Digest("core.judge_state.pack_part")
    judge = Judge([0, 1, 4, 5], DEFAULT_LIMITS)
    buffer = bytearray(3000)
    last.add(last_part(judge))
    for position in range(len(judge.channels) + 1):
        sizes.add(part_size(judge, position))
    at = 0
    for part in range(last_part(judge) + 1):
        at = pack_part(judge, part, buffer, at)
        parts.add(bytes(buffer[:at]))
    for digest in (last, sizes, parts):
        digest.show()


run_alarms()
run_doubt()
run_fluid()
run_signs()
run_judge()
run_parts()
