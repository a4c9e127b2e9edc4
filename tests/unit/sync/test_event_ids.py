"""Event ids are UUIDs of version 7, in order within a batch."""

import os
from uuid import UUID

from sync.event_ids import event_ids

WALL_MS = 1_740_830_400_250


def test_they_are_version_7_of_the_given_time() -> None:
    made = [UUID(bytes=one) for one in event_ids(100, WALL_MS, os.urandom)]
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {"specified in RFC 4122"}
    assert {one.int >> 80 for one in made} == {WALL_MS}


def test_they_are_distinct_and_sort_as_they_were_made() -> None:
    made = event_ids(4096, WALL_MS, os.urandom)
    assert made == sorted(set(made))


def test_all_the_randomness_is_used() -> None:
    assert event_ids(1, WALL_MS, lambda n: b"\xff" * n)[0].hex() == "01955193defa7000bfffffffffffffff"


def test_none_is_none() -> None:
    assert event_ids(0, WALL_MS, os.urandom) == []
