"""Statements that PostgreSQL plans once for a connection, and what happens where connections are handed around."""

import pytest
from django.db import connection, transaction

from returns.models import Seller
from returns.selectors.prepared import Prepared
from tests.factories import Cast

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def unpooled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prepared, "is_pooled", False)


def by_id() -> Prepared:
    return Prepared(
        lambda country, ids: Seller.objects.filter(
            pk__in=ids, slug__contains="%", pk__gt=country
        ).values_list("slug"),
        "country",
        many=3,
    )


def slugs(statement: Prepared) -> list[str]:
    return [slug for (slug,) in statement.rows(0, ids=list(Seller.objects.values_list("pk", flat=True)[:3]))]


def known() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'prepared_%%'")
        (number,) = cursor.fetchone()
    return int(number)


def test_a_statement_is_planned_once_for_a_connection(cast: Cast) -> None:
    Seller.objects.filter(pk=cast.north_lane.pk).update(slug="50%-off")
    statement, before = by_id(), known()
    assert slugs(statement) == slugs(statement) == ["50%-off"]
    assert known() == before + 1
    connection.close()
    assert slugs(statement) == ["50%-off"]
    assert known() == 1


def test_a_statement_of_no_values_is_planned_once_too(cast: Cast) -> None:
    statement, before = Prepared(lambda: Seller.objects.order_by("slug").values_list("slug")), known()
    assert statement.rows() == statement.rows() == [("north-lane",), ("south-pier",)]
    assert known() == before + 1


def test_inside_of_a_transaction_it_is_sent_whole(cast: Cast) -> None:
    before = known()
    with transaction.atomic():
        slugs(by_id())
    assert known() == before


@pytest.mark.parametrize("what", ["DEALLOCATE ALL", "PREPARE {name} AS SELECT 1"])
def test_behind_a_pooler_it_is_sent_whole_from_then_on(cast: Cast, what: str) -> None:
    Seller.objects.filter(pk=cast.north_lane.pk).update(slug="50%-off")
    statement = by_id()
    if what.startswith("DEALLOCATE"):
        slugs(statement)
    with connection.cursor() as cursor:
        cursor.execute(what.format(name=statement.name))
    before = known()
    assert slugs(statement) == slugs(statement) == ["50%-off"]
    assert Prepared.is_pooled
    assert known() == before
