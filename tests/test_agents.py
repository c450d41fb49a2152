"""Who is a person: measured on labelled strings, and on the cases that cost a partner money when they are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.agents import look
from tracker.domain.agents import HIDDEN_LOAD, Taken, agent_verdict, verdict

ROOT = Path(__file__).parents[1]
OWN = Path(__file__).parent / "data" / "agents.tsv"
SHARED = ROOT.parent / "shared" / "ua_dev.tsv"

IN_APP = (
    "FBAN/", "FB_IAB/", "MetaIAB", "Instagram ", "Barcelona ", "musical_ly", "trill_", "BytedanceWebview", "Snapchat/",
    "[Pinterest/", "Twitter for i", "TwitterAndroid", "[LinkedInApp]", "MicroMessenger/", "GSA/", "Line/",
)  # fmt: skip
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36"
)


def labelled(path: Path) -> Iterator[tuple[str, Taken]]:
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            user_agent, _, label = line.rpartition("\t")
            yield user_agent, Taken(label)


@pytest.mark.parametrize("path", [OWN, SHARED if SHARED.exists() else OWN], ids=["own", "shared"])
def test_few_people_are_taken_for_bots_and_few_bots_for_people(path: Path) -> None:
    judged = [(user_agent, label, agent_verdict(user_agent).verdict) for user_agent, label in labelled(path)]
    caught = sum(label != Taken.HUMAN and taken != Taken.HUMAN for _, label, taken in judged)
    accused = sum(taken != Taken.HUMAN for _, _, taken in judged)
    machines = sum(label != Taken.HUMAN for _, label, _ in judged)
    previews = [taken for _, label, taken in judged if label == Taken.PREVIEW]

    assert caught / accused >= 0.995
    assert caught / machines >= 0.95
    assert previews.count(Taken.PREVIEW) / len(previews) >= 0.97
    assert not [
        user_agent
        for user_agent, label, taken in judged
        if label == Taken.HUMAN and taken != Taken.HUMAN and any(app in user_agent for app in IN_APP)
    ]


def test_our_own_sample_is_judged_without_a_mistake() -> None:
    assert [case for case in labelled(OWN) if agent_verdict(case[0]).verdict != case[1]] == []


@pytest.mark.parametrize(
    ("user_agent", "reason"),
    [
        ("", "no_agent"),
        ("curl/8.14.1", "automation"),
        ("SomeApp/1.0", "no_browser"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "declared_bot"),
        (CHROME + " Crawly (+https://crawly.example)", "declared_bot"),
        (CHROME + " Prices/1.0 (+https://prices.example.com)", "contact"),
        (CHROME.replace("Chrome", "HeadlessChrome"), "automation"),
        ("WhatsApp/2.25.30.76 A", "link_preview"),
        (CHROME, "browser"),
        (CHROME.replace("Windows NT 10.0; Win64; x64", "Linux; Android 16; K; wv"), "in_app"),
    ],
)
def test_a_verdict_tells_its_reason(user_agent: str, reason: str) -> None:
    assert agent_verdict(user_agent).reason == reason


@pytest.mark.parametrize(
    ("dest", "mode"),
    [("iframe", "navigate"), ("embed", "navigate"), ("image", "no-cors"), ("script", "no-cors"), ("empty", "cors")],
)
def test_a_link_loaded_behind_somebodys_back_is_no_click(dest: str, mode: str) -> None:
    assert verdict(CHROME, dest, mode) == HIDDEN_LOAD


@pytest.mark.parametrize(("dest", "mode"), [("document", "navigate"), (None, None), ("", "")])
def test_a_followed_link_is_a_click_whether_or_not_the_browser_says_so(dest: str | None, mode: str | None) -> None:
    assert verdict(CHROME, dest, mode).verdict == Taken.HUMAN


@given(st.text(max_size=1500), st.none() | st.text(max_size=20), st.none() | st.text(max_size=20))
def test_any_string_gets_a_verdict_that_fits_its_column(user_agent: str, dest: str | None, mode: str | None) -> None:
    given_verdict = verdict(user_agent, dest, mode)

    assert given_verdict.verdict in Taken
    assert 0 < len(given_verdict.reason) <= 40


def test_an_agent_is_named_and_keeps_its_digest() -> None:
    agent = look("Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 "
                 "Mobile/15E148 Safari/604.1")  # fmt: skip

    assert (agent.browser, agent.system, agent.device) == ("Mobile Safari", "iOS", "tablet")
    assert agent is look(agent.text)
    assert agent.id != look("another").id


@given(st.text(max_size=600))
def test_any_string_is_an_agent_that_fits_its_columns(text: str) -> None:
    agent = look(text)

    assert len(agent.browser or "") <= 60
    assert len(agent.system or "") <= 60
    assert agent.device in {"tablet", "phone", "desktop", "other"}
