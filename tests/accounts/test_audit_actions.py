"""The list of actions: what is recorded, what is documented and what can be asked for are one and the same."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from accounts import audit, audit_actions
from accounts.models import AuditEntry

PAGE = Path(settings.BASE_DIR, "docs", "audit.md").read_text(encoding="utf-8")


def test_the_page_names_every_action_and_no_other():
    table = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]

    assert sorted(name for cell in table for name in re.findall(r"`([^`]+)`", cell)) == audit_actions.actions()


def test_the_page_names_every_kind_and_no_other():
    sentence = re.search(r"A kind is (.+?)\.", PAGE, re.DOTALL)

    assert sentence is not None
    assert re.findall(r"`([^`]+)`", sentence[1]) == audit_actions.kinds()


@pytest.mark.django_db
@pytest.mark.parametrize(("action", "kind"), [("user.renamed", "user"), ("auth.", ""), ("user.updated", "person")])
def test_a_name_that_is_not_listed_is_found_out_in_development(action, kind):
    with pytest.raises(audit_actions.UnknownName):
        audit.record(action, by=None, kind=kind)

    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_in_production_it_is_recorded_all_the_same(monkeypatch):
    monkeypatch.setattr(audit_actions, "is_strict", False)

    audit.record("user.renamed", by=None)

    assert AuditEntry.objects.get().action == "user.renamed"
