from dataclasses import replace

import numpy as np

from sif.mini.real.painter import SIDE, paint
from sif.mini.real.scene import names, sample_real_scene


def test_a_scene_is_always_painted_alike_and_every_part_of_it_shows():
    scene = sample_real_scene(np.random.default_rng(3))
    picture = np.asarray(paint(scene))
    assert picture.shape == (SIDE, SIDE, 3)
    assert np.array_equal(picture, np.asarray(paint(scene)))
    others = [
        replace(scene, things=scene.things[1:]),
        replace(scene, colour=(scene.colour + 1) % 8),
        replace(scene, pattern=(scene.pattern + 1) % 4),
    ]
    for other in others:
        assert (np.asarray(paint(other)) != picture).any()


def test_every_name_has_a_picture_of_its_own():
    scene = sample_real_scene(np.random.default_rng(4))
    thing = replace(scene.things[0], side=64, size=1)
    painted = {
        paint(replace(scene, things=(replace(thing, name=name),))).tobytes()
        for name in range(len(names()))
    }
    assert len(painted) == len(names())
