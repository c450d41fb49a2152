"""Journeys become unique paths inside the database: one SQL text, for a row store and for a columnar engine alike.

The text is the same for PostgreSQL and DuckDB to the letter; SQLite has no EXTRACT, so there one word is another
(`SECONDS`). It uses nothing else that is not common: integer ids from window functions, sums, and a path is put
together by grouping its touches in eights, so that no engine's own way to gather texts is needed. ClickHouse takes
`toUnixTimestamp` and `replaceAll` for the two functions of `SECONDS` and `_hex`, Spark `unix_timestamp` and STRING for
VARCHAR; joins, windows and groups stay as they are.
"""

# ruff: noqa: S608  (the pieces are constants of this module)

from __future__ import annotations

import re

# A parameter in the text: its name.
PARAMETER = re.compile(r":(\w+)")

# Seconds since 1970 of a moment, whole ones: what a window is counted in.
SECONDS = {
    "postgresql": "CAST(FLOOR(EXTRACT(EPOCH FROM {moment})) AS BIGINT)",
    "duckdb": "CAST(FLOOR(EXTRACT(EPOCH FROM {moment})) AS BIGINT)",
    "sqlite": "unixepoch({moment})",
}

# Of a longer journey the latest touches are looked at; of who walked more paths, each so many are a customer.
MOST = 512

# What each row of the answer is, in its column `part`.
NAME, PATH, CUSTOMERS = 0, 1, 2


def _hex(column: str) -> str:
    """An id as 32 digits, however the engine keeps it."""
    return f"REPLACE(CAST({column} AS VARCHAR), '-', '')"


def _eights(source: str, keys: str) -> str:
    """Pieces of text in groups of eight, each group one piece: `position` 0 is the last piece, and comes last."""
    pieces = " || ".join(
        f"COALESCE(MAX(CASE WHEN position % 8 = {place} THEN piece END), '')" for place in range(7, -1, -1)
    )
    return f"""
    SELECT {keys}, CAST((position - position % 8) / 8 AS BIGINT) AS position, {pieces} AS piece
    FROM {source} GROUP BY {keys}, CAST((position - position % 8) / 8 AS BIGINT)"""


_LEVEL = f"""
    CASE :level
      WHEN 'channel' THEN s.channel
      WHEN 'group' THEN s.channel || '/' || p.kind
      WHEN 'campaign' THEN COALESCE({_hex("s.campaign_id")}, '')
      WHEN 'placement' THEN COALESCE({_hex("s.placement_id")}, '')
      ELSE COALESCE(q.network, '')
    END"""

_WANTED = f"""
    CASE WHEN (:channel = '' OR s.channel = :channel)
          AND (:partner = '' OR {_hex("s.partner_id")} = :partner)
          AND (:campaign = '' OR {_hex("s.campaign_id")} = :campaign)
    THEN 1 ELSE 0 END"""

# Orders: what was bought, by whom, after which clicks. A touch made of a code alone is left out.
_SOLD = """
counted AS (
    SELECT o.id AS order_id, ROW_NUMBER() OVER (ORDER BY o.id) AS journey, o.net AS value, o.customer,
           {placed_at} AS ended
    FROM orders o
    WHERE o.brand_id = :brand AND o.placed_day BETWEEN :first AND :last
      AND o.status = 'paid' AND NOT o.test AND o.currency = :currency
),
sold AS (
    SELECT c.journey, ROW_NUMBER() OVER (PARTITION BY t.order_id ORDER BY t.position DESC) - 1 AS position,
           {touched_at} AS second, t.channel, t.partner_id, t.campaign_id, t.placement_id,
           CAST(k.visitor_id AS VARCHAR) AS visitor
    FROM counted c
    JOIN touches t ON t.order_id = c.order_id
    LEFT JOIN clicks k ON k.id = t.click_id
    WHERE t.click_id IS NOT NULL
),
sales AS (
    SELECT c.journey, COALESCE(c.customer, v.visitor, CAST(c.order_id AS VARCHAR)) AS customer, c.value,
           CASE WHEN c.ended > v.second THEN c.ended - v.second ELSE 0 END AS lag
    FROM counted c
    JOIN (SELECT journey, MIN(second) AS second, MIN(visitor) AS visitor FROM sold GROUP BY journey) v
      ON v.journey = c.journey
),"""

# Visitors: their clicks that led to no order, cut where they bought, and closed once no window is open any more.
_UNSOLD = """
led AS (
    SELECT DISTINCT t.click_id
    FROM orders o JOIN touches t ON t.order_id = o.id
    WHERE o.brand_id = :brand AND o.placed_at >= :reach AND t.click_id IS NOT NULL
      AND (o.test OR o.status IN ('pending', 'paid'))
),
loose AS (
    SELECT k.id, k.visitor_id, k."at" AS moment, {clicked_at} AS second,
           {clicked_at} + CASE COALESCE(l.channel, p.channel)
             WHEN 'influence' THEN :influence WHEN 'affiliate' THEN :affiliate ELSE :other END AS expires, k.link_id
    FROM clicks k
    JOIN links l ON l.id = k.link_id AND l.brand_id = k.brand_id
    JOIN partners p ON p.id = l.partner_id
    LEFT JOIN led ON led.click_id = k.id
    WHERE k.brand_id = :brand AND k."at" >= :reach AND k."at" < :until AND k.verdict = 'human'
      AND k.visitor_id IS NOT NULL AND led.click_id IS NULL
),
bought AS (
    SELECT k.visitor_id, o.id, o.placed_at AS moment, o.customer
    FROM orders o JOIN touches t ON t.order_id = o.id JOIN clicks k ON k.id = t.click_id
    WHERE o.brand_id = :brand AND o.placed_at >= :reach AND NOT o.test AND o.status IN ('pending', 'paid')
      AND k.visitor_id IS NOT NULL
    UNION
    SELECT k.visitor_id, o.id, o.placed_at, o.customer
    FROM orders o JOIN order_clicks c ON c.order_id = o.id JOIN clicks k ON k.id = c.click_id
    WHERE o.brand_id = :brand AND o.placed_at >= :reach AND NOT o.test AND o.status IN ('pending', 'paid')
      AND k.visitor_id IS NOT NULL
),
marks AS (
    SELECT visitor_id, id, moment, second, expires, link_id, 0 AS buys FROM loose
    UNION ALL
    SELECT visitor_id, id, moment, NULL, NULL, NULL, 1 FROM bought WHERE :cut = 1
),
turns AS (
    SELECT visitor_id, id, moment, second, expires, link_id, buys,
           SUM(buys) OVER (PARTITION BY visitor_id ORDER BY moment, buys, id ROWS UNBOUNDED PRECEDING) AS turn
    FROM marks
),
starts AS (
    SELECT visitor_id, id, moment, second, expires, link_id, turn, CASE WHEN second <= MAX(expires) OVER (
             PARTITION BY visitor_id, turn ORDER BY moment, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) THEN 0 ELSE 1 END AS starts
    FROM turns WHERE buys = 0
),
runs AS (
    SELECT visitor_id, id, moment, second, expires, link_id,
           CAST(SUM(starts) OVER (ORDER BY visitor_id, turn, moment, id ROWS UNBOUNDED PRECEDING) AS BIGINT) AS run
    FROM starts
),
closed AS (
    SELECT run, visitor_id, id, moment, expires, link_id, MAX(second) OVER (PARTITION BY run) AS ended,
           MAX(expires) OVER (PARTITION BY run) AS closes
    FROM runs
),
unsold AS (
    SELECT c.run, c.visitor_id,
           ROW_NUMBER() OVER (PARTITION BY c.run ORDER BY c.moment DESC, c.id DESC) - 1 AS position,
           COALESCE(l.channel, p.channel) AS channel, l.partner_id, l.campaign_id, l.placement_id
    FROM closed c JOIN links l ON l.id = c.link_id JOIN partners p ON p.id = l.partner_id
    WHERE c.closes >= :since_second AND c.closes < :until_second AND c.expires >= c.ended
),
known AS (
    SELECT visitor_id, MIN(customer) AS customer FROM bought WHERE customer IS NOT NULL GROUP BY visitor_id
),"""

# Both together: names numbered, journeys as texts of numbers, what became of each.
_WALKED = f"""
stops AS (
    SELECT journey, position, channel, partner_id, campaign_id, placement_id FROM sold WHERE position < {MOST}
    UNION ALL
    SELECT -run, position, channel, partner_id, campaign_id, placement_id FROM unsold WHERE position < {MOST}
),
named AS (
    SELECT s.journey, s.position, {_LEVEL} AS name, {_WANTED} AS wanted
    FROM stops s JOIN partners p ON p.id = s.partner_id LEFT JOIN placements q ON q.id = s.placement_id
),
names AS (
    SELECT name, ROW_NUMBER() OVER (ORDER BY name) - 1 AS code FROM (SELECT DISTINCT name FROM named) AS met
),
touched AS (
    SELECT t.journey, t.position, ',' || CAST(n.code AS VARCHAR) AS piece
    FROM named t JOIN names n ON n.name = t.name
),
eights AS ({_eights("touched", "journey")}),
sixties AS ({_eights("eights", "journey")}),
walked AS ({_eights("sixties", "journey")}),
kept AS (
    SELECT journey FROM named GROUP BY journey HAVING MAX(wanted) = 1
),
became AS (
    SELECT journey, customer, 1 AS sale, value, lag FROM sales
    UNION ALL
    SELECT -e.run, COALESCE(k.customer, CAST(e.visitor_id AS VARCHAR)), 0, 0, 0
    FROM unsold e LEFT JOIN known k ON k.visitor_id = e.visitor_id WHERE e.position = 0
),
ended AS (
    SELECT w.piece AS path, b.customer, b.sale, b.value, b.lag
    FROM walked w JOIN kept k ON k.journey = w.journey JOIN became b ON b.journey = w.journey
),
paths AS (
    SELECT path, SUM(sale) AS conversions, COUNT(*) - SUM(sale) AS nulls, SUM(value) AS value,
           SUM(CAST(value AS DOUBLE PRECISION) * value) AS squares, SUM(lag) AS lag
    FROM ended GROUP BY path
),"""

_NUMBERED = """
numbered AS (
    SELECT path, conversions, nulls, value, squares, lag, ROW_NUMBER() OVER (ORDER BY path) - 1 AS number FROM paths
)"""

# Customers whose journeys are the same are one bundle: for each path its number, conversions and nulls.
_BUNDLES = f""",
habits AS (
    SELECT e.customer, n.number, SUM(e.sale) AS conversions, COUNT(*) - SUM(e.sale) AS nulls
    FROM ended e JOIN numbered n ON n.path = e.path GROUP BY e.customer, n.number
),
listed AS (
    SELECT customer, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY number DESC) - 1 AS position,
           ',' || CAST(number AS VARCHAR) || ',' || CAST(conversions AS VARCHAR) || ',' || CAST(nulls AS VARCHAR)
             AS piece
    FROM habits
),
pairs AS ({_eights("listed", "customer")}),
more AS ({_eights("pairs", "customer")}),
bundles AS ({_eights("more", "customer")})"""

_ANSWER = """
SELECT 0 AS part, CAST(code AS BIGINT) AS number, name AS label, CAST(0 AS DOUBLE PRECISION) AS conversions,
       CAST(0 AS DOUBLE PRECISION) AS nulls, CAST(0 AS DOUBLE PRECISION) AS value,
       CAST(0 AS DOUBLE PRECISION) AS squares, CAST(0 AS DOUBLE PRECISION) AS lag
FROM names
UNION ALL
SELECT 1, CAST(number AS BIGINT), path, CAST(conversions AS DOUBLE PRECISION), CAST(nulls AS DOUBLE PRECISION),
       CAST(value AS DOUBLE PRECISION), squares, CAST(lag AS DOUBLE PRECISION)
FROM numbered"""

_CUSTOMERS = """
UNION ALL
SELECT 2, COUNT(*), piece, 0, 0, 0, 0, 0 FROM bundles GROUP BY piece"""

# How much of what happened can be told: orders with a journey, clicks whose visitor is known.
ORDERS = """
SELECT COUNT(*) AS orders,
       SUM(CASE WHEN o.currency = :currency THEN 0 ELSE 1 END) AS other_currency,
       SUM(CASE WHEN EXISTS (
         SELECT 1 FROM touches t WHERE t.order_id = o.id AND t.click_id IS NOT NULL) THEN 1 ELSE 0 END) AS joined
FROM orders o
WHERE o.brand_id = :brand AND o.placed_day BETWEEN :first AND :last AND o.status = 'paid' AND NOT o.test
"""

CLICKS = """
SELECT COUNT(*) AS clicks, COUNT(k.visitor_id) AS followed
FROM clicks k
WHERE k.brand_id = :brand AND k."at" >= :since AND k."at" < :until AND k.verdict = 'human' AND k.link_id IS NOT NULL
"""


def statement(engine: str, *, customers: bool) -> str:
    """The text for an engine (a key of `SECONDS`); with or without whose journeys the paths were."""
    seconds = SECONDS[engine]
    moments = {"placed_at": "o.placed_at", "touched_at": 't."at"', "clicked_at": 'k."at"'}
    read = {name: seconds.format(moment=column) for name, column in moments.items()}
    head = f"WITH{_SOLD.format(**read)}{_UNSOLD.format(**read)}{_WALKED}{_NUMBERED}"
    return head + (_BUNDLES if customers else "") + _ANSWER + (_CUSTOMERS if customers else "")
