"""Plain forms: they read what was entered and hand it to a service; the rules are the services'."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Self
from unicodedata import normalize
from uuid import uuid4
from zoneinfo import available_timezones

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from . import policy
from .actors import Actor
from .carriers import KNOWN
from .dates import active_locale
from .exceptions import Invalid, SomebodyElseWasFirst, TransitionNotAllowed
from .grounds import CLAIMS_OUTLAST, Ground, Stated
from .models import ReturnReason
from .models.people import Language
from .models.requests import ItemCondition
from .money import to_decimal, to_minor
from .policy import PolicyVerdict
from .selectors.cases import Case
from .selectors.common import list_colleagues, names_of
from .selectors.lists import Filters
from .selectors.seller_pages import buyer_language
from .services.comments import NAME_MAX
from .services.decide import Closing
from .services.goods import CARRIER_MAX, NUMBER_MAX
from .services.settling import CAN_SETTLE
from .services.teamwork import NO_COLLEAGUE, NOTE_MAX
from .services.words import COMMENTS_MAX
from .state_machine import Outcome, Status
from .text import is_readable

COMPLETIONS = (
    Outcome.DUPLICATE,
    Outcome.NEVER_ARRIVED,
    Outcome.PARTIALLY_REFUNDED,
    Outcome.REPLACED,
)
REPLACEMENT = ("order_number", "carrier", "tracking_number")


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class ServiceForm(forms.Form):
    """A form whose answer is a service's. Keeps its idempotency key when it is shown again."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    next = forms.CharField(widget=forms.HiddenInput, required=False, max_length=2000)

    # Names of the service's fields that are called otherwise here.
    names: dict[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {"key": uuid4().hex, **kwargs.get("initial", {})}
        super().__init__(*args, **kwargs)

    def carry_out(self, service: Callable[[], Any]) -> Any:
        """The service's answer, or None where it found something invalid: its errors then stand at the fields."""
        try:
            return service()
        except Invalid as invalid:
            for field, sentence in invalid.errors.items():
                name = self.names.get(field, field)
                self.add_error(name if name in self.fields else None, str(sentence))
            return None


def time_zone_choices() -> list[tuple[str, str]]:
    """The zones that people live in, by continent and place."""
    places = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))
    return [(zone, zone.replace("_", " ")) for zone in ["UTC", *places]]


# What CLDR names beside countries: unions, outlying islands without a post of their own, and placeholders.
NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})


def country_choices() -> list[tuple[str, str]]:
    """Countries in the reader's language: in English by name, in Chinese, which has no letters to go by, by code."""
    locale = active_locale()
    named = {
        code: name
        for code, name in locale.territories.items()
        if len(code) == 2 and code.isalpha() and code not in NO_COUNTRIES
    }
    if locale.language == "zh":
        countries = [(code, f"{code} {named[code]}") for code in sorted(named)]
    else:
        # Å among A, as in a dictionary.
        countries = sorted(
            named.items(), key=lambda country: normalize("NFKD", country[1]).encode("ascii", "ignore")
        )
    return [("", str(_("Choose"))), *countries]


class ChangesForm(forms.ModelForm):
    """Saves what differs from what the page had shown, and nothing else: of two who save at once, each with
    changes of the own, neither takes back what the other has written.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            # The page carries what it showed, as the row may have changed since; who sends only the values
            # means all of them.
            is_carried = not self.is_bound or self.add_initial_prefix(name) in self.data
            field.show_hidden_initial = self.instance.pk is not None and is_carried

    def save(self, commit: bool = True) -> Any:
        self.instance.save(update_fields=None if self.instance.pk is None else self.changed_data)
        return self.instance


class CommentsForm(ServiceForm):
    """Comments to the buyer, and nothing else."""

    comments = forms.CharField(
        label=_("Comments to the buyer"),
        error_messages={"required": _("Write comments to the buyer: they go into the message.")},
        widget=forms.Textarea(attrs={"rows": 5, "maxlength": COMMENTS_MAX}),
    )


def script_warning(comments: str, reader: str) -> Any:
    """What to consider where the script of `comments` does not fit the language of who reads them, else ""."""
    if is_readable(comments, reader):
        return ""
    if reader == Language.CHINESE:
        return _("The buyer reads Chinese (中文), but there is hardly a Chinese character in these comments.")
    return _("The buyer reads English, but these comments are mostly in Chinese characters.")


class ReopenForm(CommentsForm):
    """Reopen a closed request; comments are welcome."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["comments"].required = False


class WrittenForBuyer(forms.Form):
    """What is written in `comments` to a buyer who reads `reader` ("en", "zh-hans")."""

    reader: str

    @property
    def comments_warning(self) -> Any:
        """What to consider where the script of the comments does not fit the buyer's language, else nothing."""
        return script_warning(self["comments"].value() or "", self.reader)


class CloseForm(WrittenForBuyer, CommentsForm):
    """Close one request. Fields that no reason of this request asks for are left out."""

    reason = forms.CharField(
        label=_("Return reason"),
        max_length=60,
        error_messages={"required": _("Choose a return reason from the list.")},
    )
    promise_amount = forms.DecimalField(label=_("Amount"), required=False, min_value=0, max_digits=15)
    promise_date = forms.DateField(label=_("Refund by"), required=False, widget=DateInput())
    agreement_date = forms.DateField(label=_("Day of the agreement"), required=False, widget=DateInput())
    agreement_channel = forms.CharField(
        label=_("How you agreed"),
        required=False,
        max_length=100,
        help_text=_("For example by e-mail, by phone, or in the marketplace's messages."),
    )
    delivery_date = forms.DateField(
        label=_("Delivered on"),
        required=False,
        widget=DateInput(),
        help_text=_("Kept as your statement; the buyer reads it."),
    )
    claim_checked = forms.BooleanField(
        label=_("I have checked the buyer's claim about the item"), required=False
    )
    says_never_arrived = forms.BooleanField(label=_("The buyer writes that it never arrived"), required=False)
    save_comments = forms.BooleanField(
        label=_("Save these comments for next time"),
        required=False,
        widget=forms.CheckboxInput(attrs={"value": "new"}),
    )
    save_as = forms.CharField(
        label=_("Name"),
        required=False,
        help_text=_("Your team finds the text under this name."),
        widget=forms.TextInput(attrs={"maxlength": NAME_MAX, "autocomplete": "off"}),
    )

    names = {
        "promise_minor": "promise_amount",
        "promise_due_date": "promise_date",
        "agreed_date": "agreement_date",
        "agreed_channel": "agreement_channel",
        "has_checked_claim": "claim_checked",
        "buyer_writes_never_arrived": "says_never_arrived",
    }

    field_order = [
        "reason",
        "promise_amount",
        "promise_date",
        "agreement_date",
        "agreement_channel",
        "delivery_date",
        "says_never_arrived",
        "claim_checked",
        "comments",
        "save_comments",
        "save_as",
    ]

    def __init__(
        self, *args: Any, case: Case, grounds: dict[str, str], may_save: bool = False, **kwargs: Any
    ) -> None:
        """`grounds`: the grounds of the reasons that may be picked, by code; `may_save`: comments can be saved."""
        self.case = case
        self.grounds = grounds
        self.reader = buyer_language(case)
        self.currency = case.items[0].order_item.currency or "USD"
        owed = case.owed_minor().get(self.currency)
        initial = kwargs.pop("initial", {})
        if owed:
            initial = {"promise_amount": to_decimal(owed, self.currency), **initial}
        initial = {"promise_date": policy.promise_due_date(case.today, case.rules), **initial}
        super().__init__(*args, initial=initial, **kwargs)
        offered = set(grounds.values())
        if Ground.REFUND_WITHOUT_RETURN not in offered:
            del self.fields["promise_amount"], self.fields["promise_date"]
        if Ground.AGREED_WITH_BUYER not in offered:
            del self.fields["agreement_date"], self.fields["agreement_channel"]
        is_window_unknown = (
            case.request.window_end_date is None and case.request.policy != PolicyVerdict.IN_POLICY
        )
        if Ground.OUTSIDE_RETURN_WINDOW not in offered or not is_window_unknown:
            del self.fields["delivery_date"]
        if Ground.NEVER_ARRIVED not in offered or case.is_never_arrived:
            del self.fields["says_never_arrived"]
        if not (case.is_sellers_fault and offered & CLAIMS_OUTLAST):
            del self.fields["claim_checked"]
        if not may_save:
            del self.fields["save_comments"], self.fields["save_as"]
        self.fields[self.start].widget.attrs["data-start"] = True

    @property
    def start(self) -> str:
        """The field where the writing goes on: the reason, then what it asks for, then the comments."""
        ground = self.grounds.get(self["reason"].value())
        if ground is None:
            return "reason"
        asked: dict[str, str] = {
            Ground.AGREED_WITH_BUYER: "agreement_date",
            Ground.OUTSIDE_RETURN_WINDOW: "delivery_date",
        }
        name = asked.get(ground, "comments")
        return name if name in self.fields and not self[name].value() else "comments"

    def overlook_missing(self) -> None:
        """Looked at, not sent: what is still empty is no error yet."""
        for name, errors in self.errors.as_data().items():
            if all(error.code == "required" for error in errors):
                del self.errors[name]

    def clean_promise_amount(self) -> Decimal | None:
        amount: Decimal | None = self.cleaned_data["promise_amount"]
        return exact_amount(amount, self.currency)

    def proposed(self) -> Closing:
        """What the form proposes before anything is entered."""
        return self._closing({name: self[name].value() for name in self.fields})

    def closing(self) -> Closing:
        """What was entered; only what the picked reason asks for counts as stated."""
        return self._closing(self.cleaned_data)

    def _closing(self, data: dict[str, Any]) -> Closing:
        ground = self.grounds.get(data.get("reason", ""), "")
        stated: dict[str, Any] = {"has_checked_claim": bool(data.get("claim_checked"))}
        if ground == Ground.REFUND_WITHOUT_RETURN and data.get("promise_amount") is not None:
            stated |= {
                "promise_minor": to_minor(data["promise_amount"], self.currency),
                "promise_currency": self.currency,
                "promise_due_date": data.get("promise_date"),
            }
        elif ground == Ground.AGREED_WITH_BUYER:
            stated |= {
                "agreed_date": data.get("agreement_date"),
                "agreed_channel": data.get("agreement_channel", ""),
            }
        elif ground == Ground.OUTSIDE_RETURN_WINDOW:
            stated["delivery_date"] = data.get("delivery_date")
        elif ground == Ground.NEVER_ARRIVED:
            stated["buyer_writes_never_arrived"] = bool(data.get("says_never_arrived"))
        return Closing(
            reason_code=data.get("reason", ""),
            comments=data.get("comments") or "",
            stated=Stated(**stated),
        )


class ReceiveForm(ServiceForm):
    """What came back: units and condition per item, as the fields ``units_<item>`` and ``condition_<item>``."""

    def __init__(self, *args: Any, case: Case, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.case = case
        for item in case.items:
            self.fields[f"units_{item.pk}"] = forms.IntegerField(
                label=_("Units received"), min_value=0, max_value=item.quantity, initial=item.quantity
            )
            self.fields[f"condition_{item.pk}"] = forms.ChoiceField(
                label=_("Condition"), required=False, choices=[("", _("Choose")), *ItemCondition.choices]
            )

    def received(self) -> dict[int, tuple[int, str]]:
        data = self.cleaned_data
        return {item.pk: (data[f"units_{item.pk}"], data[f"condition_{item.pk}"]) for item in self.case.items}


class ParcelForm(ServiceForm):
    """How a parcel is followed: the known carriers are offered, any other is taken."""

    carrier = forms.CharField(
        label=_("Carrier"),
        required=False,
        max_length=CARRIER_MAX,
        widget=forms.TextInput(attrs={"list": "carriers", "autocomplete": "off"}),
    )
    tracking_number = forms.CharField(
        label=_("Tracking number"),
        required=False,
        max_length=NUMBER_MAX,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    carriers = KNOWN


class CompleteForm(ParcelForm, CommentsForm):
    """Complete a request as a duplicate, as never arrived, with a partial refund, or with a replacement."""

    outcome = forms.ChoiceField(
        label=_("How it ends"), choices=[(outcome.value, outcome.label) for outcome in COMPLETIONS]
    )
    says_never_arrived = forms.BooleanField(label=_("The buyer writes that it never arrived"), required=False)

    order_number = forms.CharField(
        label=_("Order number of the replacement"), required=False, max_length=NUMBER_MAX
    )

    field_order = ["outcome", "says_never_arrived", *REPLACEMENT, "comments"]

    def __init__(self, *args: Any, case: Case, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if case.is_never_arrived:
            del self.fields["says_never_arrived"]
        for name in REPLACEMENT:
            # What was sent is read, too: sent twice, the first has perhaps completed the request.
            if case.request.status not in CAN_SETTLE and name not in self.data:
                del self.fields[name]

    def carry_out(self, service: Callable[[], Any]) -> Any:
        """As for every form; an ending that does not hold is an error of the choice, so that nothing is lost."""
        try:
            return super().carry_out(service)
        except SomebodyElseWasFirst:
            raise
        except TransitionNotAllowed as refusal:
            self.add_error("outcome", str(refusal))
            return None

    def completion(self) -> dict[str, Any]:
        """The arguments for `services.complete_return`."""
        data = self.cleaned_data
        return {
            "outcome": Outcome(data["outcome"]),
            "comments": data.get("comments", ""),
            "buyer_writes_never_arrived": bool(data.get("says_never_arrived")),
            "replacement": {name: data.get(name) or "" for name in REPLACEMENT if name in self.fields},
        }


class BuyerCloseForm(ServiceForm):
    """The buyer closes the own request."""

    reason = forms.ChoiceField(
        label=_("Why do you close it?"),
        choices=(),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose a reason from the list.")},
    )
    comments = forms.CharField(
        label=_("Your comment"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": COMMENTS_MAX}),
        help_text=_("The seller reads it."),
    )

    def __init__(self, *args: Any, reasons: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["reason"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = reasons

    def closing(self) -> Closing:
        return Closing(reason_code=self.cleaned_data["reason"], comments=self.cleaned_data["comments"])


class StepInForm(ServiceForm):
    """The buyer asks the marketplace to step in."""

    comments = forms.CharField(
        label=_("What should we know?"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": COMMENTS_MAX}),
        help_text=_("The marketplace and the seller read it."),
    )


class ConfirmForm(ServiceForm):
    """A step that asks for nothing but to be confirmed."""


class NoteForm(ServiceForm):
    """A note of the team's to itself."""

    text = forms.CharField(
        label=_("New note"),
        help_text=_("Only your team reads it, never the buyer."),
        error_messages={"required": _("Write the note first.")},
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": NOTE_MAX}),
    )


class AssignForm(ServiceForm):
    """Whose a request is. `was` is who had it when the form was drawn; sent twice it changes nothing more."""

    key = None  # type: ignore[assignment]
    assignee = forms.TypedChoiceField(
        label=_("Assigned to"),
        required=False,
        coerce=int,
        empty_value=None,
        choices=(),
        error_messages={"invalid_choice": NO_COLLEAGUE},
    )
    was = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, team: Mapping[int, str], me: int | None, now: int | None, **kwargs: Any
    ) -> None:
        """`team`: the names of those who may decide, by id; `me` and `now`: who asks, and who has it."""
        kwargs["initial"] = {
            "assignee": now if now in team else None,
            "was": now,
            **kwargs.get("initial", {}),
        }
        super().__init__(*args, **kwargs)
        others = [(user_id, name) for user_id, name in team.items() if user_id != me]
        mine = [(me, _("%(name)s (me)") % {"name": team[me]})] if me is not None and me in team else []
        field = self.fields["assignee"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("Nobody")), *mine, *others]


MINE, NOBODYS = "me", "nobody"
TABS = [*Status.choices, ("all", _("All"))]


class FilterForm(forms.Form):
    """Search and filters of the list; all of it stands in the address."""

    status = forms.ChoiceField(choices=TABS, required=False, widget=forms.HiddenInput)
    q = forms.CharField(
        label=_("Order, RMA, SKU, title or buyer"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    reason = forms.ChoiceField(label=_("Buyer's reason"), required=False)
    prepaid = forms.ChoiceField(
        label=_("Prepaid label"),
        required=False,
        choices=[("", _("Any")), ("yes", _("Prepaid-eligible")), ("no", _("Not prepaid-eligible"))],
    )
    in_policy = forms.ChoiceField(
        label=_("Policy"), required=False, choices=[("", _("Any")), *PolicyVerdict.choices]
    )
    assignee = forms.ChoiceField(label=_("Assigned to"), required=False)
    overdue = forms.BooleanField(label=_("Overdue"), required=False)
    soon = forms.BooleanField(label=_("Due within 4 h"), required=False)
    escalated = forms.BooleanField(label=_("The marketplace was asked to step in"), required=False)
    todo = forms.BooleanField(label=_("To do at the marketplace"), required=False)
    owed = forms.BooleanField(label=_("Money still owed"), required=False)
    sort = forms.ChoiceField(
        label=_("Sort by"),
        required=False,
        choices=[
            ("", _("Usual order")),
            ("deadline", _("Deadline")),
            ("-created", _("Newest first")),
            ("created", _("Oldest first")),
        ],
    )

    def __init__(
        self, data: Any, *, reasons: Iterable[ReturnReason], team: Mapping[int, str], me: int | None
    ) -> None:
        """`team`: the names of those who may have requests, by id; `me`: the reader."""
        super().__init__(data, auto_id="filter_%s")
        self.team = team
        self.me = me
        language = get_language() or Language.ENGLISH.value
        self.fields["from"] = forms.DateField(label=_("Asked from"), required=False, widget=DateInput())
        self.fields["to"] = forms.DateField(label=_("Asked until"), required=False, widget=DateInput())
        field = self.fields["reason"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", _("Any")),
            *((reason.code, reason.in_language("label", language)) for reason in reasons),
        ]
        field = self.fields["assignee"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("Any")), (MINE, _("Mine")), (NOBODYS, _("Nobody's")), *team.items()]

    @classmethod
    def of_member(cls, data: Any, actor: Actor) -> Self:
        """The form as a member reads it for the one seller that the actor acts for."""
        team = names_of(list_colleagues(actor.own_seller_id))
        return cls(data, reasons=ReturnReason.objects.all(), team=team, me=actor.user_id)

    def filters(self, cursor: str) -> Filters:
        """What is valid of it; the rest filters nothing and stands as an error at its field."""
        self.is_valid()
        data = self.cleaned_data
        whose = data.get("assignee", "")
        return Filters(
            status=data.get("status") or Status.AUTHORIZATION_REQUIRED.value,
            q=data.get("q", "").strip(),
            from_date=data.get("from"),
            to_date=data.get("to"),
            reason=data.get("reason", ""),
            prepaid={"yes": True, "no": False}.get(data.get("prepaid", "")),
            in_policy=data.get("in_policy", ""),
            overdue=bool(data.get("overdue")),
            due_soon=bool(data.get("soon")),
            escalated=bool(data.get("escalated")),
            marketplace_todo=bool(data.get("todo")),
            money_owed=bool(data.get("owed")),
            assignee_id=self.me if whose == MINE else int(whose) if whose.isdecimal() else None,
            not_of=tuple(self.team) if whose == NOBODYS else (),
            sort=data.get("sort", ""),
            cursor=cursor,
        )


EXACT_AMOUNT = _("Enter an amount with at most the usual decimals of its currency.")
ANY_AMOUNT = _("Enter an amount above zero, with at most the usual decimals of its currency.")
AMOUNT_UP_TO = _(
    "Enter an amount above zero and of at most %(amount)s, with at most the usual decimals of its currency."
)


def amount_errors(sentence: Any) -> dict[str, Any]:
    """`error_messages` that give all that Django finds wrong with an amount one sentence, of what is possible."""
    wrong = ("invalid", "min_value", "max_digits", "max_decimal_places", "max_whole_digits")
    return dict.fromkeys(wrong, sentence)


def exact_amount(
    amount: Decimal | None,
    currency: str,
    sentence: Any = EXACT_AMOUNT,
) -> Decimal | None:
    """The amount as it is, or an error with this sentence where it has more decimals than its currency."""
    if amount is None:
        return None
    try:
        to_minor(amount, currency)
    except (ValueError, OverflowError):
        raise forms.ValidationError(sentence) from None
    return amount
