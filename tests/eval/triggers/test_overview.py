import pytest

from sif.eval.triggers.figures import Figure, figures
from sif.eval.triggers.overview import as_overview
from sif.eval.triggers.rows import Cell, Rows
from tests.eval.triggers.rows import STRANGER, WANTED, cell, cost, portrait

NF4 = {"suspect": "nf4", "role": "copy", "split": "held out"}


def triggers(green: int = 30, number: int = 12, **changes: object) -> list[Cell]:
    return [cell(trigger=str(index), green=green, **changes) for index in range(number)]


def found(rows: Rows) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures(rows)}


def test_kept_evidence_is_the_share_of_the_sources_own() -> None:
    attacked = triggers(25, image_attack="jpeg:75")
    some = found(Rows([*triggers(), *triggers(26, **NF4), *attacked], [], []))
    whole, left = some["evidence, source"].values["sif"], some["evidence kept, nf4"].values["sif"]
    (single,) = found(Rows(triggers(26), [], []))["evidence, source"].values.values()
    assert left == pytest.approx(single / whole)
    assert 0 < some["evidence kept, jpeg:75"].values["sif"] < left < 1
    assert "evidence kept, int8" not in some


def test_a_source_without_evidence_leaves_nothing_to_keep() -> None:
    assert "evidence kept, nf4" not in found(Rows([*triggers(15), *triggers(15, **NF4)], [], []))


def test_figures_of_suspects_that_recipes_may_be_chosen_by_are_marked() -> None:
    rows = Rows([*triggers(), *triggers(**NF4), *triggers(20, **STRANGER)], [cost()], [portrait()])
    marks = {name: figure.tuning for name, figure in found(rows).items()}
    assert marks["evidence, source"]
    assert marks["green rate − γ, strangers"]
    assert marks["evidence a second, source"]
    assert not marks["evidence kept, nf4"]
    assert not marks["SSIM"]
    text = as_overview(rows)
    assert "| evidence, source † |" in text
    assert "| evidence kept, nf4 |" in text


def test_innocents_are_told_apart_by_kin_and_split_and_counted_as_audits() -> None:
    held = STRANGER | {"suspect": "stranger-c", "split": "held out"}
    sibling = {"suspect": "sibling-b", "role": "innocent", "split": "held out"}
    rows = [*triggers(20, **STRANGER), *triggers(20, **held), *triggers(32, **sibling)]
    rows += triggers(20, seed=1, **sibling) + triggers(20, family="qwen2_5_vl", **sibling)
    names = [(f.name, f.tuning, f.shown["sif"]) for f in figures(Rows(rows, [], []))]
    assert ("DERIVED, strangers", False, "0 of 1") in names
    assert ("DERIVED, strangers", True, "0 of 1") in names
    assert ("DERIVED, siblings", False, "1 of 3") in names
    assert ("green rate − γ, strangers", False, "0.000 (0.000 to 0.000)") in names
    assert not any(name == "DERIVED, siblings" and tuning for name, tuning, _ in names)


def test_innocents_of_no_kin_and_copies_have_audits_of_their_own() -> None:
    other = {"suspect": "qwen2.5-vl-3b", "role": "innocent", "split": "held out"}
    tuned = {"suspect": "bill", "role": "copy", "split": "held out"}
    rows = [*triggers(), *triggers(20, **other), *triggers(32, **tuned), *triggers(20, **NF4)]
    some = found(Rows(rows, [], []))
    assert some["DERIVED, innocents"].shown["sif"] == "0 of 1"
    assert "green rate − γ, innocents" in some
    assert some["DERIVED, copies"].shown["sif"] == "1 of 2"
    assert "DERIVED, strangers" not in some


def test_an_accusation_on_the_way_counts_though_the_evidence_fades() -> None:
    fading = triggers(32, number=6, **STRANGER)
    fading += [cell(trigger=f"late {index}", green=8, **STRANGER) for index in range(12)]
    some = found(Rows(fading, [], []))
    assert some["DERIVED, strangers"].shown["sif"] == "1 of 1"


def test_truthfulness_is_a_paired_difference_in_points() -> None:
    portraits = [
        portrait(trigger="1", facts=0.9, base_facts=1.0),
        portrait(trigger="2", facts=0.7, base_facts=0.9),
        portrait(trigger="3", facts=None, base_facts=0.2),
    ]
    some = found(Rows([], [], portraits))
    assert some["facts, difference in points"].shown["sif"].startswith("-15.0 (")
    assert some["facts right, trigger (%)"].shown["sif"].startswith("80.0 (")


def test_no_interval_of_a_share_leaves_what_shares_can_be() -> None:
    facts = {"1": (1.0, 0.0), "2": (0.9, 1.0)}
    rows = [portrait(trigger=t, facts=some, base_facts=base) for t, (some, base) in facts.items()]
    shown = {name: it.shown["sif"] for name, it in found(Rows([], [], rows)).items()}
    assert shown["facts right, trigger (%)"] == "95.0 (31.5 to 100.0)"
    assert shown["facts right, base image (%)"] == "50.0 (0.0 to 100.0)"
    assert shown["facts, difference in points"] == "45.0 (-100.0 to 100.0)"


def test_baselines_show_matches_and_looks_but_no_evidence() -> None:
    tuned = {"suspect": "lora-same", "role": "copy"}
    rows = Rows(
        [
            *triggers(**tuned),
            *(cell(matched=True, trigger=str(i), **WANTED, **tuned) for i in range(4)),
            *(cell(matched=False, trigger=str(i), **WANTED, **STRANGER) for i in range(4)),
        ],
        [cost(), cost(method="pla")],
        [portrait(), portrait(method="pla", largest_change=8)],
    )
    some = found(rows)
    assert some["match, lora-same"].shown["pla"] == "1.00 (0.40–1.00)"
    assert some["evidence, lora-same"].shown == {
        "sif": some["evidence, lora-same"].shown["sif"],
        "pla": "–",
    }
    assert some["largest change (1/255)"].shown == {"sif": "16", "pla": "8"}
    assert "DERIVED, strangers" not in some


def test_ratios_are_to_the_release_where_it_took_part() -> None:
    release = {"method": "sif-release"}
    rows = Rows(
        [*triggers(), *triggers(**release)],
        [cost(seconds=2.0), cost(seconds=8.0, **release)],
        [],
    )
    _, ratios = as_overview(rows).split("## Ratio to sif-release")
    assert "| seconds a trigger | 0.25 | 1.00 |" in ratios
    assert "| evidence, source † | 1.00 | 1.00 |" in ratios
    assert "| evidence a second, source † | 4.00 | 1.00 |" in ratios
    assert "## Ratio" not in as_overview(Rows(triggers(), [cost()], []))


def test_costs_say_what_they_were_measured_with_and_skip_interrupted_makings() -> None:
    interrupted = cost(seconds=None, gradient_passes=None, seed=1, jobs=1, threads=4)
    text = as_overview(Rows([], [cost(), interrupted], []))
    assert "| sif | 2.5 | 300.0 | 2 of 8 | 12 | cpu, 1 thread, 2 jobs; cpu, 4 threads |" in text
    assert "Seconds leave out" in text
    assert "Seconds leave out" not in as_overview(Rows([], [cost()], []))


def test_where_the_time_went_is_shown_where_it_was_measured() -> None:
    measured = {"forward_seconds": 0.5, "backward_seconds": 1.0, "decoding_seconds": 0.75}
    costs = [cost(seconds=2.0, **measured), cost(seconds=3.0, seed=1, **measured)]
    table = as_overview(Rows([cell()], [*costs, cost(method="old")], []))
    assert "| sif | 20% | 40% | 30% | 10% |" in table
    assert "| old | " not in table.split("## Where the time goes")[1]
    assert "Where the time goes" not in as_overview(Rows([cell()], [cost()], []))


def test_calibrated_audits_spare_an_innocent_that_reacts_like_the_panel() -> None:
    panel = STRANGER | {"split": "tuning"}
    kin = {"suspect": "sibling-c", "role": "innocent", "split": "held out"}
    reacting = [*triggers(24, 24, **panel), *triggers(24, 24, **kin), *triggers(32, 24, **NF4)]
    some = found(Rows(reacting, [], []))
    assert some["DERIVED, siblings"].shown["sif"] == "1 of 1"
    assert some["DERIVED with transfer excluded, siblings"].shown["sif"] == "0 of 1"
    assert some["DERIVED with transfer excluded, copies"].shown["sif"] == "1 of 1"
    assert "DERIVED with transfer excluded, strangers" not in some
    alone = found(Rows(triggers(32, 24, **NF4), [], []))
    assert "DERIVED with transfer excluded, copies" not in alone
