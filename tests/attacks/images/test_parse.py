from collections.abc import Callable

import pytest

from sif.attacks.images import (
    Bits,
    Blur,
    Brightness,
    Chain,
    Contrast,
    Crop,
    CropPad,
    Gamma,
    ImageAttack,
    Jpeg,
    Median,
    Noise,
    Nothing,
    Purify,
    PurifyLearned,
    Resize,
    Rotate,
    SaltPepper,
    Screenshot,
    Webp,
    parse_image_attack,
)
from sif.attacks.images.parse import NAMES
from sif.errors import UsageError

READ: dict[str, ImageAttack] = {
    "jpeg:75": Jpeg(quality=75),
    "resize:0.5": Resize(factor=0.5),
    "noise:4": Noise(deviation=4),
    "blur:1": Blur(radius=1),
    "crop:0.05": Crop(share=0.05),
    "bits:5": Bits(bits=5),
    "webp:75": Webp(quality=75),
    "screenshot:1.25": Screenshot(scale=1.25),
    "crop-pad:0.05": CropPad(share=0.05),
    "rotate:-2": Rotate(angle=-2),
    "salt-pepper:0.01": SaltPepper(share=0.01),
    "median:1": Median(radius=1),
    "brightness:1.2": Brightness(factor=1.2),
    "contrast:0.8": Contrast(factor=0.8),
    "gamma:1.5": Gamma(exponent=1.5),
    "purify:8": Purify(deviation=8),
    "purify-learned:16": PurifyLearned(deviation=16),
    "purify-learned:8@gaussian": PurifyLearned(deviation=8, weights="gaussian"),
    "purify-learned:8@own/mine.safetensors": PurifyLearned(
        deviation=8, weights="own/mine.safetensors"
    ),
    "none": Nothing(),
    "resize:0.5+jpeg:75": Chain(steps=(Resize(factor=0.5), Jpeg(quality=75))),
    "jpeg:75+resize:0.5": Chain(steps=(Jpeg(quality=75), Resize(factor=0.5))),
    "blur:1+noise:2.5+bits:6": Chain(steps=(Blur(radius=1), Noise(deviation=2.5), Bits(bits=6))),
    "noise:0.30000000000000004": Noise(deviation=0.1 + 0.2),
    "rotate:2+webp:60+purify:4.5": Chain(
        steps=(Rotate(angle=2), Webp(quality=60), Purify(deviation=4.5))
    ),
    "blur:1e-05": Blur(radius=0.00001),
}


@pytest.mark.parametrize("text", READ)
def test_a_text_is_read_and_written_back(text: str) -> None:
    assert parse_image_attack(text) == READ[text]
    assert str(READ[text]) == text


@pytest.mark.parametrize(
    ("text", "shortest"),
    [
        ("resize:.50", "resize:0.5"),
        ("noise:4.0", "noise:4"),
        ("jpeg:075", "jpeg:75"),
        (" resize:0.5 + jpeg:75 ", "resize:0.5+jpeg:75"),
        ("none+jpeg:75+none", "jpeg:75"),
        ("none+none", "none"),
        ("purify-learned:8.0@informed", "purify-learned:8"),
    ],
)
def test_other_spellings_have_one_shortest_form(text: str, shortest: str) -> None:
    assert str(parse_image_attack(text)) == shortest


@pytest.mark.parametrize("text", ["jpeg:1", "jpeg:100", "resize:0.01", "resize:4", "crop:0.9"])
def test_the_ends_of_a_range_belong_to_it(text: str) -> None:
    assert str(parse_image_attack(text)) == text


REFUSED = {
    "": (*NAMES, "got ''"),
    "flip": (*NAMES, "got 'flip'", "jpeg:75"),
    "JPEG:75": (*NAMES, "'JPEG:75'"),
    "75": NAMES,
    "jpeg:75+": NAMES,
    "jpeg:75,blur:1": ("quality", "1 to 100", "'75,blur:1'"),
    "flip\nand shout": (r"'flip\nand shout'",),
    "x" * 9999: (*NAMES, "…"),
    "none:3": ("no number", "'none:3'"),
    "jpeg": ("jpeg needs its quality", "whole number from 1 to 100", "jpeg:75"),
    "jpeg:": ("jpeg needs its quality", "whole number from 1 to 100", "jpeg:75"),
    "jpeg:0": ("quality", "from 1 to 100", "got '0'", "jpeg:75"),
    "jpeg:101": ("quality", "from 1 to 100", "got '101'"),
    "jpeg:-5": ("quality", "from 1 to 100", "got '-5'"),
    "jpeg:75.5": ("whole number", "got '75.5'"),
    "jpeg:high": ("whole number", "got 'high'"),
    "jpeg:７５": ("whole number", "got '７５'"),
    "jpeg:7_5": ("whole number", "got '7_5'"),
    "jpeg:" + 9999 * "9": ("from 1 to 100", "…"),
    "blur:1+jpeg:0": ("quality of jpeg", "from 1 to 100"),
    "resize:0": ("factor of resize", "from 0.01 to 4", "got '0'"),
    "resize:50%": ("factor of resize", "'50%'", "resize:0.5"),
    "noise:256": ("standard deviation of noise", "from 0 to 255", "got '256'"),
    "noise:nan": ("from 0 to 255", "got 'nan'"),
    "noise:1e999": ("from 0 to 255", "got '1e999'"),
    "blur:-1": ("radius of blur", "from 0 to 100", "got '-1'"),
    "blur:100.1": ("from 0 to 100", "got '100.1'"),
    "crop:1": ("share of crop", "from 0 to 0.9", "crop:0.05"),
    "bits:9": ("number of bits", "from 1 to 8", "bits:5"),
    "webp:101": ("quality of webp", "from 0 to 100", "webp:75"),
    "screenshot:0": ("scale of screenshot", "from 0.25 to 4", "screenshot:1.25"),
    "crop-pad:1": ("share of crop-pad", "from 0 to 0.9", "crop-pad:0.05"),
    "rotate:90": ("angle of rotate", "from -45 to 45", "rotate:2"),
    "salt-pepper:2": ("share of salt-pepper", "from 0 to 1", "salt-pepper:0.01"),
    "median:1.5": ("radius of median", "whole number from 0 to 10", "median:1"),
    "brightness:-1": ("factor of brightness", "from 0 to 4", "brightness:1.2"),
    "contrast:5": ("factor of contrast", "from 0 to 4", "contrast:0.8"),
    "gamma:0": ("exponent of gamma", "from 0.1 to 10", "gamma:1.5"),
    "purify:-1": ("standard deviation of purify", "from 0 to 100", "purify:16"),
    "purify": ("purify needs its standard deviation", "from 0 to 100", "purify:16"),
    "purify-learned": ("purify-learned needs its standard deviation", "purify-learned:16"),
    "purify-learned:101": ("standard deviation of purify-learned", "from 0 to 100"),
    "purify-learned:8@": ("informed or gaussian", ".safetensors", "got ''"),
    "purify-learned:8@mine.pt": ("informed or gaussian", "'mine.pt'"),
    "bits": ("bits needs its number", "from 1 to 8", "bits:5"),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[:20]))
def test_what_cannot_be_read_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        parse_image_attack(text)
    message = str(refusal.value)
    assert len(message.splitlines()) == 1
    assert len(message) < 320
    for word in REFUSED[text]:
        assert word in message


@pytest.mark.parametrize(
    ("make", "limits"),
    [
        (lambda: Jpeg(quality=0), "1 to 100"),
        (lambda: Resize(factor=5), "0.01 to 4"),
        (lambda: Noise(deviation=float("nan")), "0 to 255"),
        (lambda: Blur(radius=-0.5), "0 to 100"),
        (lambda: Crop(share=1), "0 to 0.9"),
        (lambda: Bits(bits=9), "1 to 8"),
        (lambda: Webp(quality=-1), "0 to 100"),
        (lambda: Screenshot(scale=5), "0.25 to 4"),
        (lambda: CropPad(share=1), "0 to 0.9"),
        (lambda: Rotate(angle=float("inf")), "-45 to 45"),
        (lambda: SaltPepper(share=1.1), "0 to 1"),
        (lambda: Median(radius=11), "0 to 10"),
        (lambda: Brightness(factor=-1), "0 to 4"),
        (lambda: Contrast(factor=-1), "0 to 4"),
        (lambda: Gamma(exponent=0), "0.1 to 10"),
        (lambda: Purify(deviation=101), "0 to 100"),
        (lambda: PurifyLearned(deviation=-1), "0 to 100"),
    ],
)
def test_an_attack_made_in_python_has_the_same_range(
    make: Callable[[], ImageAttack], limits: str
) -> None:
    with pytest.raises(UsageError, match=limits):
        make()


EXAMPLES = {
    "jpeg": "jpeg:75",
    "webp": "webp:75",
    "resize": "resize:0.5",
    "screenshot": "screenshot:1.25",
    "crop": "crop:0.05",
    "crop-pad": "crop-pad:0.05",
    "rotate": "rotate:2",
    "noise": "noise:4",
    "salt-pepper": "salt-pepper:0.01",
    "blur": "blur:1",
    "median": "median:1",
    "bits": "bits:5",
    "brightness": "brightness:1.2",
    "contrast": "contrast:0.8",
    "gamma": "gamma:1.5",
    "purify": "purify:16",
    "purify-learned": "purify-learned:16",
}


def test_the_names_are_these_in_this_order() -> None:
    assert (*EXAMPLES, "none") == NAMES


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_attack_is_read_by_the_name_that_it_writes_and_shows_its_example(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} needs .* for example {EXAMPLES[name]}$"):
        parse_image_attack(name)
    assert str(parse_image_attack(EXAMPLES[name])) == EXAMPLES[name]
