"""Pictures that people send: decoded and drawn anew, so that nothing but the picture is left."""

import io
import warnings

from PIL import Image, ImageOps

MOST_PIXELS = 40_000_000


class TooManyPixels(ValueError):
    """More than `MOST_PIXELS`; nothing of it was decoded."""


def drawn_anew(content: bytes, kind: str, longest_side: int) -> bytes:
    """The first picture of `content` as a file of the same `kind` ("PNG", "JPEG", "WEBP"), on white, upright.

    Neither metadata nor colour profile, further pictures or trailing bytes are kept; what is larger than
    `longest_side` in pixels is made smaller. Raises `TooManyPixels`, or ValueError for what cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture: Image.Image = Image.open(io.BytesIO(content), formats=(kind,))
        if picture.width * picture.height > MOST_PIXELS:
            raise TooManyPixels(f"{picture.width} × {picture.height}")
        picture.thumbnail((longest_side, longest_side))
        picture = ImageOps.exif_transpose(picture)
        picture = picture.convert("RGBA" if picture.mode in ("RGBA", "LA", "PA", "P") else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise TooManyPixels(str(error)) from None
    except (OSError, SyntaxError, EOFError) as error:
        raise ValueError(str(error)) from None
    clean = Image.new("RGB", picture.size, "white")
    clean.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
    written = io.BytesIO()
    clean.save(written, kind, quality=92)
    return written.getvalue()


def size_of(content: bytes) -> tuple[int, int]:
    """Width and height in pixels of a picture that was drawn anew."""
    with Image.open(io.BytesIO(content)) as picture:
        return picture.size
