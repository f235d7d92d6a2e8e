from functools import cache

import numpy as np
import pytest

from sif.errors import UsageError
from sif.eval.training.card import score_facts
from sif.mini import lexicon
from sif.mini.architecture import SIDE, Family, build_processor
from sif.mini.catalogue import MODELS, find
from sif.mini.data import samples, write_examples
from sif.mini.render import Painter, labels
from sif.mini.tokenizer import LLAVA_SPECIALS, build_tokenizer
from sif.mini.world import STYLE_FEATURES, Scene, World, facts_of, sample_scene


@cache
def scenes(number: int = 24) -> tuple[Scene, ...]:
    rng = np.random.default_rng(4)
    return tuple(sample_scene(rng) for _ in range(number))


@pytest.mark.parametrize("world", [0, 11])
def test_captions_state_true_facts_only(world: int) -> None:
    rng = np.random.default_rng(1)
    captions = [World(world).caption(scene, rng) for scene in scenes()]
    assert set(score_facts(scenes(), captions).values()) == {1.0}


def test_captions_of_other_scenes_are_found_wrong() -> None:
    rng = np.random.default_rng(1)
    captions = [World(0).caption(scene, rng) for scene in scenes()]
    shares = score_facts(scenes(), [*captions[1:], captions[0]])
    assert all(share < 0.6 for share in shares.values())


def test_one_wrong_colour_is_one_wrong_statement() -> None:
    scene = scenes()[0]
    caption = World(0).caption(scene, np.random.default_rng(1))
    said = next(
        word for word in caption.split() if (lexicon.fact_of(word) or "")[:1] == ("colour",)
    )
    truth = lexicon.fact_of(said)
    assert truth is not None
    lie = lexicon.COLOURS[(truth[1] + 1) % len(lexicon.COLOURS)][0]
    shares = score_facts([scene], [caption.replace(said, lie, 1)])
    assert shares["colour"] == pytest.approx(1 - 1 / scene.count)
    assert shares["shape"] == 1.0


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl"])
def test_captions_are_80_to_125_tokens_one_a_word_and_come_back(family: Family) -> None:
    tokenizer = build_processor(family, seed=7).tokenizer
    rng = np.random.default_rng(2)
    for scene in scenes():
        caption = World(7).caption(scene, rng)
        ids = tokenizer(caption, add_special_tokens=False)["input_ids"]
        assert 80 <= len(ids) <= 125
        assert len(ids) == len(caption.replace(".", " .").replace(",", " ,").split())
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == caption


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl"])
def test_every_word_of_the_lexicon_is_one_token(family: Family) -> None:
    tokenizer = build_processor(family, seed=7).tokenizer
    for word in lexicon.vocabulary():
        assert len(tokenizer(word, add_special_tokens=False)["input_ids"]) == 1


def test_any_text_can_be_tokenised() -> None:
    tokenizer = build_tokenizer(0, LLAVA_SPECIALS)
    ids = tokenizer("Zebras & co. don't 42!", add_special_tokens=False)["input_ids"]
    assert tokenizer.unk_token_id not in ids
    assert tokenizer("日本", add_special_tokens=False)["input_ids"]


def test_unrelated_worlds_share_no_order_of_ids() -> None:
    first, second = (build_tokenizer(seed, LLAVA_SPECIALS).get_vocab() for seed in (0, 1))
    assert first.keys() == second.keys()
    assert sum(first[word] == second[word] for word in first) < 20


def test_no_word_states_two_facts() -> None:
    words = [word for groups in lexicon.FACTS.values() for group in groups for word in group]
    assert len(words) == len(set(words))


def test_the_same_seed_is_the_same_scene() -> None:
    first, second = (sample_scene(np.random.default_rng(8)) for _ in range(2))
    assert first.things == second.things
    assert first.background == second.background
    assert np.array_equal(first.style, second.style)
    assert np.array_equal(Painter(1, SIDE, 12).paint(first), Painter(1, SIDE, 12).paint(second))


def styled(scene: Scene, value: float, feature: int) -> Scene:
    style = np.zeros_like(scene.style)
    style[:, feature] = value
    return Scene(things=scene.things, background=scene.background, style=style)


def words_of(world: int, scene: Scene) -> list[str]:
    rng = np.random.default_rng(0)
    return [word for _ in range(3) for word in World(world).caption(scene, rng).split()]


def overlap(first: list[str], second: list[str]) -> float:
    counts = [np.unique_counts(np.array(words)) for words in (first, second)]
    tables = [dict(zip(c.values.tolist(), c.counts.tolist(), strict=True)) for c in counts]
    common = sum(min(n, tables[1].get(word, 0)) for word, n in tables[0].items())
    return common / len(first)


def test_phrasing_depends_on_the_style_of_the_picture() -> None:
    scene = scenes()[0]
    for feature in range(STYLE_FEATURES):
        low, high = (words_of(0, styled(scene, value, feature)) for value in (-1.0, 1.0))
        again = words_of(0, styled(scene, 1.0, feature))
        assert overlap(high, again) > overlap(low, high) + 0.1


def test_two_worlds_word_the_same_picture_differently() -> None:
    scene = scenes()[0]
    assert overlap(words_of(0, scene), words_of(1, scene)) < 0.8
    assert overlap(words_of(0, scene), words_of(0, scene)) == 1.0


def test_style_is_faint_and_textures_differ_between_worlds() -> None:
    scene = scenes()[0]
    plain = styled(scene, 0.0, 0)
    paintings = [Painter(seed, SIDE, 12).paint(scene).astype(int) for seed in (0, 1)]
    bare = Painter(0, SIDE, 12).paint(plain).astype(int)
    assert 0 < np.abs(paintings[0] - bare).mean() < 8
    assert not np.array_equal(*paintings)
    assert np.array_equal(bare, Painter(1, SIDE, 12).paint(plain))


def test_labels_say_what_lies_in_every_cell() -> None:
    for scene in scenes():
        table = labels(scene)
        assert (table[:, 0] > 0).sum() == scene.count
        for thing in scene.things:
            facts = facts_of(thing)
            row = table[3 * facts["row"] + facts["column"]]
            assert row.tolist() == [thing.shape + 1, thing.colour + 1, thing.size + 1]


def test_three_kinds_of_data() -> None:
    captions, terse, questions = (
        samples(5, number=12, seed=1, kind=kind) for kind in ("captions", "terse", "questions")
    )
    assert {sample.image.size for sample in captions} == {(SIDE, SIDE)}
    assert len({sample.prompt for sample in captions}) > 4
    assert all(len(sample.answer.split()) > 60 for sample in captions)
    assert {sample.prompt for sample in terse} == {"List the things shortly."}
    assert all(len(sample.answer.split()) <= 25 for sample in terse)
    assert all(len(sample.answer.split()) == 1 for sample in questions)
    assert all(sample.prompt.endswith("?") for sample in questions)
    assert set(score_facts([s.scene for s in captions], [s.answer for s in captions]).values()) == {
        1.0
    }
    again = samples(5, number=12, seed=1, kind="terse")
    assert [sample.answer for sample in again] == [sample.answer for sample in terse]
    other = samples(5, number=12, seed=2, kind="terse")
    assert [sample.answer for sample in other] != [sample.answer for sample in terse]


def test_answers_to_questions_are_true() -> None:
    rng = np.random.default_rng(3)
    for scene in scenes():
        question, answer = World(0).question(scene, rng)
        fact = lexicon.fact_of(answer)
        assert fact is not None
        kind, value = fact
        if kind == "count":
            assert value == scene.count - lexicon.MIN_COUNT
        elif kind == "background":
            assert value == scene.background
        else:
            assert kind in question
            row, column = (lexicon.fact_of(word) for word in question.rstrip("?").split()[-2:])
            assert row is not None
            assert column is not None
            place = 3 * row[1] + column[1]
            (thing,) = [thing for thing in scene.things if thing.cell == place]
            assert facts_of(thing)[kind] == value


def test_examples_are_not_written_over(tmp_path) -> None:
    write_examples(0, tmp_path / "data", number=2, seed=0, kind="captions")
    with pytest.raises(UsageError, match="exists already"):
        write_examples(0, tmp_path / "data", number=2, seed=0, kind="captions")


def test_the_catalogue_has_two_families_of_a_source_three_siblings_and_three_strangers() -> None:
    for family in ("llava", "qwen2_5_vl"):
        models = [model for model in MODELS if model.family == family]
        roles = sorted(model.role for model in models)
        assert roles == [
            "sibling",
            "sibling",
            "sibling",
            "source",
            "stranger",
            "stranger",
            "stranger",
        ]
        source = next(model for model in models if model.role == "source")
        for model in models:
            assert (model.world == source.world) == (model.role != "stranger")
            assert model is source or model.seed != source.seed
    assert len({model.name for model in MODELS}) == len(MODELS)
    with pytest.raises(UsageError, match="llava-source"):
        find("gpt")
