"""A circuit breaker: who fails again and again is left alone for a while."""

from __future__ import annotations

from dataclasses import dataclass

_FAILURES = 5
_FIRST_S, _LONGEST_S = 60.0, 1800.0


@dataclass(slots=True)
class Breaker:
    """Opens after five failures in a row, for a minute and then twice as long each time, up to half an hour.

    When the time is up, one attempt is let through; if it is answered, all is well again.

    Examples
    --------
    >>> breaker = Breaker()
    >>> for _ in range(5):
    ...     breaker.failed(0.0)
    >>> breaker.opens_at(0.0), breaker.opens_at(61.0)
    (60.0, 0.0)
    """

    failures: int = 0
    until: float = 0.0
    pause_s: float = _FIRST_S

    def opens_at(self, now: float) -> float:
        """Return until when nothing may be attempted; 0 when it may be now."""
        return self.until if self.until > now else 0.0

    def failed(self, now: float) -> None:
        """Note an attempt that failed."""
        self.failures += 1
        if self.failures >= _FAILURES:
            self.until = now + self.pause_s
            self.pause_s = min(self.pause_s * 2, _LONGEST_S)

    def answered(self) -> None:
        """Note that there is somebody: an attempt succeeded or was turned down, or a person says so."""
        self.failures, self.until, self.pause_s = 0, 0.0, _FIRST_S
