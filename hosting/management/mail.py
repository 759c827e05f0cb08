"""What the commands for mail share: whose mail an address or a domain's name means."""

from hosting.management.door import HostingCommand
from hosting.models import Mailbox, MailDomain


def mail_of_domain(command: HostingCommand, name: str) -> MailDomain:
    """The mail of a domain that is held.

    Raises:
        HostingError: ``not_found``.
    """
    return command.find(MailDomain, "mail_domain", domain__name_key=name)


def mailbox_at(command: HostingCommand, address: str) -> Mailbox:
    """The mailbox of an address.

    Raises:
        HostingError: ``not_found``.
    """
    name, _at, domain = address.rpartition("@")
    return command.find(Mailbox, "mailbox_create", mail__domain__name_key=domain, local_part=name)
