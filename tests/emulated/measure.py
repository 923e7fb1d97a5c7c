"""On the board, started by its `main.py`: the firmware with a stop-watch around its steps, until Ctrl-C.

Then `report()` at the prompt prints what was measured. Nothing of it takes room on the heap while it runs; `own` is
what it took before.
"""

import gc
from array import array
from time import ticks_us

_MASK = 0x3FFFFFFF
_HALF = 0x1FFFFFFF
# `turgor.drivers.SAMPLE`, which has no name any more in what `turgor flash` installs.
SAMPLE = 1
# A step of each kind: number, microseconds altogether, longest.
KINDS = ("PressureSampler", "ImpedanceSampler", "Wire", "Keep", "Blocks", "Tick", "Guard", "Buttons", "Annunciator")
TABLE = array("i", bytes(4 * 3 * len(KINDS)))
# Looks at the schedule with nothing due, likewise.
SPINS = array("i", bytes(4 * 2))
# Pressure steps that gave a sample, likewise.
SAMPLES = array("i", bytes(4 * 3))
# The latest samples: channel number, tick.
KEPT = 256
TICKS = array("i", bytes(4 * 2 * KEPT))
# Free heap after boot, heap in use at the first and the last look, samples between the two, samples at the last look.
HEAP = array("i", bytes(4 * 5))

_kinds = {}


def run(own):
    """Measure beside `own` bytes of heap that the stop-watch takes."""
    # What the board loads at once is one file there.
    from turgor.main import App, PressureSampler, main, settle

    poll_it = App.poll
    step_it = PressureSampler.step

    def begin(app):
        # Once more: what it cost to come here lies about.
        settle()
        HEAP[0] = gc.mem_free() + own
        for job in app.jobs:
            _kinds[type(job)] = 3 * KINDS.index(type(job).__name__)
        gc.disable()

    def poll(app, now):
        if not HEAP[0]:
            begin(app)
            now = ticks_us()
        ahead = (app.jobs[app.order[0]].due - now) & _MASK
        start = ticks_us()
        due = poll_it(app, now)
        took = (ticks_us() - start) & _MASK
        if 0 < ahead < _HALF:
            SPINS[0] += 1
            SPINS[1] += took
            return due
        at = _kinds[type(app.jobs[app.order[-1]])]
        TABLE[at] += 1
        TABLE[at + 1] += took
        if took > TABLE[at + 2]:
            TABLE[at + 2] = took
        # This takes 8 ms: beside the steps.
        n = SAMPLES[0]
        if n > 200 and n - HEAP[4] >= 300:
            before = HEAP[4]
            HEAP[4] = n
            if HEAP[1]:
                HEAP[2] = gc.mem_alloc()
                HEAP[3] += n - before
            else:
                HEAP[1] = gc.mem_alloc()
        return due

    def step(sampler, now):
        start = ticks_us()
        wait = step_it(sampler, now)
        took = (ticks_us() - start) & _MASK
        driver = sampler.driver
        if driver.event == SAMPLE:
            n = SAMPLES[0]
            SAMPLES[0] = n + 1
            SAMPLES[1] += took
            if took > SAMPLES[2]:
                SAMPLES[2] = took
            at = 2 * (n % KEPT)
            TICKS[at] = sampler.number
            TICKS[at + 1] = driver.tick
        return wait

    App.poll = poll
    PressureSampler.step = step
    try:
        main()
    except KeyboardInterrupt:
        gc.enable()


def report():
    print("kinds", {name: tuple(TABLE[3 * i : 3 * i + 3]) for i, name in enumerate(KINDS)})
    print("spins", tuple(SPINS))
    print("samples", tuple(SAMPLES))
    print("heap", tuple(HEAP))
    print("ticks", tuple(TICKS))
