"""What is known of notifications: what is not done, all of it; what is done, as much as may be met again."""

from __future__ import annotations

from aimass.records import Delivery

FINAL = frozenset(("sent", "failed", "refused"))
_REMEMBERED = 50_000


def key_of(receiver: str, id: str) -> str:
    """Return the key of a delivery in its topic."""
    return f"{receiver}/{id}"


class Ledger:
    """The last that was written down of each notification.

    What is not done is at most one notification of each receiver, and what people ask for. What is done is forgotten,
    the oldest first, when there is more of it than may be read again after a restart.

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.note(Delivery("n1", "pager/n1", 0.0, "shop", "pager", "retrying", 2))
    >>> ledger.note(Delivery("n2", "pager/n2", 0.0, "shop", "pager", "sent", 1))
    >>> ledger.is_done("pager/n1"), ledger.is_done("pager/n2"), ledger.attempts("pager/n1")
    (False, True, 2)
    """

    def __init__(self, remembered: int = _REMEMBERED) -> None:
        self._remembered = remembered
        self._undone: dict[str, Delivery] = {}
        self._done: dict[str, int] = {}

    def note(self, delivery: Delivery) -> None:
        """Take note of what was written down."""
        self._undone.pop(delivery.key, None)
        self._done.pop(delivery.key, None)
        if delivery.outcome not in FINAL:
            self._undone[delivery.key] = delivery
            return
        self._done[delivery.key] = delivery.attempt
        if len(self._done) > self._remembered:
            del self._done[next(iter(self._done))]

    def is_done(self, key: str) -> bool:
        """Return whether nothing is left to do."""
        return key in self._done

    def undone(self, key: str) -> Delivery | None:
        """Return the last of a notification that was begun, or asked for, and is not done."""
        return self._undone.get(key)

    def all_undone(self) -> list[Delivery]:
        """Return all that was begun, or asked for, and is not done."""
        return list(self._undone.values())

    def attempts(self, key: str) -> int:
        """Return how many attempts there were."""
        undone = self._undone.get(key)
        return self._done.get(key, 0) if undone is None else undone.attempt

    def __len__(self) -> int:
        """Return of how many something is remembered."""
        return len(self._undone) + len(self._done)
