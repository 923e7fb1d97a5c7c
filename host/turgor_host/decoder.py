"""The host's decoder: bytes as they come in, records whose CRC-32 is right out. No I/O and no order."""

from operator import itemgetter

from cobs.cobs import DecodeError, decode

from turgor.link.records import FRAME_LIMIT, HEADER_SIZE

try:
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

_CRC_SIZE = 4
_LEAST = HEADER_SIZE + _CRC_SIZE
# CRC-32 of anything with its own CRC-32 behind it: whole frames are told from spoiled ones without taking them apart.
_RESIDUE = 0x2144DF1C
_TEXT_LIMIT = 4 * FRAME_LIMIT
_without_crc = itemgetter(slice(None, -_CRC_SIZE))


class Decoder:
    """`feed` gives the record of every whole frame, wherever the stream is cut.

    `bad_frames` counts what stood between two zeros and was none; `text` is the last of it, `pending` what waits for
    its zero, at most 4 * FRAME_LIMIT bytes of either.
    """

    def __init__(self) -> None:
        self.bad_frames = 0
        self.text = b""
        self.pending = b""

    def restart(self) -> None:
        """Another stream begins: what still waits for its zero was no frame."""
        if self.pending:
            self.text = self.pending
            self.pending = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The records that `data` ends, each at least HEADER_SIZE long."""
        frames = data.split(b"\0")
        if self.pending:
            frames[0] = self.pending + frames[0]
        pending = frames.pop()
        if len(pending) > _TEXT_LIMIT:
            self.text = pending = pending[-FRAME_LIMIT:]
        self.pending = pending
        # Whole steps over all frames cost a fraction of a step a frame; nearly always all of them are whole.
        try:
            found = list(map(decode, frames))
        except DecodeError:
            return self._sift(frames)
        if list(map(crc32, found)).count(_RESIDUE) != len(found) or (found and min(map(len, found)) < _LEAST):
            return self._sift(frames)
        return list(map(_without_crc, found))

    def _sift(self, frames: list[bytes]) -> list[bytes]:
        """The same, frame by frame."""
        records = []
        for frame in frames:
            try:
                data = decode(frame)
            except DecodeError:
                data = b""
            if len(data) >= _LEAST and crc32(data) == _RESIDUE:
                records.append(data[:-_CRC_SIZE])
            elif frame:
                self.bad_frames += 1
                self.text = frame[-_TEXT_LIMIT:]
        return records
