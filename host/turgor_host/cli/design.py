"""`turgor design`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from turgor_host.calibrate.lowpass import Lowpass
from turgor_host.calibrate.lowpass import lowpass as design_lowpass
from turgor_host.calibrate.lowpass_picture import draw, sketch
from turgor_host.cli.options import JsonOption

design = typer.Typer(help="Design a filter: its integers, and what they really do.", no_args_is_help=True)


@design.callback()
def _group() -> None:
    pass


@design.command()
def lowpass(
    cutoff_hz: Annotated[
        float,
        typer.Option(
            "--cutoff", metavar="HZ", help="Where the gain is -3 dB; from the rate / 2^17 to a quarter of it."
        ),
    ],
    rate_hz: Annotated[float, typer.Option("--rate", metavar="HZ", help="Samples a second.")],
    order: Annotated[int, typer.Option("--order", help="2 or 4.")] = 2,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="PNG", help="Draw gain and step response into this file.")
    ] = None,
    json_: JsonOption = False,
) -> None:
    """A Butterworth low-pass as the board computes it.

    E, C, z and g are the integers of a section: what a board's channel is configured with.
    """
    found = design_lowpass(cutoff_hz, rate_hz, order)
    if json_:
        if picture:
            draw(found, picture)
        print(json.dumps(_as_dict(found, picture)))
        return
    for number, (e, c, z, g) in enumerate(found.words, start=1):
        print(f"section {number}: E {e}, C {c}, z {z}, g {g}")
    delay = f"{1000 * found.delay_s:.3g} ms" if found.delay_s < 1 else f"{found.delay_s:.3g} s"
    print(f"-3 dB at {found.true_cutoff_hz:.9g} Hz, delay {delay} for slow signals")
    print(f"error against the ideal filter at most {found.error_lsb:.3f} codes, for any input of 24 bits")
    settle_s = found.settle_samples / rate_hz
    print(f"nothing is left of a step after {found.settle_samples} samples ({settle_s:.3g} s)")
    print(*sketch(found), sep="\n")
    if picture:
        draw(found, picture)
        print(picture)


def _as_dict(found: Lowpass, picture: Path | None) -> dict[str, object]:
    return {
        "cutoff_hz": found.cutoff_hz,
        "rate_hz": found.rate_hz,
        "order": found.order,
        "sections": [dict(zip(("e", "c", "z", "g"), words, strict=True)) for words in found.words],
        "true_cutoff_hz": found.true_cutoff_hz,
        "delay_s": found.delay_s,
        "error_codes": found.error_lsb,
        "settled_samples": found.settle_samples,
        "picture": str(picture) if picture else None,
    }
