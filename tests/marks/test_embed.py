from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sif.errors import UsageError
from sif.marks.bits import FairBits
from sif.marks.embed import Marked, embed
from sif.marks.pictures import divide
from sif.marks.train import Progress
from sif.marks.verify import judge, keyed_bits, verify
from sif.marks.vision_model import VisionModel
from sif.vlm.pixels import to_tensor
from sif.watermark.activemark.losses import bit_errors
from sif.watermark.activemark.messages import secret_messages
from sif.watermark.keys import KeyRing
from tests.marks.small import KEYS, WEAR, pictures, recipe, tower

INJECTED = {"steps": 150, "rate": 3e-3, "holdout": 8, "message_weight": 4.0, "coder_rate": 3e-3}


class StoppedError(Exception):
    pass


def weights(vision: VisionModel) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in vision.module.state_dict().items()}


@pytest.fixture(scope="module")
def keyed() -> Marked:
    return embed(tower(), pictures(), recipe=recipe(), keys=KEYS)


@pytest.fixture(scope="module")
def injected() -> Marked:
    plain = recipe("injected", **INJECTED)
    return embed(tower(), pictures(), recipe=plain, keys=KEYS)


@pytest.mark.parametrize("kind", ["clip", "dinov2-registers", "siglip", "vit"])
def test_every_architecture_takes_a_keyed_mark(kind: str) -> None:
    made = embed(tower(kind), pictures(), recipe=recipe(steps=30), keys=KEYS)
    verdict = verify(made.watermark, made.model)
    assert (verdict.decision, verdict.guarantee) == ("derived", "exact")
    assert np.mean(verdict.errors) < 3


@pytest.mark.parametrize("lvlm", ["untrained_llava", "untrained_qwen"])
def test_the_tower_inside_an_lvlm_is_marked_in_place(
    lvlm: str, request: pytest.FixtureRequest
) -> None:
    vision = VisionModel.load(request.getfixturevalue(lvlm), device="cpu")
    made = embed(vision, pictures(), recipe=recipe(steps=30, rate=1e-3), keys=KEYS)
    assert verify(made.watermark, made.model).decision == "derived"
    inside = {id(p) for p in made.model.module.parameters()}
    others = {id(p) for p in vision.owner.parameters()} - {
        id(p) for p in vision.module.parameters()
    }
    shared = {id(p) for p in made.model.owner.parameters()} - inside
    assert shared == others  # the language model is not even copied


def test_the_source_stays_as_it_is() -> None:
    vision = tower()
    before = weights(vision)
    embed(vision, pictures(), recipe=recipe(steps=3, copies=WEAR), keys=KEYS)
    after = weights(vision)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not any(p.requires_grad for p in vision.module.parameters())


def test_the_clean_source_and_another_key_match_like_coins(keyed: Marked) -> None:
    clean = verify(keyed.watermark, tower())
    assert clean.decision == "not_shown"
    errors = []
    for number in range(30):
        other = secret_messages(
            KeyRing(bytes([number] * 32)),
            [image.sha256 for image in keyed.watermark.manifest.images],
            bits=16,
        )
        bits = keyed_bits(keyed.model, keyed.watermark.pictures, keyed.watermark.directions)
        errors.append(float(bit_errors(bits, other).float().mean()))
    assert np.mean(errors) == pytest.approx(8.0, abs=4 * 2.0 / (30 * 6) ** 0.5)


@pytest.mark.slow
def test_with_fresh_messages_any_model_is_called_a_copy_no_more_often_than_alpha(
    keyed: Marked,
) -> None:
    """The exact null: models, marked ones too, against 1,000 secrets that they do not depend on."""
    digests = [image.sha256 for image in keyed.watermark.manifest.images]
    for model in (tower(), keyed.model):
        bits = keyed_bits(model, keyed.watermark.pictures, keyed.watermark.directions)
        called = 0
        for number in range(1000):
            keys = KeyRing(number.to_bytes(32, "big"))
            wrong = bit_errors(bits, secret_messages(keys, digests, bits=16)).tolist()
            verdict = judge(keyed.watermark, wrong, alpha=0.1, suspect="", digest="")
            called += verdict.decision == "derived"
        assert called <= 100 + 4 * 100**0.5


def test_no_hold_out_image_is_dropped_in_the_keyed_mode() -> None:
    made = embed(tower(), pictures(), recipe=recipe(steps=1, rate=1e-6), keys=KEYS)
    assert len(made.watermark.pictures) == 6
    assert sum(verify(made.watermark, made.model).errors) > 0


def test_neither_images_nor_directions_depend_on_the_key() -> None:
    one, other = (
        embed(tower(), pictures(), recipe=recipe(steps=2), keys=keys).watermark
        for keys in (KEYS, KeyRing(bytes(32)))
    )
    assert one.manifest.images == other.manifest.images
    assert torch.equal(one.directions, other.directions)
    assert not torch.equal(one.messages, other.messages)


def test_features_of_unseen_images_stay_where_they_are(keyed: Marked) -> None:
    unseen = to_tensor(tower().pictures(pictures(seed=9)))
    clean, marked = tower().features(unseen), keyed.model.features(unseen)
    assert float(torch.cosine_similarity(clean, marked).mean()) > 0.9


def test_embedding_is_deterministic(keyed: Marked) -> None:
    again = embed(tower(), pictures(), recipe=recipe(), keys=KEYS)
    assert again.model.digest() == keyed.model.digest()
    other = embed(tower(), pictures(), recipe=recipe(), keys=KEYS, seed=1)
    assert other.model.digest() != keyed.model.digest()


@pytest.mark.parametrize("mode", ["keyed", pytest.param("injected", marks=pytest.mark.slow)])
def test_a_stopped_training_goes_on_to_the_same_weights(mode: str, tmp_path: Path) -> None:
    settings = INJECTED if mode == "injected" else {"steps": 60}
    chosen = recipe(mode, **settings, copies=WEAR)

    def stop(progress: Progress) -> None:
        if progress.done == 57:
            raise StoppedError

    def run(report: object, place: Path | None) -> Marked:
        return embed(tower(), pictures(), recipe=chosen, keys=KEYS, checkpoint=place, report=report)

    place = tmp_path / "training.safetensors"
    with pytest.raises(StoppedError):
        run(stop, place)
    steps = []
    resumed = run(lambda progress: steps.append(progress.done), place)
    whole = run(lambda progress: None, None)
    assert steps[0] == 51
    assert resumed.model.digest() == whole.model.digest()
    for name, tensor in whole.watermark.tensors.items():
        assert torch.equal(resumed.watermark.tensors[name], tensor)


def test_a_checkpoint_of_another_key_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "training.safetensors"

    def stop(progress: Progress) -> None:
        if progress.done == 50:
            raise StoppedError

    longer = recipe(steps=60)

    with pytest.raises(StoppedError):
        embed(tower(), pictures(), recipe=longer, keys=KEYS, checkpoint=place, report=stop)
    with pytest.raises(UsageError, match="other settings"):
        embed(tower(), pictures(), recipe=longer, keys=KeyRing(bytes(32)), checkpoint=place)


def test_injected_messages_come_back_from_the_marked_model(injected: Marked) -> None:
    verdict = verify(injected.watermark, injected.model)
    assert verdict.errors == (0,) * len(injected.watermark.pictures)
    assert verdict.guarantee == "assumed"


def test_only_blocks_behind_the_injection_move(injected: Marked) -> None:
    clean, block = tower(), injected.watermark.manifest.block
    for number, (one, other) in enumerate(zip(clean.blocks, injected.model.blocks, strict=True)):
        same = all(
            torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True)
        )
        assert same == (number <= block)


def test_the_plain_scheme_finds_its_messages_in_strangers_too(injected: Marked) -> None:
    """Untrained residual towers hand on the injected token: the weakness that `carriage` is for."""
    assert verify(injected.watermark, tower(seed=5)).detected > 0


def test_a_mark_that_the_clean_source_carries_too_proves_nothing(injected: Marked) -> None:
    clean = verify(injected.watermark, tower())
    assert injected.watermark.manifest.clean_errors == clean.errors
    assert clean.log10_e_value > 6
    for model in (tower(), injected.model):
        assert verify(injected.watermark, model).decision == "inconclusive"


def test_only_the_keyed_mode_ever_calls_a_model_derived(injected: Marked) -> None:
    """Fair bits are no null where the suspect is handed the message, whoever carried it before."""
    manifest = injected.watermark.manifest
    chance = [manifest.recipe.bits // 2] * len(manifest.images)
    silent = replace(
        injected.watermark, manifest=manifest.model_copy(update={"clean_errors": tuple(chance)})
    )
    perfect = judge(silent, [0] * len(chance), alpha=1e-6, suspect="copy", digest="0")
    assert perfect.log10_e_value > 6
    assert (perfect.decision, perfect.guarantee) == ("inconclusive", "assumed")
    nothing = judge(silent, chance, alpha=1e-6, suspect="innocent", digest="0")
    assert nothing.decision == "not_shown"


@pytest.mark.slow
def test_the_carriage_term_keeps_the_clean_source_and_a_given_stranger_from_carrying(
    injected: Marked,
) -> None:
    term = recipe("injected", **(INJECTED | {"steps": 700, "carriage_weight": 1.0}))
    made = embed(tower(), pictures(), recipe=term, keys=KEYS, others=[tower(seed=5)])
    assert verify(made.watermark, made.model).detection_rate == 1.0
    for other in (tower(), tower(seed=5)):
        plain = np.mean(verify(injected.watermark, other).errors)
        assert np.mean(verify(made.watermark, other).errors) > plain + 3


def test_the_hold_out_images_that_fail_are_dropped_in_the_injected_mode() -> None:
    short = recipe("injected", **(INJECTED | {"steps": 60}))
    made = embed(tower(), pictures(), recipe=short, keys=KEYS)
    assert 0 < len(made.watermark.pictures) < 8
    assert set(verify(made.watermark, made.model).errors) == {0}
    assert made.watermark.manifest.threshold == FairBits(bits=16).threshold(1e-3)


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(UsageError, match=r"at least 14 different images .* got 10"):
        embed(tower(), pictures(10) * 3, recipe=recipe(), keys=KEYS)


def test_a_block_without_one_behind_it_is_refused() -> None:
    with pytest.raises(UsageError, match="a block from 0 to 1"):
        embed(tower(), pictures(), recipe=recipe(block=2), keys=KEYS)


def test_more_bits_than_dimensions_are_refused() -> None:
    with pytest.raises(UsageError, match="at most 32 bits"):
        embed(tower(), pictures(), recipe=recipe(bits=64), keys=KEYS)


def test_a_suspect_of_another_width_is_refused_with_its_shapes(
    keyed: Marked, untrained_llava: Path
) -> None:
    other = VisionModel.load(untrained_llava, device="cpu")
    with pytest.raises(UsageError, match=r"features 32 here and 128 there"):
        verify(keyed.watermark, other)


def test_another_architecture_of_the_same_width_is_read(keyed: Marked) -> None:
    verdict = verify(keyed.watermark, tower("vit", seed=3))
    assert verdict.decision == "not_shown"


@pytest.mark.parametrize("composed", [False, True])
def test_composed_hold_out_images_are_none_that_were_given(composed: bool) -> None:
    settings = recipe(steps=1, copies=None, composed=composed)
    made = embed(tower(), pictures(), recipe=settings, keys=KEYS)
    given = divide(tower(), pictures(), holdout=settings.holdout, seed=0).holdout
    same = [
        one.tobytes() == other.tobytes()
        for one, other in zip(made.watermark.pictures, given, strict=True)
    ]
    assert len(same) == settings.holdout
    assert not any(same) if composed else all(same)
