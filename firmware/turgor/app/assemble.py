"""From a configuration and a board's ports to samplers on their drivers; those that no channel names stay unloaded."""

from turgor.app.config import (
    ABP2_A,
    ABP2_B,
    ADS1220,
    HSC_A,
    HSC_F,
    LIS3DH,
    MAX30009_BF,
    NAU7802,
    TMP117,
    VSYS,
    codes_may_repeat,
)
from turgor.app.sampler import ImpedanceSampler, PressureSampler, SlowSampler
from turgor.core.channel import pressure_channel

_MUX_ADDRESS = 0x70
# Drivers of what is on no I2C bus.
_OFF_THE_BUS = (ADS1220, VSYS)


def _rates(driver):
    if driver == NAU7802:
        from turgor.drivers.nau7802 import RATES_SPS
    elif driver == ADS1220:
        from turgor.drivers.ads1220 import RATES_SPS
    elif ABP2_A <= driver <= HSC_F:
        from turgor.drivers.digital import RATES_SPS
    elif driver == TMP117:
        from turgor.drivers.tmp117 import RATES_SPS
    elif driver == LIS3DH:
        from turgor.drivers.lis3dh import RATES_SPS
    elif driver == VSYS:
        from turgor.drivers.vsys import RATES_SPS
    else:
        return None
    return RATES_SPS


def check_rates(config):
    """ValueError names the first channel whose converter has no such rate."""
    for channel in config.channels:
        rate = channel.rate_millihz
        rates = _rates(channel.driver)
        if rates and (rate % 1000 or rate // 1000 not in rates):
            raise ValueError(channel.name + ": rate_millihz = " + str(rate) + " is no rate of its converter")


def _pressure_driver(channel, bus, ports):
    driver = channel.driver
    rate_hz = channel.rate_millihz // 1000
    if driver == NAU7802:
        from turgor.drivers.nau7802 import Nau7802

        return Nau7802(bus, ports.ready(channel.name), rate_hz, channel.address)
    if driver == ADS1220:
        from turgor.drivers.ads1220 import Ads1220

        return Ads1220(ports.select(channel.name), ports.ready(channel.name, True), rate_hz)
    if driver <= ABP2_B:
        from turgor.drivers.abp2 import Abp2

        return Abp2(bus, rate_hz, "AB"[driver - ABP2_A], channel.address)
    from turgor.drivers.hsc import Hsc

    return Hsc(bus, rate_hz, "ABCF"[driver - HSC_A], channel.address)


def _slow(channel, bus, ports):
    """Channel and driver of a sensor whose readings are its codes."""
    if channel.driver == TMP117:
        from turgor.core.slow import SlowChannel
        from turgor.drivers.tmp117 import Tmp117

        return SlowChannel(channel.kind), Tmp117(bus, channel.address)
    if channel.driver == VSYS:
        from turgor.core.slow import SlowChannel
        from turgor.drivers.vsys import Vsys

        return SlowChannel(channel.kind), Vsys(ports.supply())
    from turgor.core.slow import MotionChannel
    from turgor.drivers.lis3dh import Lis3dh

    return MotionChannel(), Lis3dh(bus, channel.address)


def drive_off(config, ports):
    """Switch every current through electrodes off, as after a reset in the middle of a sweep."""
    for channel in config.channels:
        if channel.is_impedance():
            from turgor.drivers.max30009 import Max30009

            Max30009(_bus(channel, ports, {}), channel.address).stop()


def _bus(channel, ports, muxes):
    """The bus of a channel's sensor, behind its multiplexer's port where it has one."""
    bus = ports.bus(channel.bus)
    if channel.mux_port < 0:
        return bus
    if channel.bus not in muxes:
        from turgor.drivers.tca9548a import Tca9548a

        muxes[channel.bus] = Tca9548a(bus, _MUX_ADDRESS)
    return muxes[channel.bus].port(channel.mux_port)


def make_samplers(config, ports):
    """The function that `App` calls to get its samplers, in order of `config.channels`."""

    def make(log, blocks, time, now):
        from turgor.drivers.current import Body

        muxes = {}
        body = Body()
        samplers = []
        turn = 0
        for channel in config.channels:
            bus = _bus(channel, ports, muxes)
            if channel.is_impedance():
                from turgor.drivers.max30009 import Max30009

                driver = Max30009(bus, channel.address, type_bf=channel.driver == MAX30009_BF, body=body)
                rate = channel.rate_millihz
                samplers.append(ImpedanceSampler(channel.number, channel.words, driver, log, time, now, turn, rate))
                turn += 1
            elif channel.is_slow():
                samplers.append(SlowSampler(channel.number, *_slow(channel, bus, ports), log, time, now))
            else:
                driver = _pressure_driver(channel, bus, ports)
                repeats = codes_may_repeat(channel.driver)
                core = pressure_channel(channel.kind, channel.words, channel.rate_millihz // 1000, repeats)
                samplers.append(PressureSampler(channel.number, core, driver, log, blocks, time, now))
            if channel.driver not in _OFF_THE_BUS:
                samplers[-1].lines = ports.lines(channel.bus)
        return samplers

    return make
