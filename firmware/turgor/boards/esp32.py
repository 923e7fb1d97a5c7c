"""ESP32 DevKitC."""

from esp32 import Partition

from turgor.boards.flash import region_behind_files, region_from
from turgor.boards.ports import Ports

PINS = {
    "i2c0_sda": 21,
    "i2c0_scl": 22,
    "i2c1_sda": 25,
    "i2c1_scl": 26,
    "drdy_calf_l": 32,
    "drdy_calf_r": 33,
    "drdy_forearm_l": 34,
    "drdy_forearm_r": 35,
    "drdy_art": 27,
    "alarm": 13,
    "led": 2,
    "button_ack": 18,
    "button_mark": 19,
}


def make_ports(least_sectors):
    """The board's ports; `flash` has at least `least_sectors` or is None."""
    # This port has soft pin interrupts only.
    return Ports(PINS, "esp32", False, _flash(least_sectors))


def _flash(least_sectors):
    """The partition `turgor` if the board has one, else what the file system leaves of its own."""
    for partition in Partition.find(Partition.TYPE_DATA, label="turgor"):
        return region_from(partition, 0, least_sectors)
    for partition in Partition.find(Partition.TYPE_DATA, label="vfs"):
        return region_behind_files(partition, least_sectors)
    return None
