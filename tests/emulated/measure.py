"""On the board, in the place of `main.py`: runs the firmware with a stop-watch around its steps, until Ctrl-C.

Then `report()` at the prompt prints what was measured. Nothing of it takes room on the heap while it runs.
"""

import gc
from array import array
from time import ticks_us

from turgor.app.app import App
from turgor.app.sampler import PressureSampler
from turgor.drivers import SAMPLE
from turgor.main import main

_MASK = 0x3FFFFFFF
_HALF = 0x1FFFFFFF
# A step of each kind: number, microseconds altogether, longest.
KINDS = ("PressureSampler", "ImpedanceSampler", "Wire", "Keep", "Blocks", "Tick")
TABLE = array("i", bytes(4 * 3 * len(KINDS)))
# Looks at the schedule with nothing due, likewise.
SPINS = array("i", bytes(4 * 2))
# Pressure steps that gave a sample, likewise.
SAMPLES = array("i", bytes(4 * 3))
# The latest samples: channel number, tick.
KEPT = 256
TICKS = array("i", bytes(4 * 2 * KEPT))
# Free heap after boot, heap in use at the first and the last look, samples between the two.
HEAP = array("i", bytes(4 * 4))

_poll = App.poll
_step = PressureSampler.step
_kinds = {}


def poll(app, now):
    if not HEAP[0]:
        gc.collect()
        HEAP[0] = gc.mem_free()
        for job in app.jobs:
            _kinds[type(job)] = 3 * KINDS.index(type(job).__name__)
        gc.disable()
        now = ticks_us()
    job = app.jobs[0]
    ahead = (job.due - now) & _MASK
    at = _kinds[type(job)]
    start = ticks_us()
    due = _poll(app, now)
    took = (ticks_us() - start) & _MASK
    if 0 < ahead < _HALF:
        SPINS[0] += 1
        SPINS[1] += took
        return due
    TABLE[at] += 1
    TABLE[at + 1] += took
    if took > TABLE[at + 2]:
        TABLE[at + 2] = took
    return due


def step(sampler, now):
    start = ticks_us()
    wait = _step(sampler, now)
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
        if n == 200:
            HEAP[1] = gc.mem_alloc()
        elif n > 200 and not n & 63:
            HEAP[2] = gc.mem_alloc()
            HEAP[3] = n - 200
    return wait


def report():
    print("kinds", {name: tuple(TABLE[3 * i : 3 * i + 3]) for i, name in enumerate(KINDS)})
    print("spins", tuple(SPINS))
    print("samples", tuple(SAMPLES))
    print("heap", tuple(HEAP))
    print("ticks", tuple(TICKS))


App.poll = poll
PressureSampler.step = step
try:
    main()
except KeyboardInterrupt:
    gc.enable()
