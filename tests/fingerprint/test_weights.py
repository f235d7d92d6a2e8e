"""Weights of words: from the model's freedom on base images, fixed in the fingerprint."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sif.errors import FingerprintError
from sif.fingerprint.folder import FingerprintSet
from sif.fingerprint.predictability import word_weights
from sif.fingerprint.weights import WEIGHTS, WeightTable, read_weights
from sif.ownership.policy import Policy
from sif.ownership.sequential import decide
from sif.suspects.scripted import ScriptedSuspect
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing
from tests.fingerprint.small import pictures, small_fingerprint, small_recipe


@pytest.fixture(scope="module")
def vlm(untrained_llava: Path) -> Vlm:
    return Vlm.load(untrained_llava, device="cpu")


@pytest.fixture(scope="module")
def owned(vlm: Vlm, tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    out = tmp_path_factory.mktemp("fp") / "fp"
    return small_fingerprint(vlm, out, images=pictures(4), recipe=small_recipe(steps=1))


def test_weights_follow_the_formula(
    vlm: Vlm, owned: FingerprintSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two positions: one forced (id 7), one free between ids 8 and 9."""
    chances = torch.zeros(1, 2, vlm.vocabulary_size)
    chances[0, 0, 7], chances[0, 1, 8], chances[0, 1, 9] = 1.0, 0.5, 0.5
    monkeypatch.setattr(Vlm, "generate", lambda *_: [[7, 8]])
    monkeypatch.setattr(
        Vlm, "answer_logits", lambda *_: (chances.log().clamp(min=-1e9), torch.tensor([[7, 8]]))
    )
    trigger = owned.triggers[0]
    found = word_weights(
        vlm, [trigger.base], ["?"], generation=trigger.record.generation, batch_size=1
    )
    raw = {7: (0.25 / 2) ** 0.5, 8: (0.5 / 1.5) ** 0.5, 9: (0.5 / 1.5) ** 0.5, 3: 0.25**0.5}
    usual = (raw[7] + 0.5 * raw[8] + 0.5 * raw[9]) / 2
    for index, weight in raw.items():
        assert found[index] == pytest.approx(weight / usual, rel=1e-6)


def test_a_fingerprint_holds_weights_that_no_key_had_a_part_in(
    vlm: Vlm, owned: FingerprintSet, tmp_path: Path
) -> None:
    again = small_fingerprint(
        vlm,
        tmp_path / "fp",
        images=pictures(4),
        recipe=small_recipe(steps=1),
        keys=KeyRing.generate(),
    )
    assert again.keys != owned.keys
    assert again.manifest.weights_sha256 == owned.manifest.weights_sha256 is not None
    weights = owned.weights
    assert weights is not None
    assert weights.shape == (owned.vocabulary_size,)
    assert weights.min() > 0.0


def test_changed_weights_are_refused(owned: FingerprintSet) -> None:
    path = owned.folder / WEIGHTS
    data = path.read_bytes()
    table = WeightTable.model_validate_json(data)
    changed = table.model_copy(update={"thousandths": (1, *table.thousandths[1:])})
    try:
        path.write_text(changed.model_dump_json())
        with pytest.raises(FingerprintError, match="other content"):
            FingerprintSet.load(owned.folder).weigh("0001", ["a"])
        path.unlink()
        with pytest.raises(FingerprintError, match="no such file"):
            FingerprintSet.load(owned.folder).weigh("0001", ["a"])
    finally:
        path.write_bytes(data)


@pytest.mark.parametrize(
    ("content", "words"),
    [('{"schema_version": 2, "thousandths": [1]}', "version 1"), (None, "one for each id")],
)
def test_weights_of_another_kind_are_refused(
    content: str | None, words: str, tmp_path: Path
) -> None:
    import hashlib

    data = (content or WeightTable.of(np.ones(3)).model_dump_json()).encode()
    (tmp_path / WEIGHTS).write_bytes(data)
    with pytest.raises(FingerprintError, match=words):
        read_weights(tmp_path, sha256=hashlib.sha256(data).hexdigest(), vocabulary_size=5)


def test_a_verdict_says_whether_words_had_weights(owned: FingerprintSet) -> None:
    words = " ".join(sorted(owned.tokenizer.get_vocab())[:400])
    suspect = ScriptedSuspect(lambda query: words)
    weighted, plain = (decide(owned, suspect, Policy(weighted=w)) for w in (True, False))
    assert (weighted.weighted, plain.weighted) == (True, False)
    assert weighted.green_rate == plain.green_rate
    assert weighted.final_log10_e_value != plain.final_log10_e_value
