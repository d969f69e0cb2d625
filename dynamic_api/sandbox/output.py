"""What a run prints: kept whole up to a bound, shown up to a smaller one."""

from __future__ import annotations

from dynamic_api.sandbox.base import LAST_RUN, Limits, OnOutput, Output, Stream


class Capture:
    """Both streams of one run, under one bound; `full` once more came than is kept."""

    def __init__(self, limits: Limits, on_output: OnOutput | None) -> None:
        self._limits = limits
        self._on_output = on_output
        self._kept: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self.full = False

    def add(self, stream: Stream, data: bytes) -> None:
        """Keep what there is room for, and pass just that on."""
        room = self._limits.output_bytes - sum(map(len, self._kept.values()))
        part = data[:room]
        self.full = self.full or len(data) > room
        self._kept[stream] += part
        if part and self._on_output is not None:
            self._on_output(stream, part)

    def kept(self, stream: Stream) -> bytes:
        """All that was kept of one stream."""
        return bytes(self._kept[stream])

    def output(self, stream: Stream) -> Output:
        """The start of it, for the answer."""
        kept = self._kept[stream]
        shown = bytes(kept[: self._limits.shown_bytes])
        return Output(shown, len(kept), cut=len(shown) < len(kept), path=LAST_RUN[stream])
