"""The cast, for every test of the domain that touches rows, and a shop that pays."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.factories import Cast, make_cast
from tests.returns.shop_server import SECRET, ShopServer


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


@pytest.fixture
def shop(settings: Any) -> Iterator[ShopServer]:
    """A shop to which refunds are handed over while the test lasts."""
    server = ShopServer()
    settings.PAYOUT_BACKEND = "returns.payouts.hand_over.Backend"
    settings.PAYOUT_URL, settings.PAYOUT_SECRET = server.url, SECRET
    yield server
    server.close()
