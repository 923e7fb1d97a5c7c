"""A typed diastolic pressure that lies below a compartment's: the worst there is, or a slip of the finger."""

from collections.abc import Mapping
from typing import Any

from turgor.core.rules import DBP_LEAST_MILLI_MMHG
from turgor_host.errors import TurgorError


def check_dbp(mmhg: float, state: Mapping[str, Any]) -> None:
    """TurgorError when `mmhg` lies below the median of a limb, by a live state (`Live.state`): to be confirmed once."""
    pressures = [each for each in state["channels"] if each["kind"] == "pressure" and each["median"] is not None]
    highest = max(pressures, key=lambda each: float(each["median"]), default=None)
    # What no board takes is refused for that.
    if highest and DBP_LEAST_MILLI_MMHG <= 1000 * mmhg < 1000 * highest["median"]:
        raise TurgorError(
            f"a DBP of {mmhg:g} mmHg lies below the {highest['median']:.0f} mmHg of {highest['name']}: not taken;"
            " if it is right, say so with --below-icp"
        )
