"""Splitting a request, and changing the verdict on its items: who may, what is kept, and what the ledger says."""

from contextlib import suppress
from io import StringIO

import pytest
from django.core.management import call_command

from notifications.letters import Letters, read_messages
from notifications.models import Message
from notifications.services import relay_events
from returns import services
from returns.actors import Actor
from returns.exceptions import (
    Forbidden,
    Invalid,
    KeyReused,
    NotFound,
    SomebodyElseWasFirst,
    TransitionNotAllowed,
)
from returns.models import OrderItem, ReturnEvent, ReturnItem, ReturnRequest
from returns.policy import PolicyVerdict
from returns.selectors.lists import count_by_status
from returns.services.verdicts import Judgement
from returns.state_machine import Action, Status
from tests.factories import (
    Cast,
    Line,
    a_case,
    a_request_in,
    at_once,
    by_hand,
    closing,
    day,
    file_request,
    last_event,
    make_order,
    open_request,
)
from tests.returns.ledger import everything_adds_up, refused, row

pytestmark = pytest.mark.django_db

AR = Status.AUTHORIZATION_REQUIRED
HAT, BATTERY = (
    Line(sku="HAT", title="Hat", quantity=3),
    Line(sku="BATTERY", title="Battery", category="dangerous-goods"),
)
KEPT = (
    *("seller_id", "order_id", "source", "requested_at", "answer_due_at", "step_in_at", "deadline_at"),
    *("escalated_at", "reminders_sent", "assignee_id", "status"),
)


@pytest.fixture
def alice(cast: Cast) -> Actor:
    return at_once(cast.actor(cast.alice))


@pytest.fixture
def request_of_dora(cast: Cast) -> ReturnRequest:
    """Three hats, eligible for a prepaid label, and a battery that is not; held by hand."""
    with by_hand(cast.north_lane):
        return open_request(make_order(cast.north_lane, HAT, BATTERY), comment="Not what I hoped for.")


def item_of(request: ReturnRequest, sku: str) -> ReturnItem:
    return request.items.get(order_item__sku=sku)


def split_off(actor: Actor, request: ReturnRequest, key: str = "", **units: int) -> ReturnRequest:
    """The new request that so many units by SKU make."""
    wanted = {item_of(request, sku).pk: number for sku, number in units.items()}
    event = services.split_return(actor, reference=request.reference, units=wanted, key=key)
    request.refresh_from_db()
    return ReturnRequest.objects.get(reference=event.facts["split_into"]["reference"])


def audit() -> str:
    out = StringIO()
    with suppress(SystemExit):
        call_command("audit", stdout=out)
    return out.getvalue()


def units(request: ReturnRequest) -> dict[str, tuple[int, int]]:
    rows = request.items.values_list("order_item__sku", "quantity", "units_held")
    return {sku: (quantity, held) for sku, quantity, held in rows}


# --- Split


def test_an_item_that_goes_whole_takes_its_verdict_with_it_and_frees_the_rest(
    cast: Cast, alice: Actor, request_of_dora: ReturnRequest
) -> None:
    battery = item_of(request_of_dora, "BATTERY")
    assert request_of_dora.prepaid_eligible
    hats, new = request_of_dora, split_off(alice, request_of_dora, BATTERY=1)
    assert (units(hats), units(new)) == ({"HAT": (3, 3)}, {"BATTERY": (1, 1)})
    assert new.items.get().pk == battery.pk
    assert row(new.items.get()) == row(battery) | {"request_id": new.pk}
    assert (hats.prepaid_eligible, new.prepaid_eligible) == (True, False)
    assert (hats.policy, new.policy) == (PolicyVerdict.IN_POLICY, PolicyVerdict.IN_POLICY)
    assert new.verdict["prepaid_reason"]["code"] == "prepaid_exempt_category"
    # What could not be closed as a part of the other can be closed now.
    services.close_return(alice, reference=new.reference, closing=closing())
    with pytest.raises(TransitionNotAllowed):
        services.close_return(alice, reference=hats.reference, closing=closing())
    everything_adds_up()
    assert "0 broken" in audit()


def test_some_units_of_an_item_become_an_item_of_the_new_request(
    alice: Actor, request_of_dora: ReturnRequest
) -> None:
    hat = item_of(request_of_dora, "HAT")
    new = split_off(alice, request_of_dora, HAT=2)
    assert units(request_of_dora) == {"HAT": (1, 1), "BATTERY": (1, 1)}
    assert units(new) == {"HAT": (2, 2)}
    part = new.items.get()
    own = {"id", "request_id", "quantity", "units_held"}
    assert {k: v for k, v in row(part).items() if k not in own} == {
        k: v for k, v in row(hat).items() if k not in own
    }
    everything_adds_up()
    assert "0 broken" in audit()


def test_dates_clocks_and_who_looks_after_it_are_kept(
    cast: Cast, alice: Actor, request_of_dora: ReturnRequest
) -> None:
    request_of_dora.assignee = cast.ben
    request_of_dora.save()
    new = split_off(alice, request_of_dora, HAT=1)
    assert {name: getattr(new, name) for name in KEPT} == {
        name: getattr(request_of_dora, name) for name in KEPT
    }
    assert new.reference != request_of_dora.reference
    assert count_by_status([alice])[AR] == 2
    assert "hat" in new.search_text
    assert "battery" not in new.search_text


def test_the_units_are_never_free_in_between(alice: Actor, request_of_dora: ReturnRequest) -> None:
    order = request_of_dora.order
    before = list(OrderItem.objects.filter(order=order).values("pk", "units_held"))
    split_off(alice, request_of_dora, HAT=1, BATTERY=1)
    assert list(OrderItem.objects.filter(order=order).values("pk", "units_held")) == before


def test_each_new_number_has_the_next_suffix_of_the_order(
    alice: Actor, request_of_dora: ReturnRequest
) -> None:
    number = request_of_dora.rma_number
    first = split_off(alice, request_of_dora, HAT=2)
    second = split_off(alice, first, HAT=1)
    third = split_off(alice, request_of_dora, BATTERY=1)
    assert [one.rma_number for one in (first, second, third)] == [f"{number}-{n}" for n in (2, 3, 4)]
    everything_adds_up()


def test_both_events_say_what_went_where(alice: Actor, request_of_dora: ReturnRequest) -> None:
    hat = item_of(request_of_dora, "HAT")
    new = split_off(alice, request_of_dora, HAT=2)
    event, beginning = last_event(request_of_dora), new.events.get()
    assert event.facts["moved"] == {str(hat.pk): 2}
    assert event.facts["units"] == {str(hat.pk): [3, 1]}
    assert event.facts["split_into"] == {"reference": new.reference, "rma_number": new.rma_number}
    assert [(item["sku"], item["quantity"]) for item in event.facts["items"]] == [("HAT", 1), ("BATTERY", 1)]
    assert (beginning.action, beginning.version, beginning.source, beginning.target) == (
        Action.SPLIT,
        1,
        "",
        AR,
    )
    assert beginning.facts["split_from"]["reference"] == request_of_dora.reference
    assert [(item["sku"], item["quantity"]) for item in beginning.facts["items"]] == [("HAT", 2)]


def test_nobody_is_written_to(alice: Actor, request_of_dora: ReturnRequest) -> None:
    relay_events()
    before = Message.objects.count()
    split_off(alice, request_of_dora, HAT=1)
    relay_events()
    assert Message.objects.count() == before
    assert not ReturnEvent.objects.filter(relayed_at__isnull=True).exists()


def test_the_receipt_of_the_question_keeps_each_item_s_words(cast: Cast, alice: Actor) -> None:
    order = make_order(cast.north_lane, HAT, BATTERY, country="CA")
    request = open_request(order)
    ReturnItem.objects.filter(pk=item_of(request, "HAT").pk).update(comment="It is too small.")
    ReturnItem.objects.filter(pk=item_of(request, "BATTERY").pk).update(comment="It is empty.")
    split_off(alice, request, HAT=3)
    relay_events()
    receipt = Message.objects.get(event__action=Action.OPEN, recipient_type="buyer")
    (message,) = read_messages([receipt.pk])
    items = Letters().facts(message).items
    assert [(line.title, line.comment) for line in items] == [
        ("Hat", "It is too small."),
        ("Battery", "It is empty."),
    ]


def test_the_same_form_splits_once(alice: Actor, request_of_dora: ReturnRequest) -> None:
    hat = item_of(request_of_dora, "HAT").pk
    ask = {"reference": request_of_dora.reference, "key": "form-1"}
    first = services.split_return(alice, units={hat: 1}, **ask)
    assert services.split_return(alice, units={hat: 1}, **ask) == first
    assert ReturnRequest.objects.count() == 2
    with refused(KeyReused):
        services.split_return(alice, units={hat: 2}, **ask)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"HAT": 3, "BATTERY": 1}, "Leave at least one unit with this request."),
        ({"HAT": 4}, "Enter a number between 0 and the units asked for."),
        ({"HAT": -1}, "Enter a number between 0 and the units asked for."),
        ({}, "Enter how many units become a request of their own; at least one."),
        ({"HAT": 0}, "Enter how many units become a request of their own; at least one."),
    ],
)
def test_what_cannot_be_split_off_is_refused(
    alice: Actor, request_of_dora: ReturnRequest, wanted: dict[str, int], sentence: str
) -> None:
    asked = {item_of(request_of_dora, sku).pk: number for sku, number in wanted.items()}
    with refused(Invalid, sentence):
        services.split_return(alice, reference=request_of_dora.reference, units=asked)


def test_an_item_of_another_request_is_refused(
    cast: Cast, alice: Actor, request_of_dora: ReturnRequest
) -> None:
    other = open_request(make_order(cast.north_lane, country="CA"))
    with refused(Invalid, "This item does not belong to the request. Open the page again."):
        services.split_return(alice, reference=request_of_dora.reference, units={other.items.get().pk: 1})


def test_a_viewer_and_another_seller_split_nothing(cast: Cast, request_of_dora: ReturnRequest) -> None:
    ask = {"reference": request_of_dora.reference, "units": {item_of(request_of_dora, "HAT").pk: 1}}
    with refused(Forbidden):
        services.split_return(cast.actor(cast.vera), **ask)
    with refused(NotFound):
        services.split_return(cast.actor(cast.carol), **ask)
    with refused(TransitionNotAllowed):
        services.split_return(Actor.buyer(request_of_dora.order), **ask)


def test_an_admin_may_split_too(cast: Cast, request_of_dora: ReturnRequest) -> None:
    assert split_off(cast.actor(cast.root), request_of_dora, HAT=1).events.get().role == "admin"


def test_what_is_decided_cannot_be_split(cast: Cast, alice: Actor) -> None:
    request = open_request(make_order(cast.north_lane, HAT, country="CA"))
    hat = request.items.get().pk
    services.close_return(alice, reference=request.reference, closing=closing())
    with refused(SomebodyElseWasFirst) as refusal:
        services.split_return(alice, reference=request.reference, units={hat: 1})
    assert str(refusal.value).startswith("Closed by Alice Ames on ")


def test_an_imported_request_stays_one_as_its_next_file_would_ask_for_all_of_it_again(
    cast: Cast, alice: Actor
) -> None:
    request = file_request(make_order(cast.north_lane, HAT), AR)
    sentence = "The marketplace knows this as one request, so it cannot be split here."
    with refused(TransitionNotAllowed, sentence):
        services.split_return(alice, reference=request.reference, units={request.items.get().pk: 1})


def test_what_was_refunded_stays_together(cast: Cast, alice: Actor) -> None:
    request = open_request(make_order(cast.north_lane, HAT, country="CA"))
    hat = request.items.get().pk
    services.record_refund(
        alice, reference=request.reference, amounts={(hat, "item"): 100}, refunded_date=day(0)
    )
    with refused(TransitionNotAllowed):
        services.split_return(alice, reference=request.reference, units={hat: 1})


def test_a_closed_first_can_be_reopened_while_the_second_waits(cast: Cast, alice: Actor) -> None:
    request = open_request(make_order(cast.north_lane, HAT, country="CA"))
    split_off(alice, request, HAT=1)
    services.close_return(alice, reference=request.reference, closing=closing())
    services.reopen_return(alice, reference=request.reference)
    everything_adds_up()
    assert "0 broken" in audit()


# --- Reassess


def judged(
    request: ReturnRequest, policy: str = "in_policy", *, prepaid: bool = False
) -> dict[int, Judgement]:
    return {item.pk: Judgement(PolicyVerdict(policy), prepaid) for item in request.items.all()}


def test_an_admin_changes_the_verdict_with_a_reason(cast: Cast) -> None:
    request, root = a_request_in(cast, AR), cast.actor(cast.root)
    assert not request.prepaid_eligible
    before = request.items.get().verdict
    event = services.reassess(
        root,
        reference=request.reference,
        judgements=judged(request, prepaid=True),
        comments="The buyer moved to the US.",
    )
    request.refresh_from_db()
    item = request.items.get()
    assert (request.prepaid_eligible, item.prepaid_eligible, request.status) == (True, True, AR)
    assert request.verdict["source"] == item.verdict["source"] == "admin"
    assert event.text == "The buyer moved to the US."
    assert event.facts["verdicts"] == {str(item.pk): [before, item.verdict]}
    assert event.facts["changed"]["prepaid_eligible"] == [False, True]
    with pytest.raises(TransitionNotAllowed):
        services.close_return(at_once(cast.actor(cast.alice)), reference=request.reference, closing=closing())
    everything_adds_up()
    assert "0 broken" in audit()


def test_out_of_policy_says_who_judged_so(cast: Cast) -> None:
    request, root = a_request_in(cast, AR, prepaid=True), cast.actor(cast.root)
    services.reassess(
        root, reference=request.reference, judgements=judged(request, "not_in_policy"), comments="Worn."
    )
    request.refresh_from_db()
    assert (request.policy, request.prepaid_eligible) == ("not_in_policy", False)
    assert a_case(request).ground_facts().verdict_sentences[0] == "Reassessed by the marketplace"
    services.close_return(
        at_once(cast.actor(cast.alice)),
        reference=request.reference,
        closing=closing("outside_return_policy"),
    )
    assert "0 broken" in audit()


@pytest.mark.parametrize(
    ("policy", "prepaid", "comments", "sentence"),
    [
        ("not_in_policy", False, " ", "Write why: the seller reads it."),
        ("in_policy", False, "As it was.", "Change the verdict on at least one item."),
        ("unknown", True, "Both?", "Only what is in policy can be eligible for a prepaid return."),
    ],
)
def test_a_verdict_needs_a_reason_a_change_and_sense(
    cast: Cast, policy: str, prepaid: bool, comments: str, sentence: str
) -> None:
    request = a_request_in(cast, AR)
    with refused(Invalid, sentence):
        services.reassess(
            cast.actor(cast.root),
            reference=request.reference,
            judgements=judged(request, policy, prepaid=prepaid),
            comments=comments,
        )


def test_an_item_of_another_request_is_not_judged(cast: Cast) -> None:
    request, other = a_request_in(cast, AR), a_request_in(cast, AR)
    with refused(Invalid, "This item does not belong to the request. Open the page again."):
        services.reassess(
            cast.actor(cast.root),
            reference=request.reference,
            judgements=judged(other, "unknown"),
            comments="Whose?",
        )


@pytest.mark.parametrize("who", ["alice", "vera", "carol"])
def test_nobody_but_an_admin_reassesses(cast: Cast, who: str) -> None:
    request = a_request_in(cast, AR)
    kinds = {"alice": TransitionNotAllowed, "vera": Forbidden, "carol": NotFound}
    with refused(kinds[who]):
        services.reassess(
            cast.actor(getattr(cast, who)),
            reference=request.reference,
            judgements=judged(request, "unknown"),
            comments="I say so.",
        )


@pytest.mark.parametrize("status", [Status.AUTHORIZED, Status.REFUND_DUE, Status.CLOSED])
def test_what_is_decided_is_not_reassessed(cast: Cast, status: Status) -> None:
    request = a_request_in(cast, status)
    with refused(SomebodyElseWasFirst):
        services.reassess(
            cast.actor(cast.root),
            reference=request.reference,
            judgements=judged(request, prepaid=True),
            comments="Too late.",
        )


def test_the_same_form_reassesses_once(cast: Cast) -> None:
    request, root = a_request_in(cast, AR), cast.actor(cast.root)
    ask = {"reference": request.reference, "comments": "Why.", "key": "form-1"}
    first = services.reassess(root, judgements=judged(request, "unknown"), **ask)
    assert services.reassess(root, judgements=judged(request, "unknown"), **ask) == first
    with refused(KeyReused):
        services.reassess(root, judgements=judged(request, "not_in_policy"), **ask)


@pytest.mark.parametrize("is_split", [True, False])
def test_the_audit_finds_a_flag_that_changed_without_an_event(
    cast: Cast, alice: Actor, request_of_dora: ReturnRequest, is_split: bool
) -> None:
    if is_split:
        changed = split_off(alice, request_of_dora, BATTERY=1)
    else:
        changed = a_request_in(cast, AR)
        services.reassess(
            cast.actor(cast.root),
            reference=changed.reference,
            judgements=judged(changed, "unknown"),
            comments="Why.",
        )
    assert "0 broken" in audit()
    ReturnRequest.objects.filter(pk=changed.pk).update(prepaid_eligible=True)
    assert f"request {changed.reference} changed whether it is prepaid-eligible without an event" in audit()


def test_the_form_that_asked_still_answers_its_request_after_it_was_split_and_split_again(
    cast: Cast, alice: Actor
) -> None:
    with by_hand(cast.north_lane):
        order = make_order(cast.north_lane, HAT, BATTERY)
        first = open_request(order, key="form-1")
        second = split_off(alice, first, key="s1", HAT=2, BATTERY=1)
        split_off(alice, second, key="s2", HAT=1)
    assert open_request(order, key="form-1") == first
    assert ReturnRequest.objects.count() == 3
    with pytest.raises(KeyReused):
        open_request(order, key="form-1", comment="Another form.")
    with pytest.raises(KeyReused):
        open_request(order, key="form-1", quantity=1)
