"""A marketer reads the rules in sentences, drafts others, sees who gains and who loses, and publishes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from tests.conftest import Ledger
from tests.desk import Desk, opened_desk, settings_of
from tests.given import World
from tracker.domain import rule_words
from tracker.domain.presets import PRESETS
from tracker.domain.rules import Rules
from tracker.ledger.tables import RuleDraft, RuleSet
from tracker.web import _rule_form

MARCH = "from=2026-03-01&to=2026-03-31"


@pytest.fixture
def world(sqlite_ledger: Ledger) -> World:
    made = World(sqlite_ledger)
    made.code("BOB10", made.bob)
    made.order(net="90.00", clicks=[made.click(made.alice_link, days=1)], codes=["BOB10"])
    made.order(net="40.00", clicks=[made.click(made.bob_link, days=1)])
    made.attribute()
    return made


@pytest.fixture
def desk(world: World, redis_url: str, tmp_path: Path) -> Iterator[Desk]:
    with opened_desk(settings_of(world.ledger.url, redis_url, tmp_path)) as opened:
        opened.sign_in()
        yield opened


def text_of(page: str) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def drafted(desk: Desk, name: str = "Clicks", preset: str = "") -> str:
    """The path of a new draft, made by the form."""
    answer = desk.post("/rules/drafts", desk.token("/rules/"), name=name, preset=preset)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def fields_of(page: str) -> dict[str, str]:
    """What the big form would send as it stands; of checkboxes the first one that is ticked."""
    form = page.partition('<form class="rules"')[2].partition("</form>")[0]
    found = dict(re.findall(r'<input(?: type="number")? name="([^"]+)" value="([^"]*)"', form))
    found |= dict(re.findall(r'<textarea name="([^"]+)"[^>]*>([^<]*)<', form))
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        found[name] = chosen.group(1) if chosen else ""
    ticked = re.search(r'type="checkbox" name="([^"]+)" value="([^"]+)" checked', form)
    return {**found, **({ticked.group(1): ticked.group(2)} if ticked else {})}


def test_the_rules_in_force_are_read_in_sentences(desk: Desk) -> None:
    text = text_of(desk.get("/rules/").text)
    for told in (
        "In force: version 1",
        "The owner of the code that was used earns alone",
        "Click: 30 days",
        "A journey begins after the customer's previous order",
        "Last click.",
    ):
        assert told in text
    assert "Strength of evidence" not in text
    assert '"/rules/" aria-current="page"' in desk.get("/rules/").text
    french = text_of(desk.get("/rules/", **{"Accept-Language": "fr"}).text)
    assert "30" in french


def test_a_draft_from_a_preset_is_edited_replayed_and_published(desk: Desk, world: World) -> None:
    draft = drafted(desk, preset="everflow_click")
    page = desk.get(draft).text
    assert "Strength of evidence" in page
    sent = {**fields_of(page), "name": "Clicks first", "windows.click:affiliate": "14", "paying_model": "linear"}
    answer = desk.post(draft, desk.token(draft), **sent)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{draft}/replay")
    replayed = desk.get(f"{draft}/replay?{MARCH}").text
    text = text_of(replayed)
    for told in ("Alice", "+€90.00", "-€90.00", "Rule so far: A partner's code was used", "in 1 order of 2"):
        assert told in text
    assert re.search(r'href="/orders/[0-9a-f]{32}\?from=2026-03-01', replayed)
    assert "Orders behind it" in desk.get(f"{draft}/replay?{MARCH}&partner={world.alice}").text
    confirm = text_of(desk.get(f"{draft}/publish").text)
    assert (
        "Lookback windows Click: 30 days Click: 30 days Affiliate" in confirm.replace(" · ", " ")
        or "14 days" in confirm
    )
    refused = desk.post(f"{draft}/publish", desk.token(draft), start="2026-03-01T00:00", newest="1")
    assert refused.status_code == 422
    assert "in the past" in refused.text
    done = desk.post(f"{draft}/publish", desk.token(draft), start="2026-03-01T00:00", newest="1", past="yes")
    assert done.status_code == 302
    text = text_of(desk.get("/rules/").text)
    assert "In force: version 2" in text
    assert "2 orders are being credited anew" in text
    assert [row["version"] for row in world.all(RuleSet)] in ([1, 2], [2, 1])
    assert "Published as version 2" in desk.get(draft).text
    assert desk.post(f"{draft}/publish", desk.token("/rules/"), newest="2").status_code == 422


def test_what_will_not_do_is_said_at_its_field_and_nothing_is_saved(desk: Desk, world: World) -> None:
    draft = drafted(desk)
    before = world.all(RuleDraft)
    sent = fields_of(desk.get(draft).text)
    answer = desk.post(
        draft, desk.token(draft), **{**sent, "windows.click": "soon", "models.position_based.first": "2"}
    )
    assert answer.status_code == 422
    assert 'name="windows.click" value="soon"' in answer.text
    assert 'id="error-windows.click">windows.click: want a number of days' in answer.text
    wrong_model = desk.post(draft, desk.token(draft), **{**sent, "models.position_based.first": "2"})
    assert "sum to at most 1" in wrong_model.text
    wrong_codes = desk.post(draft, desk.token(draft), **{**sent, "code_policies": "LEA10 = perhaps"})
    assert "want always, if_involved, if_winner" in wrong_codes.text
    assert desk.post(draft, desk.token(draft), **{**sent, "name": ""}).status_code == 422
    assert world.all(RuleDraft) == before
    assert desk.post("/rules/drafts", desk.token("/rules/"), name="Clicks").status_code == 422


def test_saving_the_form_as_it_stands_changes_nothing_whatever_the_draft_says(desk: Desk, world: World) -> None:
    with desk.app.test_request_context():
        for preset in PRESETS.values():
            settings = {
                **preset.over(Rules().to_json(whole=True)),
                "code_policies": {"lea10": "if_winner"},
                "customers": {"affiliate": "new"},
                "throw_out": 95,
                "campaigns": {"c" * 32: {"channel_policy": "all", "customers": {"influence": "new"}, "protection": 60}},
            }
            campaigns = {"c" * 32: "Spring"}
            form = _filled(settings, campaigns)
            found, errors = _rule_form.written(settings, form, campaigns)
            assert errors == {}
            known, saved = (Rules.from_json(0, each).to_json(whole=True) for each in (settings, found))
            known["models"] = saved["models"]  # the form writes out what is as the model's own
            assert saved == known
            assert _rule_form.lines(saved, campaigns)


def _filled(settings: dict[str, object], campaigns: dict[str, str]) -> MultiDict[str, str]:
    pairs = []
    for group in _rule_form.groups(settings, campaigns):
        for entry in (*group.entries, *group.further):
            values = sorted(entry.chosen) if entry.shape == "checks" else [entry.value]
            pairs += [(entry.name, value) for value in values]
    return MultiDict(pairs)


def test_a_draft_is_dropped_and_one_of_another_brand_is_not_there(desk: Desk, world: World) -> None:
    draft = drafted(desk)
    World(world.ledger, name="Autre")
    autre = desk.get("/rules/").text.partition('class="brand">')[2].partition("<")[0]
    assert autre == "Autre"
    for path in ("", "/replay", "/publish"):
        assert desk.get(draft + path).status_code == 404
    own = f"brand={world.brand}"
    assert desk.get(f"{draft}?{own}").status_code == 200
    assert desk.post(f"{draft}/drop?{own}", desk.token(f"{draft}?{own}")).status_code == 302
    with world.ledger.session() as session:
        assert session.execute(select(RuleDraft.id)).all() == []


def test_nobody_reads_the_rules_without_signing_in(desk: Desk) -> None:
    stranger = desk.another_browser()
    assert stranger.get("/rules/").status_code == 302
    assert stranger.post("/rules/drafts", None, name="x").status_code in (302, 400)


def test_every_word_is_a_sentence_that_pages_translate() -> None:
    assert len(rule_words.SENTENCES) > 50
    assert all(text.strip() == text for text in rule_words.SENTENCES)
