from sif.difference import differences


def test_places_and_both_values_are_named() -> None:
    then = {"a": {"steps": 20, "rate": 1.0}, "b": [1, 2], "c": None, "d": [1]}
    now = {"a": {"steps": 80, "rate": 1.0}, "b": [1, 3], "c": "x", "d": []}
    assert differences(then, now) == (
        'a.steps: 20 then, 80 now; b[1]: 2 then, 3 now; c: none then, "x" now; 1 more'
    )
    assert differences(then, then) == ""


def test_long_values_are_cut_where_they_differ_and_shown_in_one_line() -> None:
    words = differences({"a": "x" * 500 + "1\n"}, {"a": "x" * 500 + "2" * 500})
    assert "1\\n" in words
    assert "x2222" in words
    assert words.isprintable()
    assert len(words) < 250
