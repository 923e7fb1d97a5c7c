"""What the sensors feel: piecewise linear tracks from a compiled scenario, in integers."""

from turgor.mp import micropython

# Bridge sensitivity: 5 uV/V/mmHg is 5 pV/V per micro-mmHg.
PV_PER_MICRO_MMHG = 5
_FOREVER = 1 << 60


class Track:
    """Linear between points (us, integer), held before the first and after the last; `at` is meant for rising times.

    `scale` multiplies the rounded value: PV_PER_MICRO_MMHG makes a pressure what a bridge transducer gives, pV per V of
    excitation.
    """

    def __init__(self, times, values, scale=1):
        # Start, end, value at the start, rise, scale: taken apart at once, which costs less than as many attributes.
        self._pieces = [(-_FOREVER, times[0], values[0], 0, scale)]
        for i in range(len(times) - 1):
            self._pieces.append((times[i], times[i + 1], values[i], values[i + 1] - values[i], scale))
        self._pieces.append((times[-1], _FOREVER, values[-1], 0, scale))
        self._i = 0
        self._piece = self._pieces[0]

    def _seek(self, t_us):
        pieces = self._pieces
        i = self._i
        while t_us >= pieces[i][1]:
            i += 1
        while t_us < pieces[i][0]:
            i -= 1
        self._i = i
        self._piece = pieces[i]

    @micropython.native
    def at(self, t_us):
        """The value at `t_us`, rounded down and scaled."""
        start, end, value, rise, scale = self._piece
        if not start <= t_us < end:
            self._seek(t_us)
            start, end, value, rise, scale = self._piece
        if rise:
            value += rise * (t_us - start) // (end - start)
        return value * scale


class Felt:
    """What an accelerometer feels: tracks of x, y, z and of what is added to z and taken away in turn (micro-g)."""

    def __init__(self, tracks):
        self._tracks = tracks

    def at(self, t_us):
        """x, y and z at `t_us`, milli-g."""
        x, y, z, shake = [track.at(t_us) for track in self._tracks]
        z += -shake if t_us // 250000 & 1 else shake
        return (x + 500) // 1000, (y + 500) // 1000, (z + 500) // 1000


class Load:
    """What lies between the electrodes: tracks of real and imaginary part (micro-ohm) per frequency."""

    def __init__(self, tracks):
        self._tracks = tracks
        self._chosen = (0, None, None)

    def _choose(self, frequency_hz):
        _, re, im = min(self._tracks, key=lambda row: abs(row[0] - frequency_hz))
        self._chosen = (frequency_hz, re, im)

    @micropython.native
    def at(self, frequency_hz, t_us):
        """Both parts at `t_us`, from the nearest frequency that there is."""
        if self._chosen[0] != frequency_hz:
            self._choose(frequency_hz)
        _, re, im = self._chosen
        return re.at(t_us), im.at(t_us)
