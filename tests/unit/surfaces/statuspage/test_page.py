"""What the public sees of a shop, in every state that it can be in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from salus.model import Maintenance, Pause, PolicyReport, Selector, Status
from salus.model.statuspage import Impact
from salus.surfaces.statuspage.reading import AHEAD
from tests.fake_agent import NOW
from tests.fake_past import day
from tests.fake_status import CONFIG, Shop


async def conditions(shop: Shop) -> dict[str, str]:
    told: Any = await shop.json("components")
    return {one["name"]: one["status"] for one in told["components"] if not one["group"]}


async def whole(shop: Shop) -> tuple[str, str]:
    told: Any = await shop.json("status")
    return told["status"]["indicator"], told["status"]["description"]


def window(members: Selector, *, since: timedelta, lasts: timedelta) -> PolicyReport:
    begins = NOW + since
    open_ = Maintenance(id="deploy-42", since=begins, until=begins + lasts, members=members, reason="/srv/secret")
    return PolicyReport(maintenance=(open_,))


async def test_all_is_well() -> None:
    shop = Shop()
    assert await whole(shop) == ("none", "All systems operational")
    page = (await shop.ask()).text
    assert page.count("Operational") == 3
    assert "100% available" in page
    assert "Nothing was reported." in page


@pytest.mark.parametrize(
    "statuses, found",
    [
        ({"web-http": Status.UNHEALTHY}, {"Website": "major_outage"}),
        ({"web-http": Status.DEGRADED}, {"Website": "degraded_performance"}),
        ({"pay-api": Status.UNHEALTHY}, {"Payment": "partial_outage"}),
        ({"pay-api": Status.UNHEALTHY, "pay-queue": Status.UNHEALTHY}, {"Payment": "major_outage"}),
        ({"disk-sda": Status.UNHEALTHY}, {}),
    ],
)
async def test_components_are_as_their_checks_say(statuses: dict[str, Status], found: dict[str, str]) -> None:
    well = {"Website": "operational", "Payment": "operational", "Search": "operational"}
    assert await conditions(Shop(statuses=statuses)) == {**well, **found}


async def test_what_cannot_be_told_is_no_data_and_never_green() -> None:
    shop = Shop(statuses={"search-es": Status.UNKNOWN}, days=0)
    assert await whole(shop) == ("minor", "No data from some systems")
    told: Any = await shop.json("components")
    search = next(one for one in told["components"] if one["name"] == "Search")
    assert (search["status"], search["no_data"]) == ("degraded_performance", True)
    assert "no_data" not in told["components"][0]
    page = (await shop.ask()).text
    assert page.count("No data") >= 2
    assert "nothing is known" in page


async def test_a_check_that_is_gone_is_no_data() -> None:
    shop = Shop()
    shop.view.reports = [one for one in shop.view.reports if one.spec.name != "web-http"]
    assert "No data from some systems" in (await shop.ask()).text


async def test_a_check_that_a_person_has_set_aside_is_no_data() -> None:
    shop = Shop()
    shop.put(replace(shop.view.reports[0], paused=Pause(since=NOW)))
    assert await whole(shop) == ("minor", "No data from some systems")


async def test_a_page_without_components_says_so() -> None:
    shop = Shop("status_page: {title: Soon}")
    assert await whole(shop) == ("minor", "No data")
    assert "Nothing is shown here yet." in (await shop.ask()).text


async def test_maintenance_is_told_by_label_and_hides_what_the_checks_say_meanwhile() -> None:
    shop = Shop(statuses={"search-es": Status.UNHEALTHY})
    shop.hold(window(Selector(checks=("search-es", "disk-sda")), since=-timedelta(minutes=5), lasts=timedelta(hours=1)))
    assert (await conditions(shop))["Search"] == "under_maintenance"
    assert await whole(shop) == ("minor", "Under maintenance")
    told: Any = await shop.json("scheduled-maintenances")
    (one,) = told["scheduled_maintenances"]
    assert (one["name"], one["status"], one["impact"]) == ("Maintenance of Search", "in_progress", "maintenance")
    assert [about["name"] for about in one["components"]] == ["Search"]
    page = (await shop.ask()).text
    assert "In progress" in page
    assert "deploy-42" not in page
    assert "/srv/secret" not in page


async def test_maintenance_to_come_is_told_a_month_ahead_and_only_where_it_touches_something() -> None:
    shop = Shop()
    shop.hold(window(Selector(services=("web",)), since=timedelta(days=3), lasts=timedelta(hours=2)))
    told: Any = await shop.json()
    (one,) = told["scheduled_maintenances"]
    assert (one["name"], one["status"]) == ("Maintenance of Website", "scheduled")
    assert "in 3 days" in (await shop.ask()).text
    for members, since in ((Selector(checks=("disk-sda",)), timedelta(1)), (Selector(everything=True), 2 * AHEAD)):
        other = Shop()
        other.hold(window(members, since=since, lasts=timedelta(hours=2)))
        later: Any = await other.json()
        assert later["scheduled_maintenances"] == []


async def test_incidents_that_last_stand_on_top_and_those_that_are_over_below() -> None:
    shop = Shop(statuses={"web-http": Status.UNHEALTHY})
    shop.outage("web-http", ago=timedelta(minutes=7), lasted=None)
    shop.outage("search-es", ago=timedelta(days=3), lasted=timedelta(minutes=12))
    shop.outage("pay-api", ago=timedelta(days=30), lasted=timedelta(minutes=12))
    page = (await shop.ask()).text
    assert page.index("Outage of Website") < page.index("Behind the counter") < page.index("Outage of Search")
    assert "Outage of Payment" not in page
    january = (await shop.ask("/status/history?month=2026-01")).text
    assert "Partial outage of Payment" in january
    told: Any = await shop.json()
    assert [one["name"] for one in told["incidents"]] == ["Outage of Website"]
    every: Any = await shop.json("incidents")
    assert len(every["incidents"]) == 3


async def test_what_people_announce_is_told_and_makes_things_as_bad_as_they_say() -> None:
    shop = Shop()
    made = await shop.book.announce("No power", Impact.MAJOR, ["Search"], text="We look into it", by="olaf")
    assert (await conditions(shop))["Search"] == "partial_outage"
    shop.clock.at += timedelta(minutes=10)
    await shop.book.update(made.id, "The generators run", by="eva")
    page = (await shop.ask()).text
    assert page.index("The generators run") < page.index("We look into it")
    assert "olaf" not in page
    assert "eva" not in page
    await shop.book.resolve(made.id, by="eva")
    shop.clock.at += timedelta(minutes=1)
    assert await whole(shop) == ("none", "All systems operational")
    told: Any = await shop.json("incidents")
    assert told["incidents"][0]["status"] == "resolved"
    assert "This is over, after 10 minutes." in (await shop.ask()).text


async def test_an_announcement_of_the_whole_is_told_in_the_headline() -> None:
    shop = Shop()
    await shop.book.announce("Everything is slow", Impact.MINOR)
    assert await whole(shop) == ("minor", "Degraded performance")
    assert set((await conditions(shop)).values()) == {"operational"}


async def test_what_was_announced_of_a_component_that_is_shown_no_more_is_not_told_either() -> None:
    shop = Shop()
    await shop.book.announce("No power", Impact.CRITICAL, ["Search"])
    await shop.book.announce("Slow", Impact.MINOR, ["Website", "Search"])
    shop.reload(CONFIG.replace("        Search: search-es\n", ""))
    page = (await shop.ask()).text
    assert "No power" not in page
    assert "Slow" in page
    assert "Search" not in page
    assert await whole(shop) == ("minor", "Degraded performance")


async def test_announced_maintenance_stands_with_the_scheduled() -> None:
    shop = Shop()
    await shop.book.announce("We move", Impact.MAINTENANCE, ["Website"])
    assert (await conditions(shop))["Website"] == "under_maintenance"
    told: Any = await shop.json()
    assert told["incidents"] == []
    assert [(one["name"], one["status"]) for one in told["scheduled_maintenances"]] == [("We move", "in_progress")]


async def test_only_what_is_announced_is_told_where_the_config_says_so() -> None:
    shop = Shop(CONFIG + "  incidents: announced\n")
    shop.outage("web-http", ago=timedelta(minutes=7), lasted=None)
    await shop.book.announce("We move", Impact.MINOR)
    told: Any = await shop.json("incidents")
    assert [one["name"] for one in told["incidents"]] == ["We move"]
    assert "incidents" not in shop.past.asked


async def test_nothing_is_told_where_the_config_says_so() -> None:
    shop = Shop(CONFIG + "  incidents: none\n")
    await shop.book.announce("We move", Impact.CRITICAL)
    page = (await shop.ask()).text
    assert "We move" not in page
    assert "feed.atom" not in page
    assert [(await shop.ask(f"/status{path}")).code for path in ("/history", "/feed.atom", "/feed.rss")] == [404] * 3
    assert await whole(shop) == ("none", "All systems operational")


async def test_messages_are_shown_where_they_were_chosen() -> None:
    shop = Shop(CONFIG + "  show_messages: true\n", {"web-http": Status.UNHEALTHY})
    assert "web-http at 10.9.8.7 says /srv/secret" in (await shop.ask()).text


async def test_the_days_are_drawn_and_the_worst_of_several_checks_counts() -> None:
    shop = Shop()
    days = list(shop.past.days_of["pay-queue"])
    days[-3] = day(days[-3].date, down=3600)
    shop.past.days_of["pay-queue"] = days
    page = (await shop.ask()).text
    assert "27 Feb 2026: 95.83% available, 1 h down" in page
    assert page.count("99.95% available") >= 1


async def test_a_ledger_that_cannot_be_read_leaves_the_present_standing_and_is_told() -> None:
    shop = Shop(statuses={"web-http": Status.UNHEALTHY})
    shop.past.broken = True
    answer = await shop.ask()
    assert answer.code == 200
    assert "Past incidents cannot be shown just now." in answer.text
    assert "Major outage" in answer.text
    assert "c-days" not in answer.text
