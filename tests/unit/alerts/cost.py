"""What the keeper of alerts costs: ``python -m tests.unit.alerts.cost``."""

import random
import time

from aimass.alerts.policy import Policy, Receiver
from aimass.memory import run_stage
from aimass.stages.notify import NotifyStage
from tests.unit.alerts.signals import HOUR, PAGER, T, alert, over


def measure(name, signals, **policy):
    """Print signals a second, notifications, and bytes of state an alert."""
    stage = NotifyStage("p", [PAGER, Receiver("chat")], Policy(**policy))
    began = time.perf_counter()
    out, state = run_stage(stage, signals, until=T + 2 * HOUR)
    took = time.perf_counter() - began
    tables = state.commit()
    size = sum(len(row) for rows in tables.values() for row in rows.values()) / len(tables["alerts"])
    told = len(out.records("outbox"))
    print(f"{name}: {len(signals) / took:,.0f} signals/s, {told} notifications, {size:.0f} bytes an alert")


def episodes(count=20_000, keys=2_000):
    """Return alerts of many keys that come, worsen and go."""
    rng = random.Random(1)
    for i in range(count):
        key, at = f"k{i % keys}", i / 10
        yield (
            over(key=key, at=at) if i // keys % 2 else alert(key=key, at=at, severity=rng.choice(("info", "critical")))
        )


if __name__ == "__main__":
    measure("come and go", list(episodes()))
    storm = [alert(key=f"k{i}", at=i / 5000) for i in range(20_000)]
    measure("a storm of one rule", storm)
    critical = [alert(key=f"k{i}", at=i / 1000, severity="critical") for i in range(20_000)]
    measure("a storm of critical ones", critical)
    measure("each its own group", critical, group_by=("rule", "key"))
