import re

from sif.eval.triggers.plots import plots
from sif.eval.triggers.summary import Line
from tests.eval.triggers.rows import cost


def line(method: str, suspect: str, image: str = "none", evidence: float | None = 1.0) -> Line:
    return Line(
        method=method,
        suspect=suspect,
        role="source" if suspect == "source" else "copy",
        split="tuning",
        image_attack=image,
        triggers=8,
        answered=8,
        green=0.6,
        match=None,
        evidence=evidence,
        needed=None,
    )


def _texts(svg: str) -> set[str]:
    """matplotlib notes every text that it draws as a path in a comment."""
    return {text.strip() for text in re.findall(r"<!-- (.*?) -->", svg)}


COSTS = [cost(), cost(method="sif-release", seconds=7.0), cost(method="pla")]


def test_every_suspect_method_and_attack_is_in_its_picture() -> None:
    lines = [
        line(method, suspect, image)
        for method in ("sif", "sif-release")
        for suspect, image in (("source", "none"), ("source", "jpeg:75"), ("nf4", "none"))
    ]
    suspects, attacks, heat, price = (
        _texts(plot.decode()) for plot in plots(lines, COSTS).values()
    )
    assert {"source", "nf4", "sif", "sif-release"} <= suspects
    assert "jpeg:75" not in suspects
    assert {"none", "jpeg:75", "sif", "sif-release"} <= attacks
    assert "nf4" not in attacks
    assert {"source", "nf4", "none", "jpeg:75", "sif", "sif-release"} <= heat
    assert {"sif", "sif-release", "seconds a trigger"} <= price


def test_the_heat_map_writes_every_value_where_its_suspect_and_attack_are() -> None:
    lines = [line("sif", "source", evidence=2.25), line("sif", "nf4", "jpeg:75", evidence=-0.125)]
    assert {"2.2", "−0.12"} <= _texts(plots(lines, COSTS)["heatmap.svg"].decode())


def test_methods_without_evidence_or_cost_are_not_drawn() -> None:
    lines = [line("sif", "source"), line("pla", "source", evidence=None), line("new", "source")]
    drawn = [_texts(plot.decode()) for plot in plots(lines, COSTS).values()]
    assert all("sif" in texts and "pla" not in texts for texts in drawn)
    assert ["new" in texts for texts in drawn] == [True, True, True, False]


def test_a_benchmark_without_the_source_or_evidence_has_empty_pictures() -> None:
    for lines in ([line("sif", "nf4")], [line("pla", "nf4", evidence=None)], []):
        files = plots(lines, [])
        assert list(files) == [
            "suspects.svg",
            "image-attacks.svg",
            "heatmap.svg",
            "cost.svg",
        ]
        assert all(plot.startswith(b"<?xml") for plot in files.values())
