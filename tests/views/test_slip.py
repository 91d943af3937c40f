"""The slip that goes with the parcel: what it says, to whom, and that its codes read back."""

import re
from html import unescape
from typing import Any

import pytest
import segno
from django.http import HttpResponse

from returns import services
from returns.actors import Actor
from returns.barcodes import QR_QUIET
from returns.exceptions import NotFound
from returns.models import ReturnRequest, User
from returns.selectors.labels import get_label_file, get_slip
from returns.services.decide import Authorization
from tests.browsers import let_in, signed_in
from tests.factories import DORA, Cast, Line, at_once, make_order, open_request
from tests.label_files import an_own_label
from tests.returns.code_128 import bars_of, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_(cast: Cast) -> ReturnRequest:
    order = make_order(
        cast.north_lane, Line(sku="RUG-1", title="Flat-weave rug", quantity=2), Line(), country="CA"
    )
    return open_request(order)


def authorize(cast: Cast, request: ReturnRequest, **decision: Any) -> None:
    services.authorize_return(
        at_once(cast.actor(cast.alice)), reference=request.reference, decision=Authorization(**decision)
    )


def html(response: HttpResponse) -> str:
    assert response.status_code == 200
    return unescape(response.content.decode())


def barcodes(page: str) -> list[str]:
    """What a scanner reads off the page's barcodes."""
    drawn = re.findall(r'viewBox="0 0 (\d+) 1"[^>]*><path d="([^"]+)"', page)
    return [read(bars_of(path), int(width)) for width, path in drawn]


def is_qr_of(page: str, text: str) -> bool:
    """Are the dark modules of the page's QR code those of `text`?"""
    path = re.search(r'class="qr"[^>]*><path d="([^"]+)"', page)[1]
    dark = {(int(y) - QR_QUIET, int(x) - QR_QUIET) for x, y in re.findall(r"M(\d+) (\d+)h1", path)}
    matrix = segno.make(text, error="m", micro=False).matrix
    return dark == {(y, x) for y, row in enumerate(matrix) for x, module in enumerate(row) if module}


@pytest.mark.parametrize("number", ["", "NL-2026/0007"])
def test_the_slip_says_what_the_warehouse_needs_and_no_more_of_the_buyer(
    cast: Cast, request_: ReturnRequest, number: str
) -> None:
    authorize(cast, request_, merchant_rma=number)
    request = ReturnRequest.objects.get(pk=request_.pk)
    for client, page in (
        (signed_in(cast.alice), f"/seller/returns/{request.reference}/slip/"),
        (signed_in(cast.vera), f"/seller/returns/{request.reference}/slip/"),
        (let_in(request.order), f"/my/returns/{request.reference}/slip/"),
    ):
        said = html(client.get(page))
        for word in (
            request.rma_number,
            request.order.order_number,
            request.return_address,
            "Flat-weave rug",
            "RUG-1",
            "<td>2</td>",
            DORA.name,
        ):
            assert word in said
        assert DORA.email not in said
        assert DORA.city not in said
        assert barcodes(said) == [number or request.rma_number] * 2
        assert is_qr_of(said, f"http://localhost:8000/seller/returns/{request.reference}/")


def test_with_an_own_label_nothing_else_goes_on_the_outside(cast: Cast, request_: ReturnRequest) -> None:
    authorize(cast, request_, label=an_own_label())
    said = html(signed_in(cast.alice).get(f"/seller/returns/{request_.reference}/slip/"))
    assert "For the outside of the parcel" not in said
    assert len(barcodes(said)) == 1


def test_a_number_that_no_scanner_knows_is_printed_in_letters(cast: Cast, request_: ReturnRequest) -> None:
    authorize(cast, request_, merchant_rma="退货-7")
    said = html(signed_in(cast.alice).get(f"/seller/returns/{request_.reference}/slip/"))
    assert barcodes(said) == []
    assert said.count("退货-7") >= 2


def test_the_slip_speaks_its_reader_s_language(cast: Cast, request_: ReturnRequest) -> None:
    authorize(cast, request_)
    User.objects.filter(pk=cast.alice.pk).update(language="zh-hans")
    said = html(signed_in(cast.alice).get(f"/seller/returns/{request_.reference}/slip/"))
    for word in ("装箱单", "退货批准编号", "退货地址", "最晚寄回日期", 'lang="zh-hans"'):
        assert word in said


def test_papers_are_read_for_somebody(cast: Cast, request_: ReturnRequest) -> None:
    """The pages ask first who may; what they read with asks again."""
    authorize(cast, request_, label=an_own_label())
    elsewhere = Actor.buyer(make_order(cast.north_lane))
    for actor in (cast.actor(cast.carol), elsewhere):
        for read_papers in (get_slip, get_label_file):
            with pytest.raises(NotFound):
                read_papers(actor, request_.reference)


def test_before_it_is_authorized_there_is_nothing_to_print(cast: Cast, request_: ReturnRequest) -> None:
    for client, page in (
        (signed_in(cast.alice), f"/seller/returns/{request_.reference}/slip/"),
        (let_in(request_.order), f"/my/returns/{request_.reference}/slip/"),
    ):
        response = client.get(page)
        assert response.status_code == 409
        assert "There is something to print once the return is authorized." in response.content.decode()
