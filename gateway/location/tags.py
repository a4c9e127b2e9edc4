"""Every tag the engine knows, in bounded pools: unconfirmed ones, present ones, and those that rest (departed or held).

A broken reader can make up a million codes a minute. They fill the unconfirmed pool, where the oldest that was read only once
has to go; the tags that were confirmed are not touched, and a real tag is read again before its turn comes.
"""

from collections import OrderedDict, deque

from drivers.api import Kind, Read
from gateway.location import packed
from gateway.location.fold import Window
from gateway.location.identities import code_text
from gateway.location.live_site import LiveSite
from gateway.location.tag import NO_DOORS, Presence, Tag

MAX_GLIMPSED = 50_000  # about 40 MB of them
MAX_TAGS = 200_000  # confirmed: present, held and departed together
SECOND_CHANCES = 1_000  # at most so many of those that were heard again are spared for one that has to go
MAX_WINDOWS = 16  # of one tag: antennas that hear it at a time
MAX_UNPACKED = 2_048  # tags that are quick to add to, about 3 kB each in four zones; a pallet has up to 200
LOOKED_AT = 4  # of them, when one more is unpacked: those that a door is deciding about have to stay
_UHF = Kind.UHF

WindowKey = tuple[bytes, str, int]


class Tags:
    def __init__(self, site: LiveSite, max_tags: int = MAX_TAGS, max_glimpsed: int = MAX_GLIMPSED) -> None:
        self._site = site
        self.known: dict[str, Tag] = {}
        self.windows: dict[WindowKey, Window] = {}  # of all tags that are not packed
        self._coded: dict[bytes, Tag] = {}  # by code
        self._pcs: dict[int, int] = {}  # each protocol control word once; they have sixteen bits
        self._unpacked: deque[Tag] = deque()  # longest first
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
            heard_ns = max(tag.last_ns, *(window.last_ns for window in tag.windows), 0)
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

    def coded(self, read: Read) -> Tag | None:
        """Return the tag that this code was last found to be, without looking into the code; None when that is not known."""
        tag = self._coded.get(read.raw)
        return tag if tag is not None and read.kind is _UHF and tag.pc == read.pc else None

    def note_code(self, tag: Tag, read: Read) -> None:
        """Find the tag by this code from now on, if it is its first."""
        if read.kind is _UHF and not tag.code and read.raw not in self._coded:
            tag.code, tag.pc = read.raw, None if read.pc is None else self._pcs.setdefault(read.pc & 0xFFFF, read.pc)
            self._coded[tag.code] = tag
            if tag.text == code_text(tag.code):
                tag.text = ""

    def unpack(self, tag: Tag, now_ns: int) -> None:
        """Make a tag quick to add to; others are packed for it."""
        data, tag.packed = tag.packed, None
        if data is None:
            return
        if data:
            packed.unpack(tag, data, self._site)
            self.windows.update((window.key, window) for window in tag.windows)
        self._unpacked.append(tag)
        self.pack_some(LOOKED_AT, now_ns)

    def pack_some(self, most: int, now_ns: int) -> None:
        """Look at so many of those that have been unpacked for longest, while there are too many."""
        for _ in range(min(most, len(self._unpacked) - MAX_UNPACKED)):
            oldest = self._unpacked.popleft()
            if self.known.get(oldest.identity) is oldest and oldest.packed is None and not self._pack(oldest, now_ns):
                self._unpacked.append(oldest)

    def _pack(self, tag: Tag, now_ns: int) -> bool:
        data = packed.pack(tag, now_ns)
        if data is None:
            return False
        tag.last_ns = max(tag.last_ns, *(window.last_ns for window in tag.windows), 0)
        self.close_windows(tag)
        tag.packed, tag.evidence, tag.doors = data, (), NO_DOORS
        return True

    def parked_at(self, door: str, now_ns: int) -> int:
        """Return how many tags stand parked at a door. Looks at every tag."""
        return sum(
            packed.stands(tag.packed, door, self._site, now_ns)
            if tag.packed
            else door in tag.doors and tag.doors[door].stands(now_ns)
            for tag in self.known.values()
        )

    def close_windows(self, tag: Tag) -> None:
        for window in tag.windows:
            del self.windows[window.key]
        tag.windows = ()

    def forget(self, tag: Tag) -> None:
        self.close_windows(tag)
        self._leave_pool(tag)
        self.known.pop(tag.identity, None)
        if self._coded.get(tag.code) is tag:
            del self._coded[tag.code]
        tag.packed = None

    def _leave_pool(self, tag: Tag) -> None:
        if tag.presence is Presence.GLIMPSED:
            self._glimpsed.pop(tag.identity, None)
        elif tag.presence is Presence.PRESENT and not tag.held:
            self.in_view -= 1
        else:
            self._resting.pop(tag.identity, None)
