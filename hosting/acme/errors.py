"""Whatever an authority or the way to it may answer, as one error that says what happened and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import requests
from acme import errors, messages
from josepy import errors as jose_errors

from hosting.errors import HostingError
from hosting.texts import N_, NOTHING, Text

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class AcmeError(HostingError):
    """The certificate authority could not be asked, or did not do what it was asked."""

    code = "acme_failed"
    permanent = False


#: By the last part of an authority's problem type (RFC 8555 §6.7): our code and what to do.
_ADVICE: dict[str, tuple[str, Text]] = {
    "rateLimited": ("acme_rate_limited", N_("NPanel asks again later by itself.")),
    "accountDoesNotExist": ("acme_account_unknown", N_("NPanel makes a new account when it asks again.")),
    "externalAccountRequired": (
        "acme_account_refused",
        N_("This authority wants accounts that were made with it beforehand. Ask another one."),
    ),
    "userActionRequired": ("acme_account_refused", N_("Agree to the authority's new terms, then try again.")),
    "invalidContact": ("acme_account_refused", N_("Correct NPANEL_ACME_EMAIL.")),
    "unsupportedContact": ("acme_account_refused", N_("Correct NPANEL_ACME_EMAIL.")),
    "rejectedIdentifier": ("acme_name_refused", N_("This authority gives no certificate for that name.")),
    "unsupportedIdentifier": ("acme_name_refused", N_("This authority gives no certificate for that name.")),
    "caa": ("acme_validation_failed", N_("A CAA record of the domain forbids this authority. Change it in its zone.")),
    "dns": ("acme_validation_failed", N_("The authority can't look the name up. Check where the domain is delegated.")),
    "connection": (
        "acme_validation_failed",
        N_("The authority can't reach the site on port 80. Check the domain's DNS and the firewall."),
    ),
    "unauthorized": (
        "acme_validation_failed",
        N_("The authority got another answer than NPanel's. Check that the domain points to this server only."),
    ),
    "alreadyRevoked": ("acme_already_revoked", N_("Remove it; nobody trusts it any more.")),
}
_NO_ADVICE = ("acme_failed", N_("NPanel asks again later by itself."))


@contextmanager
def told() -> Iterator[None]:
    """Turn everything that the libraries raise into an AcmeError."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        detail = N_("The certificate authority's own certificate is not trusted: %(reason)s.", reason=one_line(error))
        hint = N_("Check NPANEL_ACME_DIRECTORY, and NPANEL_ACME_CA_FILE if it is your own authority.")
        raise AcmeError(detail, code="acme_untrusted", hint=hint) from error
    except (requests.exceptions.RequestException, OSError) as error:
        detail = N_("The certificate authority can't be reached: %(reason)s.", reason=one_line(error))
        hint = N_("Check that the panel reaches the address in NPANEL_ACME_DIRECTORY.")
        raise AcmeError(detail, code="acme_unreachable", hint=hint) from error
    except messages.Error as error:
        raise from_problem(error) from error
    except errors.ValidationError as error:
        raise _from_validation(error) from error
    except errors.TimeoutError as error:
        detail = N_("The certificate authority did not come to an end in time.")
        raise AcmeError(detail, code="acme_timeout", hint=_NO_ADVICE[1]) from error
    except (errors.Error, jose_errors.Error, ValueError, KeyError, TypeError) as error:
        detail = N_("The certificate authority's answer is not understood: %(reason)s.", reason=one_line(error))
        hint = N_("Check that NPANEL_ACME_DIRECTORY is an ACME directory.")
        raise AcmeError(detail, hint=hint) from error


def from_problem(problem: messages.Error, name: str = "") -> AcmeError:
    """An authority's problem document, for one of the names if it says for which."""
    code, hint = _ADVICE.get(str(problem.code or ""), _NO_ADVICE)
    said = one_line(problem.detail or problem.description or problem.typ or "")
    detail = N_("The certificate authority refused: %(said)s", said=said)
    if name:
        detail = N_("The certificate authority refused %(name)s: %(said)s", name=name, said=said)
    return AcmeError(detail, code=code, hint=hint, permanent=code in ("acme_account_refused", "acme_name_refused"))


def one_line(text: object) -> str:
    """Somebody else's words as one short line without control characters."""
    return _CONTROL.sub(" ", str(text)).strip()[:300]


def _from_validation(error: errors.ValidationError) -> AcmeError:
    """The first name that was not proven, with what the authority says of it."""
    for authorization in error.failed_authzrs:
        for challenge in authorization.body.challenges:
            if challenge.error is not None:
                return from_problem(challenge.error, one_line(authorization.body.identifier.value))
    return AcmeError(
        N_("The certificate authority could not check the names."), code="acme_validation_failed", hint=NOTHING
    )
