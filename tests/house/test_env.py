"""The readers of environment variables, and the file that fills in what the environment leaves out."""

import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from cms_project import env


@pytest.fixture(autouse=True)
def read_is_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(env, "READ", {})


class TestReaders:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [("1", True), ("yes", True), ("ON", True), (" true ", True), ("0", False), ("No", False), ("off", False)],
    )
    def test_booleans(self, monkeypatch: pytest.MonkeyPatch, raw: str, expected: bool) -> None:
        monkeypatch.setenv("SWITCH", raw)

        assert env.boolean("SWITCH", not expected) is expected

    @pytest.mark.parametrize("raw", ["", "   "])
    def test_an_empty_value_counts_as_not_set(self, monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
        monkeypatch.setenv("SWITCH", raw)

        assert env.boolean("SWITCH", True) is True

    def test_whole_numbers_include_their_bounds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LOW", "1")
        monkeypatch.setenv("HIGH", "9")

        assert (env.integer("LOW", 5, low=1, high=9), env.integer("HIGH", 5, low=1, high=9)) == (1, 9)

    @pytest.mark.parametrize("raw", ["0", "10", "1.5", "many"])
    def test_a_refusal_names_the_variable_and_what_is_wanted(self, monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
        monkeypatch.setenv("LANES", raw)

        with pytest.raises(ImproperlyConfigured, match=r"^LANES must be a whole number from 1 to 9: "):
            env.integer("LANES", 5, low=1, high=9)

    @pytest.mark.parametrize("raw", ["cms.example.com", "example.com", ""])
    def test_a_domain_is_the_host_or_one_above_it(self, monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
        monkeypatch.setenv("DOMAIN", raw)

        assert env.domain_above("DOMAIN", "https://cms.example.com:8443") == (raw or "cms.example.com")

    @pytest.mark.parametrize("raw", ["com", "ample.com", "a.cms.example.com", ".example.com", "https://example.com"])
    def test_any_other_domain_is_none(self, monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
        monkeypatch.setenv("DOMAIN", raw)

        with pytest.raises(ImproperlyConfigured, match=r"^DOMAIN must be the host of PUBLIC_BASE_URL"):
            env.domain_above("DOMAIN", "https://cms.example.com")

    def test_lists_are_parted_by_commas_and_trimmed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOSTS", " a.example.com, ,b.example.com ,")

        assert env.items("HOSTS") == ["a.example.com", "b.example.com"]

    def test_one_of(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HASHER", "argon2")

        assert env.one_of("HASHER", "bcrypt", among=("bcrypt", "argon2")) == "argon2"
        with pytest.raises(ImproperlyConfigured, match=r"^HASHER must be bcrypt or md5: "):
            env.one_of("HASHER", "bcrypt", among=("bcrypt", "md5"))

    @pytest.mark.parametrize("raw", ["5", "0/m", "5/x", "five/m", "5/m; DROP", "-1/m"])
    def test_rates_that_are_none(self, monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
        monkeypatch.setenv("RATE", raw)

        with pytest.raises(ImproperlyConfigured, match=r"^RATE must be a number and s, m, h or d"):
            env.rate("RATE", "5/m")

    def test_a_refused_address_is_not_repeated(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QUEUE_URL", "amqp://user:hush@example.com")

        with pytest.raises(ImproperlyConfigured) as refusal:
            env.address("QUEUE_URL", schemes=("redis",))

        assert "hush" not in str(refusal.value)

    def test_every_variable_that_was_asked_for_is_remembered(self) -> None:
        env.text("FIRST")
        env.boolean("SECOND", False)

        assert list(env.READ) == ["FIRST", "SECOND"]


class TestOrigins:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("https://example.com", "https://example.com"),
            ("HTTPS://Example.COM", "https://example.com"),
            ("https://example.com/", "https://example.com"),
            ("https://example.com:443", "https://example.com"),
            ("http://example.com:80", "http://example.com"),
            ("https://example.com:8443", "https://example.com:8443"),
            ("http://[::1]:5173", "http://[::1]:5173"),
        ],
    )
    def test_they_become_what_browsers_send(self, monkeypatch: pytest.MonkeyPatch, raw: str, expected: str) -> None:
        monkeypatch.setenv("ORIGINS", raw)

        assert env.origins("ORIGINS") == [expected]

    @pytest.mark.parametrize(
        "raw",
        [
            "example.com",
            "*",
            "https://*.example.com",
            "https://example.com/path",
            "https://example.com?x=1",
            "https://example.com//",
            "https://user@example.com",
            "https://example.com:99999",
            "ftp://example.com",
            "https://",
            "https://good.example.com,nonsense",
        ],
    )
    def test_anything_else_is_refused(self, monkeypatch: pytest.MonkeyPatch, raw: str) -> None:
        monkeypatch.setenv("ORIGINS", raw)

        with pytest.raises(ImproperlyConfigured, match=r"^ORIGINS must be a comma-separated list of origins"):
            env.origins("ORIGINS")


class TestCollecting:
    def test_all_refusals_are_gathered_and_defaults_stand_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PORT", "many")
        monkeypatch.setenv("DEBUG", "perhaps")

        with env.collecting() as refused:
            values = (env.integer("PORT", 8000, low=1, high=65535), env.boolean("DEBUG", False))

        assert values == (8000, False)
        assert [str(one).split()[0] for one in refused] == ["PORT", "DEBUG"]

    def test_afterwards_a_refusal_is_one_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DEBUG", "perhaps")
        with env.collecting():
            env.boolean("DEBUG", False)

        with pytest.raises(ImproperlyConfigured):
            env.boolean("DEBUG", False)


class TestFile:
    @pytest.mark.parametrize(
        ("line", "value"),
        [
            ("NAME=value", "value"),
            ("  NAME = value  ", "value"),
            ("export NAME=value", "value"),
            ("NAME=", ""),
            ("NAME='a value # with all'", "a value # with all"),
            ('NAME="a value"', "a value"),
            ("NAME=value # a remark", "value"),
            ("NAME=va#lue", "va#lue"),
            ("NAME=$(rm -rf x) ${HOME}", "$(rm -rf x) ${HOME}"),
            ('NAME={"a": "b"}', '{"a": "b"}'),
            ("NAME=a=b", "a=b"),
        ],
    )
    def test_lines(self, line: str, value: str) -> None:
        assert env.parse_file(f"# first\n\n{line}\n") == {"NAME": value}

    @pytest.mark.parametrize("line", ["NAME", "NA ME=1", "1NAME=1", "=1"])
    def test_a_line_that_is_none_is_refused_by_its_number(self, line: str) -> None:
        with pytest.raises(ValueError, match="line 2 is not NAME=value"):
            env.parse_file(f"GOOD=1\n{line}\n")

    def test_the_environment_wins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SET", "environment")
        monkeypatch.setenv("LEFT_OUT", "to be undone")
        monkeypatch.delenv("LEFT_OUT")
        (tmp_path / ".env").write_text("SET=file\nLEFT_OUT=file\n")

        env.load_file(tmp_path / ".env")

        assert (env.text("SET"), env.text("LEFT_OUT")) == ("environment", "file")

    def test_an_empty_line_of_it_sets_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("LEFT_OUT", raising=False)
        (tmp_path / ".env").write_text("LEFT_OUT=\n")

        env.load_file(tmp_path / ".env")

        assert "LEFT_OUT" not in os.environ

    def test_a_file_that_cannot_be_read_is_one_sentence(self, tmp_path: Path) -> None:
        with pytest.raises(ImproperlyConfigured, match=r"^missing\.env cannot be read: "):
            env.load_file(tmp_path / "missing.env")
