"""A page about very many triggers: small, quick to read, and honest about what it leaves out."""

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from sif.fingerprint.folder import FingerprintSet
from sif.ownership import Observation, Policy, judge
from sif.report import views, write
from sif.report.curves import MOST_POINTS, MOST_TICKS, chart
from sif.report.page import SuspectView, TriggerView
from sif.report.render import MOST_BESIDE, render
from sif.report.write import MOST_PICTURES, write_report
from sif.watermark.greenlist import GreenCount
from tests.report.test_report import example
from tools.time_audit import answers, make_up, run_of

MANY = MOST_PICTURES + 20


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> FingerprintSet:
    """More triggers than a page shows."""
    return make_up(tmp_path_factory.mktemp("many") / "fp", triggers=MANY, vocabulary_size=600)


@pytest.fixture(scope="module")
def run(owned: FingerprintSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suspect who was asked all of them in an order that was drawn."""
    told = answers(owned, green=10, scored=20)
    folder = tmp_path_factory.mktemp("run") / "innocent"
    run_of(owned, told, folder, Policy(order="drawn"), control=False)
    return folder


def test_those_asked_first_are_shown_and_no_other_picture_is_read(
    owned: FingerprintSet, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    view = views._trigger_view

    def counted(epsilon: float, trigger: object) -> TriggerView:
        made = view(epsilon, trigger)  # type: ignore[arg-type]
        read.append(made.id)
        return made

    monkeypatch.setattr(views, "_trigger_view", counted)
    html = write_report(run, tmp_path / "page.html").read_text()
    assert f"Shown are {MOST_PICTURES} of {MANY} triggers: those that were asked first" in html
    assert html.count("<figure id=") == html.count('class="thumb thumb-') == MOST_PICTURES
    assert len(read) < MOST_PICTURES + 5  # checks of types look at one or two
    asked = re.findall(r'<span class="who">(\d+)</span>\n<span class="count">', html)
    assert len(asked) == MANY
    assert set(read) == set(asked[:MOST_PICTURES])
    assert asked != sorted(asked)


def test_many_answers_are_counted_and_some_are_shown(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "MOST_ANSWERS", 30)
    html = write_report([run, run], tmp_path / "page.html").read_text()
    assert html.count("Shown are the first 15 answers. The other 105 count alike") == 2
    assert html.count('<details class="reply"') == 30
    assert html.count(f"{MANY} of {MANY}</td>") == 2


def test_few_triggers_are_all_shown_and_nothing_is_said() -> None:
    html = render(example())
    assert "Shown are" not in html
    assert '<details class="more">' not in html


def _many_counts(number: int) -> SuspectView:
    """Evidence that rises far, falls for a moment, and rises again."""
    greens = [5 if abs(place - number // 2) < 40 else 36 for place in range(number)]
    seen = [
        Observation(trigger=str(place), count=GreenCount(green=green, scored=40))
        for place, green in enumerate(greens)
    ]
    verdict = judge(seen, vocabulary_size=600, green_size=300, policy=Policy())
    return SuspectView(name="endpoint", label="", engine="", verdict=verdict)


def test_a_long_curve_keeps_its_ends_its_highest_and_its_lowest_point() -> None:
    suspect = _many_counts(3000)
    drawn = chart([suspect])
    (curve,) = drawn.curves
    points = [tuple(map(float, point.split(","))) for point in curve.points.split()]
    assert len(points) <= MOST_POINTS + 2
    assert points == sorted(points, key=lambda point: point[0])
    assert points[0][0] == 0.0
    assert points[-1] == curve.end
    assert points[-1][0] == 100.0
    assert any(after[1] > before[1] for before, after in pairwise(points)), "lost bets are seen"
    assert suspect.verdict.log10_e_value > 10_000
    assert len(drawn.down) <= MOST_TICKS + 1


def test_of_many_suspects_each_plot_shows_its_own_curve_alone() -> None:
    page = example()
    several = [replace(page.suspects[0], label=f"suspect {i}") for i in range(MOST_BESIDE + 1)]
    html = render(replace(page, suspects=several))
    assert html.count("<polyline ") == 2 * len(several)
