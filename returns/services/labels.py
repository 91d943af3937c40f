"""The label of a return: what the seller uploads, from whichever form it comes, and what becomes of its file.

A file is written, whole and synchronised, before the transaction that names it. What no row names in the end
(the form was never sent, or somebody else decided first) is removed by `clear_label_files`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext_lazy as _

from ..actors import Actor
from ..carriers import tracking_number
from ..exceptions import Invalid, NotFound
from ..models import LabelKind, ReturnEvent, ReturnLabel
from ..money import MAX_MINOR
from ..pictures import TooManyPixels, drawn_anew
from ..selectors.cases import Case
from ..state_machine import Action, Status
from ..text import clean_text
from .moves import Move, happened_at, make_move
from .stored_files import clear_files, store_file, stored_path

MOST_BYTES = 5 * 1024 * 1024
LONGEST_SIDE = 5000  # pixels kept: A4 at more than 400 to the inch
FOLDER = "labels"
CONTENT_TYPES = {".pdf": "application/pdf", ".png": "image/png", ".jpg": "image/jpeg"}

_NOT_A_LABEL = _("Choose a PDF, PNG or JPEG file of at most 5 MB.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """The label that the seller's side chooses. `file`: the name that `keep_label_file` gave an own one."""

    kind: LabelKind
    file: str = ""
    carrier: str = ""
    tracking_number: str = ""
    cost_minor: int | None = None
    currency: str = ""


def provide_label(
    actor: Actor,
    *,
    reference: str,
    label: Label,
    key: str = "",
    is_preview: bool = False,
    case: Case | None = None,
) -> ReturnEvent:
    """Provide the label that an authorized request still owes; the buyer is told."""

    def plan(case: Case) -> Move:
        if not is_preview:
            check_label(case, label)
        return Move(
            case=case,
            action=Action.PROVIDE_LABEL,
            status=Status.AUTHORIZED,
            columns={"is_label_owed": False},
            label=label_row(case, actor, label),
            facts={"label": label_facts(label)},
        )

    return make_move(
        actor,
        reference=reference,
        action=Action.PROVIDE_LABEL,
        plan=plan,
        key=key,
        is_preview=is_preview,
        case=case,
    )


def check_label(case: Case, label: Label) -> None:
    """Refuses, field by field, what is missing or wrong."""
    errors: dict[str, Any] = {}
    if case.request.prepaid_eligible:
        errors["label"] = _("The marketplace provides the label of this return.")
    elif label.kind == LabelKind.OWN:
        if not label_path(label.file).is_file():
            errors["file"] = _NOT_A_LABEL
        if not clean_text(label.carrier):
            errors["carrier"] = _("Say which carrier takes the parcel.")
        if label.tracking_number and _tracking_number(label) is None:
            errors["tracking_number"] = _(
                "This is no tracking number of that carrier: check each digit, or leave it empty."
            )
        if label.cost_minor is not None and not 0 <= label.cost_minor <= MAX_MINOR:
            errors["cost"] = _("Enter an amount of zero or more.")
    if errors:
        raise Invalid(next(iter(errors.values())), errors)


def label_row(case: Case, actor: Actor, label: Label) -> ReturnLabel:
    """The row, unsaved."""
    is_own = label.kind == LabelKind.OWN
    has_cost = is_own and label.cost_minor is not None
    return ReturnLabel(
        seller_id=case.request.seller_id,
        request=case.request,
        kind=label.kind,
        file=label.file if is_own else "",
        carrier=clean_text(label.carrier, 100) if is_own else "",
        tracking_number=(_tracking_number(label) or "") if is_own else "",
        cost_minor=label.cost_minor if has_cost else None,
        currency=label.currency if has_cost else "",
        provided_at=happened_at(case, actor),
    )


def label_facts(label: Label) -> dict[str, Any]:
    """What the event and its message say of the label."""
    if label.kind != LabelKind.OWN:
        return {"kind": label.kind.value}
    return {
        "kind": label.kind.value,
        "carrier": clean_text(label.carrier, 100),
        # A preview shows a wrong number as it was typed.
        "tracking_number": _tracking_number(label) or clean_text(label.tracking_number, 40),
        "cost_minor": label.cost_minor,
        "currency": label.currency,
    }


def _tracking_number(label: Label) -> str | None:
    """As it is kept; "" without one, None for one that cannot be."""
    if not label.tracking_number:
        return ""
    try:
        return tracking_number(label.carrier, label.tracking_number)
    except ValueError:
        return None


# --- Files


def keep_label_file(upload: Any) -> str:
    """Check and store an uploaded file (Django's `UploadedFile`); answers the name it has from now on.

    What it is is read from its first bytes, and its own name must agree. Pictures are decoded and written
    anew, which leaves out all that is not picture. Raises `Invalid` for the field ``file``.
    """
    if upload.size > MOST_BYTES:
        raise _invalid(_("This file is larger than 5 MB. Choose a smaller one."))
    suffix = Path(upload.name or "").suffix.lower().replace(".jpeg", ".jpg")
    content = upload.read()
    if suffix not in CONTENT_TYPES or suffix != _suffix_of(content):
        raise _invalid(_NOT_A_LABEL)
    if suffix == ".pdf":
        if b"%%EOF" not in content[-2048:]:
            raise _invalid(_("This PDF is not complete. Save it again and choose it once more."))
    else:
        try:
            content = drawn_anew(content, "PNG" if suffix == ".png" else "JPEG", LONGEST_SIDE)
        except TooManyPixels:
            raise _invalid(_("This picture has more than 40 million pixels. Choose a smaller one.")) from None
        except ValueError:
            raise _invalid(_("This picture cannot be read. Save it again and choose it once more.")) from None
    return store_file(FOLDER, content, suffix)


def _suffix_of(content: bytes) -> str:
    for magic, suffix in ((b"%PDF-", ".pdf"), (b"\x89PNG\r\n\x1a\n", ".png"), (b"\xff\xd8\xff", ".jpg")):
        if content.startswith(magic):
            return suffix
    return ""


def _invalid(sentence: Any) -> Invalid:
    return Invalid(sentence, {"file": sentence})


def label_path(name: str) -> Path:
    """Where the file `name` lies; a path that is no file's for any name that is not ours."""
    return stored_path(FOLDER, name)


def read_label(label: ReturnLabel) -> bytes:
    """The label's file; `NotFound` where it has none (any more)."""
    try:
        return label_path(label.file).read_bytes()
    except OSError:
        raise NotFound(_("This page does not exist, or it is not yours.")) from None


def clear_label_files() -> int:
    """Remove files that were uploaded a day ago or earlier and that no label names. Answers how many."""
    return clear_files(
        FOLDER, lambda names: ReturnLabel.objects.filter(file__in=names).values_list("file", flat=True)
    )
