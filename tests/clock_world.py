"""Boards with clocks whose truth is known, and the exchanges that a host has with them."""

from collections.abc import Callable

import numpy as np

from turgor_host.timebase import Exchange

UTC = 1_800_000_000.0
Latency = Callable[[np.random.Generator, int], np.ndarray]


def uniform(rng: np.random.Generator, n: int) -> np.ndarray:
    """1 to 200 ms."""
    return rng.uniform(1e-3, 200e-3, n)


def usb(rng: np.random.Generator, n: int) -> np.ndarray:
    """0.1 to 2 ms."""
    return rng.uniform(1e-4, 2e-3, n)


def bunched(rng: np.random.Generator, n: int) -> np.ndarray:
    """Up to 16 ms of a buffer that a timer flushes, and now and then half a second of a busy computer."""
    busy = np.repeat(rng.random(n // 20 + 1) < 0.05, 20)[:n]
    return rng.uniform(1e-3, 16e-3, n) + np.where(busy, 0.5, 0)


def heavy(rng: np.random.Generator, n: int) -> np.ndarray:
    """From 0.5 ms, mostly some 30 ms, and now and then seconds."""
    return 5e-4 + rng.lognormal(np.log(30e-3), 1.2, n)


class World:
    """A board off by up to 100 ppm, which drifts by 5 ppm either way within an hour and at random besides.

    Times of the host and true ones are s since UTC. Rates change each second; the clock is exact in between.
    """

    def __init__(self, seed: int, seconds: float) -> None:
        self.rng = rng = np.random.default_rng(seed)
        self.seconds = seconds
        t = np.arange(-10.0, seconds + 20)
        self._rate = rng.uniform(-100e-6, 100e-6) + np.cumsum(rng.normal(0, 1e-6 / 60, len(t)))
        self._rate += 5e-6 * np.sin(2 * np.pi * (t / 3600 + rng.uniform()))
        self._t = t
        self._offset = 1000 * rng.random() + np.concatenate([[0], np.cumsum(self._rate[:-1])])

    def board(self, true: np.ndarray | float) -> np.ndarray:
        """Board time, not yet in whole microseconds, at true times."""
        return np.asarray(true + np.interp(true, self._t, self._offset))

    def exchanges(self, rate_hz: float, up: Latency = uniform, down: Latency = uniform) -> list[Exchange]:
        """In the order in which the host has their answers."""
        sent = np.arange(0, self.seconds, 1 / rate_hz)
        taken = sent + up(self.rng, len(sent))
        answered = taken + self.rng.uniform(1e-4, 2e-3, len(sent))
        received = answered + down(self.rng, len(sent))
        order = np.argsort(received)
        columns = [UTC + sent, stamped(self.board(taken)), stamped(self.board(answered)), UTC + received]
        return [Exchange(*row) for row in np.array(columns).T[order].tolist()]


def stamped(board_s: np.ndarray) -> np.ndarray:
    """As the board stamps it: microseconds begun are not counted."""
    return np.floor(board_s * 1e6) / 1e6
