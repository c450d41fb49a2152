"""Every story of `tests/stories` happens as it is told, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import storybook
from tests.conftest import Ledger
from tests.storybook import Storyteller, Unclear

STORIES = storybook.titles()


def test_there_are_stories_enough_to_judge_the_rules_by() -> None:
    assert len(STORIES) >= 40


@pytest.mark.parametrize("story", STORIES)
def test_it_happens_as_it_is_told(sqlite_ledger: Ledger, story: str) -> None:
    Storyteller(sqlite_ledger).tell(STORIES[story])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("# A\nexpect\n  A: Alice 1.00\n", "KeyError|'A'"),
        ("# A\nstory\n  day 1  Zoe dances\nexpect\n  A: nobody\n", "no sentence that we know"),
        ("# A\nstory\n  day 1  Zoe orders A for 5.00\n", "expects nothing"),
        ("# A\nstory\n  day 1  Zoe orders A for 5.00\nexpect\n  A: Alice 5.00\n", "expected"),
        ("# A\ncodes\n  A10: Alice\nexpect\n  A: nobody\n", "who is Alice"),
    ],
)
def test_a_story_that_goes_otherwise_is_found_out(
    sqlite_ledger: Ledger, tmp_path: Path, text: str, complaint: str
) -> None:
    path = tmp_path / "story.txt"
    path.write_text(text)
    with pytest.raises(Unclear, match=complaint):
        Storyteller(sqlite_ledger).tell(path)
