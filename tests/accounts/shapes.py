"""What answers look like, for the tests of several doors."""

from accounts.models import User


def problem(response) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


def public_shape(user: User, role: str) -> dict:
    return {
        "id": str(user.pk),
        "email": user.email,
        "username": user.username,
        "display_name": user.display_name,
        "role": role,
        "permissions": sorted(user.get_all_permissions()),
        "is_active": True,
        "created_at": user.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
