"""The courier: in order, with patience, once, and the same id when it must be twice."""

import asyncio
import random

import pytest

from aimass.delivery.answers import Answer
from aimass.delivery.courier import BACKOFF_S, Courier
from aimass.delivery.ledger import Ledger
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
        self.all = []

    async def write(self, delivery):
        self.all.append(delivery)

    @property
    def written(self):
        """What came of attempts."""
        return [one for one in self.all if one.outcome != "sending"]


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

    def made(self, **more):
        time = {"clock": lambda: self.time.now, "sleep": self.time.sleep, "rng": random.Random(1)}
        return Courier("shop", self.receivers, {}, self.book, self.answers, **{**time, **more})

    async def deliver(self, *notifications):
        for offset, one in enumerate(notifications):
            await self.courier.take(offset, one)
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
    assert [(one.id, one.outcome) for one in world.book.all] == [
        ("a", "sending"),
        ("a", "sent"),
        ("b", "sending"),
        ("b", "sent"),
    ]


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
    assert await world.courier.ask(Delivery(asked.id, asked.key, 0.0, "shop", "pager", "requested", asked.attempt))
    world.courier.found("pager", 1)
    assert list(world.courier.lines["pager"].asked) == [1]
    world.courier.again(1, notification("b"))
    await world.deliver()
    assert world.outcomes[-1] == ("b", "sent", 2)


async def test_a_crash_between_sending_and_writing_sends_the_same_id_and_says_it_is_the_second_attempt():
    world = World(pager=["crash", OK])
    await world.courier.take(0, notification())
    world.courier.start()
    while not world.answers.made:
        await asyncio.sleep(0)
    await world.courier.stop()
    assert world.book.written == []
    noted = world.book.all[:]
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
    world = World(("pager", "chat"), pager=[OK], chat=["crash"])
    await world.courier.take(7, notification("a"))
    await world.courier.take(9, notification("b", receiver="chat"))
    assert world.courier.done_before() == 7
    world.courier.start()
    while world.courier.positions()["pager"] < 10:
        await asyncio.sleep(0.001)
    assert world.courier.positions() == {"pager": 10, "chat": 9}
    await world.courier.stop()
    assert world.courier.done_before() == 9


def request(id="n1", receiver="pager", attempt=1):
    return Delivery(id, f"{receiver}/{id}", 0.0, "shop", receiver, "requested", attempt)


async def test_asking_for_what_is_being_retried_wakes_it_and_sends_it_once():
    world = World(pager=[LATER, OK])
    gate = asyncio.Event()

    async def until_woken(seconds):
        await gate.wait()

    world.courier = world.made(sleep=until_woken)
    await world.courier.take(0, notification())
    world.courier.start()
    while not world.book.written:
        await asyncio.sleep(0)
    assert not await world.courier.ask(request()), "it is here: nothing to look for"
    await asyncio.wait_for(world.courier.idle(), 5)
    await world.courier.stop()
    assert world.answers.made == [("pager", "n1", 1), ("pager", "n1", 2)]


async def test_a_redelivery_has_all_attempts_before_it():
    world = World(pager=[LATER])
    await world.courier.ask(request(attempt=9))
    world.courier.again(0, notification())
    await world.deliver()
    assert world.outcomes[-1] == ("n1", "failed", 9 + len(BACKOFF_S) + 1)


async def test_what_has_no_room_is_left_to_be_read_again_and_others_do_not_wait():
    world = World(("pager", "chat"), pager=["crash", OK], chat=[OK])
    world.courier = world.made(most=4)
    outbox = [notification(str(i), receiver="pager" if i % 2 else "chat") for i in range(40)]
    world.courier.start()
    for offset, one in enumerate(outbox):
        await world.courier.take(offset, one)
        await asyncio.sleep(0.001)
    pager = world.courier.lines["pager"]
    assert (len(pager.items), pager.behind) == (4, 9)
    assert world.courier.positions() == {"pager": 1, "chat": 40}
    await world.courier.stop()
    world.courier.start()
    while pager.behind is not None:
        await asyncio.sleep(0)
        assert len(pager.items) <= 4
        for offset in range(pager.behind, 40):
            if not world.courier.refill("pager", offset, outbox[offset]):
                break
    await asyncio.wait_for(world.courier.idle(), 5)
    await world.courier.stop()
    told = [id for name, id, _ in world.answers.made if name == "pager"]
    assert told == ["1", *[str(i) for i in range(1, 40, 2)]], "all, in order; the first again, for it was cut short"
    assert world.courier.done_before() == 40


async def test_what_is_done_is_forgotten_in_time():
    world = World(pager=[OK])
    ledger = Ledger(remembered=3)
    world.courier = world.made(ledger=ledger)
    await world.deliver(*[notification(str(i)) for i in range(10)])
    assert len(ledger) == 3


async def test_who_is_no_receiver_any_more_has_not_been_told_and_that_is_said():
    world = World(pager=[OK])
    await world.deliver(notification(receiver="chat"))
    assert world.outcomes == [("n1", "failed", 0)]
    assert "no [[receiver]] is named 'chat' any more" in world.book.written[0].error


async def test_what_is_asked_for_and_gone_from_the_outbox_has_failed():
    world = World(pager=[OK])
    world.courier.recall(request())
    (one,) = await world.courier.unfinished()
    await world.courier.missing(one)
    assert world.outcomes == [("n1", "failed", 1)]
    assert await world.courier.unfinished() == []


async def test_what_waits_for_a_breaker_says_until_when():
    world = World(pager=[LATER] * 9 + [OK])
    await world.deliver(notification("a"), notification("b"))
    waiting = next(one for one in world.book.written if one.id == "b")
    assert (waiting.outcome, waiting.attempt) == ("retrying", 0)
    assert waiting.next > waiting.time
    assert world.outcomes[-1] == ("b", "sent", 1)


async def test_an_attempt_under_way_may_end_when_the_courier_stops():
    world = World(pager=[OK])
    begun, end = asyncio.Event(), asyncio.Event()

    async def slow(*_, **__):
        begun.set()
        await end.wait()
        return OK

    world.answers.attempt = slow
    await world.courier.take(0, notification())
    await world.courier.take(1, notification("n2"))
    world.courier.start()
    await begun.wait()
    stopping = asyncio.create_task(world.courier.stop(5.0))
    await asyncio.sleep(0)
    end.set()
    await stopping
    assert world.outcomes == [("n1", "sent", 1)]
    assert world.courier.done_before() == 1, "the other is left to the next"


def test_missing_secrets_are_told_before_anything_starts():
    with pytest.raises(ConfigurationError, match="receiver pager: the environment variable HOOK"):
        check([receiver("http://x/", secret="HOOK")], {})
    with pytest.raises(ConfigurationError, match="fewer than 24"):
        check([receiver("http://x/", secret="HOOK")], {"HOOK": "whsec_AAAA"})
