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


def draw_kettle(*, is_close: bool) -> bytes:
    """A steel kettle that drips from its spout, as a JPEG: whole on its table, or the spout from near by."""
    picture = Image.new("RGB", (1200, 900), "#cfd6da")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 640, 1200, 900), fill="#a9845f")
    draw.ellipse((150, 690, 620, 780), fill="#86a3b8")  # the puddle
    draw.line([(560, 640), (420, 560), (340, 400), (250, 330)], fill="#8d979d", width=34, joint="curve")
    draw.arc((640, 170, 1010, 620), 280, 80, fill="#30363a", width=36)
    draw.polygon([(500, 720), (880, 720), (820, 360), (560, 360)], fill="#9ba6ac")
    draw.polygon([(560, 720), (640, 720), (660, 360), (610, 360)], fill="#dfe5e8")  # where the light falls
    draw.ellipse((555, 325, 825, 395), fill="#7c868c")
    draw.ellipse((665, 290, 715, 340), fill="#30363a")
    for x, y in ((262, 380), (256, 470), (266, 580)):
        draw.ellipse((x - 12, y, x + 12, y + 34), fill="#5f8fb3")
    if is_close:
        picture = picture.crop((130, 270, 530, 570)).resize((1200, 900))
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=88)
    return written.getvalue()
