import re
from pathlib import Path

from sif.eval.bench.plots import write_plots
from sif.eval.bench.summary import Line


def line(method: str, suspect: str, image: str = "none", evidence: float = 1.0) -> Line:
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


def test_every_suspect_method_and_attack_is_in_its_picture(tmp_path: Path) -> None:
    lines = [
        line(method, suspect, image)
        for method in ("sif", "sif-release")
        for suspect, image in (("source", "none"), ("source", "jpeg:75"), ("nf4", "none"))
    ]
    suspects, attacks = (_texts(path.read_text()) for path in write_plots(tmp_path, lines))
    assert {"source", "nf4", "sif", "sif-release"} <= suspects
    assert "jpeg:75" not in suspects
    assert {"none", "jpeg:75", "sif", "sif-release"} <= attacks
    assert "nf4" not in attacks


def test_a_benchmark_without_the_source_has_an_empty_second_picture(tmp_path: Path) -> None:
    files = write_plots(tmp_path, [line("sif", "nf4")])
    assert [path.name for path in files] == ["suspects.svg", "image-attacks.svg"]
    assert all(path.read_text().startswith("<?xml") for path in files)
