"""What is known at a moment, against a slow model that looks at every version."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.contract import Complete, Cursor, Delete, Upsert
from evaluation.simulate.timeline import TimelineConnector
from evaluation.simulate.version import History, Version
from tests.evaluation.simulate.world import article, day

versions = st.lists(
    st.builds(
        lambda id, start, gone, stay: article(id, start, None if gone else f"{id} at {start}", until=start + stay),
        st.sampled_from("abc"),
        st.integers(0, 20),
        st.booleans(),
        st.integers(1, 9),
    ),
    max_size=12,
    unique_by=lambda version: (version.id, version.start),
)


def slowly(all_versions: list[Version], moment: datetime) -> dict[str, bytes]:
    """Of each article its last version that began before ``moment``, unless it ended before it."""
    known: dict[str, bytes] = {}
    for name in {version.id for version in all_versions}:
        begun = [version for version in all_versions if version.id == name and version.start < moment]
        last = max(begun, key=lambda version: version.start, default=None)
        if last is not None and last.content is not None and not (last.until is not None and last.until < moment):
            known[name] = last.content
    return known


@given(versions, st.integers(0, 30))
def test_a_moment_sees_the_last_version_that_began_before_it(given_versions: list[Version], at: int) -> None:
    history = History(given_versions)
    state = history.state(history.before(day(at)))
    assert {name: version.content for name, version in state.items()} == slowly(given_versions, day(at))


@given(versions, st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_following_the_connector_from_any_cursor_gives_the_state(
    given_versions: list[Version], moments: list[int]
) -> None:
    history = History(given_versions)
    shelf: dict[str, bytes] = {}
    cursor: Cursor | None = None
    for at in moments:  # in any order: time may jump back
        position = history.before(day(at))
        for change in TimelineConnector(history, position).changes(cursor):
            match change:
                case Upsert(document):
                    shelf[document.id] = document.content
                case Delete(id):
                    shelf.pop(id, None)
                case Complete(ids):
                    shelf = {name: text for name, text in shelf.items() if name in ids}
        cursor = {"position": position}
        assert shelf == slowly(given_versions, day(at))


def test_an_article_of_the_same_second_is_not_known_yet() -> None:
    history = History([article("a", 5, "text")])
    assert history.before(day(5)) == 0
    assert history.before(day(5.001)) == 1


def test_a_removal_has_no_text_to_index() -> None:
    with pytest.raises(ValueError, match="removed"):
        article("a", 1, None).document()
