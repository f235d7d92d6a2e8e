"""Makes corpus.json anew: real answers of mini models, and ordinary English in a big vocabulary.

Run as a program: `python -m sif.eval.ownership.make_corpus SENTENCEPIECE-MODEL`, with
scikit-learn and sentencepiece installed. Greedy decoding can differ between machines in single
words, which is why the simulations read the committed file and never make it.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sif.eval.ownership.corpus import CORPUS
from sif.files import write_atomically
from sif.mini.catalogue import find
from sif.mini.data import samples
from sif.mini.folders import build, export
from sif.scratch import scratch
from sif.suspects.connect import connect
from sif.types import Answer, Query

OWNER: Final = "llava-source"
MODELS: Final = (
    OWNER,
    "llava-sibling",
    "llava-sibling-b",
    "llava-stranger-a",
    "llava-stranger-b",
    "llava-stranger-c",
    "qwen-source",
    "qwen-stranger-a",
    "qwen-stranger-b",
    "qwen-stranger-c",
)
SCENES: Final = 50
SCENE_SEED: Final = 4177
ENGLISH_TEXTS: Final = 96
ENGLISH_TOKENS: Final = 80
PROVENANCE: Final = (
    "Answers: greedy, of the bundled mini models to the same 50 unseen scenes of the owner's world "
    "(sif.mini.data.samples, seed 4177) and ordinary prompts, no triggers; ids of the owner's "
    "(llava-source) tokenizer without special ones. English: sentences of the docstrings of "
    "scikit-learn's estimators (BSD 3-Clause, copyright the scikit-learn developers), ids of a "
    "32,000-word sentencepiece model (that of Mistral 7B v0.1), cut into runs of 80. Made by "
    "sif.eval.ownership.make_corpus."
)


def main(sentencepiece_model: Path) -> None:
    """Writes corpus.json beside this module."""
    sets = [_english(sentencepiece_model), *_answers()]
    content = {"schema_version": 1, "provenance": PROVENANCE, "sets": sets}
    lines = json.dumps(content, separators=(",", ":")).replace('{"name"', '\n{"name"')
    write_atomically(CORPUS, lines + "\n")


def _answers() -> Iterator[dict[str, Any]]:
    tokenizer = build(find(OWNER))[1].tokenizer
    special = set(tokenizer.all_special_ids)
    scenes = samples(find(OWNER).world, number=SCENES, seed=SCENE_SEED)
    queries = [
        Query(trigger=f"{number}", image=scene.image, prompt=scene.prompt)
        for number, scene in enumerate(scenes)
    ]
    for name in MODELS:
        with scratch("corpus") as folder:
            export(find(name), folder / name)
            replies = connect(f"hf:{folder / name}").ask(queries)
        texts = [reply.text for reply in replies if isinstance(reply, Answer)]
        ids = [tokenizer(text)["input_ids"] for text in texts]
        plain = [[index for index in row if index not in special] for row in ids]
        yield {"name": name, "vocabulary_size": len(tokenizer), "texts": plain}


def _english(sentencepiece_model: Path) -> dict[str, Any]:
    from sentencepiece import SentencePieceProcessor

    model = SentencePieceProcessor(model_file=str(sentencepiece_model))
    ids = [index for paragraph in _paragraphs() for index in model.encode(paragraph)]
    wanted = ENGLISH_TEXTS * ENGLISH_TOKENS
    step = len(ids) // ENGLISH_TEXTS  # spread over all of the text
    starts = range(0, wanted // ENGLISH_TOKENS * step, step)
    texts = [ids[start : start + ENGLISH_TOKENS] for start in starts]
    return {"name": "english", "vocabulary_size": model.get_piece_size(), "texts": texts}


def _paragraphs() -> Iterator[str]:
    """Paragraphs of plain sentences, each once, in the order of the estimators' names."""
    from sklearn.utils import all_estimators

    seen: set[str] = set()
    for _, estimator in all_estimators():
        for paragraph in re.split(r"\n\s*\n", inspect.getdoc(estimator) or ""):
            text = " ".join(paragraph.split())
            plain = re.fullmatch(r"[A-Z][\w\s,.;:'()\-]+[.]", text)
            listed = " : " in text or "--" in text
            if plain and not listed and len(text.split()) >= 15 and text not in seen:
                seen.add(text)
                yield text


if __name__ == "__main__":
    main(Path(sys.argv[1]))
