"""Single sign-on by OpenID Connect, an optional extra: nothing here is imported unless OIDC_ISSUER is set.

    flow             the way of a browser: to the provider, and back with a code that is checked here
    provider         what we ask the provider: its documents, its keys, the tokens for a code
    identity_tokens  what must hold before a word of an ID token is believed
    linking          whose account it is: linked, found by a verified e-mail, or made
    tickets          the one-time code with which whoever began the login gets its outcome

docs/single-sign-on.md tells it to operators, docs/decisions/0014 why it is so.
"""
