"""The command line: what it prints for programs and for people, and that bad input is one line and exit code 2."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.api_world import ApiWorld
from tracker import cli, plugins
from tracker.domain.ids import is_id
from tracker.ledger.tables import ApiKey, InboxRow
from tracker.settings import Settings
from tracker.wiring import Wiring

SECRET = "shpss_0123456789abcdef0123456789abcdef"


@dataclass
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Tracker = Callable[..., Ran]


@pytest.fixture
def environment(sqlite_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "TRACKER_STATE": str(tmp_path / "state"),
        "DATABASE_URL": sqlite_url,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "0" * 64,
        "PUBLIC_URL": "https://go.example.com",
    }


@pytest.fixture
def tracker(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Tracker:
    """`tracker("brand", "add", …)` in this process, as the console script runs it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["tracker", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        return Ran(int(caught.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def maison(tracker: Tracker) -> Any:
    """A brand to begin with."""
    return tracker(
        *("brand", "add", "Maison Test", "--time-zone", "Europe/Paris", "--currency", "EUR"),
        *("--host", "go.example.com", "--host", "m.example.com", "--landing-domain", "shop.example.com"),
        *("--landing-domain", "example.org", "--fallback-url", "https://shop.example.com/", "--json"),
    ).json


def refused(ran: Ran, *words: str) -> None:
    """Exit code 2, nothing on stdout, one line on stderr with these words."""
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("tracker: ")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    for word in words:
        assert word in ran.err


# --- the way from an empty installation to a link and a code ---------------------------------------------------------


def test_a_newcomer_gets_from_nothing_to_a_link_and_a_code(tracker: Tracker, maison: Any) -> None:
    assert maison["hosts"] == ["go.example.com", "m.example.com"]
    key = tracker("key", "add", "--brand", "Maison Test", "--json").json
    assert key["key"].startswith("trk_")
    assert is_id(key["id"])
    shop = tracker("shop", "add", "--brand", maison["id"], "--platform", "shopify", "--secret", SECRET, "--json").json
    assert shop["webhook_url"].startswith("https://go.example.com/webhooks/shopify/")
    partner = tracker("partner", "add", "--name", "Léa", "--kind", "creator", "--followers", "12000", "--json").json
    assert (partner["name"], partner["channel"], partner["followers"]) == ("Léa", "influence", 12000)
    campaign = tracker("campaign", "add", "Printemps", "--utm", "source=instagram", "--json").json
    placement = tracker(
        *("placement", "add", "--partner", "Léa", "--campaign", "printemps", "--network", "TikTok"),
        *("--format", "video", "--url", "https://tiktok.example/v/1", "--published-at", "2026-03-01", "--json"),
    ).json
    assert (placement["campaign"], placement["network"]) == (campaign["id"], "tiktok")
    link = tracker(
        *("link", "add", "--partner", "léa", "--landing-url", "https://shop.example.com/p", "--slug", "lea"),
        *("--placement", "https://tiktok.example/v/1", "--json"),
    ).json
    assert link["url"] == "https://go.example.com/r/lea"
    assert (link["partner"], link["placement"], link["campaign"]) == (partner["id"], placement["id"], campaign["id"])
    code = tracker("code", "add", "--partner", partner["id"], "--code", "LEA15", "--json").json
    assert (code["code"], code["partner"]) == ("LEA15", partner["id"])
    for noun, made in (("shop", shop), ("partner", partner), ("campaign", campaign), ("placement", placement),
                       ("link", link), ("code", code)):  # fmt: skip
        assert tracker(noun, "list", "--json").json == [made]
        assert tracker(noun, "show", made["id"], "--json").json == made
    assert tracker("brand", "show", "--json").json == tracker("brand", "list", "--json").json[0] == maison


def test_names_may_be_arguments_or_options_but_not_two_different_ones(tracker: Tracker, maison: Any) -> None:
    assert tracker("partner", "add", "Léa", "--json").json["name"] == "Léa"
    assert tracker("partner", "add", "--name", "Tom", "--json").json["name"] == "Tom"
    refused(tracker("partner", "add", "Léa", "--name", "Tom"), "--name: said twice")
    refused(tracker("partner", "add"), "--name:")
    assert tracker("code", "add", "LEA15", "--partner", "Léa", "--json").json["code"] == "LEA15"
    for number, way in enumerate((["--url"], ["--to"], ["--landing"], ["--landing-url"], [])):
        made = tracker("link", "add", "--partner", "Léa", "--slug", f"l{number}", *way, "https://example.org", "--json")
        assert made.json["landing_url"] == "https://example.org/"


def test_the_brand_is_named_where_there_are_several_unless_an_id_says_it(tracker: Tracker, maison: Any) -> None:
    partner = tracker("partner", "add", "Léa", "--json").json["id"]
    tracker("brand", "add", "Second", "--host", "second.example.com", "--landing-domain", "example.org")
    refused(tracker("partner", "list"), "--brand", "Maison Test, Second")
    refused(tracker("partner", "list", "--brand", "Third"), "no brand is called Third")
    assert tracker("partner", "show", partner, "--json").json["id"] == partner
    made = tracker("link", "add", "https://shop.example.com/", "--partner", partner, "--json")
    assert made.json["host"] == "go.example.com"
    refused(tracker("partner", "show", partner, "--brand", "Second"), "no such partner")


def test_lists_and_things_are_readable_by_people(tracker: Tracker, maison: Any) -> None:
    shown = tracker("partner", "add", "Léa")
    assert "name        Léa" in shown.out
    tracker("link", "add", "https://example.org/", "--partner", "Léa")
    tracker("code", "add", "LEA15", "--partner", "Léa")
    for noun in ("partner", "link", "code"):
        listed = tracker(noun, "list").out
        assert "Léa" in listed
        assert "…" not in listed


# --- changes ---------------------------------------------------------------------------------------------------------


def test_a_brands_hosts_and_domains_are_added_and_removed(tracker: Tracker, maison: Any) -> None:
    changed = tracker(
        *("brand", "edit", "--add-host", "new.example.com", "--remove-host", "https://M.example.com/"),
        *("--landing-domain", "example.net", "--remove-landing-domain", "example.org", "--fallback-url", "", "--json"),
    ).json
    assert changed["hosts"] == ["go.example.com", "new.example.com"]
    assert changed["landing_domains"] == ["shop.example.com", "example.net"]
    assert changed["fallback_url"] is None


def test_a_link_is_disabled_enabled_and_sent_elsewhere(tracker: Tracker, maison: Any) -> None:
    tracker("partner", "add", "Léa")
    tracker("link", "add", "https://example.org/", "--partner", "Léa", "--slug", "lea", "--expires", "2026-03-31")
    assert tracker("link", "disable", "lea", "--json").json["disabled_at"]
    assert tracker("link", "enable", "https://go.example.com/r/lea", "--json").json["disabled_at"] is None
    changed = tracker("link", "edit", "lea", "--to", "https://shop.example.com/b", "--expires", "", "--json").json
    assert (changed["landing_url"], changed["expires_at"]) == ("https://shop.example.com/b", None)


def test_a_code_is_given_on_a_date_and_retired(tracker: Tracker, maison: Any) -> None:
    lea, tom = (tracker("partner", "add", name, "--json").json["id"] for name in ("Léa", "Tom"))
    tracker("code", "add", "LEA15", "--partner", lea)
    given = tracker("code", "give", "lea15", "--to", "Tom", "--from", "2026-03-01", "--json").json
    assert [owner["partner"] for owner in given["owners"]] == [lea, tom]
    assert given["owners"][0]["valid_to"] == "2026-02-28T23:00:00Z"
    assert tracker("code", "retire", "LEA15", "--json").json["partner"] is None


def test_a_secret_follows_another_without_a_gap(tracker: Tracker, maison: Any) -> None:
    shop = tracker("shop", "add", "Boutique", "--platform", "shopify", "--secret", "-", "--json", stdin=SECRET + "\n")
    assert [secret["hint"] for secret in shop.json["secrets"]] == [SECRET[-4:]]
    assert SECRET not in shop.out
    assert tracker("shop", "add", "Waiting", "--platform", "woocommerce").out.count("tracker shop secret add") == 1
    assert "no secret yet" in tracker("shop", "list").out
    made = tracker("shop", "add", "Chosen", "--platform", "standard").out
    assert "whsec_" in made
    assert "shown this once" in made
    refused(tracker("shop", "secret", "remove", "Boutique", SECRET[-4:]), "only secret")
    new = tracker("shop", "secret", "add", "Boutique", "--json", stdin=SECRET[::-1]).json
    assert new["hint"] == SECRET[:4][::-1]
    refused(tracker("shop", "secret", "add", "--shop", "Boutique", "--secret", SECRET), "has this secret already")
    left = tracker("shop", "secret", "remove", "--shop", shop.json["id"], SECRET, "--json").json
    assert [secret["id"] for secret in left["secrets"]] == [new["id"]]
    assert tracker("shop", "secret", "list", "Boutique", "--json").json == left["secrets"]
    assert tracker("shop", "disable", "Boutique", "--json").json["disabled_at"]
    assert tracker("shop", "enable", "boutique", "--json").json["disabled_at"] is None


def test_a_key_is_shown_once_and_revoked(tracker: Tracker, maison: Any, environment: dict[str, str]) -> None:
    key = tracker("key", "add", "Site", "--json").json
    listed = tracker("key", "list")
    assert key["prefix"] in listed.out
    assert key["key"] not in listed.out
    assert tracker("key", "revoke", key["prefix"], "--json").json["revoked_at"]
    wiring = Wiring(Settings.from_env(environment))
    with wiring.sessions() as session:
        assert session.execute(select(ApiKey.revoked_at)).scalar_one() is not None
    wiring.engine.dispose()


# --- orders, receipts, reports, the inbox ----------------------------------------------------------------------------


@pytest.fixture
def world(environment: dict[str, str]) -> Any:
    """Two brands with an order each."""
    made = ApiWorld(Settings.from_env(environment))
    yield made
    made.close()


def test_orders_are_what_the_api_shows(tracker: Tracker, world: ApiWorld) -> None:
    shown: Any = world.alice.get("/orders").json
    assert tracker("orders", "--brand", "alice", "--json").json == shown["data"]
    assert tracker("orders", "-b", "alice", "--to", "2026-03-01", "--json").json == []
    assert len(tracker("orders", "-b", "alice", "--partner", "Alice", "--limit", "5", "--json").json) == 1
    table = tracker("orders", "--brand", "alice").out
    assert "90.00 EUR" in table
    assert "90.00 alice (influence)" in table
    refused(tracker("orders", "-b", "alice", "--model", "guess"), "--model", "last_click")
    refused(tracker("orders", "-b", "alice", "--from", "yesterday"), "--from", "2026-03-31")


def test_a_receipt_is_found_by_id_and_by_number(tracker: Tracker, world: ApiWorld) -> None:
    shown: Any = world.alice.get(f"/orders/{world.alice.ids['order']}/receipt").json
    assert tracker("receipt", world.alice.ids["order"], "--json").json == shown
    assert tracker("receipt", "#1001", "--brand", "alice", "--json").json == shown
    printed = tracker("receipt", "1001", "--brand", "alice").out
    assert "candidates: alice" in printed
    assert "shop: alice" in printed
    refused(tracker("receipt", "1002", "--brand", "alice"), "no order 1002")
    refused(tracker("receipt", world.bob.ids["order"], "--brand", "alice"), "no such order")


def test_every_report_comes_as_json_and_as_table_and_csv_like_any_other(tracker: Tracker, world: ApiWorld) -> None:
    names = [report["name"] for report in tracker("report", "--json").json]
    assert names == list(plugins.discover("tracker.reports"))
    for name in names:
        asked = (name, "--brand", "alice", "--from", "2026-03-01", "--to", "2026-03-31")
        as_json = tracker("report", *asked, "--format", "json").json
        shown: Any = world.alice.get(f"/reports/{name}", query_string={"from": "2026-03-01", "to": "2026-03-31"}).json
        assert as_json == {key: value for key, value in shown.items() if key not in ("as_of", "next_cursor")}
        if name not in names[::8]:
            continue
        heading, *rows = csv.reader(io.StringIO(tracker("report", *asked, "--format", "csv").out))
        assert heading == [column["key"] for column in as_json["columns"]]
        assert len(rows) == len(as_json["rows"])
        assert as_json["columns"][0]["title"].split()[0] in tracker("report", *asked).out
    refused(tracker("report", "nothing", "-b", "alice"), "no report is called", "channels")
    refused(tracker("report", "channels", "-b", "alice", "--partner", "Bob"), "no partner is called Bob")


def test_deliveries_that_wait_for_a_person_get_a_second_chance(tracker: Tracker, world: ApiWorld) -> None:
    now = world.wiring.clock.now()
    with world.desk(world.alice.brand) as desk:
        desk.session.add(
            InboxRow(id="1" * 32, shop_id=world.alice.ids["shop"], dedupe_key="k", topic="orders/paid", headers={},
                     body=b"{", body_digest="0" * 64, state="quarantined", error="not JSON", attempts=1,
                     received_at=now, due_at=now)
        )  # fmt: skip
    assert [row["error"] for row in tracker("inbox", "list", "--json").json] == ["not JSON"]
    assert tracker("inbox", "list", "--brand", "bob", "--json").json == []
    assert "not JSON" in tracker("inbox", "list").out
    refused(tracker("inbox", "retry"), "--all")
    refused(tracker("inbox", "retry", "1" * 32, "--brand", "bob"), "--brand")
    assert tracker("inbox", "retry", "--all", "--brand", "bob", "--json").json == {"retried": 0}
    assert tracker("inbox", "retry", "1" * 32, "--json").json == {"retried": 1}
    assert tracker("inbox", "retry", "--all", "--json").json == {"retried": 0}
    assert [row["state"] for row in tracker("inbox", "list", "--state", "pending", "--json").json] == ["pending"]


# --- what is asked wrongly -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["brand", "add", "Maison Test"], ["called Maison Test"]),
        (["brand", "add", "X"], ["--host", "go.example.com"]),
        (["brand", "add", "X", "--host", "x.example", "--time-zone", "Paris"], ["--time-zone", "Europe/Paris"]),
        (["brand", "add", "X", "--host", "a b"], ["--host", "go.example.com"]),
        (["brand", "add", "X", "--landing-domain", "http://1.2.3.4"], ["--landing-domain"]),
        (["partner", "add", "X", "--kind", "star"], ["--kind", "creator"]),
        (["partner", "add", "X", "--followers", "many"], ["--followers"]),
        (["link", "add", "https://example.org"], ["--partner", "tracker link add --help"]),
        (["link", "add", "https://evil.example", "--partner", "Léa"], ["--landing-url", "shop.example.com"]),
        (["link", "add", "https://example.org", "--partner", "Zoé"], ["no partner is called Zoé"]),
        (["link", "add", "https://example.org", "--partner", "Léa", "--expires", "soon"], ["--expires", "2026-03-31"]),
        (["code", "add", " ", "--partner", "Léa"], ["--code"]),
        (["campaign", "add", "X", "--utm", "instagram"], ["--utm", "source=instagram"]),
        (["shop", "add", "--platform", "magento"], ["--platform", "shopify"]),
        (["shop", "add", "--platform", "stripe", "--secret", "sk_live_1"], ["--secret"]),
        (["nothing"], ["nothing", "tracker --help"]),
        (["brand", "add", "X", "--colour", "red"], ["--colour"]),
        (["report", "channels", "--format", "pdf"], ["--format"]),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(
    tracker: Tracker, maison: Any, arguments: list[str], words: list[str]
) -> None:
    tracker("partner", "add", "Léa")
    refused(tracker(*arguments), *words)


def test_without_a_brand_it_says_how_to_add_one(tracker: Tracker) -> None:
    refused(tracker("partner", "add", "Léa"), "tracker brand add")


def test_a_group_alone_shows_its_commands(tracker: Tracker) -> None:
    ran = tracker("code")
    assert ran.code == 2
    assert "give" in ran.err


def test_the_console_script_fails_in_one_line_without_an_installation(
    environment: dict[str, str], tmp_path: Path
) -> None:
    empty = {**os.environ, **environment, "DATABASE_URL": f"sqlite:///{tmp_path}/none.db"}
    ran = subprocess.run(
        [sys.executable, "-m", "tracker", "brand", "list"], env=empty, capture_output=True, text=True, check=False
    )
    refused(Ran(ran.returncode, ran.stdout, ran.stderr), "tracker up")


def test_every_command_has_help(tracker: Tracker) -> None:
    for name in sorted(cli.tracker.commands):
        ran = tracker(name, "--help")
        assert (ran.code, ran.out.startswith("Usage: tracker")) == (0, True)


def test_the_rules_are_shown_and_set(tracker: Tracker, maison: Any) -> None:
    assert "code_wins" in tracker("rules", "show").out
    asked = ("--between-partners", "shared", "--window", "click.influence=14", "--window", "click=20")
    changed = tracker("rules", "set", *asked, "--excluded-source", "", "--json").json
    assert (changed["version"], changed["windows"]) == (2, {"click": 20.0, "click:influence": 14.0})
    assert changed["excluded_sources"] == []
    assert tracker("rules", "set", "--window", "click.influence=", "--json").json["windows"] == {"click": 20.0}
    assert tracker("rules", "show", "--json").json["version"] == 3
    refused(tracker("rules", "set", "--window", "click"), "--window", "click.influence=30")
    refused(tracker("rules", "set", "--window", "view=3"), "--window", "no window view")
    refused(tracker("rules", "set", "--paying-model", "luck"), "--paying-model", "last_click")
    refused(tracker("rules", "set", "--between-partners", "luck"), "--between-partners", "click_wins")


def test_terms_are_agreed_by_name_and_what_is_owed_and_paid_is_listed(tracker: Tracker, maison: Any) -> None:
    tracker("partner", "add", "Alice", "--json")
    made = tracker("terms", "add", "--partner", "alice", "--percent", "7.5", "--from", "2026-03-01", "--json").json
    assert (made["percent"], made["valid_from"]) == ("7.5", "2026-02-28T23:00:00Z")
    assert "Alice" in tracker("terms", "list").out
    assert tracker("terms", "show", made["id"], "--json").json == made
    refused(tracker("terms", "add", "--percent", "200"), "--percent", "from 0 to 100")
    refused(tracker("terms", "add", "--percent", "5", "--from", "soon"), "--from", "want a day")
    for command in (("commission", "list"), ("commission", "list", "--without-terms"), ("payout", "list")):
        assert tracker(*command, "--partner", "Alice", "--json").json == []
    refused(tracker("payout", "make", "--partner", "Alice", "--reference", "x"), "nothing to pay")
    refused(tracker("commission", "list", "--state", "lost"), "--state")
