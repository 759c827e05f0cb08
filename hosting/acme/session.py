"""One conversation with a certificate authority: account, order, proofs, certificate, revocation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import josepy
import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hosting.acme.errors import AcmeError, told
from hosting.texts import N_

#: Seconds for one request.
TIMEOUT_S = 20
#: Seconds for all proofs of an order, and for its certificate.
DEADLINE_S = 90
#: How often a request is repeated that was refused for its nonce alone; the library repeats it once.
_NONCES = 8
#: What a revocation gives as its reason (RFC 5280 §5.3.1): unspecified.
_UNSPECIFIED = 0


class ChallengeKind(StrEnum):
    """How a name is proven."""

    HTTP = "http-01"
    DNS = "dns-01"


_KINDS = {ChallengeKind.HTTP: challenges.HTTP01, ChallengeKind.DNS: challenges.DNS01}


@dataclass(frozen=True, slots=True)
class Challenge:
    """What one name has to show.

    Args:
        name: the host name, a wildcard without its ``*.``. kind: how it is proven.
        token: the file's name, for http-01.
        answer: the file's content (http-01), or the TXT record's text (dns-01).
        body: the library's own form.
    """

    name: str
    kind: ChallengeKind
    token: str
    answer: str
    body: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Order:
    """An order, and what still has to be shown for it (nothing where the authority remembers an earlier proof)."""

    challenges: tuple[Challenge, ...]
    resource: Any = field(repr=False, compare=False)


class Network(client.ClientNetwork):
    """The library's way to an authority, with a deadline, our own trust anchors, and patience for bad nonces."""

    def __init__(self, key: josepy.JWK, ca_file: str = "") -> None:
        super().__init__(key, alg=josepy.ES256, user_agent="NPanel", timeout=TIMEOUT_S)
        self._ca_file = ca_file

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        """Every request; what it trusts is ours to say.

        Raises:
            AcmeError: ``acme_not_https``: an authority must not be asked where others can change its answer.
        """
        if not url.startswith("https://"):
            raise AcmeError(
                N_("The certificate authority is not asked over https."),
                code="acme_not_https",
                hint=N_("Set NPANEL_ACME_DIRECTORY to an address that starts with https."),
            )
        self.verify_ssl = self._ca_file or True  # type: ignore[assignment]  # requests takes a path as well
        return super()._send_request(method, url, *args, **kwargs)

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        """A signed request, repeated while only its nonce was refused."""
        for _ in range(_NONCES):
            try:
                return super().post(*args, **dict(kwargs))
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
                self._nonces.clear()
        return super().post(*args, **kwargs)


class Session:
    """Talks to one authority with one account's key.

    Args:
        directory: the authority's address.
        key_pem: the account's private key (P-256).
        account: the account's address once it is registered, else "".
        ca_file: PEM file of whom to trust instead of the system's authorities, or "".

    Raises:
        AcmeError: the authority can't be asked; all methods raise it too.
    """

    def __init__(self, directory: str, key_pem: str, *, account: str = "", ca_file: str = "") -> None:
        self._key = josepy.JWKEC(key=load_pem_private_key(key_pem.encode(), None))
        self._network = Network(self._key, ca_file)
        if account:
            self._network.account = messages.RegistrationResource(uri=account, body=messages.Registration())
        with told():
            found = client.ClientV2.get_directory(directory, self._network)
            self._client = client.ClientV2(found, self._network)

    def register(self, email: str = "") -> str:
        """Make the key's account (or find it again), agreeing to the terms; returns its address."""
        wish = messages.NewRegistration.from_data(email=email or None, terms_of_service_agreed=True)
        self._network.account = None
        with told():
            try:
                return str(self._client.new_account(wish).uri)
            except errors.ConflictError as known:  # it exists: this is its address
                self._network.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())
                return str(known.location)

    def order(self, csr: bytes, kinds: Mapping[str, ChallengeKind]) -> Order:
        """Ask for the names of a signing request, each to be proven in its way.

        Raises:
            AcmeError: also ``acme_no_challenge``: the authority does not offer this way.
        """
        with told():
            resource = self._client.new_order(csr)
            found = tuple(
                self._challenge(authorization, kinds)
                for authorization in resource.authorizations
                if authorization.body.status != messages.STATUS_VALID
            )
        return Order(found, resource)

    def answer(self, order: Order) -> None:
        """Say that everything is there to be looked at."""
        with told():
            for challenge in order.challenges:
                self._client.answer_challenge(challenge.body, challenge.body.response(self._key))

    def finish(self, order: Order) -> str:
        """Wait until all names are proven and the certificate is made; returns its chain as PEM text."""
        with told():
            proven = self._client.poll_authorizations(order.resource, _deadline())
            done = self._client.finalize_order(proven, _deadline())
        return _lines(str(done.fullchain_pem))

    def revoke(self, chain: str) -> None:
        """Have a certificate of this account's declared void (one that is void already is fine)."""
        with told():
            first = x509.load_pem_x509_certificate(chain.encode())
        try:
            with told():
                self._client.revoke(first, _UNSPECIFIED)
        except AcmeError as error:
            if error.code != "acme_already_revoked":
                raise

    def renewal_time(self, chain: str) -> datetime | None:
        """When the authority wants a certificate to be renewed (ARI, RFC 9773), if it says so."""
        with told():
            when, _ask_again = self._client.renewal_time(chain.encode())
        if when is None:
            return None
        return when if when.tzinfo else when.replace(tzinfo=UTC)

    def _challenge(
        self, authorization: messages.AuthorizationResource, kinds: Mapping[str, ChallengeKind]
    ) -> Challenge:
        name = str(authorization.body.identifier.value)
        kind = kinds[name]
        for body in authorization.body.challenges:
            if isinstance(body.chall, _KINDS[kind]):
                token = body.chall.encode("token")
                return Challenge(name, kind, str(token), str(body.chall.validation(self._key)), body)
        raise AcmeError(
            N_("The certificate authority does not prove %(name)s by %(kind)s.", name=name, kind=kind.value),
            code="acme_no_challenge",
            hint=N_("Choose the other way, or another authority."),
        )


def _deadline() -> datetime:
    return datetime.now() + timedelta(seconds=DEADLINE_S)


def _lines(chain: str) -> str:
    """PEM text as files have it: no empty lines between certificates, one line end at the end."""
    return "\n".join(line.strip() for line in chain.splitlines() if line.strip()) + "\n"
