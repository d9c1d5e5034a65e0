import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import connection, models, transaction
from django.db.models.expressions import Combinable
from django.db.models.functions import Upper
from django.forms import modelform_factory
from django.utils import timezone

from content.models import BlogPost
from core.html import CleanHTML, CleanHTMLField, TooDeep, clean, is_safe_url, validate_url
from core.ids import uuid7

DIRTY, CLEAN, DEEP = "<p onclick=x>a</p><script>b</script>", "<p>a</p>", "<div>" * 101


def unsaved_post(body: str | Combinable) -> BlogPost:
    now = timezone.now()
    return BlogPost(
        title="A post", slug=f"post-{uuid7()}", body=body, revision_id=uuid7(), created_at=now, updated_at=now
    )


def stored_body() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM content_blogpost")
        [(body,)] = cursor.fetchall()
    return str(body)


@pytest.mark.django_db
class TestWhoeverWrites:
    def test_save(self) -> None:
        post = unsaved_post(DIRTY)

        post.save()

        assert (stored_body(), post.body) == (CLEAN, CLEAN)

    def test_bulk_create(self) -> None:
        [post] = BlogPost.objects.bulk_create([unsaved_post(DIRTY)])

        assert (stored_body(), post.body) == (CLEAN, CLEAN)

    def test_update_and_bulk_update(self) -> None:
        post = unsaved_post("")
        post.save()

        BlogPost.objects.update(body=DIRTY)
        updated = stored_body()
        post.body = DIRTY + DIRTY
        BlogPost.objects.bulk_update([post], ["body"])

        assert (updated, stored_body()) == (CLEAN, CLEAN + CLEAN)

    def test_fixtures(self) -> None:
        post = unsaved_post(DIRTY)

        for loaded in serializers.deserialize("json", serializers.serialize("json", [post])):
            loaded.save()

        assert stored_body() == CLEAN

    def test_what_is_clean_is_stored_as_it_is(self) -> None:
        unsaved_post(CleanHTML(CLEAN)).save()

        assert stored_body() == CLEAN

    def test_what_the_database_computes_is_refused(self) -> None:
        with pytest.raises(TypeError, match="body"):
            unsaved_post(Upper(models.Value("<script>"))).save()

    def test_what_is_nested_too_deeply_is_refused(self) -> None:
        with pytest.raises(TooDeep), transaction.atomic():
            unsaved_post(DEEP).save()

        assert not BlogPost.objects.exists()

    def test_a_form_shows_the_refusal_at_its_field(self) -> None:
        form = modelform_factory(BlogPost, fields=["title", "body"])({"title": "x", "body": DEEP})

        assert form.errors.as_data()["body"][0].code == "too_deep"

    def test_a_form_judges_and_gives_what_will_be_stored(self) -> None:
        form = modelform_factory(BlogPost, fields=["body"])({"body": DIRTY})

        assert (form.is_valid(), form.instance.body) == (True, CLEAN)


class TestField:
    @pytest.fixture
    def field(self) -> CleanHTMLField:
        field = CleanHTMLField(blank=True)
        field.set_attributes_from_name("body")
        return field

    @pytest.mark.parametrize(("given", "stored"), [(DIRTY, CLEAN), (CleanHTML(CLEAN), CLEAN), ("", ""), (None, None)])
    def test_what_reaches_the_database_is_clean_and_a_plain_string(
        self, field: CleanHTMLField, given: str | None, stored: str | None
    ) -> None:
        prepared = field.get_db_prep_save(given, connection)

        assert (prepared, type(prepared)) == (stored, type(stored))

    def test_nothing_is_cleaned_in_a_filter(self, field: CleanHTMLField) -> None:
        assert field.get_prep_value("<b") == "<b"

    def test_validation_judges_what_will_be_stored(self) -> None:
        field = CleanHTMLField()

        assert field.clean(DIRTY, None) == CLEAN
        with pytest.raises(ValidationError) as refusal:
            field.clean("<script>only</script>", None)
        assert refusal.value.code == "blank"

    def test_its_path_in_migrations_is_stable(self, field: CleanHTMLField) -> None:
        assert field.deconstruct() == ("body", "core.html.CleanHTMLField", [], {"blank": True})

    def test_what_is_marked_as_clean_is_not_read_again_and_no_mark_outlives_a_change(self) -> None:
        marked = CleanHTML(DIRTY)  # nobody should: it shows that the mark is believed

        assert (clean(marked).html, type(clean("x").html + DIRTY)) == (DIRTY, str)


class TestAddresses:
    @pytest.mark.parametrize(
        "value",
        [
            "https://example.com", "http://example.com/", "HTTPS://EXAMPLE.COM/A", "https://example.com:8443/a?b=c#d",
            "https://sub.example.org/@name", "https://example.com/a%20b?x=a@b", "https://bücher.example/ä",
            "https://127.0.0.1:8000/x", "https://[::1]/x", "/", "/media/a.png", "/a?b=//c", "/a//b", "/ä",
        ],
    )  # fmt: skip
    def test_web_addresses_and_paths_are_safe(self, value: str) -> None:
        assert is_safe_url(value)
        validate_url(value)

    @pytest.mark.parametrize(
        "value",
        [
            "", " ", "x", "a/b", "#x", "?x", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
            "https:\\\\evil.example", "https:/evil.example", "https:evil.example", "https://", "https:///x",
            "https://?x", "https://#x", "https://user@example.com", "https://user:pw@example.com/", "https://@example.com",
            "https://bank.example\\@evil.example/", "javascript:alert(1)", "JAVASCRIPT:alert(1)",
            "java\nscript:alert(1)", " javascript:alert(1)", "\x01javascript:alert(1)", "data:text/html,x",
            "vbscript:x", "ftp://example.com/",
            "file:///etc/passwd", "mailto:a@example.com", "tel:1", "httpſ://example.com", "https://example.com/a b",
            " https://example.com", "https://example.com\n", "https://exa\tmple.com", "https://example.com/\x00",
            "https://example.com/\u202egpj", "https://example.com/\u200b", "https://example.com/\ud800", "/a\u00a0b",
            'https://example.com/"onload="x', "https://example.com/<script>", "/`x`", "/a\\b", "https://exa mple.com",
            "https://example.com:99999/", "https://[::1", "https://1.2.3.4.5/", "https://xn--a/", "https://%zz/",
            "https://example.com/" + "x" * 2000, None, 1, ["https://example.com"],
        ],
    )  # fmt: skip
    def test_nothing_else_is(self, value: object) -> None:
        assert not is_safe_url(value)
        with pytest.raises(ValidationError) as refusal:
            validate_url(value)
        assert refusal.value.code == "url"
