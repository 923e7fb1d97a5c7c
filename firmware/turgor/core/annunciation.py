"""Light and sound of an alarm by its priority, as exact time tables (after IEC 60601-1-8: bursts, pulses, lights).

High: red flashing at 2 Hz, bursts of 3 + 2 pulses twice. Medium: yellow at 0.5 Hz, 3 pulses. Low: yellow steady, 2
pulses. What a pulse sounds like is `TONE_HZ` at a duty of `TONE_DUTY` / 65536: 1000, 1500, 2500 and 3000 Hz are within
15 dB of the fundamental in what drives the loudspeaker.
"""

from turgor.mp import const

# Bits of the pins.
SOUND = const(1)
RED = const(2)
YELLOW = const(4)
PINS = const(7)
PIN_BITS = const(3)

TONE_HZ = const(500)
TONE_DUTY = const(16384)
# The longest that a sound can be silenced at a time.
PAUSE_S = const(120)

# By priority: the lamp, and how long it is on and off; 0 for steady.
LIGHTS = ((0, 0), (YELLOW, 0), (YELLOW, 1000), (RED, 250))
# By priority: sound and silence in turn, ms; the last silence lasts until the next burst.
_THREE = (150, 100, 150, 100, 150, 350)
BURSTS = (
    (0, 40000),
    (200, 200, 200, 19400),
    (200, 200, 200, 200, 200, 7000),
    _THREE + (150, 100, 150, 500) + _THREE + (150, 100, 150, 4700),
)
_PERIODS_MS = (40000, 20000, 8000, 8000)
_LONG_MS = const(40000)


def annunciation(level, silent, elapsed_ms):
    """The pins `elapsed_ms` after priority `level` began: their bits, and above PIN_BITS how many ms they stay so."""
    lamp, half_ms = LIGHTS[level]
    pins = lamp
    left = _LONG_MS
    if half_ms:
        left = half_ms - elapsed_ms % half_ms
        if elapsed_ms // half_ms & 1:
            pins = 0
    if not silent:
        at = elapsed_ms % _PERIODS_MS[level]
        sounds = SOUND
        for ms in BURSTS[level]:
            if at < ms:
                break
            at -= ms
            sounds ^= SOUND
        pins |= sounds
        left = min(left, ms - at)
    return left << PIN_BITS | pins
