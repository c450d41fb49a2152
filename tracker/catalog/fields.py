"""What a field of the catalog accepts: forgiving in how a value is written, strict in what it means."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar, Generic, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from tracker.domain import codes
from tracker.domain.catalog import Channel, Format, Objective, PartnerKind
from tracker.domain.landing import check_domain
from tracker.domain.money import currency_code, exact
from tracker.domain.orders import NetFormula
from tracker.errors import say

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}")
_UTM = re.compile(r"utm_[a-z][a-z0-9_]{0,40}")


class Input(BaseModel):
    """What somebody asks for. An unknown field is an error: a misspelt one would silently do nothing."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, str_strip_whitespace=True, validate_by_name=True, validate_by_alias=True
    )

    def given(self) -> dict[str, Any]:
        """The fields that were really given, by name."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


class Output(BaseModel):
    """What a face shows. `TOLD_ONCE` are the fields that are told to the one who asked and kept nowhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    TOLD_ONCE: ClassVar[frozenset[str]] = frozenset()


V = TypeVar("V", bound=Output)


class Page(Output, Generic[V]):
    """A page of a list, and the cursor of the next one: null at the end."""

    data: list[V]
    next_cursor: str | None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """A name that an OpenAPI component may have."""
        name: str = params[0].__name__
        return name.removesuffix("View") + "Page"


def omitted() -> Any:
    """The default of a field of a change: nothing is changed where the field is not given; null is no value for it."""
    return Field(default_factory=lambda: None)


def problems(error: ValidationError) -> list[tuple[str, str]]:
    """Each refused field and what would do."""
    return [(_path(found["loc"]), _message(found)) for found in error.errors(include_url=False)]


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if isinstance(part, int) or part.isidentifier())


def _message(found: Any) -> str:
    if found["type"] == "value_error":
        return str(found["ctx"]["error"])
    if found["type"] == "extra_forbidden":
        return "there is no such field"
    if found["type"] in REFUSALS:
        return say(REFUSALS[found["type"]], **found.get("ctx", {}))
    text: str = found["msg"]
    return text[0].lower() + text[1:]


# What pydantic refuses, in words that a person can act on.
REFUSALS = {
    "missing": "this is needed",
    "string_type": "want text",
    "string_too_short": "want at least %(min_length)s characters",
    "string_too_long": "want at most %(max_length)s characters",
    "int_type": "want a whole number",
    "int_parsing": "want a whole number",
    "int_from_float": "want a whole number",
    "bool_type": "want yes or no",
    "bool_parsing": "want yes or no",
    "enum": "want %(expected)s",
    "literal_error": "want %(expected)s",
    "greater_than": "want more than %(gt)s",
    "greater_than_equal": "want %(ge)s or more",
    "less_than": "want less than %(lt)s",
    "less_than_equal": "want %(le)s or less",
    "date_type": "want a day such as 2026-03-31",
    "date_parsing": "want a day such as 2026-03-31",
    "date_from_datetime_parsing": "want a day such as 2026-03-31",
    "date_from_datetime_inexact": "want a day such as 2026-03-31",
    "too_long": "want at most %(max_length)s of them",
    "too_short": "want at least %(min_length)s of them",
    "list_type": "want a list",
    "dict_type": "want names with values",
    "model_type": "want names with values",
    "json_invalid": "this is not JSON",
}


# --- text ------------------------------------------------------------------------------------------------------------


def _printable(text: str) -> str:
    if not all(character.isprintable() for character in text):
        raise ValueError("want text without control characters")
    return text


def lower(value: object) -> object:
    """A word of a closed set as it is kept, however it was written."""
    return value.strip().lower().replace("-", "_").replace(" ", "_") if isinstance(value, str) else value


Name = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_printable)]
Mention = Annotated[str, StringConstraints(min_length=1, max_length=60), AfterValidator(_printable)]
Message = Annotated[str, StringConstraints(min_length=1, max_length=100), AfterValidator(_printable)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=40, to_lower=True), AfterValidator(_printable)]


def _lines(text: str) -> str:
    text = text.replace("\r\n", "\n")
    if not all(character.isprintable() or character in "\n\t" for character in text):
        raise ValueError("want text without control characters")
    return text


# What people read, in several lines.
Brief = Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(_lines)]


def _email(text: str) -> str:
    name, at, domain = text.rpartition("@")
    if not (name and at and "." in domain) or any(character.isspace() for character in text):
        raise ValueError("want an e-mail address such as lea@example.com")
    return _printable(text)


Email = Annotated[str, StringConstraints(max_length=320), AfterValidator(_email)]


def _code(text: str) -> str:
    if not codes.normal(text) or len(codes.normal(text)) > codes.LONGEST:
        raise ValueError(say("want a code of 1 to %(longest)s visible characters", longest=codes.LONGEST))
    return _printable(text)


CodeText = Annotated[str, StringConstraints(max_length=codes.LONGEST), AfterValidator(_code)]


def _slug(text: str) -> str:
    if not _SLUG.fullmatch(text):
        raise ValueError("want 1 to 100 of the characters A-Z a-z 0-9 . _ ~ - beginning with a letter or digit")
    return text


Slug = Annotated[str, AfterValidator(_slug)]


def _reference(name: str) -> Any:
    # One word for a reference everywhere (`partner`); `partner_id` is what many would write.
    return Field(validation_alias=AliasChoices(name, f"{name}_id"), json_schema_extra={"format": "id"})


Reference = Annotated[str, StringConstraints(max_length=100)]
PartnerReference = Annotated[Reference, _reference("partner")]
PartnerFilter = Annotated[Reference | None, _reference("partner")]
CampaignReference = Annotated[Reference | None, _reference("campaign")]
PlacementReference = Annotated[Reference | None, _reference("placement")]
NetworkFilter = Annotated[str | None, StringConstraints(max_length=40, strip_whitespace=True)]
ShopFilter = Annotated[Reference | None, _reference("shop")]


# --- closed sets -----------------------------------------------------------------------------------------------------

ChannelField = Annotated[Channel, BeforeValidator(lower)]
KindField = Annotated[
    PartnerKind, BeforeValidator(lambda value: "creator" if lower(value) == "influencer" else lower(value))
]
FormatField = Annotated[Format, BeforeValidator(lower)]
ObjectiveField = Annotated[Objective, BeforeValidator(lower)]
FormulaField = Annotated[NetFormula, BeforeValidator(lower)]
Currency = Annotated[str, AfterValidator(currency_code)]


def _time_zone(text: str) -> str:
    known = {name.casefold(): name for name in available_timezones()}
    if found := known.get(text.casefold()):
        return found
    like = sorted(name for name in known.values() if text and name.casefold().endswith(f"/{text.casefold()}"))
    hint = f"did you mean {like[0]}?" if like else "want a name such as Europe/Paris"
    raise ValueError(say("unknown time zone %(text)s: %(hint)s", text=repr(text[:64]), hint=hint))


TimeZone = Annotated[str, AfterValidator(_time_zone)]


def _utm(given: dict[str, str]) -> dict[str, str]:
    named = {name if name.startswith("utm_") else f"utm_{name}": value for name, value in given.items()}
    for name, value in named.items():
        if not _UTM.fullmatch(name) or not value or len(value) > 200:
            raise ValueError("want values of up to 200 characters under names such as source, medium, campaign")
        _printable(value)
    return named


Utm = Annotated[dict[str, str], AfterValidator(_utm)]


# --- hosts and addresses ---------------------------------------------------------------------------------------------


def _without_scheme(text: str) -> str:
    text = text.strip().rstrip("/").rstrip(".")
    return text.partition("://")[2] if text.lower().startswith(("http://", "https://")) else text


def _host(text: str) -> str:
    try:
        parts = urlsplit(f"//{_without_scheme(text)}")
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
        if parts.path or parts.query or parts.username is not None or not parts.hostname:
            raise ValueError
        if ":" in parts.hostname:
            return f"[{ip_address(parts.hostname).compressed}]{port}"
        if len(parts.hostname) > 253 or not all(_LABEL.fullmatch(label) for label in parts.hostname.split(".")):
            raise ValueError
        return parts.hostname + port
    except ValueError:
        raise ValueError("want a host name such as go.example.com, an international one in its xn-- form") from None


Host = Annotated[str, AfterValidator(_host)]


def _domain(text: str) -> str:
    return check_domain(_without_scheme(text).removeprefix("*."))


Domain = Annotated[str, AfterValidator(_domain)]
# A URL whose rules its operation checks: it depends on the brand.
LandingUrl = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or any(not c.isprintable() or c == " " for c in text)
    ):
        raise ValueError("want a web address such as https://www.example.com/video")
    return text


WebAddress = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_web_address)]


# --- times -----------------------------------------------------------------------------------------------------------


def _when(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("want a day such as 2026-03-31 or a time such as 2026-03-31T18:00") from None
    if isinstance(value, date):
        return value
    raise ValueError("want a day such as 2026-03-31 or a time such as 2026-03-31T18:00")


def _plausible(value: date | datetime) -> date | datetime:
    if not 1970 < value.year < 9000:
        raise ValueError("want a year from 1971 to 8999")
    return value


# A day, or a time; without an offset it is in the brand's time zone.
When = Annotated[datetime | date, BeforeValidator(_when), AfterValidator(_plausible)]


def moment(value: datetime | date, zone: ZoneInfo, *, end_of_day: bool = False) -> datetime:
    """`value` as a moment, UTC. A day is its first moment in `zone`, or with `end_of_day` the first one after it."""
    if not isinstance(value, datetime):
        value = datetime.combine(value + timedelta(days=end_of_day), time())
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


_THOUSANDS = re.compile(r"[0-9]{1,3}(?:[\s_,.'’][0-9]{3})+")


def _count(value: object) -> object:
    if isinstance(value, str) and _THOUSANDS.fullmatch(value.strip()):
        return re.sub(r"[^0-9]", "", value)
    return value


# A figure that people read aloud: 12000, or with its thousands apart.
Count = Annotated[int, BeforeValidator(_count), Field(ge=0, le=10**10)]
Followers = Count


# --- what is aimed at ------------------------------------------------------------------------------------------------

MOST_RETURN = 1000


def _target(value: object) -> object:
    """A return for each unit spent as an exact fraction: 5, 4.5 and 5:1."""
    text = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    try:
        target = Fraction(exact(text.removesuffix(":1").strip()))
    except ValueError:
        raise ValueError("want a return such as 5 or 5:1") from None
    if not 0 < target <= MOST_RETURN:
        raise ValueError(say("want a return above 0 and up to %(most_return)s", most_return=MOST_RETURN))
    return str(target)


def _margin(value: object) -> object:
    """A percentage as an exact share of 1. Below one percent somebody has meant a share."""
    text = str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    try:
        margin = Fraction(exact(text.strip().removesuffix("%").strip()))
    except ValueError:
        raise ValueError("want a percentage such as 40") from None
    if not 1 <= margin <= 100:
        raise ValueError("want a percentage from 1 to 100")
    return str(margin / 100)


TargetReturn = Annotated[str, BeforeValidator(_target)]
Margin = Annotated[str, BeforeValidator(_margin)]


def said(stored: str | None, times: int = 1) -> str | None:
    """A stored fraction as the decimal that it was given as: a return, or with `times` 100 a percentage."""
    if stored is None:
        return None
    value = Fraction(stored) * times
    return f"{(Decimal(value.numerator) / Decimal(value.denominator)).normalize():f}"


class ListQuery(Input):
    """Which page of a list."""

    cursor: str | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
