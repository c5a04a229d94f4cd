"""The courier: in order, with patience, once, and the same id when it must be twice."""

import asyncio
import random

import pytest

from aimass.delivery.channels import Answer
from aimass.delivery.courier import BACKOFF_S, Courier
from aimass.delivery.receivers import check
from aimass.errors import ConfigurationError
from aimass.records import Delivery
from tests.unit.delivery.servers import notification, receiver


class Time:
    """A clock that moves when somebody waits."""

    def __init__(self):
        self.now, self.waits = 1000.0, []

    async def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class Book:
    def __init__(self):
        self.written, self.noted = [], []

    async def write(self, delivery):
        self.written.append(delivery)

    def note(self, delivery):
        self.noted.append(delivery)


class Answers:
    """Answers attempts from a script by receiver; the last again and again."""

    def __init__(self, **scripts):
        self.scripts, self.made = {name: list(script) for name, script in scripts.items()}, []

    async def attempt(self, receiver, secrets, one, *, now, attempt):
        self.made.append((receiver.name, one.id, attempt))
        script = self.scripts[receiver.name]
        answer = script.pop(0) if len(script) > 1 else script[0]
        if answer == "crash":
            await asyncio.sleep(3600)
        return answer


OK, LATER, NEVER = Answer("sent", 200), Answer("retrying", 503, "503"), Answer("failed", 400, "400")


class World:
    def __init__(self, receivers=("pager",), **scripts):
        self.time, self.book, self.answers = Time(), Book(), Answers(**scripts)
        self.receivers = [receiver("http://x/", name=name) for name in receivers]
        self.courier = self.made()

    def made(self):
        return Courier(
            "shop",
            self.receivers,
            {},
            self.book,
            self.answers,
            clock=lambda: self.time.now,
            sleep=self.time.sleep,
            rng=random.Random(1),
        )

    async def deliver(self, *notifications):
        for offset, one in enumerate(notifications):
            self.courier.take(offset, one)
        self.courier.start()
        await asyncio.wait_for(self.courier.idle(), 5)
        await self.courier.stop()

    @property
    def outcomes(self):
        return [(one.id, one.outcome, one.attempt) for one in self.book.written]


async def test_what_is_sent_is_written_down_after_it_was_said_to_be_tried():
    world = World(pager=[OK])
    await world.deliver(notification("a"), notification("b"))
    assert world.outcomes == [("a", "sent", 1), ("b", "sent", 1)]
    assert [one.outcome for one in world.book.noted] == ["sending"] * 2


async def test_a_receivers_notifications_stay_in_order_and_do_not_hold_up_others():
    world = World(("pager", "chat"), pager=[LATER, LATER, OK], chat=[OK])
    await world.deliver(notification("a"), notification("b"), notification("c", receiver="chat"))
    assert [id for _, id, _ in world.answers.made if id in "ab"] == ["a", "a", "a", "b"]
    assert world.answers.made[1][1] == "c", "while the first waits"


async def test_attempts_come_later_and_later_until_it_is_given_up():
    world = World(pager=[LATER])
    await world.deliver(notification())
    assert len(world.answers.made) == len(BACKOFF_S) + 1
    assert world.outcomes[-1][1] == "failed"
    assert "given up after 9 attempts" in world.book.written[-1].error
    assert sum(world.time.waits) > sum(BACKOFF_S) * 0.8


async def test_the_receivers_own_wish_when_to_come_again_is_heard():
    world = World(pager=[Answer("retrying", 429, "429", 300.0), OK])
    await world.deliver(notification())
    assert world.time.waits[0] == pytest.approx(300.0)


async def test_who_fails_again_and_again_is_left_alone_for_a_while():
    world = World(pager=[*[LATER] * 5, OK])
    await world.deliver(*[notification(str(i)) for i in range(3)])
    assert "left alone" in world.book.written[4].error
    assert [outcome for _, outcome, _ in world.outcomes[-3:]] == ["sent"] * 3


async def test_what_will_not_pass_is_not_tried_again():
    world = World(pager=[NEVER])
    await world.deliver(notification())
    assert world.outcomes == [("n1", "failed", 1)]


async def test_who_is_gone_is_told_nothing_more_until_somebody_asks():
    world = World(pager=[Answer("gone", 410, "410"), OK])
    await world.deliver(notification("a"), notification("b"))
    assert world.outcomes == [("a", "failed", 1), ("b", "failed", 1)]
    assert len(world.answers.made) == 1
    asked = world.book.written[-1]
    world.courier.recall(Delivery(asked.id, asked.key, 0.0, "shop", "pager", "requested", asked.attempt))
    await world.deliver(notification("b"))
    assert world.outcomes[-1] == ("b", "sent", 2)


async def test_a_crash_between_sending_and_writing_sends_the_same_id_and_says_it_is_the_second_attempt():
    world = World(pager=["crash", OK])
    world.courier.take(0, notification())
    world.courier.start()
    while not world.answers.made:
        await asyncio.sleep(0)
    await world.courier.stop()
    assert world.book.written == []
    noted = world.book.noted
    world.courier = world.made()
    for one in noted:
        world.courier.recall(one)
    await world.deliver(notification())
    assert world.answers.made == [("pager", "n1", 1), ("pager", "n1", 2)]
    assert world.outcomes == [("n1", "sent", 2)]


async def test_what_is_done_is_not_done_again_by_the_next_courier():
    world = World(pager=[OK])
    await world.deliver(notification())
    written = world.book.written[:]
    world.courier = world.made()
    for one in written:
        world.courier.recall(one)
    await world.deliver(notification())
    assert len(world.answers.made) == 1


async def test_the_next_courier_waits_until_the_next_attempt_is_due():
    world = World(pager=[OK])
    world.courier.recall(Delivery("n1", "pager/n1", 900.0, "shop", "pager", "retrying", 3, next=1500.0))
    await world.deliver(notification())
    assert world.time.waits == [500.0]
    assert world.outcomes == [("n1", "sent", 4)]


async def test_the_outbox_is_done_up_to_the_oldest_that_is_not():
    world = World(pager=[OK])
    world.courier.take(7, notification("a"))
    world.courier.take(9, notification("b"))
    assert (world.courier.done_before(12), world.courier.waiting) == (7, 2)
    world.courier.start()
    await world.courier.idle()
    await world.courier.stop()
    assert world.courier.done_before(12) == 12


def test_missing_secrets_are_told_before_anything_starts():
    with pytest.raises(ConfigurationError, match="receiver pager: the environment variable HOOK"):
        check([receiver("http://x/", secret="HOOK")], {})
    with pytest.raises(ConfigurationError, match="fewer than 24"):
        check([receiver("http://x/", secret="HOOK")], {"HOOK": "whsec_AAAA"})
