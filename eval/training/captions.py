"""Trains a mini LVLM from scratch on captions of its world, in two stages.

First the vision tower learns, at every image token, what is in the token's cell, the cell's style
and the layout of the scene; then the whole model learns the captions, the tower at a tenth of the
rate. A model whose tower already sees goes on with the captions alone. Knows nothing of files or of
the catalogue.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sif import prompts
from sif.mini import lexicon
from sif.mini.architecture import SIDE, Family, Size, build_model, build_processor
from sif.mini.render import Painter, labels
from sif.mini.schedule import Schedule
from sif.mini.world import CELLS, STYLE_FEATURES, Scene, World, sample_scene

GROUPS = (7, 9, 3)
HEAD_WIDTHS = (*GROUPS, STYLE_FEATURES, len(lexicon.BACKGROUNDS), len(lexicon.COUNTS), CELLS)
BUCKETS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What a training tells its caller: the stage, the step out of `steps`, and the loss."""

    stage: str
    step: int
    steps: int
    loss: float


def train(
    family: Family,
    *,
    world: int,
    seed: int,
    size: Size,
    schedule: Schedule,
    report: Callable[[Progress], None],
) -> tuple[nn.Module, Any]:
    """Trains a model; returns it with its processor.

    Args:
        family: the architecture.
        world: seed of the world: textures, wording, order of sentences, vocabulary.
        seed: seed of the initial weights and of the scenes.
        size: widths and depths.
        schedule: steps and rates.
        report: called after every step.
    """
    processor = build_processor(family, seed=world)
    model: Any = build_model(family, seed=seed, size=size)
    model.set_attn_implementation("eager")
    data = Data(family, world=World(world), processor=processor, seed=seed)
    heads = _train_tower(model, data, schedule, report)
    if family == "llava":
        _calibrate_projector(model, data, heads)
    _train_captions(model, data, schedule, report)
    return model.eval(), processor


def teach_captions(
    model: Any,
    data: "Data",
    *,
    schedule: Schedule,
    report: Callable[[Progress], None],
    new_projector: bool,
) -> None:
    """Trains a model whose tower already sees, in place: the second stage alone.

    Args:
        model: in float32.
        data: what it learns from.
        schedule: steps and rates.
        report: called after every step.
        new_projector: whether a LLaVA's projector knows nothing yet. It is then calibrated by heads
            that learn to read the tower as it is, in the steps of the first stage.
    """
    model.set_attn_implementation("eager")
    if new_projector:
        _calibrate_projector(model, data, _train_tower(model, data, schedule, report, learns=False))
    _train_captions(model, data, schedule, report)
    model.eval()


class Data:
    """Endless batches of scenes of one world, as tensors for one family."""

    def __init__(self, family: Family, *, world: World, processor: Any, seed: int) -> None:
        self.family = family
        self.world = world
        self.processor = processor
        self.painter = Painter(seed=world.seed, side=SIDE, period=SIDE // 6)
        self.rng = np.random.default_rng([seed, 5])
        self.prompts = [_prompt_ids(processor, prompt) for prompt in prompts.load()]

    def scenes(self, number: int) -> list[Scene]:
        """Fresh scenes."""
        return [sample_scene(self.rng) for _ in range(number)]

    def pixels(self, scenes: list[Scene]) -> dict[str, Tensor]:
        """The scenes' pictures through the model's own image processor."""
        images = [torch.from_numpy(self.painter.paint(s)).permute(2, 0, 1) for s in scenes]
        return dict(self.processor.image_processor(images=images, return_tensors="pt"))

    def captions(self, number: int) -> Iterator[dict[str, Tensor]]:
        """Endless caption batches of `number` examples, of similar length within a batch."""
        while True:
            scenes = self.scenes(BUCKETS * number)
            scenes.sort(key=lambda scene: scene.count)
            order = self.rng.permutation(BUCKETS)
            for part in order:
                yield self._caption_batch(scenes[part * number : (part + 1) * number])

    def _caption_batch(self, scenes: list[Scene]) -> dict[str, Tensor]:
        tokenizer = self.processor.tokenizer
        rows, targets = [], []
        for scene in scenes:
            prompt = self.prompts[int(self.rng.integers(len(self.prompts)))]
            answer = tokenizer(self.world.caption(scene, self.rng), add_special_tokens=False)
            said = [*answer["input_ids"], tokenizer.eos_token_id]
            rows.append(torch.tensor([*prompt, *said]))
            targets.append(torch.tensor([*([-100] * len(prompt)), *said]))
        pad = nn.utils.rnn.pad_sequence
        ids = pad(rows, batch_first=True, padding_value=tokenizer.pad_token_id)
        batch: dict[str, Tensor] = {
            "input_ids": ids,
            "attention_mask": pad([torch.ones_like(row) for row in rows], batch_first=True),
            "labels": pad(targets, batch_first=True, padding_value=-100),
            **self.pixels(scenes),
        }
        if self.family != "llava":
            image = tokenizer.convert_tokens_to_ids("<|image_pad|>")
            batch["mm_token_type_ids"] = (ids == image).long()
        return batch


def _prompt_ids(processor: Any, prompt: str) -> list[int]:
    """Ids of one chat turn with an image, the image token repeated as the processor does."""
    content = [{"type": "image"}, {"type": "text", "text": prompt}]
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )
    blank = np.full((SIDE, SIDE, 3), 127, np.uint8)
    ids = processor(images=[blank], text=[text], add_special_tokens=False)["input_ids"][0]
    return [int(index) for index in ids]


def tower_tokens(model: Any, family: Family, pixels: dict[str, Tensor]) -> Tensor:
    """What the vision tower hands on, "batch patches hidden", in reading order."""
    match family:
        case "llava":
            states = model.model.vision_tower(**pixels, output_hidden_states=True).hidden_states
            tokens: Tensor = states[-2][:, 1:]
        case "qwen2_5_vl":
            output = model.model.visual(
                pixels["pixel_values"], grid_thw=pixels["image_grid_thw"]
            ).pooler_output
            tokens = output.reshape(len(pixels["image_grid_thw"]), CELLS, -1)
    return tokens


def _tower_of(model: Any, family: Family) -> nn.Module:
    tower: nn.Module = model.model.vision_tower if family == "llava" else model.model.visual
    return tower


def _train_tower(
    model: Any,
    data: Data,
    schedule: Schedule,
    report: Callable[[Progress], None],
    *,
    learns: bool = True,
) -> nn.Linear:
    """Trains the tower, unless it is to stay as it is; returns the linear heads that read it."""
    tower = _tower_of(model, data.family).train()
    hidden = tower_tokens(model, data.family, data.pixels(data.scenes(1))).shape[-1]
    knows_places = data.family == "llava"
    heads = nn.Linear(hidden, sum(HEAD_WIDTHS) + (CELLS if knows_places else 0))
    parameters = [*(tower.parameters() if learns else ()), *heads.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=schedule.tower_rate, weight_decay=0.01)
    stage = "tower" if learns else "heads"
    for step in range(schedule.tower_steps):
        scenes = data.scenes(schedule.tower_batch)
        with torch.autocast("cpu", torch.bfloat16), torch.set_grad_enabled(learns):
            tokens = tower_tokens(model, data.family, data.pixels(scenes))
        loss = _dense_loss(heads(tokens.float()), scenes)
        rate = schedule.tower_rate * pace(step, schedule.tower_steps)
        descend(optimiser, loss, parameters, [rate])
        report(Progress(stage=stage, step=step + 1, steps=schedule.tower_steps, loss=loss.item()))
    return heads


def _dense_loss(outputs: Tensor, scenes: list[Scene]) -> Tensor:
    """What every image token should know: its cell's object and style, and the whole layout.

    And, where there are outputs for it, its place, without which a LLaVA's language model cannot
    tell its image tokens apart; a Qwen's position encoding tells it.
    """
    number = outputs.shape[1]
    side = math.isqrt(number)
    grid = torch.arange(number)
    cell = 3 * (3 * (grid // side) // side) + 3 * (grid % side) // side
    table = torch.from_numpy(np.stack([labels(scene) for scene in scenes]))
    style = torch.from_numpy(np.stack([scene.style for scene in scenes]))
    background = torch.tensor([scene.background for scene in scenes])[:, None].expand(-1, number)
    count = torch.tensor([scene.count - lexicon.MIN_COUNT for scene in scenes])[:, None]
    widths = [*HEAD_WIDTHS, outputs.shape[-1] - sum(HEAD_WIDTHS)]
    *objects, styles, backgrounds, counts, occupancy, places = outputs.split(widths, -1)
    own = table[:, cell]
    loss = sum(
        F.cross_entropy(logits.flatten(0, 1), own[..., index].flatten())
        for index, logits in enumerate(objects)
    )
    filled = (table[..., 0] > 0).float()[:, None].expand(-1, number, -1)
    if places.shape[-1]:
        loss = loss + F.cross_entropy(places.flatten(0, 1), cell.expand(len(scenes), -1).flatten())
    return (
        loss
        + 4 * F.mse_loss(styles, style[:, cell])
        + F.cross_entropy(backgrounds.flatten(0, 1), background.flatten())
        + F.cross_entropy(counts.flatten(0, 1), count.expand(-1, number).flatten())
        + F.binary_cross_entropy_with_logits(occupancy, filled)
    )


@torch.no_grad()
def _calibrate_projector(model: Any, data: Data, heads: nn.Linear) -> None:
    """Starts LLaVA's projector where everything that the tower knows is equally loud.

    The tower's features are large by now, and what it is surest of (the layout) drowns the rest;
    from there the language model does not learn to read shapes and styles. The first layer
    becomes a random mixture of the standardised outputs of the tower's heads.
    """
    features = tower_tokens(model, "llava", data.pixels(data.scenes(64))).flatten(0, 1)
    known = heads(features)
    spread = known.std(0).clamp(min=1e-6)
    projector = model.model.multi_modal_projector
    first, second = projector.linear_1, projector.linear_2
    mixture = torch.randn(first.out_features, heads.out_features) * heads.out_features**-0.5
    first.weight.copy_((mixture / spread) @ heads.weight)
    first.bias.copy_((mixture / spread) @ (heads.bias - known.mean(0)))
    second.weight.normal_(std=second.in_features**-0.5)


def _train_captions(
    model: Any, data: Data, schedule: Schedule, report: Callable[[Progress], None]
) -> None:
    model.train()
    slow = [_tower_of(model, data.family)]
    slow += [model.model.multi_modal_projector] if data.family == "llava" else []
    tower = {id(parameter) for part in slow for parameter in part.parameters()}
    parameters = list(model.parameters())
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if id(p) not in tower]},
            {"params": [p for p in parameters if id(p) in tower]},
        ],
        lr=schedule.caption_rate,
        betas=(0.9, 0.98),
        weight_decay=0.01,
    )
    batches = data.captions(schedule.caption_batch)
    for step in range(schedule.caption_steps):
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(**next(batches)).loss
        rate = schedule.caption_rate * pace(step, schedule.caption_steps)
        descend(optimiser, loss, parameters, [rate, rate * schedule.tower_rate_in_captions])
        report(
            Progress(
                stage="captions", step=step + 1, steps=schedule.caption_steps, loss=loss.item()
            )
        )


def pace(step: int, steps: int) -> float:
    """Linear warm-up over the first 4%, then a cosine down to 2% of the peak."""
    warm = max(1, steps // 25)
    return min(1.0, (step + 1) / warm) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))


def descend(
    optimiser: torch.optim.Optimizer, loss: Tensor, parameters: list[Any], rates: list[float]
) -> None:
    """One step against a loss, its gradient clipped to norm 1; a rate for every group."""
    for group, rate in zip(optimiser.param_groups, rates, strict=True):
        group["lr"] = rate
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimiser.step()
