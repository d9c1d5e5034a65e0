import pytest

from tests.factories import make_user, token_for


@pytest.fixture
def admin() -> str:
    """An administrator's access token."""
    return token_for(make_user("admin"))
