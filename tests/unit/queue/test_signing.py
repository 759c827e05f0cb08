"""Who may have the worker call what: web processes nothing, the worker one function with one UUID."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ, Schedule, Task
from django_q.signing import BadSignature, SignedPackage
from django_q.tasks import async_task, schedule

from hosting.operations.dispatcher import TASK, dispatch, install_queue_key
from hosting.operations.queue_guard import GuardedBroker, refusal
from hosting.tasks import execute
from npanel.admin_site import ConsoleSite
from tests.factories import make_operation

pytestmark = pytest.mark.django_db


def taken() -> list[str]:
    """What the worker's pusher would take from the queue now, as operation ids."""
    broker = get_broker()
    assert isinstance(broker, GuardedBroker)
    return [SignedPackage.loads(payload)["args"][0] for _row, payload in broker.dequeue() or []]


def task(**changes: Any) -> str:
    """A signed task like the dispatcher's, with parts changed or added."""
    parts = {"id": "1", "name": "n", "func": TASK, "args": (str(uuid4()),), "kwargs": {}, "started": None}
    return SignedPackage.dumps(parts | changes)


def test_a_web_process_can_not_sign_what_the_worker_accepts(web: None) -> None:
    forged = task()
    assert SignedPackage.loads(forged)["func"] == TASK  # under its own key it is fine
    install_queue_key()
    with pytest.raises(BadSignature):
        SignedPackage.loads(forged)
    assert "signed" in refusal(forged)


def test_a_forged_row_is_removed_and_never_run(web: None) -> None:
    OrmQ.objects.create(key=Conf.CLUSTER_NAME, payload=task(), lock="2000-01-01T00:00:00Z")
    install_queue_key()
    assert taken() == [] and not OrmQ.objects.exists()


def test_the_queue_key_is_not_the_webs(worker: None, settings: Any) -> None:
    assert settings.NPANEL_QUEUE_KEY_FILE.read_text().strip() == Conf.SECRET_KEY
    assert Conf.SECRET_KEY not in ("", settings.SECRET_KEY)


def test_without_the_key_file_there_is_no_worker(web: None, settings: Any, tmp_path: Any) -> None:
    settings.NPANEL_QUEUE_KEY_FILE = tmp_path / "missing"
    with pytest.raises(OSError, match="missing"):
        install_queue_key()


def test_what_the_dispatcher_signs_is_taken(worker: None) -> None:
    operation = make_operation()
    dispatch()
    OrmQ.objects.update(lock="2000-01-01T00:00:00Z")
    assert taken() == [str(operation.pk)]
    assert OrmQ.objects.count() == 1  # until it is acknowledged


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"func": "os.system", "args": ("id",)}, "something other"),
        ({"func": "hosting.tasks.UUID"}, "something other"),
        ({"func": print}, "something other"),
        ({"func": None}, "something other"),
        ({"kwargs": {"force": True}}, "something other"),
        ({"args": ()}, "not one UUID"),
        ({"args": (str(uuid4()), str(uuid4()))}, "not one UUID"),
        ({"args": (uuid4(),)}, "not one UUID"),
        ({"args": ("../../etc/passwd",)}, "not one UUID"),
        ({"args": (str(uuid4()).upper(),)}, "not one UUID"),
        ({"args": str(uuid4())}, "not one UUID"),
        ({"hook": "os.system"}, "more than a call"),
        ({"chain": [("os.system", ("id",))]}, "more than a call"),
        ({"group": "g"}, "more than a call"),
        ({"cached": True}, "more than a call"),
        ({"sync": True}, "more than a call"),
    ],
)
def test_a_well_signed_task_for_anything_else_is_removed(worker: None, changes: dict[str, Any], reason: str) -> None:
    assert reason in refusal(task(**changes))
    OrmQ.objects.create(key=Conf.CLUSTER_NAME, payload=task(**changes), lock="2000-01-01T00:00:00Z")
    assert taken() == [] and not OrmQ.objects.exists()


def test_what_is_no_task_at_all_is_removed(worker: None) -> None:
    for payload in ("", "garbage", SignedPackage.dumps("text"), SignedPackage.dumps(None), SignedPackage.dumps([TASK])):
        assert refusal(payload)


def test_a_bad_task_does_not_hold_up_a_good_one(worker: None) -> None:
    async_task("os.system", "id")
    async_task(TASK, str(uuid4()), hook="os.system")
    operation = make_operation()
    dispatch()
    OrmQ.objects.update(lock="2000-01-01T00:00:00Z")
    found: list[str] = []
    for _look in range(3):  # the queue hands out one row at a time
        found += taken()
    assert found == [str(operation.pk)]


def test_schedules_are_not_looked_at(worker: None) -> None:
    schedule("os.system", "id")
    assert Schedule.objects.count() == 1
    assert Conf.SCHEDULER is False


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "1",
        "not a uuid",
        "../../etc/passwd",
        "{12345678-1234-5678-1234-567812345678}",
        "urn:uuid:12345678-1234-5678-1234-567812345678",
        "12345678123456781234567812345678",
        "12345678-1234-5678-1234-567812345678\n",
        None,
        1,
        uuid4(),
        b"12345678-1234-5678-1234-567812345678",
        ["12345678-1234-5678-1234-567812345678"],
    ],
)
def test_the_one_function_takes_one_uuid_and_nothing_else(argument: Any) -> None:
    with pytest.raises(ValueError, match=r"UUID|badly formed"):
        execute(argument)


def test_the_one_function_takes_no_further_arguments() -> None:
    with pytest.raises(TypeError):
        execute(str(uuid4()), "more")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        execute(operation_id=str(uuid4()), force=True)  # type: ignore[call-arg]


def test_an_unknown_operation_is_nothing_to_do() -> None:
    execute(str(uuid4()))


def test_the_queues_own_pages_are_not_in_the_console() -> None:
    assert isinstance(admin.site._wrapped if hasattr(admin.site, "_wrapped") else admin.site, ConsoleSite)
    registered = {model._meta.label for model in admin.site._registry}
    assert not {label for label in registered if label.startswith("django_q.")}
    for model in (OrmQ, Task, Schedule):
        assert not admin.site.is_registered(model)


def test_nobody_registers_them_by_hand_either() -> None:
    admin.site.register(Schedule)
    assert not admin.site.is_registered(Schedule)


def test_no_page_of_the_queue_answers(client: Any) -> None:
    from tests.people import admin as administrator

    client.force_login(administrator())
    for path in ("schedule", "ormq", "success", "failure"):
        assert client.get(f"/django_q/{path}/").status_code == 404
        assert client.get(f"/admin/django_q/{path}/").status_code == 404
