"""Fixed fields of records as numpy arrays, thousands at a time; samples are in `samples`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turgor.core.judge import ARTERIAL_LINE
from turgor.core.median import ABSENT
from turgor.link.records import READING, READING_FIELDS, READINGS, row

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_TYPES = {"B": "u1", "H": "<u2", "I": "<u4", "i": "<i4", "Q": "<u8"}


def fields_dtype(form: str, fields: Sequence[str]) -> np.dtype[Any]:
    """The numpy type of a packed struct format from `turgor.link.records`."""
    return np.dtype([(name, _TYPES[kind]) for name, kind in zip(fields, form[1:], strict=True)])


_READINGS_DTYPE = fields_dtype(row(READINGS)[2], row(READINGS)[3])
_READING_DTYPE = fields_dtype(READING, READING_FIELDS)


def body_array(kind: int, bodies: Sequence[bytes]) -> NDArray[Any]:
    """The fixed fields of many bodies of one kind as a structured array; ValueError when one is too short."""
    dtype = fields_dtype(row(kind)[2], row(kind)[3])
    if any(len(body) < dtype.itemsize for body in bodies):
        raise ValueError(f"a {row(kind)[1]} record is too short")
    return np.frombuffer(b"".join([body[: dtype.itemsize] for body in bodies]), dtype)


@dataclass(frozen=True)
class Ticks:
    """Readings records: their DBP with age and source, and in `entries` the entries of all, `owner` whose each is."""

    dbp_milli_mmhg: Ints
    dbp_age_s: Ints
    dbp_source: Ints
    entries: NDArray[Any]
    owner: Ints

    def line_diastolic(self) -> list[int]:
        """At each tick the diastolic pressure of the arterial line in milli-mmHg, ABSENT when it gave none then."""
        fresh = (self.dbp_source == ARTERIAL_LINE) & (self.dbp_age_s == 0)
        found: list[int] = np.where(fresh, self.dbp_milli_mmhg, ABSENT).tolist()
        return found


def decode_readings(bodies: Sequence[bytes]) -> Ticks:
    """Bodies of `readings` records; ValueError when one is not whole."""
    fixed = body_array(READINGS, bodies)
    size, entry = _READINGS_DTYPE.itemsize, _READING_DTYPE.itemsize
    if any((len(body) - size) % entry for body in bodies):
        raise ValueError("a readings record is not whole entries")
    entries = np.frombuffer(b"".join([body[size:] for body in bodies]), _READING_DTYPE)
    counts = [(len(body) - size) // entry for body in bodies]
    return Ticks(
        fixed["dbp_milli_mmhg"].astype(np.int64),
        fixed["dbp_age_s"].astype(np.int64),
        fixed["dbp_source"].astype(np.int64),
        entries,
        np.repeat(np.arange(len(bodies)), counts),
    )
