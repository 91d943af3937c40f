"""No page makes more than twelve queries, whatever it shows.

Every address of the access table, as who may open it: a new address in that table is asked for here, too. What the
pages show is rich: requests in every status with messages, notes, a label, another request for the same units, a
refund, decisions that are held, and a colleague who has the close form open.
"""

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from notifications.services import relay_events
from returns import services
from returns.services.teamwork import add_note, assign_return
from returns.state_machine import Status
from tests.browsers import let_in, signed_in
from tests.factories import day, file_request
from tests.test_access_matrix import (
    PEOPLE,
    World,
    browser_of,
    expected,
    path_of,
    world,  # noqa: F401 - a fixture
)

pytestmark = pytest.mark.django_db

MOST = 12


@pytest.fixture
def rich(world: World) -> World:  # noqa: F811
    cast = world.cast
    alice, ben = cast.actor(cast.alice), cast.actor(cast.ben)
    relay_events()
    for number, (name, request) in enumerate(world.requests.items()):
        if name != "asking":  # what is asked for there must still be free
            file_request(request.order, Status.AUTHORIZATION_REQUIRED)
        for actor in (alice, ben):
            add_note(actor, reference=request.reference, text="Call her first.", key=f"{actor.name} {number}")
    opened = world.requests["open"]
    for request in (opened, world.requests["seller refund"]):
        amounts = {(request.items.get().pk, "item"): 100}
        services.record_refund(alice, reference=request.reference, amounts=amounts, refunded_date=day(0))
    assign_return(alice, reference=opened.reference, assignee_id=cast.ben.pk, was_id=None)
    assert signed_in(cast.ben).get(f"/seller/returns/{opened.reference}/close/").status_code == 200
    relay_events()
    return world


def pages(world: World) -> Iterator[tuple[str, str, str]]:  # noqa: F811
    """Whose browser, the route that says in which one, and the address: all that answers a GET with a page."""
    for route, cells in expected().items():
        first = {"my": "dora", "admin": "root"}.get(route.partition("/")[0], "alice")
        name = next((name for name in (first, *PEOPLE) if cells[name].startswith("200")), "")
        if name:
            yield name, route, path_of(route, world)
    one = "seller/returns/<slug:reference>/"
    for request in world.requests.values():
        for name in ("alice", "root"):
            yield name, one, f"/seller/returns/{request.reference}/"
        yield "dora", "my/returns/<slug:reference>/", f"/my/returns/{request.reference}/"
    closing = f"/seller/returns/{world.requests['open'].reference}/close/"
    for reason in ("other", "refund_without_return"):
        yield "alice", one, f"{closing}?reason={reason}"
    listed = "seller/returns/"
    for query in ("status=all&q=kettle&reason=CR-UNWANTED_ITEM&assignee=mine", "select=page&overdue=on"):
        yield "alice", listed, f"/{listed}?{query}"


def test_no_page_makes_more_than_twelve_queries(rich: World) -> None:
    too_many, asked = [], 0
    for name, route, address in pages(rich):
        order = next((one.order for one in rich.requests.values() if one.reference in address), None)
        client = let_in(order) if name == "dora" and order else browser_of(name, rich, route)
        # What a process reads once for many pages was read by the page before.
        assert client.get(address).status_code in (200, 409), address
        with CaptureQueriesContext(connection) as captured:
            client.get(address)
        asked += 1
        if len(captured) > MOST:
            too_many.append(
                "\n  ".join(
                    [f"{address} of {name} makes {len(captured)}:", *(one["sql"] for one in captured)]
                )
            )
    assert asked > 100
    assert not too_many, "\n".join(too_many)
