"""The bilan in words: one sheet of texts in the reader's language, which the page and the paper lay out alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Any

from babel.units import format_unit

from tracker.domain.orders import NetFormula
from tracker.reports import _figures, _typeset
from tracker.reports._bilan import OTHERS, Bilan, share_of
from tracker.reports._reader import Reader
from tracker.reports._shape import Row

_SENTENCE = "You spent %(spent)s and received %(revenue)s net: %(ratio)s back for each one spent."
_UNSPENT = "Nothing was spent yet; %(revenue)s net came in."
_MISSING = "%(missing)s are missing to the target of %(target)s:1."
_ON_TARGET = "The target of %(target)s:1 is reached exactly."
_ABOVE = "More than the target of %(target)s:1."
_FORMULA = "ROI = (net revenue − spent) / spent = (%(revenue)s − %(spent)s) / %(spent)s = %(roi)s"
_SPENT_OF = "Spent = money %(money)s + people %(people)s + goods %(goods)s + commissions %(commissions)s"
_COVERED = "Partners explain %(covered)s of all %(orders)s paid orders of these days, whatever the campaign: %(share)s."
_TIED = "Orders that the campaign had a hand in, credited to it or not, by evidence: %(evidence)s."
_HOLLOW = "Hollow (much engagement, few sales among their peers): %(names)s."
_MODEL = "Orders are credited by the model %(model)s, rule set %(versions)s; each order keeps that of its sale time."
_GOODS = "Net: the goods, without tax and shipping, less refunds in proportion."
_TOTAL = "Net: all that was paid, tax and shipping included, less refunds."
_WINDOWS = "Lookback windows: %(windows)s; a code counts at the order itself."
_LEFT_OUT = (
    "Left out: tests, orders not paid or cancelled, what was refunded, withdrawn costs, orders and costs of other days,"
    " orders from %(sources)s. Other currencies are not added: %(costs)s costs, %(orders)s orders."
)
_RUNNING = "The campaign is still running: these figures will change."
_OTHERS = "%(count)s others"
_AT = "As of %(moment)s (%(zone)s)"
_TILES = ("Spent", "Net revenue", "Return", "ROI", "Still missing", "New customers")
_PER_NEW = "%(cost)s each"
_TO_TARGET = "target %(target)s:1"
_BY_PARTNER, _BY_CHANNEL, _BEST, _METHOD, _BILAN = (
    *("By influencer and affiliate", "By channel", "Best placements", "How this was reckoned", "Bilan"),
)
_PARTNER, _CHANNEL, _PLACEMENT, _ORDERS, _NEW = "Partner", "Channel", "Placement", "Orders", "New customers"
_VIEWS, _CLICKS = "Views", "Clicks"
SENTENCES = (
    *(_SENTENCE, _UNSPENT, _MISSING, _ON_TARGET, _ABOVE, _FORMULA, _SPENT_OF, _COVERED, _TIED, _HOLLOW, _MODEL),
    *(_GOODS, _TOTAL, _WINDOWS, _LEFT_OUT, _RUNNING, _OTHERS, _AT, *_TILES, _PER_NEW, _TO_TARGET),
    *(_BY_PARTNER, _BY_CHANNEL, _BEST, _METHOD, _BILAN, _PARTNER, _CHANNEL, _PLACEMENT, _ORDERS, _NEW, _VIEWS, _CLICKS),
)
_LONGEST_NAME = 34
_BAR = 1000


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts; the first column names, the others are figures. The last row is a sum where it is `summed`."""

    title: str
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    summed: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """Everything that the bilan says. `bars` are what was spent and received in thousandths; `mark` is the target."""

    title: str
    kind: str
    brand: str
    language: str
    dates: str
    at: str
    lead: str
    standing: str
    standing_word: str
    verdict: str
    bars: Sequence[tuple[str, str, int]]
    mark: int
    tiles: Sequence[tuple[str, str, str]]
    formula: Sequence[str]
    tables: Sequence[Table]
    coverage: Sequence[str]
    method_title: str
    method: Sequence[str]


def as_pdf(found: Bilan, reader: Reader) -> bytes:
    """The bilan as one page of A4."""
    told = sheet(found, reader)
    return _typeset.pdf("bilan.typ", {**asdict(told), "foot": f"{told.brand} · {told.at}"}, found.at)


def file_name(found: Bilan) -> str:
    """What the file is called when it is downloaded."""
    return f"bilan_{found.start.isoformat()}_{found.end.isoformat()}.pdf"


def sheet(found: Bilan, reader: Reader) -> Sheet:
    """The bilan in the reader's language."""
    total, say, locale = found.total, reader.say, reader.locale
    standing = str(total["standing"] or "")
    zone = str(found.zone)
    bars, mark = _bars(found, reader)
    return Sheet(
        title=_short(found.campaign, 90),
        kind=say(_BILAN),
        brand=_short(found.brand, 60),
        language=locale.language,
        dates=" – ".join(_figures.day(day, locale) for day in (found.start, found.end)),
        at=reader.told(_AT, moment=_figures.moment(found.at, locale, found.zone), zone=zone),
        lead=_lead(found, reader),
        standing=standing,
        standing_word=reader.word(standing) if standing else "",
        verdict=_verdict(found, reader),
        bars=bars,
        mark=mark,
        tiles=_tiles(found, reader),
        formula=_formula(found, reader),
        tables=[_partners(found, reader), _channels(found, reader), *_placements(found, reader)],
        coverage=_coverage(found, reader),
        method_title=say(_METHOD),
        method=_method(found, reader),
    )


def _lead(found: Bilan, reader: Reader) -> str:
    total: Any = found.total
    said = {key: reader.money(total[key], found.currency) for key in ("spent", "revenue")}
    if not total["spent"]:
        return reader.told(_UNSPENT, **said)
    return reader.told(_SENTENCE, **said, ratio=_to_one(total["ratio"], reader))


def _verdict(found: Bilan, reader: Reader) -> str:
    total: Any = found.total
    target = _number(total["target"], reader)
    if total["standing"] is None:
        return ""
    if total["missing"]:
        return reader.told(_MISSING, missing=reader.money(total["missing"], found.currency), target=target)
    return reader.told(_ON_TARGET if total["standing"] == "reached" else _ABOVE, target=target)


def _bars(found: Bilan, reader: Reader) -> tuple[list[tuple[str, str, int]], int]:
    total: Any = found.total
    aimed = int(total["target"] * total["spent"])
    widest = max(total["spent"], total["revenue"], aimed)

    def bar(key: str, title: str) -> tuple[str, str, int]:
        width = int(share_of(total[key], widest) * _BAR)
        return reader.say(title), reader.money(total[key], found.currency), width

    return [bar("spent", _TILES[0]), bar("revenue", _TILES[1])], int(share_of(aimed, widest) * _BAR)


def _tiles(found: Bilan, reader: Reader) -> list[tuple[str, str, str]]:
    total: Any = found.total
    each = total["cpa_new"]
    said = (
        (reader.money(total["spent"], found.currency), ""),
        (reader.money(total["revenue"], found.currency), ""),
        (_to_one(total["ratio"], reader), reader.told(_TO_TARGET, target=_number(total["target"], reader))),
        (_figures.percent(total["roi"], reader.locale), ""),
        (reader.money(total["missing"], found.currency), ""),
        (
            _figures.integer(total["new_customers"], reader.locale),
            "" if each is None else reader.told(_PER_NEW, cost=reader.money(each, found.currency)),
        ),
    )
    return [(reader.say(label), value, note) for label, (value, note) in zip(_TILES, said, strict=True)]


def _formula(found: Bilan, reader: Reader) -> list[str]:
    total: Any = found.total
    names = ("spent", "revenue", "money", "people", "goods", "commissions")
    said = {key: reader.money(total[key], found.currency) for key in names}
    spent_of = reader.told(_SPENT_OF, **said)
    if total["roi"] is None:
        return [spent_of]
    return [reader.told(_FORMULA, **said, roi=_figures.percent(total["roi"], reader.locale)), spent_of]


def _partners(found: Bilan, reader: Reader) -> Table:
    titles = (_PARTNER, _TILES[0], _TILES[1], _TILES[2], _TILES[3], _ORDERS, _NEW)
    rows = [[_partner(row, reader), *_money_of(row, found, reader)] for row in found.partners]
    whole = [reader.word("total"), *_money_of(found.total, found, reader)]
    return Table(reader.say(_BY_PARTNER), [reader.say(title) for title in titles], [*rows, whole], summed=True)


def _partner(row: Row, reader: Reader) -> str:
    if row["what"] == OTHERS:
        return reader.told(_OTHERS, count=_figures.integer(row["count"], reader.locale))  # type: ignore[arg-type]
    return _short(str(row["partner"]), _LONGEST_NAME) if row["partner"] else reader.word(str(row["what"]))


def _channels(found: Bilan, reader: Reader) -> Table:
    titles = (_CHANNEL, _TILES[0], _TILES[1], _TILES[2], _TILES[3], _ORDERS, _NEW)
    rows = [[reader.word(str(row["channel"])), *_money_of(row, found, reader)] for row in found.channels]
    return Table(reader.say(_BY_CHANNEL), [reader.say(title) for title in titles], rows)


def _money_of(row: Row, found: Bilan, reader: Reader) -> list[str]:
    cells: Any = row
    return [
        reader.money(cells["spent"], found.currency),
        reader.money(cells["revenue"], found.currency),
        _to_one(cells["ratio"], reader),
        _figures.percent(cells["roi"], reader.locale),
        _figures.integer(cells["orders"], reader.locale),
        _figures.integer(cells["new_customers"], reader.locale),
    ]


def _placements(found: Bilan, reader: Reader) -> list[Table]:
    titles = (_PLACEMENT, _VIEWS, _CLICKS, _ORDERS, _TILES[1])
    rows = [_placement(row, found, reader) for row in found.placements]
    return [Table(reader.say(_BEST), [reader.say(title) for title in titles], rows)] if rows else []


def _placement(row: Row, found: Bilan, reader: Reader) -> list[str]:
    cells: Any = row
    name = " · ".join((_short(cells["partner"], 24), cells["network"], reader.word(cells["format"])))
    counts = [_figures.integer(cells[key], reader.locale) for key in ("views", "clicks", "orders")]
    return [name, *counts, reader.money(cells["revenue"], found.currency)]


def _coverage(found: Bilan, reader: Reader) -> list[str]:
    whole: Any = found.whole
    counts = {"covered": whole["attributed_orders"], "orders": whole["orders"]}
    said = {key: _figures.integer(count, reader.locale) for key, count in counts.items()}
    told = [reader.told(_COVERED, **said, share=_figures.percent(whole["coverage"], reader.locale))]
    tied = [f"{reader.word(str(row['evidence']))} {row['orders']}" for row in found.tied if row["evidence"] != "total"]
    if tied:
        told.append(reader.told(_TIED, evidence=", ".join(tied)))
    if found.hollow:
        told.append(reader.told(_HOLLOW, names=_short(", ".join(found.hollow), 160)))
    return told


def _method(found: Bilan, reader: Reader) -> list[str]:
    method, total = found.method, found.total
    counts = {"costs": total["foreign_costs"], "orders": total["foreign_orders"]}
    sources = ", ".join(reader.word(source) for source in method.rules.excluded_sources) or "–"
    windows = "; ".join(f"{_window(name, reader)} {_days(span, reader)}" for name, span in method.rules.windows.items())
    versions = ", ".join(str(version) for version in method.versions)
    told = [
        reader.told(_MODEL, model=reader.say(method.model), versions=versions),
        reader.say(_TOTAL if method.net_formula == NetFormula.TOTAL_LESS_REFUNDS else _GOODS),
        reader.told(_WINDOWS, windows=windows),
        reader.told(_LEFT_OUT, sources=sources, **{name: str(count) for name, count in counts.items()}),
    ]
    return [reader.say(_RUNNING), *told] if found.running else told


def _window(name: str, reader: Reader) -> str:
    return " ".join(reader.word(part) for part in name.split(":"))


def _days(span: timedelta, reader: Reader) -> str:
    whole = Fraction(span // timedelta(seconds=1), 86400)
    unit, count = ("day", whole) if whole.denominator == 1 else ("hour", whole * 24)
    return format_unit(round(float(count), 1), f"duration-{unit}", "long", locale=reader.locale)


def _to_one(ratio: Fraction | None, reader: Reader) -> str:
    return _figures.NOTHING if ratio is None else f"{_number(ratio, reader)}:1"


def _number(value: Fraction, reader: Reader) -> str:
    """Two decimals where one is not enough: a target of 2.25 is not 2.3."""
    return _figures.hundredths(value, reader.locale)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
