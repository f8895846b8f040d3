"""The weight of the bits, driven by the validation rate (architecture.md 4.1 item 7)."""

from __future__ import annotations


class LambdaController:
    """Walks along a list of weights: up while the validation rate is above its band, down below it.

    A new list starts at its first weight; a stage with the same list goes on where the one before
    left off.
    """

    def __init__(self) -> None:
        self.values: tuple[float, ...] = ()
        self.band: tuple[float, ...] = ()
        self.index = 0

    def enter(self, values: tuple[float, ...], band: tuple[float, ...]) -> None:
        """Begin a stage."""
        if values != self.values:
            self.index = 0
        self.values, self.band = values, band

    @property
    def lmbda(self) -> float:
        """Weight of one bit per pixel now."""
        return self.values[self.index]

    def observe(self, bpp: float) -> bool:
        """Take a validation rate (bits per pixel of the detail layer); whether the weight moved."""
        if not self.band:
            return False
        lower, upper = self.band
        move = int(bpp > upper) - int(bpp < lower)
        before = self.index
        self.index = min(max(self.index + move, 0), len(self.values) - 1)
        return self.index != before

    def state(self) -> dict[str, list[float] | int]:
        """Return what a checkpoint keeps: weights, band, and the place in the list."""
        return {"values": list(self.values), "band": list(self.band), "index": self.index}

    def load(self, state: dict[str, list[float] | int]) -> None:
        """Go on from what `state` has returned."""
        values, band, index = state["values"], state["band"], state["index"]
        assert isinstance(values, list) and isinstance(band, list) and isinstance(index, int)
        self.values, self.band, self.index = tuple(values), tuple(band), index
