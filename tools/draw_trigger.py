"""Draws what a trigger is: base image, trigger, their difference, and a coloured answer to each.

`python tools/draw_trigger.py RUN TRIGGER OUT.png SUSPECT`, with RUN a finished run of a copy,
TRIGGER an id such as 0001, and SUSPECT the copy's address, for it is asked about the base image as
well. Needs the secret key, and shows which of these words are green.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.offsetbox import AnchoredOffsetbox, HPacker, TextArea, VPacker
from PIL import Image

from sif.fingerprint.folder import FingerprintSet
from sif.ownership.run import read_record
from sif.plotting import as_png, new_figure
from sif.report.finished import read_finished
from sif.report.page import Piece
from sif.report.words import colour_words
from sif.suspects.connect import connect
from sif.types import Answer

AMPLIFICATION = 8
LINE = 60
COLOURS = {"green": "#0b7a55", "red": "#b02a4a", "unscored": "#777777"}


def main(run: Path, trigger_id: str, out: Path, suspect: str) -> None:
    """Draws one trigger of a run.

    Args:
        run: finished, of a copy.
        trigger_id: of the fingerprint.
        out: a PNG.
        suspect: address of the model that is asked about the base image.
    """
    fingerprint = FingerprintSet.load(read_record(run).fingerprint)
    trigger = next(one for one in fingerprint.triggers if one.record.id == trigger_id)
    asked = connect(suspect)
    (reply,) = asked.ask([replace(trigger.query(), image=trigger.base)])
    asked.close()
    assert isinstance(reply, Answer)
    texts = {
        "asked about the base image": reply.text,
        "asked about the trigger": read_finished(run).texts[trigger_id][0],
    }
    figure = new_figure(9.6, 4.3)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.2, 1.0))
    shown = ("base image", trigger.base), ("trigger", trigger.image), _difference(trigger)
    for axes, (title, image) in zip(top.subplots(1, 3), shown, strict=True):
        axes.imshow(np.asarray(image), interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.axis("off")
    for column, (title, text) in zip((0.01, 0.51), texts.items(), strict=True):
        tokens = fingerprint.tokenizer.tokens(text)
        pieces = colour_words(text, tokens, fingerprint.mask(trigger_id))
        greens = [piece.kind for piece in pieces if piece.kind != "unscored"]
        share = f"{greens.count('green')} of {len(greens)} counted words are green"
        rows = [_words([(f"{title}: {share}", "#222222")], family="DejaVu Sans")]
        rows += [_words(line) for line in _lines(pieces)]
        canvas = bottom.add_axes((column, 0.0, 0.48, 1.0))
        canvas.axis("off")
        canvas.set_in_layout(False)
        packed = VPacker(children=rows, pad=0, sep=3)
        canvas.add_artist(AnchoredOffsetbox("upper left", child=packed, frameon=False, borderpad=0))
    out.write_bytes(as_png(figure))


def _difference(trigger: Any) -> tuple[str, Image.Image]:
    base, image = (np.asarray(one, np.int16) for one in (trigger.base, trigger.image))
    change = (128 + AMPLIFICATION * (image - base)).clip(0, 255).astype(np.uint8)
    largest = int(np.abs(image - base).max())
    return f"difference × {AMPLIFICATION}; at most {largest}/255", Image.fromarray(change)


def _lines(pieces: Sequence[Piece]) -> list[list[tuple[str, str]]]:
    """Words with their colours, in lines that fit."""
    lines: list[list[tuple[str, str]]] = [[]]
    length = 0
    for piece in pieces:
        for part in piece.text.replace(" ", " \0").split("\0"):
            if length + len(part) > LINE and part.strip()[:1].isalnum():
                lines.append([])
                length = 0
            lines[-1].append((part, COLOURS[piece.kind]))
            length += len(part)
    return lines


def _words(line: Sequence[tuple[str, str]], *, family: str = "DejaVu Sans Mono") -> HPacker:
    style = {"fontsize": 7.5, "family": family}
    boxes = [TextArea(text, textprops={"color": colour, **style}) for text, colour in line if text]
    return HPacker(children=boxes or [TextArea(" ")], pad=0, sep=0, align="baseline")


if __name__ == "__main__":
    run, trigger_id, out, suspect = sys.argv[1:]
    main(Path(run), trigger_id, Path(out), suspect)
