"""Turgor: limb pressure and bioimpedance firmware; the board's /lib/turgor and the host's `turgor` are this package."""

__version__ = "0.1.0"
