"""From a configuration and a board's ports to samplers on their drivers."""

from turgor.app.config import NAU7802
from turgor.app.sampler import ImpedanceSampler, PressureSampler
from turgor.core.channel import pressure_channel
from turgor.drivers.current import Body
from turgor.drivers.max30009 import Max30009
from turgor.drivers.nau7802 import RATES_SPS, Nau7802
from turgor.drivers.tca9548a import Tca9548a

_MUX_ADDRESS = 0x70


def check_rates(config):
    """ValueError names the first channel whose converter has no such rate."""
    for channel in config.channels:
        rate = channel.rate_millihz
        if channel.driver == NAU7802 and (rate % 1000 or rate // 1000 not in RATES_SPS):
            raise ValueError(channel.name + ": rate_millihz = " + str(rate) + " is no rate of its converter")


def drive_off(config, ports):
    """Switch every current through electrodes off, as after a reset in the middle of a sweep."""
    for channel in config.channels:
        if channel.is_impedance():
            Max30009(ports.bus(channel.bus), channel.address).stop()


def make_samplers(config, ports):
    """The function that `App` calls to get its samplers, in order of `config.channels`."""

    def make(log, blocks, time, now):
        muxes = {}
        body = Body()
        samplers = []
        for channel in config.channels:
            bus = ports.bus(channel.bus)
            if channel.mux_port >= 0:
                if channel.bus not in muxes:
                    muxes[channel.bus] = Tca9548a(bus, _MUX_ADDRESS)
                bus = muxes[channel.bus].port(channel.mux_port)
            if channel.driver == NAU7802:
                rate_hz = channel.rate_millihz // 1000
                driver = Nau7802(bus, ports.ready(channel.name), rate_hz, channel.address)
                core = pressure_channel(channel.kind, channel.words, rate_hz)
                samplers.append(PressureSampler(channel.number, core, driver, log, blocks, time, now))
            else:
                # The two addresses of the chip: the even one drives in even seconds, the odd one in odd ones.
                driver = Max30009(bus, channel.address, body=body)
                samplers.append(
                    ImpedanceSampler(channel.number, channel.words, driver, log, time, now, channel.address & 1)
                )
            samplers[-1].lines = ports.lines(channel.bus)
        return samplers

    return make
