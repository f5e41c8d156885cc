"""What people ask of alerts is carried out, and told as an event with their name."""

from __future__ import annotations

import pytest

from salus.engine.alertdesk import EngineAlertDesk
from salus.engine.courier import Courier
from salus.errors import DeliveryError, NotFoundError
from salus.model import AlertState, ChannelSpec, Delivery, EventKind, Notification, Occasion
from tests.unit.engine.test_alerter import Telling, play
from tests.unit.engine.test_courier import Receiver

CHAT = ChannelSpec(name="chat", kind="log")


def delivery(world: Telling) -> Delivery:
    now = world.clock.now()
    note = Notification(id="n1", channel="chat", key="web", occasion=Occasion.FIRING, state=AlertState.FIRING, at=now)
    return Delivery(id="n1", channel="chat", key="web", number=1, notification=note, created_at=now, due_at=now)


def desk_of(world: Telling) -> tuple[EngineAlertDesk, Courier]:
    courier = Courier(world.store, world.recorder, world.clock, world.bus.tell, "salus-1")
    return EngineAlertDesk(world.engine, world.alerter, courier, world.alerter.silences, world.store), courier


def test_a_test_of_a_channel_is_an_event_that_says_who_asked_and_how_it_went() -> None:
    async def story(world: Telling) -> None:
        receiver = Receiver(world.clock)
        desk, courier = desk_of(world)
        async with world.telling():
            await courier.configure({"chat": (CHAT, receiver)})
            await desk.test_channel("chat", by="ann")
            receiver.down = lambda _: DeliveryError("503")
            with pytest.raises(DeliveryError):
                await desk.test_channel("chat")
            with pytest.raises(NotFoundError):
                await desk.test_channel("no such channel")
            said = [(event.reason, event.message) for event in world.log.of(EventKind.CHANNEL_TESTED)]
            assert said == [
                ("chat", "chat: ann asked for a test, and it arrived"),
                ("chat", "chat: somebody asked for a test, and it did not arrive: 503"),
            ]

    play(story)


def test_a_dead_letter_that_is_tried_again_is_an_event_that_says_who_asked() -> None:
    async def story(world: Telling) -> None:
        receiver = Receiver(world.clock, down=lambda _: DeliveryError("400", permanent=True))
        desk, courier = desk_of(world)
        async with world.telling():
            await courier.configure({"chat": (CHAT, receiver)})
            await courier.start()
            letter = delivery(world)
            world.recorder.delivery(letter)
            courier.take(letter)
            await world.until(lambda: bool(world.log.of(EventKind.NOTIFICATION_DEAD)))
            await world.clock.sleep(1)
            with pytest.raises(NotFoundError):
                await desk.revive("nothing", by="ann")
            receiver.down = lambda _: None
            await desk.revive("n1", by="ann")
            await world.until(lambda: bool(receiver.got))
            (event,) = world.log.of(EventKind.NOTIFICATION_REVIVED)
            assert event.message == "ann asked to try notification n1 again"
            assert event.data == {"notification": "n1"}
            await courier.stop(1.0)

    play(story)
