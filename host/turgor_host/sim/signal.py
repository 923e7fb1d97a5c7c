"""What the sensors feel: piecewise linear tracks from a compiled scenario, in integers."""

from turgor.mp import micropython

# Bridge sensitivity: 5 uV/V/mmHg is 5 pV/V per micro-mmHg.
_PV_PER_MICRO_MMHG = 5


class Track:
    """Linear between points (us, integer), held before the first and after the last; `at` is meant for rising times."""

    def __init__(self, times, values):
        self._times = times
        self._values = values
        self._last = len(times) - 1
        self._seek(0)

    def _seek(self, i):
        self._i = i
        self._start = self._times[i]
        self._value = self._values[i]
        if i < self._last:
            self._end = self._times[i + 1]
            self._rise = self._values[i + 1] - self._value
        else:
            self._end = 1 << 60
            self._rise = 0

    @micropython.native
    def at(self, t_us):
        """The value at `t_us`, rounded down."""
        if t_us >= self._end:
            i = self._i
            while i < self._last and t_us >= self._times[i + 1]:
                i += 1
            self._seek(i)
        elif t_us < self._start:
            if not self._i:
                return self._value
            i = self._i
            while i and t_us < self._times[i]:
                i -= 1
            self._seek(i)
        if not self._rise:
            return self._value
        return self._value + self._rise * (t_us - self._start) // (self._end - self._start)


class Bridge:
    """A bridge transducer on a pressure track (micro-mmHg): its signal in pV per V of excitation."""

    def __init__(self, track):
        self._track = track

    @micropython.native
    def at(self, t_us):
        return self._track.at(t_us) * _PV_PER_MICRO_MMHG


class Load:
    """What lies between the electrodes: tracks of real and imaginary part (micro-ohm) per frequency."""

    def __init__(self, tracks):
        self._tracks = tracks

    def at(self, frequency_hz, t_us):
        best = None
        for known, re, im in self._tracks:
            if best is None or abs(known - frequency_hz) < abs(best[0] - frequency_hz):
                best = (known, re, im)
        return best[1].at(t_us), best[2].at(t_us)
