"""The text of the question of a public list: the page, the exact total and what an anchor needs, in one statement.

Ordering and skipping happen on an index alone; the texts are joined to the few rows that are left. The total is the
maintained tally less the few rows that are not live at the moment; it is counted only where filters are combined.

How many rows a reader wants is a parameter, of which a planner that plans for all readers assumes the worst. So the
text says as a literal what cannot be exceeded, and where two ways are possible, the tally decides between them.
"""

from functools import lru_cache
from typing import NamedTuple

from delivery import dialects
from delivery.listings import MOST, Ordering
from delivery.questions import next_end

ALL = 2**62  # as a limit


class Shape(NamedTuple):
    """All that the text depends on."""

    kind: str
    order: Ordering
    column: str  # of the texts
    has_tag: bool
    has_author: bool
    has_q: bool
    at_most: int | None  # so many rows are met on the way, those skipped included, if that is known
    from_place: str  # how the rows compare with the place that is given: "", "<", "<=", ">" or ">="
    has_places: bool  # whether the places of the items come back with them

    @property
    def is_lean(self) -> bool:
        """All in one row, and the texts as one."""
        return not self.has_places and self.column == "summary" and dialects.is_postgresql()

    @property
    def is_counted(self) -> bool:
        return self.has_q or (self.has_tag and self.has_author)

    @property
    def is_gathered(self) -> bool:
        """All that matches is looked up once, to be counted and then to be ordered."""
        return self.has_tag and self.has_author and not self.has_q

    @property
    def starts_at_tags(self) -> bool:
        """Whether the rows of a tag have all that it takes to order."""
        return self.has_tag and self.order.column == "created_at"

    @property
    def row(self) -> str:
        """The table, as it is called here, whose rows are put in order."""
        return "t" if self.starts_at_tags else "e"

    @property
    def value(self) -> str:
        return f"{self.row}.{self.order.column}"

    @property
    def entry_id(self) -> str:
        return "t.post_id" if self.starts_at_tags else "e.entry_id"

    @property
    def is_in_doubt(self) -> bool:
        """No index has both the filter and the ordering: it depends on how many match which one is better."""
        return (self.has_tag != self.has_author) and not self.has_q and self.order.column != "created_at"

    @property
    def is_direct(self) -> bool:
        """Nothing is skipped: the texts come along with the ordered rows."""
        is_simple = not (self.is_counted or self.is_in_doubt or self.starts_at_tags)
        return is_simple and self.at_most is not None and self.at_most <= MOST


@lru_cache(1024)
def text(shape: Shape) -> str:
    entries = "delivery_liveentry e ON e.publication_id = k.publication_id"
    page = _in_doubt(shape) if shape.is_in_doubt else _page(shape, _by_index(shape))
    in_order = _in_order(shape, "k.value", "k.id")
    item = "k.text" if shape.is_direct else f"e.{shape.column}"
    if shape.is_lean:
        rows = f"({page}) k" + ("" if shape.is_direct else f" JOIN {entries}")
        return f"{_counts(shape)}, (SELECT string_agg({item}, ',' {in_order}) FROM {rows}) FROM counts"
    rows = f"({page}) k ON TRUE" + ("" if shape.is_direct else f" LEFT JOIN {entries}")
    return f"{_counts(shape)}, {_selected_value(shape)}, k.id, {item} FROM counts LEFT JOIN {rows} {in_order}"


def _counts(shape: Shape) -> str:
    return f"""
WITH {_matches(shape)}counts AS MATERIALIZED (
  SELECT {_total(shape)} AS total, COALESCE(tally.position, 0) AS version, {dialects.moment(dialects.now())} AS moment,
    {dialects.moment("coming.at")} AS starts, {dialects.moment(next_end(shape.kind))} AS ends
  FROM ({_not_live(shape, "MIN(e.live_from) AS at", f"e.live_from > {dialects.now()}")}) coming
  LEFT JOIN delivery_tally tally ON tally.kind = '{shape.kind}' AND tally.facet = ''
)
SELECT counts.total, counts.version, counts.moment, counts.starts, counts.ends"""


def _matches(shape: Shape) -> str:
    """On SQLite, which knows no numbers, looked up from the side that has fewer rows, the author's or the tag's."""
    if not shape.is_gathered:
        return ""
    if dialects.is_postgresql():
        return f"matches AS MATERIALIZED ({_rows(shape, _source(shape))}), "
    author, tag = _tally(shape, "author_facet"), _tally(shape, "tag_facet")
    by_author = shape._replace(has_tag=False, at_most=None)
    from_author = f"{_rows(by_author, _source(by_author))} AND (SELECT TRUE {_tag_of_entry()} LIMIT 1)"
    from_tag = _rows(shape, _source(shape))
    return f"""matches AS MATERIALIZED (
  SELECT * FROM ({from_author} LIMIT (SELECT CASE WHEN {author} <= {tag} THEN {ALL} ELSE 0 END)) from_author
  UNION ALL
  SELECT * FROM ({from_tag} LIMIT (SELECT CASE WHEN {author} <= {tag} THEN 0 ELSE {ALL} END)) from_tag
), """


def _total(shape: Shape) -> str:
    if shape.is_counted:
        return f"(SELECT COUNT(*) FROM {'matches' if shape.is_gathered else _source(shape)})"
    facet = "tag_facet" if shape.has_tag else "author_facet" if shape.has_author else ""
    tally = _tally(shape, facet) if facet else "COALESCE(tally.rows, 0)"
    over = _not_live(shape, "", f"e.live_until <= {dialects.now()}")
    return f"{tally} - coming.counted - ({over})"


def _tally(shape: Shape, facet: str) -> str:
    return f"COALESCE((SELECT rows FROM delivery_tally WHERE kind = '{shape.kind}' AND facet = %({facet})s), 0)"


def _not_live(shape: Shape, also: str, condition: str) -> str:
    """How many that the tally counts are not live. Few are: no planner shall start at a tag or an author."""
    counted = "COUNT(*)"
    if shape.has_tag:
        counted = f"COUNT((SELECT 1 {_tag_of_entry()} LIMIT 1))"
    elif shape.has_author:
        counted = "COUNT(*) FILTER (WHERE e.author = %(author)s)"
    selected = f"{counted} AS counted{also and f', {also}'}"
    return f"SELECT {selected} FROM delivery_liveentry e WHERE e.kind = '{shape.kind}' AND {condition}"


def _tag_of_entry() -> str:
    return "FROM delivery_livetag t WHERE t.entry_id = e.publication_id AND t.tag = %(tag)s"


def _in_doubt(shape: Shape) -> str:
    """Walking along the ordering until enough rows were met, or sorting all rows that match.

    With ``rows`` of ``all``, the first meets ``wanted * all / rows`` rows, the second all that match.
    """
    of_all = f"(SELECT rows FROM delivery_tally WHERE kind = '{shape.kind}' AND facet = '')"
    of_facet = _tally(shape, "tag_facet" if shape.has_tag else "author_facet")
    is_common = f"(CAST(%(skip)s AS BIGINT) + %(limit)s) * {of_all} < {of_facet} * {of_facet}"
    walk = _page(shape, _by_walking(shape), only_if=f"{is_common} AND")
    sort = _page(shape, _by_sorting(shape), only_if=f"NOT {is_common} AND")
    return f"SELECT * FROM ({walk}) walked UNION ALL SELECT * FROM ({sort}) sorted"


def _page(shape: Shape, rows: str, *, only_if: str = "") -> str:
    limit = f"SELECT CASE WHEN {only_if} counts.total > %(start)s THEN %(limit)s ELSE 0 END FROM counts"
    return f"SELECT * FROM ({rows} LIMIT ({limit}) OFFSET %(skip)s) page LIMIT {MOST}"


def _by_index(shape: Shape) -> str:
    if shape.is_gathered:
        place = _onwards(shape, "WHERE", "value", "id")
        return f"SELECT * FROM matches{place} {_in_order(shape, 'value', 'id')}"
    return _bounded(shape, _source(shape))


def _by_walking(shape: Shape) -> str:
    """Conditions that no index serves, so that the ordering's is taken."""
    condition = "e.author || '' = %(author)s" if shape.has_author else f"(SELECT TRUE {_tag_of_entry()} LIMIT 1)"
    source = f"delivery_liveentry e WHERE e.kind = '{shape.kind}' AND {dialects.live('e')} AND {condition}"
    return _bounded(shape, source)


def _by_sorting(shape: Shape) -> str:
    rows = _rows(shape, _source(shape) + _onwards(shape, "AND", shape.value, shape.entry_id))
    return f"SELECT * FROM ({rows} {dialects.fence()}) matching {_in_order(shape, 'value', 'id')}"


def _bounded(shape: Shape, source: str) -> str:
    place = _onwards(shape, "AND", shape.value, shape.entry_id)
    rows = f"{_rows(shape, source + place)} {_in_order(shape, shape.value, shape.entry_id)}"
    if shape.at_most is None or not dialects.is_postgresql():  # SQLite would read all of them, to sort them again
        return rows
    return f"SELECT * FROM ({rows} LIMIT {shape.at_most}) first {_in_order(shape, 'value', 'id')}"


def _rows(shape: Shape, source: str) -> str:
    publication = "t.entry_id" if shape.starts_at_tags else "e.publication_id"
    text = f", e.{shape.column} AS text" if shape.is_direct else ""
    return f"SELECT {publication} AS publication_id, {shape.value} AS value, {shape.entry_id} AS id{text} FROM {source}"


def _onwards(shape: Shape, word: str, value: str, entry: str) -> str:
    return f" {word} ({value}, {entry}) {shape.from_place} (%(value)s, %(id)s)" if shape.from_place else ""


def _in_order(shape: Shape, value: str, entry: str) -> str:
    direction = " DESC" if shape.order.is_descending else ""
    return f"ORDER BY {value}{direction}, {entry}{direction}"


def _source(shape: Shape) -> str:
    """Tables and conditions: everything that matches and is live."""
    live = dialects.live(shape.row)
    tagged = f"t.kind = '{shape.kind}' AND t.tag = %(tag)s"
    others = _author_and_q(shape)
    if not shape.has_tag:
        return f"delivery_liveentry e WHERE e.kind = '{shape.kind}'{others} AND {live}"
    if shape.starts_at_tags and not others:
        return f"delivery_livetag t WHERE {tagged} AND {live}"
    joined = "delivery_livetag t JOIN delivery_liveentry e ON e.publication_id = t.entry_id"
    return f"{joined} WHERE {tagged} AND e.kind = '{shape.kind}'{others} AND {live}"


def _author_and_q(shape: Shape) -> str:
    author = " AND e.author = %(author)s" if shape.has_author else ""
    escape = "" if dialects.is_postgresql() else r" ESCAPE '\'"
    return author + (f" AND e.search_text LIKE %(q)s{escape}" if shape.has_q else "")


def _selected_value(shape: Shape) -> str:
    """SQLite's driver would make a moment of a column that is declared as one, by rules of its own."""
    is_bytes = shape.order.column == "title_key"
    return "k.value" if is_bytes or dialects.is_postgresql() else "CAST(k.value AS TEXT)"
