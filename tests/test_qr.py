"""The QR code of a link says its address, as SVG and as PNG, to those who are signed in."""

from __future__ import annotations

import re
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import segno

from tests.desk import Desk, opened_desk, settings_of
from tests.sample_books import Books, write_books
from tracker import cli
from tracker.catalog import qr
from tracker.ledger.database import writing
from tracker.settings import Settings

ADDRESS = "https://go.example.com/r/lea"
BOOKS = Books("b" * 32)
LINK = f"/links/{BOOKS['alice']}/qr"


@pytest.fixture
def settings(sqlite_url: str, redis_url: str, tmp_path: Path) -> Settings:
    return settings_of(sqlite_url, redis_url, tmp_path)


@pytest.fixture
def desk(settings: Settings) -> Iterator[Desk]:
    with opened_desk(settings) as opened:
        opened.sign_in()
        with writing(opened.wiring.sessions) as session:
            write_books(session)
            write_books(session, "c" * 32, "Other")
        yield opened


def modules(address: str) -> list[list[bool]]:
    """The code as it must be, with its quiet zone: true is black."""
    drawn = segno.make_qr(address, error="m").matrix_iter(scale=1, border=4)
    return [[bool(module) for module in row] for row in drawn]


def of_png(content: bytes) -> list[list[bool]]:
    """The black pixels of a PNG of one bit a pixel, read by hand: one pixel of each module."""
    width, height, depth, colour = struct.unpack(">IIBB", content[16:26])
    assert (depth, colour) == (1, 0)
    parts, at = b"", 8
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        if content[at + 4 : at + 8] == b"IDAT":
            parts += content[at + 8 : at + 8 + size]
        at += size + 12
    flat, stride = zlib.decompress(parts), (width + 7) // 8 + 1
    lines = [bytes(stride - 1)]
    for start in range(0, len(flat), stride):
        filtered, line = flat[start], flat[start + 1 : start + stride]
        assert filtered in (0, 2)  # as it is, or what it differs by from the line above
        above = lines[-1] if filtered else bytes(stride - 1)
        lines.append(bytes((one + other) % 256 for one, other in zip(line, above, strict=True)))
    assert len(lines) == height + 1
    scale = qr._PIXELS
    return [
        [not line[x // 8] >> (7 - x % 8) & 1 for x in range(scale // 2, width, scale)]
        for line in lines[1 + scale // 2 :: scale]
    ]


def of_svg(content: bytes) -> list[list[bool]]:
    """The black modules of an SVG: its one path draws them as strokes, line by line."""
    root = ElementTree.fromstring(content)
    size = int(root.attrib["width"]) // 10
    drawn = [[False] * size for _ in range(size)]
    path = next(one.attrib for one in root.iter() if "stroke" in one.attrib)
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([^Mmh]*)", path["d"]):
        first, *rest = (float(number) for number in re.findall(r"-?[0-9.]+", numbers))
        if command == "h":
            for step in range(int(first)):
                drawn[int(y)][int(x) + step] = True
            x += first
        elif command == "m":
            x, y = x + first, y + rest[0]
        else:
            x, y = first, rest[0]
    return drawn


@pytest.mark.parametrize("address", [ADDRESS, "https://go.example.com/r/" + "x" * 100])
def test_the_code_says_the_address_and_nothing_else(address: str) -> None:
    assert of_png(qr.png(address)) == modules(address)
    assert of_svg(qr.svg(address)) == modules(address)


def test_a_link_has_its_code_as_svg_and_png(desk: Desk) -> None:
    address = "https://bbbbbbbb.example.com/r/alice"
    svg, png = desk.get(f"{LINK}.svg"), desk.get(f"{LINK}.png")
    assert (svg.content_type, png.content_type) == ("image/svg+xml", "image/png")
    assert (svg.data, png.data) == (qr.svg(address), qr.png(address))
    assert png.headers["Content-Disposition"] == 'inline; filename="alice.png"'


def test_the_links_report_leads_to_the_code_and_the_code_to_its_files(desk: Desk) -> None:
    assert f'href="{LINK}?from=' in desk.get("/reports/links?from=2026-03-01&to=2026-03-31").text
    text = desk.get(LINK).text
    for told in (
        "https://bbbbbbbb.example.com/r/alice",
        f'{LINK}.svg"',
        f'{LINK}.png"',
        'download="alice.png"',
        "Alice",
    ):
        assert told in text


def test_the_code_is_the_brand_s_and_for_those_who_are_signed_in(desk: Desk) -> None:
    stranger = desk.another_browser()
    for path in (LINK, f"{LINK}.svg", f"{LINK}.png"):
        assert stranger.get(path).status_code == 302
        assert desk.get(f"{path}?brand={'c' * 32}").status_code == 404
        assert desk.get(path.replace(BOOKS["alice"], "nonsense")).status_code == 404


def test_the_command_line_writes_the_code(
    desk: Desk, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {
        "TRACKER_STATE": str(tmp_path), "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url,
        "SECRET_KEY": "0" * 64, "PUBLIC_URL": "https://go.example.com",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    asked = ["link", "qr", "alice", "--brand", "Maison Violette"]
    for more, code in (([], 2), (["--svg", str(svg), "--png", str(png)], 0), (["--png", str(tmp_path)], 2)):
        monkeypatch.setattr(sys, "argv", ["tracker", *asked, *more])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        assert (stopped.value.code or 0) == code
    assert "https://bbbbbbbb.example.com/r/alice" in capsys.readouterr().out
    assert (svg.read_bytes()[:5], png.read_bytes()[1:4]) == (b"<?xml", b"PNG")
