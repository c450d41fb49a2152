"""A landing URL that we accept goes where we think it goes, whoever reads it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import ada_url
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.domain.landing import check_domain, check_landing, filled, is_allowed, with_parameters

ALLOWED = ("example.com", "boutique.example.org", "xn--caf-dma.example")

REFUSED = [
    "http://example.com/",
    "//example.com/",
    "https:example.com",
    "https:/example.com/",
    "https:///example.com/",
    "//evil.com",
    "/\\evil.com",
    "https://\\evil.com",
    "https://example.com\\@evil.com/",
    "https://evil.com\\.example.com/",
    "https://example.com@evil.com/",
    "https://user:pass@example.com/",
    "https://@example.com/",
    "https://example.com%2f@evil.com/",
    "https://example.com%2eevil.com/",
    "https://evil.com/",
    "https://notexample.com/",
    "https://example.com.evil.com/",
    "https://evil.com#.example.com/",
    "https://evil.com?.example.com/",
    "https://example.com./",
    "https://.example.com/",
    "https://a..example.com/",
    "https://-a.example.com/",
    "https://a_b.example.com/",
    "https://example.com:8443/",
    "https://example.com:/",
    "https://example.com:443:443/",
    "https://example.com:٤٤٣/",
    "https://ex\u0430mple.com/",
    "https://ｅxample.com/",
    "https://example。com/",
    "https://exa\u00admple.com/",
    "https://exa\u200bmple.com/",
    "https://xn--exmple-cua.com/",
    "https://example.com/\r\nSet-Cookie: a=b",
    "https://example.com/\nx",
    "https://exam\tple.com/",
    "https://example.com/%0d%0aSet-Cookie:%20a=b",
    "https://example.com/a?b=%00",
    " https://example.com/",
    "https://example.com/ ",
    "https://example.com/a b",
    "https://example.com/a/../b",
    "https://example.com/a/%2E%2e/b",
    "https://example.com/./",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://１２７.0.0.1/",
    "https://localhost/",
    "https://com/",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://",
    "https://?x",
    "",
    "https://example.com/" + "a" * 2000,
]


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_that_may_lead_elsewhere_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(ValueError, match=r"[a-z]{3}"):
        check_landing(url, [*ALLOWED, "127.0.0.1", "localhost", ""])


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://Shop.EXAMPLE.com:443/A?b=C#d", "https://shop.example.com/A?b=C#d"),
        ("https://example.com?a=1", "https://example.com/?a=1"),
        ("https://example.com/été?q=crème brûlée".replace(" ", "+"), None),
        ("https://example.com/a%20b/%C3%A9?x=100%&y=[1]|{2}", None),
        ("https://xn--caf-dma.example/", "https://xn--caf-dma.example/"),
        ("https://fr.xn--caf-dma.example/", "https://fr.xn--caf-dma.example/"),
        ("https://boutique.example.org//double//slash", "https://boutique.example.org//double//slash"),
    ],
)
def test_an_honest_url_is_kept_in_its_canonical_form(url: str, canonical: str | None) -> None:
    checked = check_landing(url, ALLOWED)
    assert checked == canonical if canonical else ada_url.URL(checked).href == checked
    assert is_allowed(checked, ALLOWED)


@pytest.mark.parametrize(
    "domain", ["", "com", "http://a.com", "a.com:80", "a.com/", "1.2.3.4", "[::1]", "é.com", "*.a.com"]
)
def test_a_domain_for_the_allow_list_is_a_plain_name(domain: str) -> None:
    with pytest.raises(ValueError, match="domain"):
        check_domain(domain)


def test_a_domain_is_kept_in_lower_case() -> None:
    assert check_domain(" Example.COM ") == "example.com"


_HOSTS = st.sampled_from(
    [*ALLOWED, "evil.com", "evil.com.", "127.0.0.1", "0x7f.1", "[::1]", "localhost", "ex\u0430mple.com"]
)
_PIECES = st.one_of(
    _HOSTS,
    st.sampled_from(
        ["https://", "http://", "//", "/", "\\", "@", ":", ":443", ":80", "?", "#", "&", "=", "+", ".", ".."]
    ),
    st.sampled_from(
        [
            "%",
            "%2f",
            "%2e",
            "%40",
            "%0a",
            "xn--",
            "\t",
            "\n",
            "\r",
            "\0",
            "\u200b",
            "\u3002",
            "\uff0f",
            "é",
            "0x7f",
            "1",
        ]
    ),
    st.text(max_size=4),
)
_AUTHORITIES = st.one_of(
    _HOSTS,
    st.lists(_PIECES, max_size=5).map("".join),
    st.builds(
        "{}.{}".format, st.from_regex(r"[a-z0-9-]{0,8}|xn--[a-z0-9-]{1,8}", fullmatch=True), st.sampled_from(ALLOWED)
    ),
    st.builds(
        lambda text, domain: f"xn--{text.encode('punycode').decode()}.{domain}",
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=4),
        st.sampled_from(ALLOWED),
    ),
)
_TAILS = st.lists(_PIECES, max_size=6).map("".join)
_URLS = st.one_of(
    st.builds("https://{}{}".format, _AUTHORITIES, _TAILS),
    st.builds("https://{}/{}".format, st.sampled_from(ALLOWED), _TAILS),
    _TAILS,
)


@given(_URLS)
@settings(max_examples=3000)
def test_whatever_is_accepted_every_parser_reads_alike(url: str) -> None:
    try:
        checked = check_landing(url, ALLOWED)
    except ValueError:
        return
    browser, given_to_browser, ours = ada_url.URL(checked), ada_url.URL(url), urlsplit(checked)
    assert browser.href == checked
    assert checked.isascii()
    assert checked.isprintable()
    assert given_to_browser.hostname == browser.hostname == ours.hostname
    assert any(ours.hostname == domain or str(ours.hostname).endswith(f".{domain}") for domain in ALLOWED)
    assert (browser.protocol, browser.port, browser.username, ours.port, ours.username) == (
        "https:",
        "",
        "",
        None,
        None,
    )
    assert (browser.pathname, browser.search.removeprefix("?")) == (ours.path, ours.query)
    assert is_allowed(checked, ALLOWED)
    before, after, plain = with_parameters(checked, "rk", {"utm_source": "Léa & co", "rk": "no"})
    for clicked in (f"{before}{'0' * 32}{after}", plain):
        assert ada_url.URL(clicked).href == clicked
        assert ada_url.URL(clicked).hostname == browser.hostname
    assert ("rk", "0" * 32) in parse_qsl(urlsplit(f"{before}{'0' * 32}").query)


def test_the_click_id_and_the_campaign_join_what_the_url_has() -> None:
    before, after, plain = with_parameters(
        "https://example.com/p?utm_source=own&rk=old&x=1#top",
        "rk",
        {"utm_source": "lea", "utm_campaign": "été 24", "utm_term": ""},
    )
    assert before + "ID" + after == "https://example.com/p?utm_source=own&x=1&utm_campaign=%C3%A9t%C3%A9%2024&rk=ID#top"
    assert plain == "https://example.com/p?utm_source=own&x=1&utm_campaign=%C3%A9t%C3%A9%2024#top"
    assert with_parameters("https://example.com/", "rk", {}) == ("https://example.com/?rk=", "", "https://example.com/")


def test_a_url_that_names_the_click_parameter_in_disguise_gets_a_fresh_id_only() -> None:
    before, _, plain = with_parameters("https://example.com/?%72k=old&r%6B", "rk", {})
    assert (before, plain) == ("https://example.com/?rk=", "https://example.com/")


def test_a_template_is_filled_with_names_and_nothing_else() -> None:
    template = {"utm_source": "{partner}", "utm_campaign": "{campaign}-{slug}", "utm_term": "{unknown}", "utm_id": 7}
    names = {"partner": "Léa", "campaign": "Summer", "placement": "", "slug": "abc"}
    assert filled(template, names) == {
        "utm_source": "Léa", "utm_campaign": "Summer-abc", "utm_term": "{unknown}", "utm_id": "7",
    }  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.com/",
        "http://example.com/",
        "https://example.com",
        "https://example.com/\r\nX: y",
        "https://a@example.com/",
    ],
)
def test_a_stored_url_that_is_not_canonical_or_no_longer_allowed_is_not_followed(url: str) -> None:
    assert not is_allowed(url, ALLOWED)
