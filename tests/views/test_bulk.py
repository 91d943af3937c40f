"""Many at once through HTTP: from the list's form to the preview, the results, and Undo of the whole."""

from html import unescape

import pytest
from django.http import HttpResponse
from django.test import Client

from tests.browsers import signed_in
from tests.factories import Cast, Person, make_order, open_request

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(cast: Cast) -> Client:
    return signed_in(cast.alice)


def html(response: HttpResponse) -> str:
    return unescape(response.content.decode())


def test_try(cast: Cast, alice: Client, django_assert_max_num_queries) -> None:
    wei = Person(name="Wei Chen", email="wei@buyers.example", language="zh-hans")
    requests = [open_request(make_order(cast.north_lane, country="CA")) for _ in range(3)]
    requests += [open_request(make_order(cast.north_lane, country="CA", buyer=wei)) for _ in range(2)]
    response = alice.post(
        "/seller/returns/bulk/", {"action": "close", "reference": [r.reference for r in requests] + ["nope"]}
    )
    assert response.status_code == 303
    with django_assert_max_num_queries(12) as q:
        page = html(alice.get(response["Location"]))
    print(len(q))
    with django_assert_max_num_queries(12) as q:
        page = html(
            alice.post(
                response["Location"],
                {
                    "preview": "1",
                    "reason": "refund_without_return",
                    "comments_en": "E",
                    "key": "k",
                    "promise_date": "2026-12-01",
                },
            )
        )
    print(len(q))
    with django_assert_max_num_queries(12) as q:
        bad = alice.post(
            response["Location"],
            {"reason": "other", "comments_en": "E", "key": "k", "promise_date": "2026-12-01"},
        )
    print(len(q), bad.status_code)
    open("/tmp/bulk-preview.html", "w").write(page)
    done = alice.post(
        response["Location"],
        {
            "reason": "refund_without_return",
            "comments_en": "Long enough for every policy.",
            "comments_zh-hans": "写得足够长,可以关闭这个请求了,谢谢您的理解。",
            "key": "k",
            "promise_date": "2026-12-01",
        },
    )
    print(html(done)[:3000] if done.status_code != 303 else "")
    assert done.status_code == 303
    with django_assert_max_num_queries(12) as q:
        page = html(alice.get(response["Location"]))
    print(len(q))
    open("/tmp/bulk-done.html", "w").write(page)
    assert "5 closed · 1 refused" in page
    alice.post(response["Location"] + "undo/")
    assert "5 undone · 1 refused" in html(alice.get(response["Location"]))
    assert alice.get("/seller/returns/bulk/").status_code == 200
