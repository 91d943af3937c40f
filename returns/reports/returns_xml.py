"""The returns report as XML: a hardened parser, fed in pieces, and no tree.

Document types, and with them every entity and every external reference, are refused.
"""

from collections.abc import Iterator
from typing import Any

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ..exceptions import UnreadableFile
from .reading import MAX_COLUMNS, MAX_LINE, MAX_ROWS, Source, no_rows, too_many_columns, too_many_rows
from .rows import Fields, Money, RawRow
from .tables import add_apart
from .values import RefusedRow, has_decimal_comma

MAX_DEPTH = 32
MAX_ITEMS = 1000
# Characters in one return_details, which is held as a whole.
MAX_RETURN = 4 * 1024 * 1024
# A tag, comment or attribute that is not finished yet stays in the parser's memory.
_MAX_UNFINISHED = 1024 * 1024

Item = tuple[int, dict[str, str]]


class XmlReturns:
    """One XML returns report, read once in full when made, so that reading its rows cannot fail halfway.

    An item is a row; what its return says about all items stands in each of them. Iterating gives the rows as
    `RawReport` says, `line` being where item_details starts. Raises `UnreadableFile`.
    """

    def __init__(self, source: Source, fields: Fields) -> None:
        self._source = source
        self.spelling = {name: field.element for name, field in fields.items()}
        self._elements = tuple(self.spelling.values())
        self.row_count = 0
        self.has_decimal_comma = False
        amounts = [field.element for field in fields.values() if isinstance(field.read, Money)]
        for _line, reported in self._items():
            self.row_count += 1
            self.has_decimal_comma = self.has_decimal_comma or has_decimal_comma(
                reported.get(element, "") for element in amounts
            )
            if self.row_count > MAX_ROWS:
                raise too_many_rows()
        if not self.row_count:
            raise no_rows()

    def __iter__(self) -> Iterator[RawRow | RefusedRow]:
        for line, reported in self._items():
            yield line, tuple(reported.get(element, "") for element in self._elements), reported

    def _items(self) -> Iterator[Item]:
        returns = _Returns()
        parser = DefusedXMLParser(target=returns, forbid_dtd=True)
        returns.position = parser.parser
        fed = 0
        try:
            for chunk in self._source.chunks():
                parser.feed(chunk)
                fed += len(chunk)
                yield from returns.take()
                if fed - parser.parser.CurrentByteIndex > _MAX_UNFINISHED:
                    raise _too_large(parser.parser.CurrentLineNumber)
            parser.close()
        except DefusedXmlException:
            raise UnreadableFile(
                _(
                    "This XML file declares a document type or entities, which no report does. "
                    "Download the report again."
                )
            ) from None
        except ParseError as error:
            raise UnreadableFile(
                format_lazy(
                    _("This XML file is damaged or cut off at line {line}. Download the report again."),
                    line=error.position[0],
                )
            ) from None
        except (LookupError, ValueError):
            raise UnreadableFile(
                _(
                    "This XML file is in an encoding that cannot be read. "
                    "Save it as UTF-8 and import it again."
                )
            ) from None
        yield from returns.take()


class _Returns:
    """What the parser calls: gathers one return_details at a time, keeps its items until they are taken."""

    position: Any

    def __init__(self) -> None:
        self._path: list[str] = []
        self._text: list[str] = []
        self._text_length = 0
        self._return_length = 0
        self._is_leaf = False
        self._details: dict[str, str] | None = None
        self._item: Item | None = None
        self._items: list[Item] = []
        self._ready: list[Item] = []
        self._line = 0
        self._names: set[str] = set()

    def take(self) -> list[Item]:
        ready, self._ready = self._ready, []
        return ready

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        self._names.add(name)
        if len(self._names) > MAX_COLUMNS:
            raise too_many_columns()
        self._path.append(name)
        if len(self._path) > MAX_DEPTH:
            raise _too_large(self.position.CurrentLineNumber)
        self._text.clear()
        self._text_length = 0
        self._is_leaf = True
        if name == "return_details":
            self._details, self._items, self._line = {}, [], self.position.CurrentLineNumber
            self._return_length = 0
        elif name == "item_details" and self._details is not None:
            self._item = self.position.CurrentLineNumber, {}
        for attribute, value in attributes.items():
            self._keep(f"{name}@{attribute.rpartition('}')[2]}", value)

    def data(self, text: str) -> None:
        self._text.append(text)
        self._text_length += len(text)
        if self._text_length > MAX_LINE:
            raise _too_large(self.position.CurrentLineNumber)

    def end(self, tag: str) -> None:
        name = self._path.pop()
        if name == "item_details" and self._item is not None:
            self._items.append(self._item)
            self._item = None
            if len(self._items) > MAX_ITEMS:
                raise _too_large(self.position.CurrentLineNumber)
        elif name == "return_details" and self._details is not None:
            # A return without an item is a row all the same, and refused for what it lacks.
            for line, item in self._items or [(self._line, {})]:
                for key, value in self._details.items():
                    item[add_apart(item, key)] = value
                self._ready.append((line, item))
            self._details = None
        elif self._is_leaf:
            self._keep(name, "".join(self._text))
        self._is_leaf = False
        self._text.clear()
        self._text_length = 0

    def close(self) -> None:
        """The parser asks for a result at the end; the items were taken on the way."""

    def _keep(self, name: str, value: str) -> None:
        if self._details is None:
            return
        record = self._item[1] if self._item is not None else self._details
        record[add_apart(record, name)] = value
        if len(record) > MAX_COLUMNS:
            raise too_many_columns()
        self._return_length += len(value)
        if self._return_length > MAX_RETURN:
            raise _too_large(self.position.CurrentLineNumber)


def _too_large(line: int) -> UnreadableFile:
    return UnreadableFile(
        format_lazy(
            _("Line {line} of this XML file is larger or deeper than any report. Download the report again."),
            line=line,
        )
    )
