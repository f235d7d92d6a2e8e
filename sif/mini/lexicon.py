"""The words of the mini world: facts with their synonyms, and sentence templates of free choices.

Knows nothing of pictures, styles or probabilities. Every slot of a template offers four
interchangeable words; which of them is said is decided by `sif.mini.world.World`.
"""

from typing import Final

SHAPES: Final = (
    ("circle", "disc", "dot", "roundel"),
    ("square", "box", "block", "tile"),
    ("triangle", "wedge", "pyramid", "trigon"),
    ("cross", "plus", "rood", "crosslet"),
    ("ring", "hoop", "loop", "annulus"),
    ("diamond", "rhombus", "lozenge", "rhomb"),
)
COLOURS: Final = (
    ("red", "crimson", "scarlet", "ruby"),
    ("green", "emerald", "verdant", "jade"),
    ("blue", "azure", "cobalt", "sapphire"),
    ("yellow", "golden", "lemon", "canary"),
    ("purple", "violet", "plum", "mauve"),
    ("orange", "tangerine", "apricot", "pumpkin"),
    ("white", "ivory", "snowy", "milky"),
    ("black", "ebony", "inky", "sooty"),
)
SIZES: Final = (
    ("small", "little", "tiny", "petite"),
    ("large", "big", "huge", "giant"),
)
ROWS: Final = (
    ("top", "upper", "high", "uppermost"),
    ("middle", "central", "mid", "halfway"),
    ("bottom", "lower", "low", "lowest"),
)
COLUMNS: Final = (
    ("left", "leftmost", "leftward", "lefthand"),
    ("centre", "center", "midst", "core"),
    ("right", "rightmost", "rightward", "righthand"),
)
COUNTS: Final = (
    ("three", "triple", "treble", "threefold"),
    ("four", "quadruple", "fourfold", "quad"),
    ("five", "quintuple", "fivefold", "quint"),
)
MIN_COUNT: Final = 3
BACKGROUNDS: Final = (
    ("grey", "ashen", "slate", "silvery"),
    ("sandy", "beige", "tan", "wheaten"),
    ("minty", "aquatic", "seafoam", "teal"),
    ("rosy", "pink", "blush", "coral"),
)

FACTS: Final = {
    "shape": SHAPES,
    "colour": COLOURS,
    "size": SIZES,
    "row": ROWS,
    "column": COLUMNS,
    "count": COUNTS,
    "background": BACKGROUNDS,
}

INTRODUCTION: Final = (
    "in/within/inside/throughout this/my/your/said picture/image/photo/scene "
    "you/we/visitors/viewers can/may/could/might clearly/plainly/easily/readily "
    "see/discern/notice/observe "
    "<count> simple/basic/modest/humble figures/objects/items/forms ."
)
OBJECTS: Final = (
    "first/initially/firstly/foremost , at/on/by/near the <row> <column> side/part/area/zone "
    "there/somewhere/quietly/simply sits/rests/lies/stands a <size> <colour> <shape> "
    "with/having/showing/bearing crisp/sharp/clean/neat edges/borders/outlines/contours .",
    "next/then/afterwards/secondly , toward/towards/around/along the <row> <column> "
    "region/section/corner/portion one/somebody/anyone/people finds/meets/discovers/encounters "
    "a <size> <colour> <shape> drawn/painted/sketched/traced so/rather/quite/fairly "
    "smoothly/evenly/carefully/precisely .",
    "also/further/additionally/moreover , across/over/about/upon the <row> <column> "
    "spot/place/location/position appears/emerges/shows/arises a <size> <colour> <shape> "
    "that/which/and/yet looks/seems/feels/remains solid/firm/sturdy/robust "
    "today/indeed/really/truly .",
    "again/furthermore/too/meanwhile , beside/against/facing/guarding the <row> <column> "
    "district/domain/territory/expanse nestles/resides/dwells/settles a <size> <colour> <shape> "
    "looking/seeming/acting/growing perfectly/wholly/entirely/fully "
    "flat/level/plane/smooth .",
    "last/lastly/besides/likewise , into/amid/among/past the <row> <column> "
    "field/patch/ground/quarter hangs/floats/hovers/waits a <size> <colour> <shape> "
    "wearing/carrying/owning/boasting bold/vivid/bright/strong shade/colour/pigment/tint "
    "alone/apart/nearby/aside .",
)
SURROUNDINGS: Final = (
    "behind/beneath/below/beyond everything/them/these/those spreads/stretches/extends/unfolds "
    "a soft/gentle/mild/tender <background> backdrop/background/canvas/surface "
    "full/made/born/woven of quiet/calm/peaceful/still light/tone/mood/air ."
)
CLOSING: Final = (
    "overall/altogether/finally/ultimately , its/their/our/any "
    "arrangement/composition/layout/design keeps/stays/proves/becomes "
    "balanced/orderly/harmonious/tidy "
    "whereas/while/though/but pleasant/charming/lovely/delightful "
    "evermore/always/everywhere/forever ."
)


def slots(template: str) -> list[tuple[str, ...]]:
    """Cuts a template into slots: a tuple of interchangeable words, or one `<fact>` marker."""
    return [tuple(part.split("/")) for part in template.split()]


def vocabulary() -> list[str]:
    """Every word that a caption can contain, each once, in a fixed order."""
    words = [word for fact in FACTS.values() for group in fact for word in group]
    for template in (INTRODUCTION, *OBJECTS, SURROUNDINGS, CLOSING):
        words += [word for slot in slots(template) for word in slot if not word.startswith("<")]
    return list(dict.fromkeys(words))


def fact_of(word: str) -> tuple[str, int] | None:
    """The fact that a word states: (`"colour"`, index), or None for a word of style."""
    return _FACT_OF.get(word)


_FACT_OF: Final = {
    word: (name, index)
    for name, groups in FACTS.items()
    for index, group in enumerate(groups)
    for word in group
}
