"""Querysets that are compiled once: for the few pages where putting SQL together costs more than running it."""

from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection, models

# Stands for a value while a queryset is compiled: no id is ever this.
_FIRST = -(2**62)


class Prepared:
    """The statement of a queryset, compiled at its first use and run again with other values.

    `build` makes the queryset from the named values: whole numbers, and at most one list of them, of at most
    `many`. Rows come as the driver gives them, without conversion (`Columns.instance` converts): what is read is
    compared far more often than it is used.
    """

    def __init__(self, build: Callable[..., "models.QuerySet[Any, Any]"], *names: str, many: int = 0) -> None:
        self.build = build
        self.names = names
        self.many = many
        self.statements: dict[str, tuple[str, list[Any]]] = {}

    def rows(self, *values: int, ids: Sequence[int] = ()) -> list[tuple[Any, ...]]:
        """What the database answers for these values, in the order of `names`, and `ids`."""
        sql, parameters = self.statements.get(connection.vendor) or self._compile()
        given = {_FIRST + position: value for position, value in enumerate(values)}
        for position in range(self.many):
            # Asked for the last one several times, it still comes once.
            given[_FIRST + len(values) + position] = ids[min(position, len(ids) - 1)]
        with connection.cursor() as cursor:
            cursor.execute(sql, [given.get(value, value) for value in parameters])
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def _compile(self) -> tuple[str, list[Any]]:
        marks = iter(range(_FIRST, _FIRST + len(self.names) + self.many))
        values: dict[str, Any] = {name: next(marks) for name in self.names}
        if self.many:
            values["ids"] = list(marks)
        sql, parameters = self.build(**values).query.get_compiler(connection=connection).as_sql()
        self.statements[connection.vendor] = sql, list(parameters)
        return self.statements[connection.vendor]


class Columns:
    """Columns of one model at the end of a path, as `values_list` reads them, and the way back to an instance.

    A column that is left out is read from the database when somebody asks for it, row by row: leave out only
    what nobody asks for.
    """

    def __init__(
        self, model: type[models.Model], path: str = "", *, but: Sequence[str] = (), only: Sequence[str] = ()
    ) -> None:
        self.model = model
        self.fields = [
            field
            for field in model._meta.concrete_fields
            if field.attname not in but and (not only or field.attname in only)
        ]
        self.names = [field.attname for field in self.fields]
        self.paths = [f"{path}{name}" for name in self.names]
        self.converters: dict[str, list[tuple[int, Callable[..., Any], Any]]] = {}

    def instance(self, values: Sequence[Any]) -> Any:
        """The model's instance from these columns, as the driver gave them."""
        if connection.vendor not in self.converters:
            self._find_converters()
        if converters := self.converters[connection.vendor]:
            values = list(values)
            for position, convert, column in converters:
                values[position] = convert(values[position], column, connection)
        return self.model.from_db(connection.alias, self.names, values)

    def _find_converters(self) -> None:
        table = self.model._meta.db_table
        columns = [field.get_col(table) for field in self.fields]
        self.converters[connection.vendor] = [
            (position, convert, column)
            for position, column in enumerate(columns)
            for convert in (
                *connection.ops.get_db_converters(column),
                *column.get_db_converters(connection),
            )
        ]
