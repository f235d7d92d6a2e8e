import numpy as np

from sif.eval.training.photographs import LONGEST, crops, photographs, scribble


def test_no_photograph_is_both_seen_and_unseen() -> None:
    seen, unseen = ({p.tobytes() for p in photographs(s)} for s in ("seen", "unseen"))
    assert len(seen) >= 10
    assert len(unseen) >= 5
    assert not seen & unseen
    assert all(max(p.size) <= LONGEST for p in photographs("seen"))


def test_crops_have_the_size_and_the_seed_decides_them() -> None:
    first, again = (
        crops("seen", number=6, side=40, rng=np.random.default_rng(3)) for _ in range(2)
    )
    assert [crop.size for crop in first] == [(40, 40)] * 6
    assert [crop.tobytes() for crop in first] == [crop.tobytes() for crop in again]
    assert len({crop.tobytes() for crop in first}) == 6


def test_a_scribble_has_ink_and_ground() -> None:
    for seed in range(8):
        grey = np.asarray(scribble(64, np.random.default_rng(seed)).convert("L"), float)
        assert grey.max() - grey.min() > 60
