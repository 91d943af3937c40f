"""Files of labels, and files that only say they are."""

import io
import zlib

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from returns.models import LabelKind
from returns.services.labels import Label, keep_label_file

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
UPS = "1Z999AA10123456784"
SECRET = "taken at home, 47.6 N"


def upload(name: str, content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def a_pdf(name: str = "label.pdf") -> SimpleUploadedFile:
    return upload(name, PDF)


def a_picture(kind: str, *, size: tuple[int, int] = (400, 600)) -> bytes:
    """A picture that carries where it was taken, and says that it lies on its side."""
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = SECRET, 6
    written = io.BytesIO()
    Image.new("RGB", size, "white").save(written, kind, exif=exif)
    return written.getvalue()


def a_png_that_claims(width: int, height: int) -> bytes:
    """A PNG of some bytes whose header promises `width` × `height` pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + name + data + zlib.crc32(name + data).to_bytes(4)

    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 2, 0, 0, 0])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def an_own_label(tracking_number: str = UPS) -> Label:
    """A label as a form hands it over, its file stored."""
    return Label(
        kind=LabelKind.OWN, file=keep_label_file(a_pdf()), carrier="UPS", tracking_number=tracking_number
    )
