"""Second factors and passkeys: TOTP with recovery codes, and WebAuthn, on the building blocks of django-allauth.

allauth gives the table (``Authenticator``), the arithmetic of TOTP and recovery codes, the QR code and, through fido2,
WebAuthn. Which door takes what, how often, and what is written about it is decided here; none of allauth's own views,
backends or admin pages is reachable. Every verb is free of requests: REST and the admin call the same ones.

Logging in (``accounts.credentials.authenticate`` has found the user, nothing has been issued yet):

    second_step.demand(user, now=)                       nothing, or raises ``SecondFactorRequired``, which holds
                                                         ``challenge`` (text, 5 minutes), ``methods`` ("totp",
                                                         "recovery_code", "passkey") and ``passkey_options`` (or None)
    second_step.complete(challenge, code=, now=)         the user, whom the caller may log in now; or raises
    second_step.complete(challenge, credential=, now=)   ``ChallengeInvalid``, ``SecondFactorInvalid``, or
                                                         ``PasskeyInvalid``
    passkeys.begin_login(now=)                           ``Ceremony(challenge, options)`` for a login without a password
    passkeys.log_in(challenge, credential, now=)         the user, verified by the device; or raises

Managing one's own (``password`` is the current one; ``errors.Invalid`` for ``current_password`` where it is wrong, and
``lockout.TooManyFailures`` after too many; so not inside a transaction):

    overview.of(user)                                    ``Factors(totp, recovery_codes_left, passkeys)``
    totp.begin(user, password=, now=)                    ``Setup(challenge, secret, url, svg)``; 409 where there is one
    totp.confirm(user, challenge, code, now=)            the new recovery codes (none if there are some already)
    totp.remove(user, password= | code=, now=)
    recovery.renew(user, password=, now=)                the new recovery codes; the old ones are worth nothing
    passkeys.begin(user, password=, now=)                ``Ceremony(challenge, options)`` for the browser
    passkeys.add(user, challenge, credential, name=, now=)  ``Added(passkey, recovery_codes)``
    passkeys.rename(user, id, name=) / passkeys.remove(user, id, password=, now=)

Managing somebody else's:

    resets.reset_factors(user, by=, now=)                takes all of them away; not one's own

Recovery codes and the secret of TOTP are shown by these answers alone, once. Whoever removes the last factor loses the
recovery codes with it.
"""
