"""Bytes to text: what kind of file it is, how it is encoded, and bounds on everything.

Nothing here holds more than a chunk of the file, whatever is in it.
"""

import io
import re
import tempfile
import weakref
from collections.abc import Iterator
from functools import cached_property
from typing import Any, BinaryIO

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from ..exceptions import UnreadableFile

CHUNK = 256 * 1024
MAX_BYTES = 2 * 1024**3
MAX_LINE = 64 * 1024
MAX_COLUMNS = 500
MAX_ROWS = 2_000_000
_HEAD = 64 * 1024

_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# Windows-1252 gives nearly every byte a meaning, so what is something else must not be read as it, or
# nonsense would be stored: four foreign bytes in a row, or three pairs as in Shift JIS, are Chinese or
# Japanese; a lead byte with its continuation is UTF-8 (without ß, which German puts before a closing quote).
_NOT_WESTERN = re.compile(
    rb"[\x80-\xff]{4}|(?:[\x81-\x9f][\x40-\xfc]){3}|[\xc2-\xde][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}"
)


def no_rows() -> UnreadableFile:
    """The refusal of a report in which there is nothing to import, whatever its format."""
    return UnreadableFile(
        _("This report has a header but no rows. Choose a longer period when you download it.")
    )


def too_many_columns() -> UnreadableFile:
    return UnreadableFile(
        format_lazy(
            _("This file has more than {limit} columns, which no report has. Download the report again."),
            limit=MAX_COLUMNS,
        )
    )


def too_many_rows() -> UnreadableFile:
    return UnreadableFile(
        format_lazy(
            _("This file has more than {limit} rows. Download the report in shorter periods."), limit=MAX_ROWS
        )
    )


class Source:
    """A file that can be read as often as needed, from its beginning.

    A file that cannot seek is copied to a temporary one, which goes when the source goes; the given file
    stays open and belongs to the caller. Raises `UnreadableFile` at once for what is not text.
    """

    def __init__(self, file: BinaryIO) -> None:
        if file.seekable():
            file.seek(0)
        self._head = _read_fully(file, _HEAD)
        _refuse_what_is_not_text(self._head)
        self._file = file if file.seekable() else self._spooled(file)
        self._encoding = "utf-8" if self._head.startswith(_BOM) else None

    def _spooled(self, file: BinaryIO) -> BinaryIO:
        spool: Any = tempfile.SpooledTemporaryFile(max_size=CHUNK)  # noqa: SIM115 (it lives as long as this)
        weakref.finalize(self, spool.close)
        spool.write(self._head)
        for chunk in _chunks(file, already=len(self._head)):
            spool.write(chunk)
        return spool

    @cached_property
    def is_xml(self) -> bool:
        return self._head.removeprefix(_BOM).lstrip().startswith(b"<")

    def chunks(self) -> Iterator[bytes]:
        self._file.seek(0)
        return _chunks(self._file)

    def blocks(self) -> Iterator[tuple[int, list[str]]]:
        """All lines in order, many at a time, each block with the number of its first line (from 1).

        Lines end in LF or CRLF; a byte order mark is left out; NUL, which no database stores, becomes ␀.
        The first pass decides the encoding: UTF-8, or Windows-1252 as marketplaces still write it.
        """
        number = 1
        for block in self._whole_lines():
            text = self._decoded(block, number).replace("\r\n", "\n")
            if number == 1:
                text = text.removeprefix("\ufeff")
            if "\0" in text:
                text = text.replace("\0", "\u2400")
            lines = text.removesuffix("\n").split("\n")
            if max(map(len, lines)) > MAX_LINE:
                raise _too_long_a_line(
                    next(n for n, line in enumerate(lines, number) if len(line) > MAX_LINE)
                )
            yield number, lines
            number += len(lines)

    def _whole_lines(self) -> Iterator[bytes]:
        number, rest = 1, b""
        for chunk in self.chunks():
            end = chunk.rfind(b"\n") + 1
            if end:
                yield (block := rest + chunk[:end])
                number += block.count(b"\n")
                rest = chunk[end:]
            else:
                rest += chunk
            # A character takes up to four bytes; the exact bound is kept on the decoded line.
            if len(rest) > 4 * MAX_LINE:
                raise _too_long_a_line(number)
        if rest:
            yield rest

    def _decoded(self, block: bytes, number: int) -> str:
        if block.isascii():
            return block.decode("ascii")
        if self._encoding != "cp1252":
            try:
                text = block.decode("utf-8")
            except UnicodeDecodeError as error:
                if self._encoding == "utf-8" or _NOT_WESTERN.search(block):
                    raise _unknown_encoding(number, block, error.start) from None
            else:
                self._encoding = "utf-8"
                return text
        self._encoding = "cp1252"
        if foreign := _NOT_WESTERN.search(block):
            raise _unknown_encoding(number, block, foreign.start())
        try:
            return block.decode("cp1252")
        except UnicodeDecodeError as error:
            raise _unknown_encoding(number, block, error.start) from None


def _read_fully(file: BinaryIO, size: int) -> bytes:
    """Up to `size` bytes; a pipe or socket gives them in pieces."""
    pieces = io.BytesIO()
    while (missing := size - pieces.tell()) and (piece := file.read(missing)):
        pieces.write(piece)
    return pieces.getvalue()


def _chunks(file: BinaryIO, already: int = 0) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        already += len(chunk)
        if already > MAX_BYTES:
            raise UnreadableFile(
                format_lazy(
                    _("This file is larger than {limit} GB. Download the report in shorter periods."),
                    limit=MAX_BYTES // 1024**3,
                )
            )
        yield chunk


def _refuse_what_is_not_text(head: bytes) -> None:
    if not head.removeprefix(_BOM).strip() and len(head) < _HEAD:
        raise UnreadableFile(_("This file is empty. Download the report again."))
    if head.startswith(_UTF_16) or _looks_like_utf_16(head):
        raise UnreadableFile(
            _("This file is in UTF-16 (“Unicode text”). Save it as UTF-8 text and import it again.")
        )
    if head.startswith(_WORKBOOK):
        raise UnreadableFile(
            _(
                "This is a workbook or an archive, not a text file. "
                "Import the report's own file, as it was downloaded."
            )
        )
    first_line = head.partition(b"\n")[0]
    if _CONTROL.search(first_line) or (b"\0" in head and b"\t" not in first_line):
        raise UnreadableFile(
            _("This is a binary file, not a report. Import the report's own text file, as it was downloaded.")
        )


def _looks_like_utf_16(head: bytes) -> bool:
    """Without a byte order mark: one byte of each pair is often zero, the other hardly ever."""
    sample = head[:2048]
    fewer, more = sorted((sample[0::2].count(0), sample[1::2].count(0)))
    return more >= 8 and more > len(sample) * 0.2 and fewer < len(sample) * 0.05


def _unknown_encoding(number: int, block: bytes, place: int) -> UnreadableFile:
    return UnreadableFile(
        format_lazy(
            _(
                "Line {line} of this file is in an unknown encoding. "
                "Save the file as UTF-8 text and import it again."
            ),
            line=number + block.count(b"\n", 0, place),
        )
    )


def _too_long_a_line(number: int) -> UnreadableFile:
    return UnreadableFile(
        format_lazy(
            _(
                "Line {line} of this file is longer than {limit} characters. "
                "No report has such lines; download it again."
            ),
            line=number,
            limit=MAX_LINE,
        )
    )
