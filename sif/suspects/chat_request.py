"""The turns of one question to an OpenAI-compatible endpoint. Knows nothing of connections."""

import base64
import io
from typing import Any, Final, Literal

from PIL import Image

from sif.types import Query

Format = Literal["png", "jpeg"]
JPEG_QUALITY: Final = 95


def messages(query: Query, form: Format = "png") -> list[Any]:
    """One user turn: the picture and the words; a system turn before it, if any."""
    system = [] if query.system is None else [{"role": "system", "content": query.system}]
    return [
        *system,
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": picture_url(query.image, form)}},
                {"type": "text", "text": query.prompt},
            ],
        },
    ]


def picture_url(image: Image.Image, form: Format = "png") -> str:
    """The picture in a data URL: without loss as PNG, or nearly so as JPEG."""
    buffer = io.BytesIO()
    if form == "png":
        image.convert("RGB").save(buffer, format="PNG")
    else:
        image.convert("RGB").save(buffer, format="JPEG", quality=JPEG_QUALITY, subsampling=0)
    return f"data:image/{form};base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
