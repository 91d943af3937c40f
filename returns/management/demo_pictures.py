"""Pictures of the demo: drawn here, of nobody and nothing that is real."""

import io

from PIL import Image, ImageDraw

SIZE = (800, 1200)  # 4 × 6 inches at 200 dots
INK = "black"


def draw_label(carrier: str, number: str, sender: str, recipient: str) -> bytes:
    """A shipping label as a PNG: who, where to, the number, and bars that no scanner reads."""
    picture = Image.new("RGB", SIZE, "white")
    draw = ImageDraw.Draw(picture)
    width, height = SIZE
    draw.rectangle((20, 20, width - 20, height - 20), outline=INK, width=6)
    draw.text((60, 60), carrier, fill=INK, font_size=90)
    draw.text((60, 200), sender, fill=INK, font_size=30, spacing=10)
    draw.line((20, 400, width - 20, 400), fill=INK, width=4)
    draw.text((60, 440), recipient, fill=INK, font_size=44, spacing=14)
    draw.line((20, 800, width - 20, 800), fill=INK, width=4)
    left = 60
    for place, sign in enumerate(number * 3):
        bar = 2 + (ord(sign) + place) % 9
        draw.rectangle((left, 840, left + bar, 1060), fill=INK)
        left += bar + 6
    draw.text((60, 1090), number, fill=INK, font_size=44)
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()
