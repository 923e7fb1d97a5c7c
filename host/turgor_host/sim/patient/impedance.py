"""What electrodes measure of a segment, from the fluid in it: R0, Rinf, fc and alpha of the Cole model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from turgor_host.sim.patient.exchange import Array
from turgor_host.sim.patient.parameters import Parameters
from turgor_host.sim.patient.patients import SEGMENTS


@dataclass(frozen=True)
class Segment:
    """A segment's Cole parameters at rest; `turgor_host.sim.scenario.cole` has the model.

    Extracellular resistance is R0. The intracellular one and the membranes stay as they are, whatever R0 does.
    """

    r0_ohm: float
    rinf_ohm: float
    fc_hz: float
    alpha: float

    @property
    def ri_ohm(self) -> float:
        """Resistance of the intracellular path."""
        return self.r0_ohm * self.rinf_ohm / (self.r0_ohm - self.rinf_ohm)

    def rinf(self, r0_ohm: ArrayLike) -> Array:
        """Rinf, ohm, where R0 has become `r0_ohm`."""
        r0 = np.asarray(r0_ohm, float)
        return r0 * self.ri_ohm / (r0 + self.ri_ohm)

    def fc(self, r0_ohm: ArrayLike) -> Array:
        """Characteristic frequency, Hz, there: membranes are charged through both resistances."""
        return self.fc_hz * (self.r0_ohm + self.ri_ohm) / (np.asarray(r0_ohm, float) + self.ri_ohm)


def segment(p: Parameters, name: str) -> Segment:
    """The segment called `name`, one of SEGMENTS."""
    at = SEGMENTS.index(name)
    return Segment(*(float(p.row("impedance", part)[at]) for part in ("r0_ohm", "rinf_ohm", "fc_hz", "alpha")))
