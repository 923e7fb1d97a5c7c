"""Prints what the benchmarks found, from pytest-benchmark's JSON, each figure beside the one that was asked for.

figures.py FILE; exit 1 when one of those was not measured. Ratios of times are for reading: a busy computer bends them,
so none of them fails here. Instructions repeat exactly; their tests hold them to what was reached, which is closer.
"""

import json
import sys

WANTED = {
    "host_section_vs_sosfilt": ">= 1.8",
    "host_chain_vs_scipy": ">= 5",
    "host_chain_vs_cpython": ">= 150",
    "decode_vs_pymavlink": ">= 30",
    "serial_read_vs_read_until": ">= 100",
    "serial_read_vs_line_reader": ">= 3.5",
    "m0_viper_vs_gcc": "<= 3.0",
    "m0_viper_vs_bytecode": ">= 30",
    "m0_chain_instructions": "<= 1200",
    "wire_bytes_per_sample": "<= 1.75",
    "wire_bytes_per_second": "<= 2880",
    "wire_vs_json": ">= 6",
    "wire_vs_mavlink": ">= 2.2",
}


def main() -> int:
    with open(sys.argv[1]) as file:
        found = {name: value for run in json.load(file)["benchmarks"] for name, value in run["extra_info"].items()}
    for name, value in sorted(found.items()):
        if isinstance(value, int | float):
            print(f"{name:50} {value:>12g}  {WANTED.get(name, '')}")
    missing = WANTED.keys() - found.keys()
    for name in sorted(missing):
        print(f"{name:50} {'missing':>12}  {WANTED[name]}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
