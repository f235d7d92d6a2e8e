from sif.markdown import code, table


def test_what_stands_in_a_cell_stays_there() -> None:
    text = table(["a|b"], [["c\\|d"], ["e\n| f |"], ["\x1b[31mg"]])
    lines = text.splitlines()
    assert lines[0] == "| a\\|b |"
    assert lines[2:5] == ["| c\\|d |", "| e\\n\\| f \\| |", "| \\x1b[31mg |"]


def test_what_stands_between_ticks_stays_there() -> None:
    assert code("a`b\nc") == "`a'b\\nc`"
