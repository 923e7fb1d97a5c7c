"""The numbers of the patient model, from the one file that has them."""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from turgor_host.sim.patient.exchange import Array

FILE = Path(__file__).with_name("parameters.toml")
# Of the file's SHA-256; enough to tell versions apart in a table.
_HASH_LENGTH = 12


@dataclass(frozen=True)
class Parameters:
    """`parameters["exchange", "kf_lung"]` is a number, `row` and `column` give lists.

    Units and sources are in the file; `hash` tells its versions apart.
    """

    numbers: dict[tuple[str, str], float]
    lists: dict[tuple[str, str], list[float]]
    hash: str

    def __getitem__(self, key: tuple[str, str]) -> float:
        return self.numbers[key]

    def row(self, section: str, name: str) -> Array:
        return np.array(self.lists[section, name], float)

    def column(self, section: str, name: str) -> Array:
        """The list, to go with arrays that have a column a patient."""
        return self.row(section, name)[:, None]


def read_parameters(path: Path) -> Parameters:
    data = path.read_bytes()
    numbers: dict[tuple[str, str], float] = {}
    lists: dict[tuple[str, str], list[float]] = {}
    for section, rows in tomllib.loads(data.decode()).items():
        for name, row in rows.items():
            value = row["value"]
            if isinstance(value, list):
                lists[section, name] = value
            else:
                numbers[section, name] = value
    return Parameters(numbers, lists, hashlib.sha256(data).hexdigest()[:_HASH_LENGTH])


@cache
def parameters() -> Parameters:
    """Those of this version."""
    return read_parameters(FILE)
