"""The demo: a story that is always the same, told as shops tell, and a service that makes of it what it must."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from tests.conftest import server_folder
from tracker import plugins
from tracker.demo import cast, shops, stage, story
from tracker.demo.story import DAYS, Delivery, Errand, Purchase, Step, Visit
from tracker.demo.verdict import expected
from tracker.domain.deliveries import Delivery as Received
from tracker.domain.deliveries import ShopContext
from tracker.domain.money import decimal_string
from tracker.domain.orders import Order, fold
from tracker.errors import Conflict

PLACED = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
STORY = story.write()


def as_received(purchase: Purchase, step: Step, told_at: datetime) -> Received:
    clicks = [f"{number:032x}" for number in purchase.visits]
    telling = shops.telling(purchase, step, PLACED, told_at, clicks)
    return Received({name.lower(): value for name, value in telling.headers.items()}, telling.body, told_at)


def folded(purchase: Purchase, chance: Random) -> Order | None:
    """The order after everything was told, in any sequence."""
    platform = plugins.discover("tracker.platforms")[cast.STORES[purchase.store].platform]
    context = ShopContext(click_parameter="rk", hash_customer=lambda email: email)
    deliveries = [as_received(purchase, step, shops.later(PLACED, step)) for step in Step if step in purchase.steps]
    for delivery in deliveries:
        assert platform.verify(delivery, (cast.STORES[purchase.store].secret,), PLACED) == 0
    chance.shuffle(deliveries)
    return fold(event for delivery in deliveries for event in platform.parse(delivery, context))


def test_the_story_of_a_seed_is_always_the_same() -> None:
    assert story.write(7, size=0.2) == story.write(7, size=0.2)
    assert story.write(7, size=0.2) != story.write(8, size=0.2)


def test_the_story_has_everything_in_it() -> None:
    visits = Counter(visit.errand for visit in STORY.visits)
    assert set(visits) == set(Errand)
    assert 6_000 <= len(STORY.visits) <= 8_000
    assert 450 <= len(STORY.purchases) <= 550
    assert {step for purchase in STORY.purchases for step in purchase.steps} == set(Step)
    assert any(purchase.test for purchase in STORY.purchases)
    assert any(not purchase.visits and purchase.code is None for purchase in STORY.purchases)
    assert any(delivery.copies > 1 for delivery in STORY.acts if isinstance(delivery, Delivery))
    assert max(Counter(purchase.customer for purchase in STORY.purchases).values()) > 1


def test_every_click_of_an_order_comes_before_it() -> None:
    visits = {visit.number: visit for visit in STORY.visits}
    assert sorted(visits) == list(range(1, len(visits) + 1))
    for purchase in STORY.purchases:
        days = [visits[number].day for number in purchase.visits]
        assert days == sorted(days)
        assert all(day < purchase.day for day in days)
        assert all(visits[number].errand is Errand.PERSON for number in purchase.visits)


def test_nobody_clicks_a_link_before_it_was_published_and_all_ends_within_four_weeks() -> None:
    published = {spot.slug: spot.day for promoter in cast.PROMOTERS for spot in promoter.spots}
    for act in STORY.acts:
        assert 0 <= act.day <= DAYS
        if isinstance(act, Visit) and act.errand is not Errand.ORPHAN:
            assert act.day >= published[act.slug]


def test_a_later_step_of_an_order_is_told_later() -> None:
    told: dict[int, list[tuple[float, Step]]] = {}
    for act in STORY.acts:
        if isinstance(act, Delivery):
            told.setdefault(act.purchase.number, []).extend((act.day, step) for step in act.steps)
    for purchase in STORY.purchases:
        steps = told[purchase.number]
        assert {step for _, step in steps} == purchase.steps
        sequence = [step for _, step in sorted(steps, key=lambda pair: (pair[0], list(Step).index(pair[1])))]
        assert sequence == sorted(sequence, key=list(Step).index)


def test_what_the_shops_tell_folds_into_what_the_verdict_expects() -> None:
    chance = Random(5)
    for purchase in story.write(size=0.3).purchases:
        order = folded(purchase, chance)
        assert order is not None
        wanted = expected(purchase, [f"{number:032x}" for number in purchase.visits])
        got = {
            "status": order.status.value,
            "test": order.test,
            "total": decimal_string(order.total, "EUR"),
            "refunded": decimal_string(order.refunded, "EUR"),
            "net": decimal_string(order.net, "EUR"),
            "click_ids": list(order.click_ids),
        }
        assert got == wanted, purchase


def test_a_folder_that_is_no_demo_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(Conflict, match="not a demo"), stage.stage(tmp_path, 1):
        pass
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.e2e
def test_four_weeks_through_the_running_service_come_out_as_they_were_played() -> None:
    state = server_folder() / f"demo-{os.urandom(3).hex()}"
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH")}
    command = [sys.executable, "-m", "tracker", "demo", "--state", str(state), "--no-serve"]
    done = subprocess.run(
        [*command, "--seconds", "5", "--size", "0.12"],
        env=kept | {"PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + (state / "log").read_text()[-4000:]
    for promoter in cast.PROMOTERS:
        assert promoter.name in done.stdout
    log = (state / "log").read_text()
    assert "ended with" not in log
    assert "refused to gracefully stop" not in log
    assert "every figure as the shops said" in " ".join(done.stdout.split())
