"""FTP accounts: who may put files where."""

from audit.actor import Actor
from hosting.choices import OperationKind
from hosting.models import FtpAccount, HostingService, Operation
from hosting.operations.requests import request_operation
from hosting.services.limits import check_limit, locked_service
from hosting.services.mailboxes import mail_password_hash
from hosting.services.rows import reread
from hosting.services.validation import save_valid
from hosting.state import FtpAccount as FtpAccountResource
from hosting.state import Ref
from hosting.state.ftp import ftp_folder, ftp_name
from hosting.transactions import retried


@retried
def create_ftp_account(
    *,
    actor: Actor,
    service: HostingService,
    name: str,
    password: str,
    folder: str = "",
    quota_mb: int = 0,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Add an FTP account ``user_name``. Only the password's hash is kept.

    Args:
        name: with or without the service's user name in front.
        folder: relative to the service's home, "" for all of it; it is made where it is missing.
        quota_mb: 0 for no limit of its own.

    Raises:
        HostingError: ``bad_ftp_name``, ``bad_folder``, ``weak_password``, ``invalid`` (a taken name),
            ``limit_reached``, ``service_gone``.
    """
    row = locked_service(service)
    check_limit(row, "ftp_accounts", row.ftp_accounts.count())
    account = FtpAccount(service=row, name=ftp_name(row.username, name), folder=ftp_folder(folder), quota_mb=quota_mb)
    account.password_hash = mail_password_hash(password)
    save_valid(account)
    wanted: dict[str, object] = {"ftp_account": account.name, "folder": account.folder, "quota_mb": quota_mb}
    return _operation(actor, account, OperationKind.ADD_FTP_ACCOUNT, wanted, wait_for_approval, reason)


@retried
def change_ftp_account(
    *,
    actor: Actor,
    account: FtpAccount,
    folder: str | None = None,
    quota_mb: int | None = None,
    wait_for_approval: bool = False,
    reason: str = "",
) -> Operation:
    """Give an account another folder or limit; None leaves it. Files stay where they are.

    Raises:
        HostingError: ``bad_folder``, ``invalid``, ``service_gone``, ``not_found``.
    """
    row = _locked(account)
    row.folder = row.folder if folder is None else ftp_folder(folder)
    row.quota_mb = row.quota_mb if quota_mb is None else quota_mb
    save_valid(row)
    wanted: dict[str, object] = {"ftp_account": row.name, "folder": row.folder, "quota_mb": row.quota_mb}
    return _operation(actor, row, OperationKind.CHANGE_FTP_ACCOUNT, wanted, wait_for_approval, reason)


@retried
def set_ftp_password(
    *, actor: Actor, account: FtpAccount, password: str, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Give an account another password; who is signed in with the old one is signed out. Only its hash is kept.

    Raises:
        HostingError: ``weak_password``, ``service_gone``, ``not_found``.
    """
    hashed, row = mail_password_hash(password), _locked(account)
    row.password_hash = hashed
    save_valid(row)
    wanted: dict[str, object] = {"ftp_account": row.name, "password": "changed"}
    return _operation(actor, row, OperationKind.CHANGE_FTP_ACCOUNT, wanted, wait_for_approval, reason)


def suspend_ftp_account(
    *, actor: Actor, account: FtpAccount, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Lock an account: nobody signs in with it, and who is signed in is signed out.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    return _switch(actor, account, True, wait_for_approval, reason)


def resume_ftp_account(
    *, actor: Actor, account: FtpAccount, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Open a locked account again, exactly as it was.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    return _switch(actor, account, False, wait_for_approval, reason)


@retried
def _switch(actor: Actor, account: FtpAccount, suspended: bool, wait_for_approval: bool, reason: str) -> Operation:
    row = _locked(account)
    row.suspended = suspended
    save_valid(row)
    wanted: dict[str, object] = {"ftp_account": row.name, "suspended": suspended}
    return _operation(actor, row, OperationKind.CHANGE_FTP_ACCOUNT, wanted, wait_for_approval, reason)


@retried
def delete_ftp_account(
    *, actor: Actor, account: FtpAccount, wait_for_approval: bool = False, reason: str = ""
) -> Operation:
    """Remove an account. The files that were uploaded with it stay: they are the service's.

    Raises:
        HostingError: ``service_gone``, ``not_found``.
    """
    row = _locked(account)
    wanted: dict[str, object] = {"remove": row.name}
    operation = _operation(actor, row, OperationKind.REMOVE_FTP_ACCOUNT, wanted, wait_for_approval, reason)
    row.delete()
    return operation


def _locked(account: FtpAccount) -> FtpAccount:
    """The account as it is now, with its service locked."""
    service = locked_service(account.service)
    row = reread(account)
    row.service = service
    return row


def _operation(
    actor: Actor,
    account: FtpAccount,
    kind: OperationKind,
    wanted: dict[str, object],
    wait_for_approval: bool,
    reason: str,
) -> Operation:
    return request_operation(
        actor=actor,
        kind=kind,
        node=account.service.node,
        service=account.service,
        refs=[Ref(FtpAccountResource.kind, account.name)],
        wait_for_approval=wait_for_approval,
        reason=reason,
        wanted=wanted,
    )
