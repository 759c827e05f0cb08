"""NPanel's account with the certificate authority of the settings: made once, its key sealed, opened in the worker."""

from django.conf import settings

from hosting.acme import AcmeError, Session, new_account_key
from hosting.errors import HostingError
from hosting.models import AcmeAccount
from hosting.sealing import seal, unseal
from hosting.texts import N_
from hosting.transactions import retried


def is_configured() -> bool:
    """Whether there is an authority to ask."""
    return bool(settings.NPANEL_ACME_DIRECTORY)


def check_configured() -> None:
    """Refuse what needs an authority where there is none.

    Raises:
        HostingError: ``acme_off``.
    """
    if not is_configured():
        raise HostingError(
            N_("No certificate authority is set up here."),
            code="acme_off",
            hint=N_("The operator sets NPANEL_ACME_DIRECTORY. Until then, upload a certificate."),
        )


def open_session() -> Session:
    """Talk to the authority, with an account that is made at the first time (worker only).

    Raises:
        HostingError: ``acme_off``. AcmeError: it can't be asked. SealingError: this process may not open the key.
    """
    check_configured()
    row = _account()
    session = _session(row)
    if not row.url:
        _register(session, row)
    return session


def open_session_again() -> Session:
    """The same once the authority has said that it knows no such account (it was set up anew): register again."""
    row = _account()
    session = _session(row, known=False)
    _register(session, row)
    return session


def _session(row: AcmeAccount, *, known: bool = True) -> Session:
    key = unseal(row.key_sealed, row.seal_context)
    account = row.url if known else ""
    return Session(row.directory, key, account=account, ca_file=settings.NPANEL_ACME_CA_FILE)


def _register(session: Session, row: AcmeAccount) -> None:
    url = session.register(settings.NPANEL_ACME_EMAIL)
    AcmeAccount.objects.filter(pk=row.pk).update(url=url)


@retried
def _account() -> AcmeAccount:
    directory = settings.NPANEL_ACME_DIRECTORY
    found = AcmeAccount.objects.filter(directory=directory).first()
    if found is not None:
        return found
    row = AcmeAccount(directory=directory)
    row.key_sealed = seal(new_account_key(), row.seal_context)
    AcmeAccount.objects.bulk_create([row], ignore_conflicts=True)  # another worker may do the same just now
    return AcmeAccount.objects.get(directory=directory)


def is_forgotten(error: AcmeError) -> bool:
    """Whether the authority does not know our account."""
    return error.code == "acme_account_unknown"
