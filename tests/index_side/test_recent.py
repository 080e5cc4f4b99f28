"""What was used last is kept, up to a weight."""

from __future__ import annotations

from index.recent import Recent


def test_what_was_used_longest_ago_goes_first() -> None:
    recent: Recent[str] = Recent(2)
    for key in ("a", "b"):
        assert recent.keep(key, key * 9) == key * 9
    recent.get("a")
    recent.keep("c", "ccc")
    assert [recent.get(key) is not None for key in "abc"] == [True, False, True]


def test_values_count_by_their_weight_and_the_same_key_counts_once() -> None:
    recent: Recent[str] = Recent(10, len)
    for _ in range(3):
        recent.keep("a", "12345")
    recent.keep("b", "1234")
    assert recent.get("a") == "12345"
    recent.keep("c", "12")
    assert [recent.get(key) for key in "abc"] == ["12345", None, "12"]


def test_what_is_dropped_makes_room() -> None:
    recent: Recent[str] = Recent(2)
    recent.keep("a", "1")
    recent.keep("b", "2")
    recent.drop("a")
    recent.drop("never there")
    recent.keep("c", "3")
    assert [recent.get(key) for key in "abc"] == [None, "2", "3"]


def test_what_is_too_heavy_by_itself_is_handed_back_and_not_kept() -> None:
    recent: Recent[str] = Recent(3, len)
    recent.keep("a", "1")
    assert recent.keep("b", "12345") == "12345"
    assert (recent.get("a"), recent.get("b")) == ("1", None)
