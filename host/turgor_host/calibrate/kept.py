"""Certificates that this computer keeps, by number: a board has its calibration's words, and no date.

They lie in the user's data folder, `turgor/certificates/NUMBER.toml`.
"""

import contextlib
import os
from pathlib import Path

from platformdirs import user_data_path

from turgor_host.calibrate.certificate import Certificate, read_certificate
from turgor_host.errors import UsageError


def keep(certificate: Certificate, content: bytes) -> str:
    """Keep what the certificate's file holds, whole or not at all; why that failed in one line, "" when it did not.

    One of the same number that was made later stays.
    """
    kept = made_utc(certificate.number)
    if kept is not None and kept >= certificate.made:
        return ""
    path = _path(certificate.number)
    new = path.with_suffix(f".{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            new.unlink()
        return (
            f"{path}: {error.strerror}; no copy of the certificate is kept here, and its age will be unknown: "
            "make that folder writable, then hand it over again"
        )
    return ""


def made_utc(number: str) -> float | None:
    """When the calibration of this number was made, UTC, s; None where no whole copy of it is here."""
    try:
        certificate = read_certificate(_path(number))
    except UsageError:
        return None
    return certificate.made if certificate.number == number else None


def _path(number: str) -> Path:
    return user_data_path("turgor") / "certificates" / f"{number}.toml"
