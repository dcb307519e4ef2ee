"""What executing more or less of something costs: counts and times of two sides, per PTE."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How often something is executed on two sides, and its marginal cost there.

    ``base_count`` and ``new_count`` are per PTE, ``base_ns`` and ``new_ns`` nanoseconds per PTE.
    """

    base_count: float
    new_count: float
    base_ns: float
    new_ns: float

    @property
    def change(self) -> float:
        """How much more often per PTE it is executed; negative for less often."""
        return self.new_count - self.base_count

    @property
    def effect_ns(self) -> float:
        """Nanoseconds added per PTE; negative for saved."""
        return self.new_ns - self.base_ns
