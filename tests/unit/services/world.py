"""A panel with one server in memory: services are asked for as a door would, and carried out as a worker would."""

from dataclasses import dataclass, field
from typing import Any

from accounts.models import Customer
from audit.actor import Actor
from audit.models import Event
from hosting.choices import OperationState
from hosting.connections.agent.wire import Refused
from hosting.connections.fake_node import FakeNode
from hosting.models import Domain, HostingPlan, HostingService, Node, Operation
from hosting.operations import dispatcher, nodes, runner
from hosting.services.lifecycle import purge_service
from hosting.services.nodes import add_node, bootstrap_node
from hosting.services.sites import create_service, delete_service
from tests.confirm import carry_out_confirmed
from tests.factories import make_customer, make_plan
from tests.people import operator

ADDRESS = "192.0.2.1"
NAMESERVERS = ("ns1.panel.test", "ns2.panel.test")


@dataclass
class World:
    """One server and the node row that stands for it."""

    server: FakeNode
    node: Node
    actor: Actor = field(default_factory=operator)

    def run(self, operation: Operation) -> Operation:
        """Carry one operation out."""
        runner.run(operation.pk)
        operation.refresh_from_db()
        return operation

    def confirm(self, operation: Operation) -> Operation:
        """Carry out a governed operation as its asker would have it: plan, token, confirmation."""
        return carry_out_confirmed(operation, self.actor)

    def delete(self, service: HostingService) -> Operation:
        """Delete a service, to the end of the deletion: it can be restored."""
        return self.confirm(delete_service(actor=self.actor, service=service))

    def purge(self, service: HostingService) -> Operation:
        """Purge a deleted service before its time."""
        return self.confirm(purge_service(actor=self.actor, service=service))

    def work(self) -> list[Operation]:
        """Carry out everything that is due, in the dispatcher's order, until nothing is left."""
        done: list[Operation] = []
        while waiting := list(dispatcher.due()):
            done.extend(self.run(operation) for operation in waiting)
        return done

    def host(self, domain: str, *, customer: Customer | None = None, **options: Any) -> HostingService:
        """A service that is really hosted."""
        operation = self.ask(domain, customer=customer, **options)
        assert operation.service is not None
        self.work()
        operation.refresh_from_db()
        assert operation.state == OperationState.SUCCEEDED, operation.error
        return HostingService.objects.get(pk=operation.service.pk)

    def ask(
        self, domain: str, *, customer: Customer | None = None, plan: HostingPlan | None = None, **options: Any
    ) -> Operation:
        """Ask for a service."""
        return create_service(
            actor=self.actor,
            customer=customer or make_customer(),
            node=self.node,
            plan=plan or make_plan(),
            domain=domain,
            **options,
        )

    def status(self, host: str) -> int:
        """What a visitor gets: the HTTP status, 0 when nobody answers for that name."""
        try:
            return self.server.visit(host).status
        except Refused:
            return 0


def new_world() -> World:
    """A server that the panel has added and bootstrapped."""
    server = FakeNode(php=("8.2", "8.4"))
    nodes.opener = lambda _node: server
    node = add_node(
        actor=operator(), name="fake1", address=ADDRESS, public_addresses=[ADDRESS], nameservers=NAMESERVERS
    )
    world = World(server, node)
    operation = world.run(bootstrap_node(actor=world.actor, node=node))
    assert operation.state == OperationState.SUCCEEDED, operation.error
    node.refresh_from_db()
    return world


def snapshot() -> dict[str, int]:
    """How many rows of each kind there are, to show that a refusal left nothing behind."""
    from django.apps import apps

    models = [*apps.get_app_config("hosting").get_models(), Customer, Event]
    return {model.__name__: model._default_manager.count() for model in models if model.__name__ != "NameLock"}


def domain_of(name: str) -> Domain:
    """The domain that holds a name."""
    return Domain.objects.get(name_key=name)
