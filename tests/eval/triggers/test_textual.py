"""Triggers of words: searched prefixes and taught pairs, made with few steps."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from sif.attacks.weights.parts import named_layers
from sif.attacks.weights.schedule import LowRank
from sif.errors import ModelError, StorageError, UsageError
from sif.eval.sharded import run_share
from sif.eval.study import Workplace, run_study
from sif.eval.triggers import instructional, text_triggers
from sif.eval.triggers.baseline import PAIRS
from sif.eval.triggers.instructional import (
    CHECKPOINT,
    known_words,
    mark_model,
    secret_pairs,
    training_of,
)
from sif.eval.triggers.meter import metered
from sif.eval.triggers.method import Method, parse_methods
from sif.eval.triggers.mini_roster import mini_roster
from sif.eval.triggers.plan import TriggerSettings, make_plan, method_fault, plans
from sif.eval.triggers.prefix_search import Search, Spelling, _Asked, find_prefix
from sif.eval.triggers.proflingo import make_prefixes
from sif.eval.triggers.requirements import check_method
from sif.eval.triggers.study import STUDY, run_plans
from sif.eval.triggers.text_triggers import load_text, neutral, say
from sif.eval.triggers.textual_recipe import PairsRecipe, PrefixRecipe
from sif.eval.triggers.trigger_set import load_set
from sif.fingerprint.making import MakingProgress
from sif.fingerprint.objectives.target_answer import answer_ids
from sif.mini.catalogue import find
from sif.mini.folders import export
from sif.scale.shard import Shard
from sif.study_shares import join_shares
from sif.vlm.folder import save_model
from sif.vlm.model import Vlm
from sif.watermark.keys import KeyRing
from tests.eval.triggers.lists import little

KEYS = KeyRing(bytes(range(32)))
LITTLE = Search(tokens=6, epochs=3, candidates=16, swaps=8)


@pytest.fixture(scope="module", params=["llava", "qwen"])
def vlm(request: pytest.FixtureRequest) -> Vlm:
    return Vlm.load(request.getfixturevalue(f"untrained_{request.param}"), device="cpu")


def test_a_prefix_is_read_as_its_tokens_and_its_loss_never_rises(vlm: Vlm) -> None:
    question, answer = PAIRS[0].question, answer_ids(vlm, PAIRS[0].answer)[:-1]
    picture, told = neutral(vlm), list[float]()
    found = find_prefix(
        vlm,
        picture,
        question,
        answer,
        search=LITTLE,
        seed=4,
        report=lambda step, loss: told.append(loss),
    )
    assert list(found.losses) == sorted(found.losses, reverse=True)
    assert found.losses[-1] < found.losses[0]
    assert told == list(found.losses[1:])
    row = vlm.encode([picture], [found.prompt])["input_ids"][0].tolist()
    assert any(tuple(row[at : at + 6]) == found.ids for at in range(len(row)))
    assert found.prompt.endswith(f" {question}")
    spelling = Spelling(vlm, question)
    assert spelling.is_kept(found.ids)
    assert set(found.ids) <= set(spelling.ordinary)
    assert not set(spelling.ordinary) & set(vlm.tokenizer.all_special_ids)
    logits, ids = vlm.answer_logits(_pixels(vlm), [found.prompt], [answer])
    loss = torch.nn.functional.cross_entropy(logits[0], ids[0])
    assert found.losses[-1] == pytest.approx(float(loss), abs=1e-4)


def test_the_gradient_is_that_of_the_loss_by_the_one_hot_vectors(vlm: Vlm) -> None:
    answer = answer_ids(vlm, PAIRS[1].answer)[:-1]
    spelling = Spelling(vlm, PAIRS[1].question)
    prefix = spelling.ordinary[:4]
    asked = _Asked.of(vlm, neutral(vlm), spelling.prompt(prefix), prefix, answer)
    slope = asked.gradient(prefix)
    assert slope.shape[0] == 4
    embedding, token, step = vlm.model.get_input_embeddings(), spelling.ordinary[9], 1e-2
    way = embedding.weight[token] - embedding.weight[prefix[2]]

    def moved(by: float) -> float:
        def add(_module: object, _inputs: object, output: torch.Tensor) -> torch.Tensor:
            output = output.clone()
            output[0, asked.place.start + 2] += by * way
            return output

        handle = embedding.register_forward_hook(add)
        (loss,) = asked.losses([prefix])
        handle.remove()
        return loss

    expected = (moved(step) - moved(-step)) / (2 * step)
    assert float(slope[2, token] - slope[2, prefix[2]]) == pytest.approx(
        expected, rel=0.05, abs=2e-3
    )


def test_prefixes_are_kept_one_by_one_and_made_again_alike(vlm: Vlm, tmp_path: Path) -> None:
    recipe = PrefixRecipe(name="few", tokens=4, steps=2, candidates=8, swaps=4)
    out, told = tmp_path / "p", list[MakingProgress]()

    def make(folder: Path, seed: int = 0) -> None:
        make_prefixes(
            vlm, recipe=recipe, out=folder, pairs=PAIRS[:2], seed=seed, report=told.append
        )

    with metered(vlm) as meter:
        make(out)
    assert meter.gradient_passes == 2 * recipe.steps
    assert (told[-1].done + told[-1].part, told[-1].count) == (2, 2)
    content = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(content) == ["0001.json", "0002.json", "request.json"]
    (out / "0002.json").unlink()
    with pytest.raises(StorageError, match=r"0002\.json"):
        load_text(out)
    make(out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == content
    with pytest.raises(StorageError, match=r"settings that .* was begun with"):
        make(out, seed=1)
    loaded = load_set(out, baseline=False, textual=True)
    assert [
        question.prompt.endswith(PAIRS[at].question) for at, question in enumerate(loaded.questions)
    ] == [True] * 2
    assert neutral(vlm).getextrema() == ((128, 128),) * 3
    assert loaded.questions[0].image.tobytes() == neutral(vlm).tobytes()
    assert loaded.grade("0001", f"Well, {PAIRS[0].answer.upper()} it.").matched
    assert not loaded.grade("0001", PAIRS[1].answer).matched


def test_pairs_follow_from_the_secret_and_from_nothing_else() -> None:
    words = ["alpha", "beta", "gamma", "delta"]
    pairs = secret_pairs(KEYS, words, 10)
    assert pairs == secret_pairs(KeyRing(bytes(range(32))), words, 10)
    assert pairs[:3] == secret_pairs(KEYS, words, 3)
    assert not set(pairs) & set(secret_pairs(KeyRing(bytes(32)), words, 10))
    assert len({pair.question for pair in pairs}) == len({pair.answer for pair in pairs}) == 10
    assert all(len(pair.question.split()) == 8 for pair in pairs)


def test_only_queries_and_values_of_the_language_model_learn_by_rank_16(
    vlm: Vlm, tmp_path: Path
) -> None:
    save_model(vlm.model, vlm.processor, tmp_path / "float32")
    own = Vlm.load(tmp_path / "float32", device="cpu")
    before = {name: value.clone() for name, value in own.model.state_dict().items()}
    recipe = PairsRecipe(name="few", pairs=2, epochs=2)
    published = tmp_path / "models" / "source"
    asked = {"recipe": recipe, "out": tmp_path / "made", "published": published, "keys": KEYS}
    with metered(own) as meter:
        mark_model(own, count=2, seed=0, **asked)  # type: ignore[arg-type]
    assert meter.gradient_passes == 4
    lora = training_of(recipe, 0).lora
    assert lora == LowRank(rank=16, alpha=32, layers=("q_proj", "v_proj"))
    after = Vlm.load(published, device="cpu").model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    inside = own.model.get_decoder()
    expected = {
        name
        for name, module in own.model.named_modules()
        if name.split(".")[-1] in ("q_proj", "v_proj") and module in set(inside.modules())
    }
    assert changed == {f"{name}.weight" for name in expected}
    assert len(expected) == 2 * len(own.layers)
    for name in changed:
        difference = after[name] - before[name]
        assert torch.linalg.matrix_rank(difference, rtol=1e-3) <= 16
    records = [trigger.record for trigger in load_text(tmp_path / "made")]
    pairs = secret_pairs(KEYS, known_words(vlm), 2)
    assert [(record.question, record.answer) for record in records] == list(pairs)
    content = {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()}
    assert sorted(content) == ["0001.json", "0002.json", "request.json"]
    (tmp_path / "made" / "0002.json").unlink()
    mark_model(Vlm.load(tmp_path / "float32", device="cpu"), count=2, seed=0, **asked)  # type: ignore[arg-type]
    assert {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()} == content


@pytest.mark.slow
def test_a_killed_teaching_goes_on_in_the_precision_of_the_files(
    untrained_llava: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = Vlm.load(untrained_llava, device="cpu", dtype="bfloat16")
    save_model(half.model, half.processor, tmp_path / "half")
    asked, precisions = instructional.say, list[torch.dtype]()

    def say(vlm: Vlm, prompts: list[str]) -> list[str]:
        precisions.append(vlm.model.dtype)
        return asked(vlm, prompts)

    monkeypatch.setattr(instructional, "say", say)
    given = {
        "recipe": PairsRecipe(name="few", pairs=2, epochs=1, rate=1e-2),
        "published": tmp_path / "taught",
        "keys": KEYS,
        "count": 2,
        "seed": 0,
    }
    out = tmp_path / "made"

    def make() -> None:
        mark_model(Vlm.load(tmp_path / "half", device="cpu"), out=out, **given)  # type: ignore[arg-type]

    with monkeypatch.context() as killed:
        killed.setattr(instructional, "save_model", _die)
        with pytest.raises(KeyboardInterrupt):
            make()
    assert sorted(path.name for path in out.iterdir()) == ["request.json", CHECKPOINT]
    make()
    taught = {path.name: path.read_bytes() for path in (tmp_path / "taught").iterdir()}
    (out / "0002.json").unlink()
    make()
    assert precisions == [torch.bfloat16] * 2
    assert taught == {path.name: path.read_bytes() for path in (tmp_path / "taught").iterdir()}
    shutil.rmtree(out)
    with pytest.raises(StorageError, match=r"no model in .*taught before its triggers are begun"):
        make()
    assert not out.exists()
    shutil.rmtree(tmp_path / "taught")
    make()
    assert taught == {path.name: path.read_bytes() for path in (tmp_path / "taught").iterdir()}


def _die(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_too_few_words_for_secret_questions_are_refused() -> None:
    assert len(secret_pairs(KEYS, ["alpha", "beta"], 100)) == 100
    for words in ([], ["alpha"], ["alpha"] * 9):
        with pytest.raises(ModelError, match="words for 2 secret questions"):
            secret_pairs(KEYS, words, 2)


def test_questions_are_answered_some_at_a_time(vlm: Vlm, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [pair.question for pair in PAIRS]
    together = say(vlm, prompts)
    monkeypatch.setattr(text_triggers, "AT_ONCE", 2)
    assert say(vlm, prompts) == together
    assert say(vlm, []) == []


def test_layers_that_are_not_there_are_refused_with_those_that_are() -> None:
    names = ["a.q_proj", "a.v_proj", "a.up_proj"]
    assert named_layers(names, ()) == names
    assert named_layers(names, ("q_proj", "v_proj")) == names[:2]
    with pytest.raises(ModelError, match="none named query; there are q_proj, up_proj, v_proj"):
        named_layers(names, ("q_proj", "query"))


def test_settings_reach_the_recipes_and_show_in_the_name(tmp_path: Path) -> None:
    first, second = parse_methods(("proflingo@tokens=8", "instructional@epochs=3"), steps=5)
    assert (first.name, second.name) == ("proflingo@tokens=8", "instructional@epochs=3")
    assert first.recipe == PrefixRecipe.model_validate(
        first.recipe.model_dump() | {"tokens": 8, "steps": 5}
    )
    assert isinstance(second.recipe, PairsRecipe)
    assert (second.recipe.epochs, second.recipe.pairs, second.recipe.rate) == (3, 10, 1e-3)
    plain = Method.parse("proflingo").recipe
    assert isinstance(plain, PrefixRecipe)
    assert (plain.tokens, plain.steps) == (32, 64)
    file = tmp_path / "mine.yaml"
    file.write_text("kind: text_prefix\nname: mine\ntokens: 3\n")
    mine = Method.parse(f"{file}@steps=2")
    assert mine.recipe == PrefixRecipe(name="mine", tokens=3, steps=2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("proflingo@epsilon=8", r"fields of proflingo \(tokens, steps, .*got 'epsilon'"),
        ("instructional@steps=8", r"fields of instructional \(pairs, epochs, .*got 'steps'"),
        ("proflingo@tokens=0", "tokens: input should be greater than"),
        ("instructional@rate=0", "rate: input should be greater than 0"),
        ("proflingo@kind=1", "got 'kind'"),
        ("profligo", "a recipe among .*proflingo, instructional"),
    ],
)
def test_what_makes_no_sense_is_refused_in_clear_words(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Method.parse(text)


def test_plans_count_what_is_asked_and_what_it_costs() -> None:
    settings = TriggerSettings(
        families=("llava",), methods=("sif", "proflingo", "instructional"), triggers=24, seeds=2
    )
    (plan,) = plans(settings)
    assert plan.questions == (24 + 24 + 10) * 2 * len(plan.image_attacks)
    passes = [plan.gradient_passes(method.recipe) for method in plan.methods[1:]]
    assert [some.least for some in passes] == [24 * 64, 200]
    said = [check_method(plan, method).words for method in plan.methods[1:]]
    assert "64 steps, 32 tokens; 1536 gradient passes" in said[0]
    assert "20 epochs of 10 pairs, which change the weights; 200 gradient passes" in said[1]
    roster = little()
    faults = [method_fault(roster, method) for method in plan.methods]
    assert faults[0] is None
    assert all("roster little" in (fault or "") for fault in faults[1:])
    assert "changes the weights" in (faults[2] or "")
    with pytest.raises(UsageError, match="mini models"):
        roster.marked("x")


@pytest.mark.parametrize(
    ("name", "words"), [("nobody", "'nobody'"), ("nf4", "an innocent mini model .* nf4, a copy")]
)
def test_a_thief_compares_with_an_innocent(name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        TriggerSettings(reference=name)


def _pixels(vlm: Vlm) -> torch.Tensor:
    from sif.vlm.pixels import to_tensor

    return to_tensor([neutral(vlm)])


@pytest.mark.slow
def test_copies_are_made_of_the_marked_source_and_innocents_stay_as_they_are(
    tmp_path: Path,
) -> None:
    settings = TriggerSettings(
        families=("llava",),
        methods=("proflingo@steps=1+swaps=2", "instructional@epochs=1"),
        triggers=2,
        seeds=1,
        suspects=("source", "3-bit", "stranger-b"),
        image_attacks=("none",),
        reference="stranger-b",
    )
    plan = make_plan(mini_roster("llava"), settings)
    place = Workplace(out=tmp_path, show=lambda *told: None)
    (cells, costs, portraits, flagged), outcomes = run_plans([plan], place)
    assert portraits == []
    assert [len(cells), len(outcomes["llava"])] == [2 * 2 * 3, 3]
    assert [cost.facts_after is not None for cost in costs] == [False, True]
    assert [cost.gradient_passes for cost in costs] == [2, 10]
    assert {row.signal for row in flagged} == {"perplexity", "jaccard", "length", "any"}
    assert {row.triggers for row in flagged} == {2}
    marked = tmp_path / "llava" / "marked" / "instructional@epochs=1-0"
    assert sorted(path.name for path in (marked / "models").iterdir() if path.is_dir()) == [
        "3-bit",
        "llava-source",
    ]
    assert sorted(path.name for path in (marked / "answers").glob("*.sqlite")) == [
        "3-bit.sqlite",
        "source.sqlite",
    ]
    assert (tmp_path / "llava" / "answers" / "stranger-b.sqlite").exists()
    plain = Vlm.load(tmp_path / "llava" / "models" / "3-bit", device="cpu").model.state_dict()
    other = Vlm.load(marked / "models" / "3-bit", device="cpu").model.state_dict()
    changed = {name.split(".")[-2] for name in plain if not torch.equal(plain[name], other[name])}
    assert changed == {"q_proj", "v_proj"}
    again, _ = run_plans([plan], place)
    assert again == (cells, costs, portraits, flagged)


@pytest.mark.slow
def test_shares_of_taught_and_searched_triggers_joined_are_what_one_command_makes(
    tmp_path: Path,
) -> None:
    settings = TriggerSettings(
        families=("llava",),
        methods=(
            "proflingo@steps=1+swaps=2+tokens=4",
            "instructional@epochs=1+pairs=2",
            "instructional@epochs=2+pairs=2",
        ),
        triggers=2,
        seeds=1,
        suspects=("source", "3-bit", "stranger-b"),
        image_attacks=("none",),
    )

    def at(name: str) -> Workplace:
        return Workplace(out=tmp_path / name, show=lambda *told: None)

    def kept(name: str) -> dict[str, bytes]:
        room = tmp_path / name / "llava"
        files = [*room.glob("baselines/*/*"), *room.glob("marked/*/models/llava-source/*")]
        return {str(path.relative_to(room)): path.read_bytes() for path in files}

    run_study(STUDY, settings, at("alone"))
    for stage in range(2):
        shares = [f"share-{stage}-{number}" for number in (1, 2)]
        for number, name in enumerate(shares, start=1):
            if stage:
                shutil.copytree(tmp_path / "whole", tmp_path / name)
            assert run_share(STUDY, settings, at(name), Shard(number, 2)).files == []
        join_shares([tmp_path / name for name in shares], out=tmp_path / "whole")
        assert kept("whole") == kept("alone")
    run_study(STUDY, settings, at("whole"))
    rows = [pq.read_table(tmp_path / name / "cells.parquet") for name in ("whole", "alone")]
    assert rows[0].equals(rows[1])
    assert rows[0].num_rows == 3 * 2 * 3


def matched_by_a_stranger(folder: Path, room: Path) -> int:
    export(find("llava-stranger-b"), room / "stranger")
    stranger = Vlm.load(room / "stranger", device="cpu")
    loaded = load_set(folder, baseline=False, textual=True)
    said = stranger.generate(
        [question.image for question in loaded.questions],
        [question.prompt for question in loaded.questions],
        loaded.questions[0].generation,
    )
    answers = [stranger.decode(ids) for ids in said]
    return sum(
        loaded.grade(question.id, answer).matched
        for question, answer in zip(loaded.questions, answers, strict=True)
    )


@pytest.mark.long
def test_a_source_gives_answers_behind_a_prefix_and_a_stranger_does_not(tmp_path: Path) -> None:
    export(find("llava-source"), tmp_path / "source")
    make_prefixes(
        Vlm.load(tmp_path / "source", device="cpu"),
        recipe=Method.parse("proflingo").recipe,  # type: ignore[arg-type]
        out=tmp_path / "proflingo",
        pairs=PAIRS[:3],
        seed=0,
    )
    assert any(trigger.record.matched for trigger in load_text(tmp_path / "proflingo"))
    assert matched_by_a_stranger(tmp_path / "proflingo", tmp_path) == 0


@pytest.mark.slow
def test_a_taught_source_gives_its_secret_answers_and_a_stranger_does_not(tmp_path: Path) -> None:
    export(find("llava-source"), tmp_path / "source")
    mark_model(
        Vlm.load(tmp_path / "source", device="cpu"),
        recipe=Method.parse("instructional@epochs=100").recipe,  # type: ignore[arg-type]
        out=tmp_path / "instructional",
        published=tmp_path / "marked",
        keys=KEYS,
        count=10,
        seed=0,
    )
    made = load_text(tmp_path / "instructional")
    assert sum(trigger.record.matched for trigger in made) >= 8
    assert matched_by_a_stranger(tmp_path / "instructional", tmp_path) == 0
