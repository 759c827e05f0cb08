"""No service function without a row in the table of use cases, no use case without a door: or a reason, given here."""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import accounts.services
import hosting.services
from hosting.api.urls import router
from hosting.use_cases import USE_CASES

ROOT = Path(__file__).resolve().parents[2]

#: Functions with an actor that are no use case of their own, and why.
NO_USE_CASE = {
    "accounts.services.customers.create_customer": "hosting.services.customers.create_customer calls it, with limits",
    "accounts.services.customers.delete_customer": "hosting.services.customers.delete_customer calls it",
    "accounts.services.impersonation.ask_impersonation": "an operator's own, in the console with a fresh second factor",
    "accounts.services.impersonation.end_impersonation": "ends what the console began, on any page",
    "accounts.services.letters.ask_for_new_password": "an operator's help at the door, on the person's page",
    "accounts.services.members.add_member": "hosting.services.members.add_member calls it",
    "accounts.services.members.change_access": "hosting.services.members.change_access calls it",
    "accounts.services.members.remove_member": "hosting.services.members.remove_member calls it",
    "accounts.services.people.change_own_password": "one's own, in the account pages and by the reset letter",
    "accounts.services.people.change_own_profile": "hosting.services.people.change_own_profile calls it; account pages",
    "accounts.services.people.change_person": "hosting.services.people.change_person calls it; the console's pages",
    "accounts.services.people.create_person": "hosting.services.people.create_person calls it; the console's pages",
    "accounts.services.people.delete_person": "the console's page of people; elsewhere they are deactivated",
    "accounts.services.resellers.add_reseller_person": "hosting.services.people.add_reseller_person calls it",
    "accounts.services.resellers.change_reseller": "hosting.services.people.change_reseller calls it",
    "accounts.services.resellers.create_reseller": "hosting.services.people.create_reseller calls it",
    "accounts.services.sessions.end_all_sessions": "hosting.services.people.end_sessions calls it; account pages",
    "accounts.services.sessions.end_session": "one's own, in the account pages; an operator ends all of a person's",
    "accounts.services.sessions.reset_second_factor": "hosting.services.people.reset_second_factor calls it",
    "accounts.services.sessions.revoke_tokens": "hosting.services.people.end_sessions calls it",
    "accounts.services.people.create_operator": "manage.py operator_create: who may make operators has a terminal",
    "accounts.services.people.set_operator_password": "manage.py operator_password, likewise",
    "accounts.services.tokens.create_token": "one's own, on its page with a fresh second factor; or token_create",
    "accounts.services.tokens.revoke_token": "one's own: on its page, and DELETE /tokens/<id>; manage.py token_revoke",
    "hosting.services.auto_certificates.issue_due": "the worker's chore, by the clock",
    "hosting.services.certificates.install_certificate": "what uploading and issuing have in common",
    "hosting.services.drift.scan_node": "needs the worker's key: manage.py drift; doors ask for node.scan",
    "hosting.services.holds.extend_holds": "the worker's chore, and a customer's deletion",
    "hosting.services.holds.hold_customer": "the console's page of legal holds, with fresh proof; manage.py audit_hold",
    "hosting.services.holds.place_hold": "likewise: people who answer to a court place holds",
    "hosting.services.holds.release_hold": "likewise: whoever has a stolen token must not let evidence go",
    "hosting.services.incidents.acknowledge": "operators on call, on the incident's page; nothing on a server changes",
    "hosting.services.incidents.note": "operators on call, on the incident's page",
    "hosting.services.incidents.receive": "Alertmanager's, with its own token at its own address",
    "hosting.services.incidents.resolve": "operators on call, on the incident's page, and the alert itself",
    "hosting.services.incidents.write_report": "operators on call, on the incident's page",
    "hosting.services.intents.expire_intents": "the worker's chore, by the clock",
    "hosting.services.intents.issue_token": "the console's, on the page that asked; programs prepare the plan",
    "hosting.services.lifecycle.purge_due": "the worker's chore, by the clock",
    "hosting.services.people.change_own_profile": "one's own: PATCH /me, and the account pages",
    "hosting.services.sites.withdraw_service": "what operation.discard does with a creation that came to nothing",
    "hosting.services.mail_lookups.answer_lookup": "needs the worker's key: manage.py mail_log, mail_check; a chore",
    "hosting.services.mail_queue.look_at_queue": "needs the worker's key: manage.py mail_queue; a chore",
    "hosting.services.files.upload_file": "needs the worker's key: manage.py site_upload",
    "hosting.services.keys.rotate_worker_key": "needs the worker's key: manage.py worker_key --rotate",
}
#: Use cases that the API leaves out, and why.
NOT_IN_API: dict[str, str] = {
    "person.reset_second_factor": "a stolen token must not open an account: console and manage.py only",
}


def _service_functions() -> dict[str, Callable[..., Any]]:
    """Every public function with a keyword-only ``actor``, by its full name."""
    found: dict[str, Callable[..., Any]] = {}
    for package in (hosting.services, accounts.services):
        for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                if not name.startswith("_") and function.__module__ == info.name and _takes_actor(function):
                    found[f"{info.name}.{name}"] = function
    return found


def _takes_actor(function: Callable[..., Any]) -> bool:
    actor = inspect.signature(function).parameters.get("actor")
    return actor is not None and actor.kind is inspect.Parameter.KEYWORD_ONLY


def _api() -> set[str]:
    """Use cases that an endpoint of the API names."""
    handlers = [
        getattr(view, name)
        for _prefix, view, _basename in router.registry
        for name in dir(view)
        if callable(getattr(view, name, None))
    ]
    return {name for handler in handlers for name in getattr(handler, "use_cases", ())}


@cache
def _names_used(folder: str) -> frozenset[str]:
    """Names and texts in the code of a door: functions it calls, and use cases it names."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            found.update(_names_in(node))
    return frozenset(found)


def _names_in(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            yield name
        case ast.Constant(value=str() as text):
            yield text


def _doors_of(name: str) -> set[str]:
    """The doors through which a use case can be asked for."""
    doors = {"api"} if name in _api() else set()
    for door, folder in (("console", "hosting/admin"), ("portal", "hosting/portal"), ("command", "hosting/management")):
        if {name, USE_CASES[name].function.__name__} & _names_used(folder):
            doors.add(door)
    return doors


def test_there_are_service_functions_to_look_at() -> None:
    found = _service_functions()
    assert len(found) > 40
    assert "hosting.services.sites.create_service" in found


@pytest.mark.parametrize("name", sorted(_service_functions()))
def test_each_service_function_is_a_use_case_or_says_why_not(name: str) -> None:
    function = _service_functions()[name]
    rows = [use.name for use in USE_CASES.values() if use.function is function]
    assert bool(rows) != (name in NO_USE_CASE), f"{name}: a row in use_cases.py, or a reason in NO_USE_CASE, not both"


@pytest.mark.parametrize("name", sorted(USE_CASES))
def test_each_use_case_has_a_door(name: str) -> None:
    assert _doors_of(name), f"{name} can't be asked for anywhere"


@pytest.mark.parametrize("name", sorted(USE_CASES))
def test_each_use_case_is_in_the_api_or_says_why_not(name: str) -> None:
    assert (name in _api()) != (name in NOT_IN_API)


def test_endpoints_name_use_cases_that_exist() -> None:
    assert _api() <= set(USE_CASES)


def test_reasons_are_about_something_that_exists() -> None:
    assert set(NO_USE_CASE) <= set(_service_functions())
    assert set(NOT_IN_API) <= set(USE_CASES)
    assert all(len(reason) > 15 for reason in (*NO_USE_CASE.values(), *NOT_IN_API.values()))
