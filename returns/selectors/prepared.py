"""Querysets that are compiled once: for the few pages where putting SQL together costs more than running it."""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

from django.db import connection, models
from django.db.utils import DatabaseError

# Stands for a value while a queryset is compiled: no id is ever this.
_FIRST = -(2**62)
_numbers = count()

# Of PostgreSQL: no such statement, one of that name already, its columns changed. The first two are what a pooler says
# that gives every transaction another connection.
_NOT_OURS = frozenset({"26000", "42P05", "0A000"})


class Prepared:
    """The statement of a queryset, compiled at its first use and run again with other values.

    `build` makes the queryset from the named values: whole numbers, and at most one list of them, of at most
    `many`. Rows come as the driver gives them, without conversion (`Columns.instance` converts): what is read is
    compared far more often than it is used.

    PostgreSQL plans it once for each connection, too, outside of transactions: there, a connection that turns out to
    be another one can be left without harm.
    """

    # Statements that each connection of the driver knows.
    known: "WeakKeyDictionary[Any, set[str]]" = WeakKeyDictionary()
    is_pooled = False

    def __init__(self, build: Callable[..., "models.QuerySet[Any, Any]"], *names: str, many: int = 0) -> None:
        self.build = build
        self.names = names
        self.many = many
        self.name = f"prepared_{next(_numbers)}"
        self.statements: dict[str, tuple[str, list[Any]]] = {}

    def rows(self, *values: int, ids: Sequence[int] = ()) -> list[tuple[Any, ...]]:
        """What the database answers for these values, in the order of `names`, and `ids`."""
        sql, parameters = self.statements.get(connection.vendor) or self._compile()
        # Asked for the last one several times, it still comes once.
        given = [*values, *ids, *list(ids[-1:]) * (self.many - len(ids))]
        if connection.vendor == "postgresql" and not (connection.in_atomic_block or Prepared.is_pooled):
            try:
                return self._execute(sql, parameters, given)
            except DatabaseError as error:
                if getattr(error.__cause__, "pgcode", None) not in _NOT_OURS:
                    raise
                Prepared.is_pooled = True
        with connection.cursor() as cursor:
            cursor.execute(sql, [self._value(one, given) for one in parameters])
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def _execute(self, sql: str, parameters: list[Any], given: list[int]) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            known = Prepared.known.setdefault(connection.connection, set())
            if self.name not in known:
                # What is no value of ours is written out, so that a partial index is still recognized.
                marks = [
                    f"${place + 1}"
                    if (place := self._place(one)) is not None
                    else cursor.mogrify("%s", [one]).decode()
                    for one in parameters
                ]
                types = f"({', '.join(['bigint'] * len(given))})" if given else ""
                cursor.execute(f"PREPARE {self.name} {types} AS {sql % tuple(marks)}")
                known.add(self.name)
            values = f"({', '.join(f'{value:d}' for value in given)})" if given else ""
            cursor.execute(f"EXECUTE {self.name} {values}")
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def _place(self, parameter: Any) -> int | None:
        """Which of the values given stands here; None where the statement has a value of its own."""
        is_mark = type(parameter) is int and _FIRST <= parameter < _FIRST + len(self.names) + self.many
        return parameter - _FIRST if is_mark else None

    def _value(self, parameter: Any, given: list[int]) -> Any:
        place = self._place(parameter)
        return parameter if place is None else given[place]

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
