"""The shapes of JSON under /auth/sso."""

from accounts.api.serializers import DeliveryInput
from accounts.sso import tickets
from core.api.serializers import StrictText


class ExchangeInput(DeliveryInput):
    """What came back from a login, and what proves that it was yours."""

    code = StrictText(max_length=tickets.MAX_LENGTH, trim_whitespace=False, help_text="`sso_code` of the address.")
    verifier = StrictText(max_length=128, trim_whitespace=False, help_text="The text whose SHA-256 was `challenge`.")
