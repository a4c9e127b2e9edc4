"""Topics: no name can add a level or a wildcard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import topics


@pytest.mark.parametrize(
    ("text", "segment"),
    [("hall-a", "hall-a"), ("hall a/1", "hall%20a%2F1"), ("+", "%2B"), ("#", "%23"), ("Tür", "T%C3%BCr"), ("a%2Fb", "a%252Fb")],
)
def test_a_segment_keeps_plain_letters_and_encodes_the_rest(text: str, segment: str) -> None:
    assert topics.segment(text) == segment


@given(st.text(), st.text())
def test_no_name_adds_a_level_a_wildcard_or_a_collision(one: str, other: str) -> None:
    topic = topics.live("g", one, "seen")
    assert len(topic.split("/")) == 6
    assert not set(topic) & {"+", "#", "\0", "$"}
    assert (topic == topics.live("g", other, "seen")) == (one == other)


def test_an_up_topic_says_whose_and_which() -> None:
    assert topics.gateway_of(topics.up("hamburg-1", "hello")) == ("hamburg-1", "hello")


@pytest.mark.parametrize(
    "topic",
    [
        topics.down("g", "ack"),
        topics.REGISTRY_STATE,
        "sightpost/1/g/a/b/up/hello",
        "sightpost/1/g//up/hello",
        "sightpost/1/g/a/up/",
        "sightpost/2/g/a/up/hello",
        "xsightpost/1/g/a/up/hello",
        "",
    ],
)
def test_other_topics_are_nobodys(topic: str) -> None:
    assert topics.gateway_of(topic) is None
