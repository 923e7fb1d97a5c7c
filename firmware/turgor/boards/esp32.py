"""ESP32 DevKitC."""

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


def make_ports():
    # This port has soft pin interrupts only.
    return Ports(PINS, "esp32", False)
