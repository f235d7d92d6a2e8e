import numpy as np

from sif.eval.training.real_tower import COUNTS, spelt
from sif.mini.real.scene import COLOURS, PATTERNS, SIZES, names, sample_real_scene
from sif.mini.real.shell import TOKENS


def test_image_tokens_spell_out_every_fact_where_it_is():
    scene = sample_real_scene(np.random.default_rng(5))
    words = spelt(scene)
    assert len(words) == TOKENS
    for thing in scene.things:
        row, column = divmod(thing.cell, 3)
        corner = 12 * row + 2 * column
        assert words[corner] == words[corner + 7] == names()[thing.name]
        assert words[corner + 6] == SIZES[thing.size]
    ground = COLOURS[scene.colour], PATTERNS[scene.pattern]
    empty = 9 - len(scene.things)
    assert [words.count(word) for word in (*ground, COUNTS[len(scene.things)])] == [empty] * 3
