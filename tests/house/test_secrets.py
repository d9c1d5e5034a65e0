"""The secret key and the keys of tokens."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from cms_project import secrets

LONG = "a-secret-of-many-different-letters-0123456789"


class TestSecretKey:
    def test_production_takes_a_long_one(self, tmp_path: Path) -> None:
        assert secrets.secret_key(LONG, debug=False, kept_in=tmp_path / "key") == LONG

    @pytest.mark.parametrize(
        ("key", "sentence"),
        [
            ("", "is not set"),
            ("x" * 31, "at least 32 bytes"),
            ("django-insecure-" + "x" * 50, "known example"),
            ("please-CHANGE-ME-before-you-go-to-production", "known example"),
        ],
    )
    def test_production_refuses_missing_short_and_known_ones(self, tmp_path: Path, key: str, sentence: str) -> None:
        with pytest.raises(ImproperlyConfigured, match=sentence) as refusal:
            secrets.secret_key(key, debug=False, kept_in=tmp_path / "key")

        assert not key or key not in str(refusal.value)
        assert not (tmp_path / "key").exists()

    def test_development_makes_one_and_keeps_it(self, tmp_path: Path) -> None:
        first = secrets.secret_key("", debug=True, kept_in=tmp_path / "key")
        second = secrets.secret_key("", debug=True, kept_in=tmp_path / "key")

        assert first == second
        assert len(first) >= 50
        assert os.stat(tmp_path / "key").st_mode & 0o777 == 0o600

    def test_starts_at_once_agree_on_one(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(lambda _: secrets.secret_key("", debug=True, kept_in=tmp_path / "key"), range(64)))

        assert len(set(keys)) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["key"]


class TestJwtKeys:
    def test_without_any_one_is_derived_and_stays_the_same(self) -> None:
        keys = secrets.derived_jwt_keys(LONG)

        assert keys == secrets.derived_jwt_keys(LONG)
        assert keys != secrets.derived_jwt_keys(LONG + "x")
        assert LONG not in keys["default"]

    def test_pairs_and_json_say_the_same_and_keep_their_order(self) -> None:
        pairs = secrets.jwt_keys(f"new:{LONG}:colon, old:{LONG}")
        as_json = secrets.jwt_keys(json.dumps({"new": f"{LONG}:colon", "old": LONG}))

        assert list(pairs.items()) == list(as_json.items()) == [("new", f"{LONG}:colon"), ("old", LONG)]

    @pytest.mark.parametrize(
        "raw", ["no-colon-in-it", f":{LONG}", f"a:{LONG},", "{}", '{"a": 1}', "{broken", f"a:{LONG},b:tooshort"]
    )
    def test_nonsense_is_refused_without_repeating_it(self, raw: str) -> None:
        with pytest.raises(ValueError, match=r".") as refusal:
            secrets.jwt_keys(raw)

        assert LONG not in str(refusal.value)
        assert "tooshort" not in str(refusal.value)
