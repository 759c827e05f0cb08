"""An error is shown in the language of who looks, at once and from the database, and logged in English."""

import pytest
from django.core.exceptions import ValidationError
from django.utils.translation import override

from hosting.choices import ServiceState
from hosting.errors import HostingError
from hosting.models import HostingService
from hosting.names import host_name
from hosting.operations.journal import error_json
from hosting.services.sites import resume_service
from hosting.services.validation import validated
from hosting.texts import N_, NN_, plain
from hosting.translated import english, shown, told, translated, translated_sentence
from hosting.validators import validate_domain, validate_record_type
from tests.factories import make_service
from tests.people import operator

TAKEN = HostingError(
    N_("The domain %(name)s is already hosted here.", name="a.example"),
    hint=N_("Check the spelling, or ask the operator to move the other domain."),
)


def test_live() -> None:
    with override("de"):
        assert translated(TAKEN)[0] == "Die Domain a.example wird hier bereits gehostet."
        assert translated(TAKEN)[1].startswith("Prüfen Sie die Schreibweise")
    with override("en"):
        assert translated_sentence(TAKEN) == f"{TAKEN.detail} {TAKEN.hint}"


def test_stored() -> None:
    stored = error_json(TAKEN)
    assert stored["detail"] == "The domain a.example is already hosted here."
    with override("de"):
        assert translated(stored)[0] == "Die Domain a.example wird hier bereits gehostet."


def test_texts_within_texts() -> None:
    fault = N_("the web server cannot reach %(root)s", root="/home/a")
    error = HostingError(N_("%(name)s is not served as it should be: %(fault)s", name="a.example", fault=fault))
    with override("de"):
        words = "a.example wird nicht so ausgeliefert wie gewollt: der Webserver erreicht /home/a nicht"
        assert translated(error)[0] == translated(error_json(error))[0] == words


def test_plural_forms() -> None:
    many = "%(name)s still has %(count)s hosting service(s)."
    with override("de"):
        assert told(NN_(many, many, 1, name="Ada")) == "Ada hat noch 1 Hosting-Dienst."
        assert told(NN_(many, many, 2, name="Ada")) == "Ada hat noch 2 Hosting-Dienste."


@pytest.mark.parametrize("stored", [None, {}, {"code": "x"}, {"texts": "broken"}, {"texts": {"detail": 1}}])
def test_nothing_to_say(stored: dict[str, object] | None) -> None:
    with override("de"):
        assert translated(stored) == ("", "")


def test_stored_before_texts_were_kept() -> None:
    with override("de"):
        assert translated({"detail": "No route to host.", "hint": "Wait."}) == ("No route to host.", "Wait.")


def test_a_secret_in_a_value_is_not_kept() -> None:
    secret = "correct-horse-battery"
    for error in (
        HostingError(N_("It said: %(said)s", said=f"password={secret}")),
        HostingError(N_("password=%(word)s", word=secret)),
        HostingError(plain(f"password={secret}")),
    ):
        assert secret not in str(error_json(error))


@pytest.mark.django_db
def test_a_state_within_a_sentence() -> None:
    service: HostingService = make_service(state=ServiceState.ACTIVE)
    with override("de"):
        assert str(shown(service, "state")) == "active" and told(shown(service, "state")) == "aktiv"
        assert str(english(ServiceState.ACTIVE.label)) == "Active"
        with pytest.raises(HostingError) as refusal:
            resume_service(actor=operator(), service=service)
        assert refusal.value.detail == f"The service {service.username} is active, not suspended."
        assert translated(refusal.value)[0] == f"Der Dienst {service.username} ist aktiv, nicht gesperrt."


def test_reasons() -> None:
    with override("de"), pytest.raises(HostingError) as refusal:
        host_name("a" * 2000)
    assert refusal.value.detail.endswith("it is too long.")
    with override("de"):
        assert "ist kein Hostname: er ist zu lang." in translated(refusal.value)[0]


def test_validation_errors_become_english_errors_with_texts() -> None:
    with override("de"):
        with pytest.raises(HostingError) as refusal, validated():
            validate_record_type("BOGUS")
        assert refusal.value.detail.startswith("The record type must be one of A,")
        assert refusal.value.detail_text.template == "The record type must be one of %(types)s."
        with pytest.raises(ValidationError) as complaint:
            validate_domain("ä" * 2000)
        assert "er ist zu lang" in complaint.value.messages[0]
