"""The forms with which buyer and seller write to each other, and the one that says that a parcel is sent."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from .carriers import tracking_number
from .forms import ParcelForm, ServiceForm, WrittenForBuyer
from .selectors.cases import Case
from .selectors.seller_pages import buyer_language
from .services.goods import NUMBER_MAX
from .services.photos import ACCEPTED, PhotoFile, keep_photo_files
from .services.words import COMMENTS_MAX


class PhotosInput(forms.FileInput):
    allow_multiple_selected = True


class PhotosField(forms.FileField):
    """Any number of files, as a list; what they are is the service's to judge."""

    widget = PhotosInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        return list(data or [])


class WithPhotos(ServiceForm):
    """A form to which photos can be added."""

    photos = PhotosField(
        label=_("Photos"),
        required=False,
        help_text=_("Up to 6, JPEG, PNG or WebP, at most 8 MB each."),
        widget=PhotosInput(attrs={"accept": ACCEPTED}),
    )

    names = {"file": "photos"}

    def stored_photos(self) -> Sequence[PhotoFile]:
        """The photos, stored; with an error where one cannot be taken."""
        return self.carry_out(lambda: keep_photo_files(self.cleaned_data["photos"])) or []

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("photos") and (self.errors or "preview" in self.data):
            self.add_error("photos", _("Please choose the photos again: a page cannot keep them."))
        return data


class MessageForm(WrittenForBuyer, WithPhotos):
    """The seller's side writes to the buyer, with photos."""

    comments = forms.CharField(
        label=_("Message to the buyer"),
        error_messages={"required": _("Write your message first.")},
        widget=forms.Textarea(attrs={"rows": 8, "maxlength": COMMENTS_MAX, "data-start": True}),
    )

    def __init__(self, *args: Any, case: Case, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reader = buyer_language(case)


class ReplyForm(WithPhotos):
    """The buyer writes to the seller, with photos."""

    comments = forms.CharField(
        label=_("Your message"),
        error_messages={"required": _("Write your message first.")},
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": COMMENTS_MAX}),
    )


class SentForm(ParcelForm):
    """The buyer has sent the parcel. A number that looks wrong is asked about once, and then taken as typed."""

    data: QueryDict  # as a browser sent it

    asked_about = forms.CharField(required=False, max_length=NUMBER_MAX, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tracking_number"].help_text = _(
            "It stands on the receipt of the carrier, and proves that you have sent the parcel."
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        typed = data.get("tracking_number")
        if typed:
            try:
                data["tracking_number"] = tracking_number(data.get("carrier", ""), typed)
            except ValueError:
                if data.get("asked_about") != typed:
                    self._ask_about(typed)
        return data

    def _ask_about(self, typed: str) -> None:
        self.data = self.data.copy()
        self.data[self.add_prefix("asked_about")] = typed
        self.add_error(
            "tracking_number",
            _(
                "This does not look like a number of that carrier. Check each digit; if it is right, send it again."
            ),
        )
