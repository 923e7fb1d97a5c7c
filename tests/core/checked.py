"""Integers of a 32-bit board: whatever leaves -2^30 to 2^30 - 1 is an OverflowError instead of an object on the heap.

What is made of one is one too, so a routine that is fed with them proves every intermediate it came by.
"""

import operator
from collections.abc import Iterable

LIMIT = 2**30


class Small(int):
    """An integer within -2^30 to 2^30 - 1."""


def small(value: int) -> Small:
    if not -LIMIT <= value < LIMIT:
        raise OverflowError(f"{value} needs more than a small integer")
    return Small(value)


def smalls(values: Iterable[int]) -> list[int]:
    return [small(value) for value in values]


def _teach(name: str) -> None:
    function = getattr(operator, name)
    plain = int

    def forward(self, other):
        value = function(plain(self), plain(other))
        if -LIMIT <= value < LIMIT:
            return Small(value)
        raise OverflowError(f"{name} of {self:d} and {other:d} gives {value}")

    def backward(self, other):
        value = function(plain(other), plain(self))
        if -LIMIT <= value < LIMIT:
            return Small(value)
        raise OverflowError(f"{name} of {other:d} and {self:d} gives {value}")

    stem = name.rstrip("_")
    setattr(Small, f"__{stem}__", forward)
    setattr(Small, f"__r{stem}__", backward)


for _name in ("add", "sub", "mul", "floordiv", "mod", "lshift", "rshift", "and_", "or_", "xor"):
    _teach(_name)
Small.__neg__ = lambda self: small(-int(self))
Small.__abs__ = lambda self: small(abs(int(self)))
Small.__invert__ = lambda self: small(~int(self))
