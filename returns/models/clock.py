"""The database's clock: it alone decides what is due, what is held and whose lease ran out."""

from datetime import UTC, datetime

from django.db import connection


def database_now() -> datetime:
    """Now, by the database's clock, to the microsecond (SQLite: millisecond), aware, in UTC."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT clock_timestamp()")
            moment: datetime = cursor.fetchone()[0]
            return moment.astimezone(UTC)
        cursor.execute("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")
        return as_moment(cursor.fetchone()[0])


def as_moment(value: datetime | str) -> datetime:
    """The database's time as its driver gives it: SQLite has no type for it."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=moment.tzinfo or UTC)
