"""Every tag the engine knows, in bounded pools: unconfirmed ones, present ones, and those that rest (departed or held).

A broken reader can make up a million codes a minute. They fill the unconfirmed pool, where the oldest that was read only once
has to go; the tags that were confirmed are not touched, and a real tag is read again before its turn comes.
"""

from collections import OrderedDict

from gateway.location.fold import Window
from gateway.location.tag import Presence, Tag

MAX_GLIMPSED = 50_000  # about 50 MB of them
MAX_TAGS = 200_000  # confirmed: present, held and departed together
SECOND_CHANCES = 1_000  # at most so many of those that were heard again are spared for one that has to go
MAX_WINDOWS = 16  # of one tag: antennas that hear it at a time

WindowKey = tuple[bytes, str, int]


class Tags:
    def __init__(self, max_tags: int = MAX_TAGS, max_glimpsed: int = MAX_GLIMPSED) -> None:
        self.known: dict[str, Tag] = {}
        self.windows: dict[WindowKey, Window] = {}  # of all tags
        self.in_view = 0  # present and not held
        self._max_tags = max_tags
        self._max_glimpsed = max_glimpsed
        self._glimpsed: OrderedDict[str, Tag] = OrderedDict()
        self._resting: OrderedDict[str, Tag] = OrderedDict()  # longest resting first

    @property
    def unconfirmed(self) -> int:
        return len(self._glimpsed)

    def glimpse(self, tag: Tag) -> Tag | None:
        """Take in an unconfirmed tag; return the one that has to go for it, if any."""
        gone = self._least_likely() if len(self._glimpsed) >= self._max_glimpsed else None
        self._glimpsed[tag.identity] = self.known[tag.identity] = tag
        return gone

    def _least_likely(self) -> Tag:
        """Return the oldest that has not been heard since its turn last came: a tag that is there is heard again and again.

        Each one that is spared has been heard for it: the work is bounded by the reads.
        """
        for _ in range(SECOND_CHANCES):
            identity, tag = next(iter(self._glimpsed.items()))
            heard_ns = max((window.last_ns for window in tag.windows), default=0)
            if heard_ns <= tag.told_ns:
                return tag
            tag.told_ns = heard_ns
            self._glimpsed.move_to_end(identity)
        return next(iter(self._glimpsed.values()))

    def room(self) -> Tag | bool:
        """Return True when one more tag can be confirmed, the tag that has to go for it, or False when there is none."""
        if len(self.known) - len(self._glimpsed) < self._max_tags:
            return True
        return next(iter(self._resting.values()), False)

    def place(self, tag: Tag, presence: Presence, held: bool) -> None:
        """Change what `tag` is and keep the pools right."""
        self._leave_pool(tag)
        tag.presence, tag.held = presence, held
        if presence is Presence.PRESENT and not held:
            self.in_view += 1
        elif presence is not Presence.GLIMPSED:
            self._resting[tag.identity] = tag
        self.known[tag.identity] = tag

    def open_window(self, window: Window) -> Window | None:
        """Add a window to its tag and return the one that had to go for it, if any."""
        kept = window.tag.windows
        gone = None
        if len(kept) == MAX_WINDOWS:
            gone = min(kept, key=lambda known: known.last_ns)
            kept = tuple(known for known in kept if known is not gone)
            del self.windows[gone.key]
        window.tag.windows = (*kept, window)
        self.windows[window.key] = window
        return gone

    def close_windows(self, tag: Tag) -> None:
        for window in tag.windows:
            del self.windows[window.key]
        tag.windows = ()

    def forget(self, tag: Tag) -> None:
        self.close_windows(tag)
        self._leave_pool(tag)
        self.known.pop(tag.identity, None)

    def _leave_pool(self, tag: Tag) -> None:
        if tag.presence is Presence.GLIMPSED:
            self._glimpsed.pop(tag.identity, None)
        elif tag.presence is Presence.PRESENT and not tag.held:
            self.in_view -= 1
        else:
            self._resting.pop(tag.identity, None)
