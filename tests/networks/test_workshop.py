from functools import partial
from pathlib import Path

import torch

from sif.networks.architecture import Mlp, build
from sif.networks.thefts import Distil, Noise, Tune
from sif.networks.thefts.fit import Fit
from sif.networks.weights import digest_network
from sif.networks.workshop import Workshop
from tests.networks.small import ARCHITECTURE, examples, trained

DATA = examples(60)
SHORT = Fit(epochs=2)


def test_a_network_is_made_once_with_its_checkpoints(tmp_path: Path) -> None:
    begin = partial(build, ARCHITECTURE, seed=3)
    made = Workshop(tmp_path).trained(begin, DATA, SHORT, 1, checkpoints=(0.5,))
    (file,) = tmp_path.iterdir()
    written = file.stat().st_mtime_ns
    again = Workshop(tmp_path).trained(begin, DATA, SHORT, 1, checkpoints=(0.5,))
    assert file.stat().st_mtime_ns == written
    assert len(made.networks) == 2
    assert [digest_network(n) for n in again.networks] == [digest_network(n) for n in made.networks]
    assert 0 < again.seconds == round(made.seconds, 6)


def test_everything_that_decides_a_network_tells_it_apart(tmp_path: Path) -> None:
    shop, begin = Workshop(tmp_path), partial(build, ARCHITECTURE, seed=3)
    shop.trained(begin, DATA, SHORT, 1)
    shop.trained(begin, DATA, SHORT, 2)
    shop.trained(partial(build, ARCHITECTURE, seed=4), DATA, SHORT, 1)
    shop.trained(begin, examples(60, seed=9), SHORT, 1)
    shop.trained(begin, DATA, Fit(epochs=3), 1)
    victim = trained(1, DATA, epochs=1)
    shop.stolen(victim, Noise(sigma=0.1), DATA, 1)
    shop.stolen(victim, Noise(sigma=0.2), DATA, 1)
    shop.stolen(victim, Tune(training=SHORT), DATA, 1)
    shop.stolen(trained(2, DATA, epochs=1), Noise(sigma=0.1), DATA, 1)
    assert len(list(tmp_path.iterdir())) == 9


def test_a_student_of_another_architecture_is_found_again(tmp_path: Path) -> None:
    student = Mlp(inputs=(6,), widths=(4, 4), outputs=(3,))
    theft = Distil(student=student, training=SHORT)
    victim = trained(1, DATA, epochs=1)
    made, again = (Workshop(tmp_path).stolen(victim, theft, DATA, 1) for _ in range(2))
    assert torch.equal(made.networks[0](DATA.inputs), again.networks[0](DATA.inputs))


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    begin = partial(build, ARCHITECTURE, seed=3)
    made = Workshop(tmp_path).trained(begin, DATA, SHORT, 1)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-40])
    again = Workshop(tmp_path).trained(begin, DATA, SHORT, 1)
    assert digest_network(again.networks[0]) == digest_network(made.networks[0])
