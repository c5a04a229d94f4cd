"""Patterns by their definition, over the whole history of a key: no state, no batches, no timers."""

from aimass.rules import plain
from aimass.rules.patterns import without_captures
from aimass.rules.plain import Given


def deadline(pattern, events):
    whole = events[0].time + pattern.within_s
    return whole if pattern.gap_s is None else min(whole, events[-1].time + pattern.gap_s)


def meets(pattern, step, chain, event):
    names = [one.name for one in pattern.steps if not one.is_absent]
    captured = {name: plain.given(one).data for name, one in zip(names, chain, strict=False) if name}
    return plain.truth(pattern.steps[step].when, Given(event, plain.given(event).data, captured)) is True


def might_meet(step, event):
    when = without_captures(step.when)
    return when is None or plain.truth(when, plain.given(event)) is not False


def whole_history(pattern, events, end):
    """Return (time, ids) of each match among the events of one key, in their order, until the end of time."""
    positive = [i for i, step in enumerate(pattern.steps) if not step.is_absent]
    borders = [*positive, len(pattern.steps)]
    found, chains = [], []

    def silence(until):
        nonlocal chains
        for chain in sorted(chains, key=lambda chain: deadline(pattern, chain)):
            limit = deadline(pattern, chain)
            if chain in chains and limit < until:
                chains = [one for one in chains if one is not chain]
                if len(chain) == len(positive):
                    found.append((limit, [one.id for one in chain]))
                    chains = [one for one in chains if one[0].time > limit]

    for event in events:
        if not any(might_meet(step, event) for step in pattern.steps):
            continue  # it says nothing, not even what time it is: only ticks do
        silence(event.time)
        after, extended, done = [], False, None
        for chain in chains:
            at = len(chain)
            if not chain[-1].time <= event.time <= deadline(pattern, chain):
                after.append(chain)
            elif any(meets(pattern, step, chain, event) for step in range(borders[at - 1] + 1, borders[at])):
                pass
            elif done is None and not extended and at < len(positive) and meets(pattern, positive[at], chain, event):
                extended = True
                longer = [*chain, event]
                if at + 1 == len(positive) and borders[at + 1] == positive[at] + 1:
                    done = longer
                    break
                after.append(longer)
            else:
                after.append(chain)
        if done is None and meets(pattern, positive[0], [], event):
            if len(positive) == 1 and len(pattern.steps) == 1:
                done = [event]
            else:
                after.append([event])
        chains = after
        if done is not None:
            found.append((event.time, [one.id for one in done]))
            chains = []
    silence(end)
    return found
