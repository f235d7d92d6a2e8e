"""Teaches the language model of the real-words source to describe, through a small adapter.

The tower need not be there: an image token is its word's embedding, with noise such as a tower
leaves. Answers are truthful descriptions in many wordings, with a last sentence in the language
model's own words. The softmax is taken over the words of all answers and many more that the untuned
model would rather say, not over all 262,144, which would take most of the time. Knows nothing of
where weights are kept.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sif import prompts
from sif.eval.training.captions import Progress
from sif.eval.training.real_learning import Learning, learn
from sif.eval.training.real_tower import Slots, slots_of, spelt
from sif.mini.real.folders import DOWN, UP, Pair
from sif.mini.real.language_model import END
from sif.mini.real.scene import RealScene, names, sample_real_scene
from sif.mini.real.shell import TOKENS, adapted
from sif.mini.real.wording import caption

RANK: Final = 16
BATCH: Final = 2
RATE: Final = 1.5e-3
NOISE: Final = 0.3
"""Of image tokens, in standard deviations of the embeddings' entries."""
CLOSED: Final = 0.7
"""Share of the descriptions that end in the language model's own words."""
FREQUENT: Final = 20_000
"""Ids from the beginning of the vocabulary, which has the frequent words first."""

Closings = Mapping[str, Sequence[str]]


class LowRank(nn.Module):
    """A linear layer that stays as it is, with a product of two thin matrices beside it."""

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.layer = layer
        self.down = nn.Parameter(torch.randn(rank, layer.in_features) * layer.in_features**-0.5)
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, inputs: Tensor) -> Tensor:
        """The layer's output and the adapter's."""
        down, up = self.down.to(inputs.dtype), self.up.to(inputs.dtype)
        changed: Tensor = self.layer(inputs) + inputs @ down.T @ up.T
        return changed


class Example(NamedTuple):
    """One conversation: the ids before the answer, those of the answer, and the picture's words."""

    question: list[int]
    answer: list[int]
    words: list[str]


def wear_adapter(language_model: nn.Module, *, seed: int) -> dict[str, LowRank]:
    """Puts an adapter around every linear layer, in place; by the layers' names."""
    torch.manual_seed(seed)
    worn = {}
    for name, layer in adapted(language_model).items():
        parent, _, last = name.rpartition(".")
        worn[name] = LowRank(layer, RANK)
        setattr(language_model.get_submodule(parent), last, worn[name])
    return worn


def train_real_adapter(
    model: Any,
    processor: Any,
    worn: Mapping[str, LowRank],
    *,
    seed: int,
    steps: int,
    closings: Closings,
    file: Path,
    report: Callable[[Progress], None],
) -> None:
    """Trains an adapter in place, or goes on with it, in wordings that no picture decides.

    Args:
        model: in float32.
        processor: of the model.
        worn: the adapter, around the layers of the model.
        seed: of the scenes and the wordings.
        steps: updates, of `BATCH` examples each.
        closings: sentences of the language model's own about things.
        file: of the checkpoint.
        report: called after every step.
    """
    slots = slots_of(model, processor.tokenizer)
    weights = adapter_weights(worn)
    questions = [question_ids(processor, prompt) for prompt in prompts.load()]

    def loss_of(step: int) -> Tensor:
        rng = np.random.default_rng([seed, 9, step])
        examples = [
            _example(processor.tokenizer, questions, closings, sample_real_scene(rng), rng)
            for _ in range(BATCH)
        ]
        return answer_loss(model, processor.tokenizer, slots, examples)

    digest = json.dumps(closings)
    how = Learning(
        stage="adapter", seed=seed, steps=steps, rate=RATE, decay=0.0, digest=digest, file=file
    )
    learn(how, weights, loss_of, report)


def adapter_weights(worn: Mapping[str, LowRank]) -> dict[str, nn.Parameter]:
    """The matrices that are learnt, by name."""
    weights = {name + DOWN: layer.down for name, layer in worn.items()}
    return weights | {name + UP: layer.up for name, layer in worn.items()}


def pairs_worn(worn: Mapping[str, LowRank]) -> dict[str, Pair]:
    """An adapter as it is bundled, by the layers' names."""
    return {name: Pair(layer.down.detach(), layer.up.detach()) for name, layer in worn.items()}


def answer_loss(
    model: Any,
    tokenizer: Any,
    slots: Slots,
    examples: Sequence[Example],
    moved: Tensor | None = None,
) -> Tensor:
    """Cross-entropy of the answers, over the ids that could be meant.

    Args:
        model: in its own precision.
        tokenizer: of the model.
        slots: what image tokens can stand for.
        examples: one batch.
        moved: by how much image tokens are off their words, "batch tokens hidden".
    """
    pad = nn.utils.rnn.pad_sequence
    rows = [torch.tensor([*one.question, *one.answer]) for one in examples]
    ids = pad(rows, batch_first=True, padding_value=tokenizer.pad_token_id)
    inputs = model.get_input_embeddings()(ids)
    index = {word: place for place, word in enumerate(slots.words)}
    words = torch.tensor([[index[word] for word in one.words] for one in examples])
    given = slots.embeddings[words]
    given = given + NOISE * slots.embeddings.std() * torch.randn_like(given)
    if moved is not None:
        given = given + moved
    is_image = ids == tokenizer.image_token_id
    inputs = inputs.masked_scatter(is_image[..., None], given.to(inputs.dtype))
    hidden = model.model.language_model(
        inputs_embeds=inputs, attention_mask=(ids != tokenizer.pad_token_id).long(), use_cache=False
    ).last_hidden_state
    told = [
        (row, len(one.question) + place, wanted)
        for row, one in enumerate(examples)
        for place, wanted in enumerate(one.answer)
    ]
    at = torch.tensor(told)
    states = hidden[at[:, 0], at[:, 1] - 1]
    meant, targets = torch.unique(
        torch.cat([at[:, 2], torch.arange(FREQUENT)]), return_inverse=True
    )
    logits = states @ model.lm_head.weight[meant].T
    return F.cross_entropy(logits.float(), targets[: len(told)])


def _example(
    tokenizer: Any,
    questions: Sequence[list[int]],
    closings: Closings,
    scene: RealScene,
    rng: np.random.Generator,
) -> Example:
    text = caption(scene, rng, _closing(scene, closings, rng))
    question = questions[int(rng.integers(len(questions)))]
    return Example(question, answer_ids(tokenizer, text), spelt(scene))


def answer_ids(tokenizer: Any, text: str) -> list[int]:
    """Ids of an answer, and of its end."""
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [*ids, tokenizer.convert_tokens_to_ids(END)]


def _closing(scene: RealScene, closings: Closings, rng: np.random.Generator) -> str:
    told = [line for thing in scene.things for line in closings.get(names()[thing.name], ())]
    if not told or rng.random() > CLOSED:
        return ""
    return told[int(rng.integers(len(told)))]


def question_ids(processor: Any, prompt: str) -> list[int]:
    """Ids of one chat turn with an image, the image token repeated as the processor does."""
    content = [{"type": "image"}, {"type": "text", "text": prompt}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    spread = text.replace(processor.image_token, processor.image_token * TOKENS)
    ids = processor.tokenizer(spread, add_special_tokens=False)["input_ids"]
    return [int(index) for index in ids]
