"""Many rows at once, for the tables that a file fills by the ten thousand."""

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from itertools import chain
from operator import attrgetter
from typing import Any, TypeVar

from django.db import connections, models, transaction
from django.db.models.expressions import DatabaseDefault

Row = TypeVar("Row", bound=models.Model)

# Fields whose values of just this type go to the database as they are.
AS_THEY_ARE = (
    (models.CharField, str),
    (models.TextField, str),
    (models.IntegerField, int),
    (models.BooleanField, bool),
)


class BulkQuerySet(models.QuerySet[Row]):
    """Creates and updates many rows as Django does, for less of the processor.

    Django wraps each value of each row in an expression. Here values are made ready field by field and written
    by plain statements. Rows that already have an id, options, and expressions among the values are Django's.
    """

    def bulk_create(  # noqa: PLR0917 the signature is Django's
        self,
        objs: Iterable[Row],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Row]:
        """As Django's, except that a column left to the database (`db_default`) is read when it is asked for."""
        rows, meta = list(objs), self.model._meta
        left_out = [
            field
            for field in meta.concrete_fields
            if field.has_db_default()
            and all(isinstance(getattr(row, field.attname), DatabaseDefault) for row in rows)
        ]
        fields = [field for field in meta.concrete_fields if field not in (meta.pk, *left_out)]
        is_plain = connections[self.db].features.can_return_rows_from_bulk_insert and not (
            ignore_conflicts or update_conflicts
        )
        values = self._ready(rows, fields, add=True) if is_plain and not any(row.pk for row in rows) else None
        if not values:
            return super().bulk_create(
                rows, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )
        statement = (
            f"INSERT INTO {self._quoted(meta.db_table)} ({', '.join(map(self._column, fields))})"
            f" VALUES %s RETURNING {self._column(meta.pk)}"
        )
        ids = self._execute(statement, values, len(fields), batch_size, lambda cursor: cursor.fetchall())
        for row, (pk,) in zip(rows, ids, strict=True):
            row.pk = pk
            row._state.adding = False
            row._state.db = self.db
            for field in left_out:
                delattr(row, field.attname)
        return rows

    def bulk_update(self, objs: Iterable[Row], fields: Iterable[str], batch_size: int | None = None) -> int:
        rows, names, meta = list(objs), list(fields), self.model._meta
        columns = [field for field in map(meta.get_field, names) if isinstance(field, models.Field)]
        values = self._ready(rows, [meta.pk, *columns], add=False) if all(row.pk for row in rows) else None
        if not values or not columns or len(columns) != len(names):
            return super().bulk_update(rows, names, batch_size)
        connection = connections[self.db]
        takes_any = not connection.features.requires_casted_case_in_updates
        changes = ", ".join(
            f"{self._column(field)} = "
            + (
                f"v.column{place}"
                if takes_any
                else f"CAST(v.column{place} AS {field.cast_db_type(connection)})"
            )
            for place, field in enumerate(columns, start=2)
        )
        table = self._quoted(meta.db_table)
        statement = (
            f"UPDATE {table} SET {changes} FROM (VALUES %s) AS v"
            f" WHERE {table}.{self._column(meta.pk)} = v.column1"
        )
        return sum(
            self._execute(statement, values, len(columns) + 1, batch_size, lambda cursor: [cursor.rowcount])
        )

    def _quoted(self, name: str) -> str:
        return connections[self.db].ops.quote_name(name)

    def _column(self, field: "models.Field[Any, Any]") -> str:
        assert field.column is not None, "only what has a column is read or written"
        return self._quoted(field.column)

    def _ready(self, rows: list[Row], fields: Sequence[Any], *, add: bool) -> list[tuple[Any, ...]] | None:
        """The values of `fields`, row by row, as the database takes them; None if some are expressions."""
        connection = connections[self.db]
        columns = []
        for field in fields:
            read, plain = _reader(field, add=add), _plain_type(field)
            column: list[Any] = []
            for row in rows:
                value = read(row)
                if value is not None and type(value) is not plain:
                    if hasattr(value, "resolve_expression"):
                        return None
                    value = field.get_db_prep_save(value, connection)
                column.append(value)
            columns.append(column)
        return list(zip(*columns, strict=True))

    def _execute(
        self,
        statement: str,
        rows: list[tuple[Any, ...]],
        width: int,
        batch_size: int | None,
        answer: Callable[[Any], list[Any]],
    ) -> list[Any]:
        """Run `statement` for batches of `rows`, whose placeholders stand for its `%s`; all that it answers."""
        connection = connections[self.db]
        most = connection.features.max_query_params
        size = min(batch_size or len(rows), most // width if most else len(rows))
        one, found = f"({', '.join(['%s'] * width)})", []
        with transaction.atomic(using=self.db, savepoint=False), connection.cursor() as cursor:
            for start in range(0, len(rows), size):
                batch = rows[start : start + size]
                placed = statement.replace("%s", ", ".join([one] * len(batch)))
                cursor.execute(placed, list(chain.from_iterable(batch)))
                found += answer(cursor)
        return found


def _plain_type(field: Any) -> type | None:
    while field.remote_field:
        field = field.target_field
    return next((kind for of, kind in AS_THEY_ARE if isinstance(field, of)), None)


def _reader(field: Any, *, add: bool) -> Callable[[Any], Any]:
    """What reads the value to write from a row."""
    if field.remote_field:
        return partial(_id_known_now, field)
    if add and type(field).pre_save is not models.Field.pre_save:
        return partial(field.pre_save, add=True)
    return attrgetter(field.attname)


def _id_known_now(field: Any, row: models.Model) -> Any:
    """The id of the row that this one refers to, which may have got it since."""
    pk = getattr(row, field.attname)
    if pk is None and (other := getattr(row, field.name)) is not None:
        pk = other.pk
        setattr(row, field.attname, pk)
    return pk
