"""Who is at a door at one time: open sessions, closed ones that wait for the rest of their carrier, and those just decided.

A session waits while others at its door are open, at most `WAITS_NS` once the carrier has shown its way, and not at all when it
is alone and clear.
"""

from collections import deque
from typing import TYPE_CHECKING

from gateway.location.carriers import Crowd, Shape
from gateway.location.passage import judge
from gateway.location.tag import Tag
from gateway.location.timers import Timed

if TYPE_CHECKING:
    from gateway.location.at_door import AtDoor

WAITS_NS = 2_500_000_000  # from the first close of a carrier whose way is known
LOOKS_NS = 500_000_000  # how often it is looked at meanwhile
HOLDS_NS = 30_000_000_000  # while the carrier is still at the door and its way is not known
OVERLAP_NS = 2_000_000_000  # sessions that ended so close to each other may be of one carrier
MAX_OPEN = 4_096  # tags of one door, waiting ones among them; further ones decide alone
MAX_CARRIED = 1_000  # with more in company, most are made up by a reader: who was heard at one side takes over no word
MAX_ASKED = 64  # open sessions that are looked at for one decision
LATELY = 256


class Member:
    """A closed session and whose it is."""

    __slots__ = ("at", "closed_ns", "louder", "shape", "tag")

    def __init__(self, tag: Tag, at: "AtDoor", shape: Shape, closed_ns: int) -> None:
        self.tag = tag
        self.at = at
        self.shape = shape
        self.closed_ns = closed_ns
        self.louder: str | None = None  # another door that heard more of the tag: it is lost to that one


class Gate(Timed):
    """The company of one door; bounded by MAX_OPEN."""

    __slots__ = ("lately", "open", "waiting")

    def __init__(self) -> None:
        super().__init__()
        self.open: dict[str, AtDoor] = {}  # by identity: sessions that may wait for each other
        self.waiting: dict[str, Member] = {}
        self.lately: deque[Member] = deque(maxlen=LATELY)

    def first_closed_ns(self) -> int:
        return next(iter(self.waiting.values())).closed_ns

    def still_open(self, now_ns: int) -> bool:
        """True while a session is open; those of tags that were forgotten meanwhile are dropped."""
        for identity in [identity for identity, at in self.open.items() if not at.samples or at.closes_ns() < now_ns]:
            del self.open[identity]
        return bool(self.open)

    def company(self) -> list[Shape]:
        """Return the sessions that wait and those that were decided lately: what left the door at about one time."""
        from_ns = min((member.shape.samples[-1].at_ns for member in self.waiting.values()), default=0) - OVERLAP_NS
        members = (*self.waiting.values(), *(member for member in self.lately if member.shape.samples[-1].at_ns >= from_ns))
        return [member.shape for member in members if member.louder is None]

    def crowd(self, now_ns: int) -> Crowd | None:
        """Return those who are still here; None when there are none."""
        shapes = [Shape(at.samples, judge(at.samples)) for at in list(self.open.values())[:MAX_ASKED] if at.samples]
        return Crowd(shapes, now_ns) if shapes else None
