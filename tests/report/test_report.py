"""The report page: complete, self-contained, safe, and colours exactly the words that count."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sif.errors import FingerprintError, StorageError
from sif.fingerprint.segmenter import FileSegmenter, tokenizer_json
from sif.mini import lexicon
from sif.mini.render import Painter
from sif.mini.tokenizer import LLAVA_SPECIALS, build_tokenizer
from sif.mini.world import World, sample_scene
from sif.ownership import Evidence, Observation, Policy, Verdict, judge
from sif.ownership.run import Group
from sif.report.numbers import scientific, signed
from sif.report.page import AnswerView, Fact, Piece, ReportPage, SuspectView, TriggerView
from sif.report.pictures import pictures
from sif.report.render import render, write_page
from sif.report.words import colour_words
from sif.watermark.greenlist import GreenCount

TOKENIZER = build_tokenizer(1, LLAVA_SPECIALS)
CUTS = FileSegmenter(tokenizer_json(TOKENIZER), where="here")
VOCABULARY = len(TOKENIZER)
SPECIALS = frozenset(TOKENIZER.all_special_ids)
WORLD = World(seed=1)
POLICY, TRIGGERS = Policy(alpha=1e-6, minimum_answers=5), 12
SLOTS = [
    slot
    for template in (lexicon.INTRODUCTION, *lexicon.OBJECTS, lexicon.CLOSING)
    for slot in lexicon.slots(template)
] + [group for fact in lexicon.FACTS.values() for group in fact]


def _mask(trigger: int) -> np.ndarray:
    mask = np.zeros(VOCABULARY, bool)
    chosen = np.random.default_rng([7, trigger]).permutation(VOCABULARY)[: VOCABULARY // 2]
    mask[chosen] = True
    return mask


def _trigger(number: int) -> TriggerView:
    rng = np.random.default_rng([8, number])
    base = Painter(seed=1, side=72, period=8).paint(sample_scene(rng))
    noise = rng.integers(-16, 17, base.shape)
    return TriggerView(
        id=f"{number:04d}",
        prompt="Describe the image in detail.",
        base=Image.fromarray(base),
        image=Image.fromarray(np.clip(base + noise, 0, 255).astype(np.uint8)),
        epsilon=16 / 255,
    )


def _greened(caption: str, mask: np.ndarray, share: float, rng: np.random.Generator) -> str:
    """The caption with a share of its words replaced by green ones of the same meaning."""
    words = []
    for word in re.findall(r"\w+|\W+", caption):
        group = next((slot for slot in SLOTS if word in slot), (word,))
        green = [w for w in group if mask[TOKENIZER.convert_tokens_to_ids(w)]]
        words.append(green[0] if green and rng.random() < share else word)
    return "".join(words)


def _answer(number: int, share: float, rng: np.random.Generator) -> AnswerView:
    mask = _mask(number)
    text = _greened(WORLD.caption(sample_scene(rng), rng), mask, share, rng)
    pieces = colour_words(text, CUTS.tokens(text), mask, SPECIALS)
    kinds = [piece.kind for piece in pieces]
    green, scored = kinds.count("green"), len(kinds) - kinds.count("unscored")
    return AnswerView(trigger_id=f"{number:04d}", pieces=pieces, green=green, scored=scored)


def _suspect(name: str, group: Group, share: float, seed: int) -> SuspectView:
    rng = np.random.default_rng([9, seed])
    evidence = Evidence(vocabulary_size=VOCABULARY, green_size=VOCABULARY // 2, policy=POLICY)
    answers, observations = [], []
    for number in range(1, TRIGGERS + 1):
        if evidence.reached:
            break
        answers.append(_answer(number, share, rng))
        count = GreenCount(green=answers[-1].green, scored=answers[-1].scored)
        observations.append(Observation(trigger=answers[-1].trigger_id, count=count))
        evidence.add(observations[-1])
    return SuspectView(
        name=f"vllm:models/{name.replace(' ', '-')}",
        label=name,
        engine="vLLM 0.32 (CPU), bfloat16",
        verdict=_judge(observations),
        answers=answers,
        group=group,
    )


def _judge(observations: list[Observation]) -> Verdict:
    size = VOCABULARY // 2
    return judge(observations, vocabulary_size=VOCABULARY, green_size=size, policy=POLICY)


def _endpoint() -> SuspectView:
    """One hostile answer, and refusals."""
    reasons = {"0002": "the endpoint refused: policy <b>", "0003": "no reply within 60 s"}
    return SuspectView(
        name="openai:models.example/v1#caption-large",
        label="",
        engine="HTTP endpoint",
        verdict=_judge(
            [
                Observation(trigger="0001", count=GreenCount(green=1, scored=2)),
                *(Observation(trigger=t, count=None, reason=r) for t, r in reasons.items()),
            ]
        ),
        answers=[
            AnswerView(
                trigger_id="0001",
                pieces=[Piece("<script>alert('x')</script> ", "red"), Piece("blue", "green")],
                green=1,
                scored=2,
            ),
            *(AnswerView(trigger_id=t, unanswered=reason) for t, reason in reasons.items()),
        ],
    )


def example(public: bool = False) -> ReportPage:
    """A page as the demo makes one: copies, innocents, a refusal and a hostile answer."""
    suspects = [
        _suspect("source", "copy", 0.5, 0),
        _suspect("nf4 copy", "copy", 0.42, 1),
        _suspect("20% pruned", "copy", 0.36, 2),
        _suspect("LoRA-tuned", "copy", 0.34, 3),
        _suspect("sibling", "innocent", 0.0, 4),
        _suspect("unrelated A", "innocent", 0.0, 5),
        _suspect("unrelated B", "innocent", 0.0, 6),
        _endpoint(),
    ]
    return ReportPage(
        title="mini-llava, 12 triggers",
        created=datetime(2026, 5, 4, 12, 30, tzinfo=UTC),
        facts=[
            Fact("Source model", "mini-llava (LLaVA, 2.6 M parameters)"),
            Fact("Triggers", str(TRIGGERS)),
            Fact("Change budget (ε)", "16/255"),
            Fact("Green share (γ)", "0.5"),
            Fact("Recipe", "sif"),
            Fact("Tokenizer SHA-256", "9f2c" * 16),
        ],
        triggers=[_trigger(number) for number in range(1, TRIGGERS + 1)],
        suspects=suspects,
        notes=["Trigger 0003 was made again from another base image, with the same key."],
        public=public,
    )


@pytest.fixture(scope="module")
def page() -> ReportPage:
    """The private page's values."""
    return example()


@pytest.fixture(scope="module")
def html(page: ReportPage) -> str:
    """The private page."""
    return render(page)


class _References(HTMLParser):
    """Collects tags, ids and whatever an attribute or a style would load or point to."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in {"src", "href", "srcset", "data", "action", "poster", "xlink:href"}:
                self.targets.append(value or "")


def _references(html: str) -> _References:
    parser = _References()
    parser.feed(html)
    return parser


def test_page_loads_nothing_and_runs_nothing(html: str) -> None:
    references = _references(html)
    styled = re.findall(r"url\(([^)]*)\)", html)
    targets = references.targets + styled
    assert styled
    assert not re.search(r"@import|https?:", html)
    assert all(target.startswith(("data:image/png;base64,", "#")) for target in targets)
    assert not {"script", "link", "iframe", "object", "embed"} & set(references.tags)


def test_every_inner_link_has_its_target_and_ids_are_unique(html: str) -> None:
    references = _references(html)
    assert len(references.ids) == len(set(references.ids))
    linked = {target[1:] for target in references.targets if target.startswith("#")}
    assert len(linked) > 6
    assert linked <= set(references.ids)


def test_hostile_answers_and_reasons_stay_text(html: str) -> None:
    assert "<script" not in html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in html
    assert "policy &lt;b&gt;" in html


def test_what_is_not_seen_is_written_out_wherever_it_stands(page: ReportPage) -> None:
    evil = "a\x00\x1b[2J\x9b\u202e\u2028\u200b\n\ud83db"
    shown = "a\\x00\\x1b[2J\\x9b\\u202e\\u2028\\u200b\n\\ud83db"
    suspect = page.suspects[0]
    answers = [
        replace(suspect.answers[0], pieces=[Piece(evil, "green"), Piece(evil, "unscored")]),
        replace(suspect.answers[1], pieces=[], unanswered=evil),
        *suspect.answers[2:],
    ]
    marked = replace(suspect, name=evil, label=evil, example=evil, answers=answers)
    html = render(replace(page, suspects=[marked], notes=[evil], facts=[Fact(evil, evil)]))
    assert html.count(shown) > 7
    unseen = {letter for letter in evil if letter != "\n" and not letter.isprintable()}
    assert not unseen & set(unescape(html))


def test_every_suspect_trigger_and_fact_is_shown(page: ReportPage, html: str) -> None:
    for suspect in page.suspects:
        assert suspect.name in html
        assert suspect.label in html
    assert html.count("<figure id=") == TRIGGERS
    for fact in page.facts:
        assert fact.value in html
    assert page.notes[0] in html


def test_every_curve_has_a_point_for_each_counted_answer(page: ReportPage, html: str) -> None:
    drawn = [line.split() for line in re.findall(r'<polyline points="([^"]*)"', html)]
    expected = [len(suspect.verdict.per_trigger) + 1 for suspect in page.suspects]
    assert [len(line) for line in drawn[: len(expected)]] == expected
    assert len(drawn) == len(expected) * (1 + len(expected))


def test_exactly_the_curves_of_derived_suspects_reach_the_threshold(
    page: ReportPage, html: str
) -> None:
    plot = html[html.index('class="plot"') :]
    limit = float(re.findall(r'class="limit" d="M0 ([\d.]+)H100"', plot)[0])
    lines = re.findall(r'<polyline points="([^"]*)"', plot)
    tops = [min(float(point.split(",")[1]) for point in line.split()) for line in lines[:8]]
    decisions = [suspect.verdict.decision for suspect in page.suspects]
    assert [top <= limit for top in tops] == [decision == "derived" for decision in decisions]
    assert decisions == ["derived"] * 4 + ["not_shown"] * 3 + ["inconclusive"]


def test_public_edition_reveals_no_colours_yet_keeps_the_words() -> None:
    page = example(public=True)
    html = render(page)
    assert 'class="g"' not in html
    assert 'class="r"' not in html
    assert "Public edition" in html
    assert page.suspects[0].answers[0].text in unescape(html)


def test_private_edition_says_so_and_marks_green_and_red(html: str) -> None:
    assert "Private edition" in html
    assert html.count('<mark class="g">') > 100
    assert html.count('<mark class="r">') > 100


def test_pieces_are_the_text_and_repeats_count_once() -> None:
    mask = np.zeros(VOCABULARY, bool)
    mask[TOKENIZER.convert_tokens_to_ids("red")] = True
    text = "Red ring,\n  red  ring <s>"
    pieces = colour_words(text, CUTS.tokens(text), mask, SPECIALS)
    assert "".join(piece.text for piece in pieces) == text
    assert pieces[:4] == (
        Piece("Red", "green"),
        Piece(" ", "unscored"),
        Piece("ring", "red"),
        Piece(",", "red"),
    )
    assert pieces[4:] == (Piece("\n  red  ring <s>", "unscored"),)


def test_colours_agree_with_a_count_of_distinct_ids() -> None:
    rng = np.random.default_rng(3)
    mask = _mask(1)
    for _ in range(20):
        text = WORLD.caption(sample_scene(rng), rng) + " Zyx 42%!"
        ids = set(TOKENIZER(text, add_special_tokens=False).input_ids) - SPECIALS
        kinds = [piece.kind for piece in colour_words(text, CUTS.tokens(text), mask, SPECIALS)]
        assert kinds.count("green") == sum(mask[token] for token in ids)
        assert kinds.count("red") == sum(not mask[token] for token in ids)


def test_letters_outside_the_vocabulary_keep_the_text_whole() -> None:
    text = "ein schöner ⟨Kreis⟩ 🙂 und\tmehr"
    pieces = colour_words(text, CUTS.tokens(text), _mask(2), SPECIALS)
    assert "".join(piece.text for piece in pieces) == text


def test_a_change_over_the_budget_is_flagged() -> None:
    trigger = _trigger(1)
    pixels = np.asarray(trigger.base).copy()
    pixels[0, 0] = (int(pixels[0, 0, 0]) + 128) % 256
    too_much = TriggerView(
        id="0001",
        prompt=trigger.prompt,
        base=trigger.base,
        image=Image.fromarray(pixels),
        epsilon=trigger.epsilon,
    )
    assert pictures(trigger).largest_change == 16
    assert pictures(trigger).within_budget
    assert not pictures(too_much).within_budget


def test_a_base_image_of_another_size_is_refused() -> None:
    trigger = _trigger(1)
    wrong = TriggerView(
        id="0001",
        prompt=trigger.prompt,
        base=trigger.base.resize((64, 64)),
        image=trigger.image,
        epsilon=trigger.epsilon,
    )
    with pytest.raises(FingerprintError, match=r"trigger 0001: expected .* got \(64, 64\)"):
        pictures(wrong)


def test_large_pictures_become_small_previews() -> None:
    trigger = _trigger(1)
    large = TriggerView(
        id="0001",
        prompt=trigger.prompt,
        base=trigger.base.resize((672, 672)),
        image=trigger.image.resize((672, 672)),
        epsilon=trigger.epsilon,
    )
    shown = pictures(large)
    assert not shown.pixelated
    assert len(shown.image) < 60_000


def test_a_page_without_suspects_or_triggers_renders() -> None:
    page = ReportPage(title="empty", created=datetime.now(UTC), facts=[], triggers=[], suspects=[])
    assert "0 suspects were asked" in render(page)


def test_report_is_written_whole_and_private_ones_to_the_owner_only(
    page: ReportPage, tmp_path: Path
) -> None:
    path = tmp_path / "run" / "report.html"
    write_page(page, path)
    assert path.read_text(encoding="utf-8").endswith("</html>")
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_an_unwritable_place_is_one_clear_error(page: ReportPage, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write .*report\.html: File exists"):
        write_page(page, tmp_path / "file" / "report.html")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (1.0, "1"),
        (0.0501, "0.051"),
        (1e-6, "10<sup>−6</sup>"),
        (1e6, "10<sup>6</sup>"),
        (4.41e-7, "4.5 × 10<sup>−7</sup>"),
        (9.95e-5, "10<sup>−4</sup>"),
        (2.31e-308, "2.4 × 10<sup>−308</sup>"),
    ],
)
def test_probabilities_are_never_rounded_down(value: float | None, text: str) -> None:
    assert scientific(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(5.99, "+5.9"), (6.0, "+6.0"), (-1.42, "−1.5"), (0.04, "0.0"), (0.0, "0.0")]
)
def test_evidence_is_never_rounded_up(value: float, text: str) -> None:
    assert signed(value) == text
