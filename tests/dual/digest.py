"""One line for each routine: its name, how many samples or calls it took, and a SHA-256 over all that came out.

Runs under MicroPython and CPython; the numbers are the same on both.
"""

from hashlib import sha256
from struct import pack

# Of each routine, in full; `runtimes.output` can have fewer made.
CALLS = 100000


class Numbers:
    """Pseudo-random numbers, and extremes among them."""

    def __init__(self, seed):
        # Multiply with carry, base 2^15 (32760 x 2^15 - 1 and half of it are prime): small integers on every board.
        self._x = 12345 + seed
        for _ in range(8):
            self.below(1)

    def below(self, n):
        """A number from 0 to n - 1, n up to 2^30."""
        x = self._x
        x = 32760 * (x & 0x7FFF) + (x >> 15)
        high = x & 0x7FFF
        x = 32760 * (x & 0x7FFF) + (x >> 15)
        self._x = x
        return (high << 15 | x & 0x7FFF) % n

    def between(self, low, high):
        """A number from `low` to `high`: in one case of eight an end, in another near 0 or near an end."""
        fate = self.below(16)
        if fate == 0:
            return low
        if fate == 1:
            return high
        if fate == 2:
            return max(low, min(high, self.below(5) - 2))
        if fate == 3:
            return low + min(high - low, self.below(3))
        span = high - low + 1
        if span <= 1 << 30:
            return low + self.below(span)
        return low + (self.below(1 << 30) << 30 | self.below(1 << 30)) % span

    def one_of(self, values):
        return values[self.below(len(values))]

    def bytes(self, n):
        """`n` bytes, many of them 0."""
        return bytes([self.one_of((0, 1, 255, self.below(256), self.below(256))) for _ in range(n)])


class Digest:
    """Everything that the routine called `name` gave."""

    def __init__(self, name):
        self._name = name
        self._hash = sha256()
        self._samples = 0
        self._waiting = []

    def add(self, *results):
        """The results of one call: integers, booleans, bytes or text."""
        self._samples += 1
        for result in results:
            if type(result) is int:
                self._waiting.append(result)
                continue
            if isinstance(result, str):
                result = result.encode()
            if isinstance(result, (bytes, bytearray)):
                self._waiting.append(len(result))
                self._flush()
                self._hash.update(result)
            else:
                # A bool of MicroPython is no int.
                self._waiting.append(int(result))
        if len(self._waiting) >= 64:
            self._flush()

    def add_block(self, samples, *results):
        """The results of one call that took a block of samples."""
        self._samples += samples - 1
        self.add(*results)

    def _flush(self):
        self._hash.update(pack("<%dq" % len(self._waiting), *self._waiting))
        self._waiting.clear()

    def show(self):
        self._flush()
        text = "".join(["%02x" % byte for byte in self._hash.digest()])
        print(self._name, self._samples, text)
