"""What the commands for FTP accounts share: the account of a name."""

from hosting.management.door import HostingCommand
from hosting.models import FtpAccount


def ftp_account(command: HostingCommand, name: str) -> FtpAccount:
    """The account of a full name.

    Raises:
        HostingError: ``not_found``.
    """
    return command.find(FtpAccount, "ftp_create", name=name.lower())
