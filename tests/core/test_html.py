import random
import re
import time
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import pytest

from core import html
from core.html import CleanHTML, TooDeep, allowed, clean, cleaning
from tests.core.html_judge import complaints
from tests.core.xss_vectors import TEXTS, VECTORS

ALL_VECTORS = [vector for vectors in VECTORS.values() for vector in vectors]

ARTICLE = """<h1>Bread, slowly</h1>
<p class="lead">A loaf takes <time datetime="2025-03-01T08:00">a day</time> &amp; four things &lt; five.</p>
<h2 lang="en">What you need</h2><h3>Flour</h3><h4>Water</h4><h5>Salt</h5><h6>Time</h6>
<ul><li>500&nbsp;g flour</li><li>350 g water<ul><li>cold</li></ul></li></ul>
<ol start="3" reversed="" type="a"><li value="3">Mix</li><li>Wait</li></ol>
<dl><dt><dfn title="resting in water">Autolyse</dfn></dt><dd>Rest of <var>n</var> minutes.</dd></dl>
<p><strong>Bold</strong>, <b>bold</b>, <em>stress</em>, <i>voice</i>, <u>line</u>, <s>old</s>, <del cite="/changes"
 datetime="2025-01-01">gone</del>, <ins cite="https://example.com/why" datetime="2025-01-02">new</ins>,
 <mark>mark</mark>, <small>small</small>, H<sub>2</sub>O, x<sup>2</sup>, <code class="language-python">x &gt; y</code>,
 <kbd>Ctrl</kbd>, <samp>done</samp>, <abbr title="Cascading Style Sheets">CSS</abbr>, <cite>A book</cite>,
 <q cite="https://example.org/q">a quote</q>, <span dir="rtl" lang="he">שלום</span>, long<wbr>word<br>next.</p>
<p class="align-center"><a href="https://example.com/a?b=1&amp;c=2#d" hreflang="de" title="&quot;x&quot;">web</a>
 <a href="http://example.com:8080/">plain</a> <a href="mailto:hello@example.com?subject=Hi%20there">mail</a>
 <a href="tel:+49-30-123">call</a> <a href="/about">site</a> <a href="#part">part</a> <a href="?page=2">query</a>
 <a href="../up/file.html">up</a> <a href="https://example.org/@name">name</a> <a href="https://bücher.example/ä">IDN</a>
 <a href="https://example.org/" target="_blank" rel="nofollow noopener noreferrer">new window</a></p>
<figure class="align-wide"><img src="/media/loaf.jpg" alt="A loaf" width="800" height="600" loading="lazy"
 decoding="async" class="align-full"><figcaption>From <cite>the oven</cite></figcaption></figure>
<blockquote cite="https://example.org/source"><p>Bread is patience.</p></blockquote>
<pre class="language-c++">if (a &lt; b &amp;&amp; c) {
\treturn "x";
}</pre>
<table><caption>Hours</caption><colgroup><col span="2"><col></colgroup><thead><tr><th scope="col" abbr="D">Day</th>
<th colspan="2">Open</th></tr></thead><tbody><tr><th scope="row">Mon</th><td rowspan="2">9</td><td>17</td></tr><tr>
<td>x</td></tr></tbody><tfoot><tr><td>*</td></tr></tfoot></table>
<details open=""><summary>More</summary><div class="callout callout-info"><p>Hidden</p></div></details>
<section><aside><address>Street 1</address></aside></section><hr>
<iframe width="560" height="315" src="https://www.youtube.com/embed/abc_-123?si=Zx9&amp;start=10" title="Video"
 frameborder="0" allow="accelerometer; autoplay; clipboard-write; encrypted-media; gyroscope; picture-in-picture"
 referrerpolicy="strict-origin-when-cross-origin" loading="lazy" allowfullscreen=""></iframe>
<p>🙂 👩‍👩‍👧 naïve Ωmega 中文 \u200fעברית\u200e \u2028 100&nbsp;%</p>
""".replace("\n ", " ")


@pytest.fixture
def nh3(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The real second pass, which tells what it was given."""
    spy = Mock(wraps=cleaning._NH3)
    monkeypatch.setattr(cleaning, "_NH3", spy)
    return spy


class TestAttacks:
    @pytest.mark.parametrize("vector", ALL_VECTORS)
    def test_nothing_of_it_is_left_and_what_went_is_named(self, vector: str) -> None:
        cleaned = clean(vector)

        assert complaints(cleaned.html) == []
        assert cleaned.removed
        assert clean(str(cleaned.html)) == html.Cleaned(cleaned.html, ())

    @pytest.mark.parametrize("vector", ALL_VECTORS)
    def test_in_the_middle_of_other_content(self, vector: str) -> None:
        cleaned = clean(
            f"<table><tbody><tr><td>one <b>two {vector} three</b></td></tr></tbody></table><p title='{vector}"
        )

        assert complaints(cleaned.html) == []

    @pytest.mark.parametrize("vector", ALL_VECTORS)
    def test_nh3_finds_nothing_more_to_do(self, vector: str, nh3: Mock) -> None:
        cleaned = clean(vector)

        nh3.clean.assert_called_once_with(cleaned.html)

    @pytest.mark.parametrize("vector", [vector for vector in ALL_VECTORS if "iframe" not in vector.lower()])
    def test_nh3_alone_would_keep_out_every_name_and_address(
        self, vector: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cleaning._Rewriting, "html", lambda rewriting, source: source)

        found = complaints(clean(vector).html)

        assert [one for one in found if one.startswith(("element", "attribute", "comment")) or "=" in one] == []

    @pytest.mark.parametrize("text", TEXTS)
    def test_what_only_looks_like_markup_stays_as_text(self, text: str) -> None:
        cleaned = clean(text)

        assert (complaints(cleaned.html), cleaned.removed, "<" in cleaned.html) == ([], (), False)

    def test_there_are_enough_of_them(self) -> None:
        assert len(set(ALL_VECTORS)) == len(ALL_VECTORS) >= 150

    def test_documents_put_together_by_chance(self, nh3: Mock) -> None:
        chance = random.Random(4)
        pieces = [piece for vector in ALL_VECTORS for piece in re.findall(r"</?\w+|[^<>\s]+|[\s>]+|<", vector)]

        for _ in range(1500):
            cleaned = clean("".join(chance.choices(pieces, k=40)))

            nh3.clean.assert_called_with(cleaned.html)
            assert complaints(cleaned.html) == []
            assert clean(str(cleaned.html)) == html.Cleaned(cleaned.html, ())


class TestContent:
    def test_a_clean_article_stays_as_it_is(self) -> None:
        cleaned = clean(ARTICLE)

        assert cleaned == html.Cleaned(CleanHTML(ARTICLE), ())
        assert isinstance(cleaned.html, CleanHTML)

    def test_the_article_uses_every_element(self) -> None:
        assert set(re.findall(r"<([a-z][a-z0-9]*)", ARTICLE)) == set(allowed.ELEMENTS)

    @pytest.mark.parametrize(
        "text",
        ["plain", "grüße 🙂👍🏽", "שלום \u200fعالم", "中文、日本語", "e\u0301 \u00ad\u200d", "a\n\n\tb", "  x  ", ""],
    )
    def test_plain_text_stays_as_it_is(self, text: str) -> None:
        assert clean(text) == html.Cleaned(CleanHTML(text), ())

    @pytest.mark.parametrize(
        ("given", "stored"),
        [
            ("Fish & chips", "Fish &amp; chips"),
            ("1 < 2 > 0", "1 &lt; 2 &gt; 0"),
            ("&eacute;&#8364;&#x20AC;&hellip;", "é€€…"),
            ("a\xa0b", "a&nbsp;b"),
            ("a\r\nb\rc\fd&#13;&#10;e&#13;f&#12;g", "a\nb\nc d\nef g"),
            ("&#" + "9" * 5000 + ";&#0;&#xd800;&#" + "0" * 30 + "65;", "\ufffd\ufffd\ufffd\ufffd"),
            ("<P CLASS=lead>x</P>", '<p class="lead">x</p>'),
            ("<a href=/a?b=1&copy=2>x</a>", '<a href="/a?b=1&amp;copy=2">x</a>'),
            ("<a href=' /x '>y</a>", '<a href="/x">y</a>'),
            ("<a href=//example.com/x>y</a>", '<a href="https://example.com/x">y</a>'),
            ("<a href=/x target=_BLANK>y</a>", '<a href="/x" target="_blank" rel="noopener noreferrer">y</a>'),
            ("<img src=/a.png alt/>", '<img src="/a.png" alt="">'),
            ("<p>a<p>b", "<p>a</p><p>b</p>"),
            ("<ul><li>a<li>b<ol><li>c</ul>d", "<ul><li>a</li><li>b<ol><li>c</li></ol></li></ul>d"),
            ("<dl><dt>a<dd>b<dt>c</dl>", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
            ("<b>a<i>b</b>c</i>", "<b>a<i>b</i></b><i>c</i>"),
            ("<b><p>a</b>b</p>c", "<b><p>ab</p></b>c"),
            ("<p><b>a</p>b", "<p><b>a</b></p>b"),
            ("<h2>a</h3>b", "<h2>a</h2>b"),
            ("<h2>a<h3>b", "<h2>a</h2><h3>b</h3>"),
            ("<a href=/a>a<a href=/b>b", '<a href="/a">a</a><a href="/b">b</a>'),
            ("<p>a<table><td>b</table>c", "<p>a</p><table><tbody><tr><td>b</td></tr></tbody></table>c"),
            ("<table><col></table>", "<table><colgroup><col></colgroup></table>"),
            ("<table><tr>x</table>", "<table><tbody><tr><td>x</td></tr></tbody></table>"),
            ("<b>a<table><td></b>b</table>c", "<b>a<table><tbody><tr><td>b</td></tr></tbody></table>c</b>"),
            ("<pre>\n\n&#10;a\n</pre>", "<pre>a\n</pre>"),
            ("</p></b>a</br>", "a"),
        ],
    )  # fmt: skip
    def test_another_spelling_is_no_removal(self, given: str, stored: str) -> None:
        assert clean(given) == html.Cleaned(CleanHTML(stored), ())
        assert complaints(stored) == []

    @pytest.mark.parametrize(
        ("given", "stored"),
        [
            ("<article>a</article><nav>b</nav>", "a\nb"),
            ("<p>a</p><main><p>b</p></main>", "<p>a</p><p>b</p>"),
            ("a<font>b</font>c", "abc"),
            ("<td>a</td><td>b</td>", "a\nb"),
            ("a<svg><b>x</b></svg>b<object>y</object>c<title>z</title>", "abc"),
            ("a<svg><b>x", "a<b>x</b>"),
        ],
    )
    def test_words_around_what_goes_stay_and_stay_apart(self, given: str, stored: str) -> None:
        assert clean(given).html == stored

    @pytest.mark.parametrize("host", sorted(allowed.VIDEO_HOSTS))
    def test_videos_of_every_listed_host_stay(self, host: str) -> None:
        iframe = f'<iframe src="https://{host}{allowed.VIDEO_HOSTS[host]}x1"></iframe>'

        assert clean(iframe) == html.Cleaned(CleanHTML(iframe), ())
        assert complaints(iframe) == []

    def test_any_other_iframe_goes_as_a_whole(self) -> None:
        cleaned = clean("a<iframe src='https://evil.example/' title=x>fall<b>back</b></iframe>b")

        assert cleaned == html.Cleaned(CleanHTML("ab"), ('<iframe src="https://evil.example/">',))


class TestReport:
    def test_everything_in_order_of_appearance_and_once(self) -> None:
        cleaned = clean(
            "<!doctype html><script>1</script><p onclick=a style=b class='foo lead bar' id=c>x</p><!-- d -->"
            "<p onclick=a>y</p><script>2</script><a href='JavaScript:alert(1)' href=/x>z</a><td>"
            "<iframe src='https://evil.example/?a=\"'></iframe><img alt=x><th\x00>\ud800"
        )

        assert cleaned.removed == (
            "character U+0000",
            "character U+D800",
            "doctype",
            "<script>",
            "onclick on <p>",
            "style on <p>",
            'class "foo" on <p>',
            'class "bar" on <p>',
            "id on <p>",
            "comment",
            'href "javascript:…" on <a>',
            "repeated href on <a>",
            "<td> outside a table",
            '<iframe src="https://evil.example/?a="">',
            "<img> without src",
            "<th> outside a table",
        )

    @pytest.mark.parametrize(
        ("given", "entry"),
        [
            ("<a href='java&#9;script:x'>", r'href "java\tscript:x" on <a>'),
            ("<a target='a\u202eb\x1b'>", r'target "a\u202eb" on <a>'),
            (f"<a target='{'x' * 500}'>", f'target "{"x" * 60}…" on <a>'),
            (f"<p {'y' * 500}>", f"{'y' * 40}… on <p>"),
            (f"<{'z' * 500}>", f"<{'z' * 40}…>"),
            ("<img src='data:image/png;base64,iVBO'>", 'src "data:…" on <img>'),
            ("<a href=https://u:p@example.com>", 'href "https://u:p@example.com" on <a>'),
            ("<td colspan=1e9>", 'colspan "1e9" on <td>'),
            ("<td rowspan=-1>", 'rowspan "-1" on <td>'),
            ("<td colspan=101>", 'colspan "101" on <td>'),
            ("<img width=0>", 'width "0" on <img>'),
            (f"<p class='{'lead ' * 500}'>", f'class "{"lead " * 12}…" on <p>'),
            (f"<p title='{'x' * 2001}'>", f'title "{"x" * 60}…" on <p>'),
            (f"<a href='/{'x' * 2000}'>", f'href "/{"x" * 59}…" on <a>'),
        ],
    )
    def test_entries_are_short_and_show_what_is_hidden(self, given: str, entry: str) -> None:
        assert entry in clean(given).removed

    def test_no_more_than_fifty(self) -> None:
        fifty = clean("".join(f"<x{number}>" for number in range(50)) * 2).removed
        more = clean("".join(f"<x{number}>" for number in range(5000))).removed

        assert (len(fifty), fifty[-1]) == (50, "<x49>")
        assert (len(more), more[-2:]) == (50, ("<x48>", "…"))

    def test_no_entry_is_long(self) -> None:
        wild = "\U000e0001" * 3000

        removed = clean(f"<p {wild} target=x class='{wild}'><iframe src='{wild}'></iframe><{'a' + wild}>").removed

        assert len(removed) == 5
        assert max(len(entry) for entry in removed) <= 200
        assert all(entry.isprintable() for entry in removed)


class TestLimits:
    def test_a_hundred_levels_and_no_more(self) -> None:
        assert clean("<div>" * html.MAX_DEPTH).html == "<div>" * 100 + "</div>" * 100

        with pytest.raises(TooDeep, match="100 elements deep") as refusal:
            clean("<div>" * (html.MAX_DEPTH + 1))

        assert refusal.value.code == "too_deep"

    @pytest.mark.parametrize(
        "piece", ["<p>x", "<li>", "<dt>", "<dd>x", "<br>", "<td>", "<b></b>", "<x>", "</x>", "<h1>", "<a href=/>"]
    )
    def test_what_does_not_nest_is_not_deep(self, piece: str) -> None:
        clean(piece * 1000)

    @pytest.mark.parametrize("piece", ["<br>", "</p>", "<x>", "<p a b c d>"])
    def test_a_number_of_tags_that_nobody_writes(self, piece: str) -> None:
        with pytest.raises(html.TooManyPieces) as refusal:
            clean(piece * (html.MAX_PIECES + 1))

        assert (refusal.value.code, isinstance(refusal.value, TooDeep)) == ("too_many_tags", True)

    @pytest.mark.parametrize(
        "piece",
        [
            "<a<a", "<a ", "<a x='", "<a x=\"'>", "<p>x", "<!--", "<!-- x -->", "<![CDATA[", "<script>", "<svg>",
            "<svg></svg>", "<table>", "<table><br>", "<tr>x", "<b></i></b>", "<b><p></b>", "<b lang=a><p>x</p>", "<",
            "&", "&a", "&#", "&#9", "&" + "a" * 40, "--!>", "<p a", "a=b ", "<img src=x:>", "\x00", "<pre>\n", " ",
        ],
    )  # fmt: skip
    def test_work_grows_with_the_length_alone(self, piece: str) -> None:
        for prefix in ("", "<p title='", "<!--", "<b><table><tr><td>" + "<i>" * 90):
            given = prefix + piece * (200_000 // len(piece))
            began = time.process_time()

            with suppress(TooDeep):
                clean(given)

            assert time.process_time() - began < 1


class TestDocumentation:
    PAGE = (Path(__file__).parents[2] / "docs" / "html.md").read_text()

    def names(self, heading: str) -> set[str]:
        section = self.PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
        return {name for row in section.splitlines() if row.startswith("| `") for name in self.code(row.split("|")[1])}

    def code(self, text: str) -> list[str]:
        return re.findall(r"`([^`]+)`", text)

    def test_it_lists_exactly_the_elements(self) -> None:
        assert self.names("Elements") == set(allowed.ELEMENTS)

    def test_it_lists_the_attributes_of_every_element(self) -> None:
        section = self.PAGE.split("\n## Elements\n")[1].split("\n## ")[0]
        everywhere = {"class", "dir", "lang", "title"}
        listed = {
            element: set(self.code(row.split("|")[2])) | everywhere
            for row in section.splitlines()
            if row.startswith("| `")
            for element in self.code(row.split("|")[1])
        }

        lists = {"a": {"rel"}, "iframe": {"allow"}}
        assert listed == {name: {*own, "class"} | lists.get(name, set()) for name, own in allowed.ELEMENTS.items()}

    def test_it_lists_exactly_the_classes_and_hosts(self) -> None:
        assert self.names("Classes") == allowed.CLASSES | {"language-…"}
        assert self.names("Videos") == {f"{host}{path}…" for host, path in allowed.VIDEO_HOSTS.items()}
