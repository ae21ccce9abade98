"""Oracle: when a trigger fires, found second by second in its time zone. It shares no code with the product.

Only what the fault checker's plans use: intervals with a start date, chains from an ordered time, and cron fields of seconds."""

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

NAMES = ("second", "minute", "hour", "day", "month", "weekday")


def field(text, low, high):
    """The values that a cron field matches."""
    values = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        elif "-" in span:
            first, last = (int(end) for end in span.split("-"))
        else:
            first = last = int(span)
        values.update(range(first, last + 1, int(step or 1)))
    return values


class Interval:
    """Fires at anchor + k * length, for every whole k (`since`: only after the anchor)."""

    def __init__(self, anchor, length, since=None):
        self.anchor, self.length, self.since = anchor, length, since

    def has(self, t):
        return (t - self.anchor) % self.length == 0 and (self.since is None or t > self.since)

    def between(self, low, high):
        """All fire times in (low, high)."""
        k = (low - self.anchor) // self.length
        t = self.anchor + k * self.length
        while t < high:
            if t > low and self.has(t):
                yield t
            t += self.length


class Cron:
    """Six fields, matched against the wall clock of the zone at every second."""

    RANGES = ((0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
    known = {}

    def __init__(self, fields, zone):
        self.fields = [field(text, *span) for text, span in zip(fields, self.RANGES)]
        self.zone = ZoneInfo(zone)
        self.seen = Cron.known.setdefault((tuple(fields), zone), {})

    def has(self, t):
        if t % 1000 != 0:
            return False
        if t not in self.seen:
            local = datetime.fromtimestamp(t // 1000, timezone.utc).astimezone(self.zone)
            read = (local.second, local.minute, local.hour, local.day, local.month, (local.weekday() + 1) % 7)
            self.seen[t] = all(value in allowed for value, allowed in zip(read, self.fields))
        return self.seen[t]

    def between(self, low, high):
        t = int(low // 1000) * 1000
        while t < high:
            if t > low and self.has(t):
                yield t
            t += 1000


def grid_of(trigger):
    """The fire times of a trigger as it lies in a document (dates as {"date": ms})."""
    if trigger["type"] == "interval":
        length = round(trigger["seconds"] * 1000)
        return Interval(trigger["start_date"]["date"], length)
    if "expression" in trigger:
        return Cron(trigger["expression"].split(), trigger.get("timezone", "UTC"))
    return Cron((trigger["second"], "*", "*", "*", "*", "*"), trigger.get("timezone", "UTC"))


def chain_from(trigger, ordered):
    """After a time that a person set: an interval goes on from it, cron on its own grid."""
    grid = grid_of(trigger)
    return Interval(ordered, grid.length, ordered) if isinstance(grid, Interval) else grid
