"""Oracle: when a trigger fires, found second by second in its time zone. It shares no code with the product.

Only what the fault checker's plans use: intervals with a start date, chains from an ordered time, and cron fields of seconds. A
Segment is the plan of a job from one edit of it to the next; `retry_delay` is when a failed attempt is followed by another."""

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


class Nothing:
    """Fires never: paused, deleted, or not there yet."""

    length = None

    def has(self, t):
        return False

    def between(self, low, high):
        return iter(())


NOTHING = Nothing()


class Segment:
    """The plan that an edit asks for, in force until the next edit of the plan.

    `grid`: its run times. `other`: run times that are allowed, too, and not owed unless the grid has them: where a document as it
    was read was written back, a chain from an ordered time may go on or fall back to the start date's. `ordered`: the time that
    a person set. `unsure`: nobody knows whether the edit was made."""

    def __init__(self, edit, doc, grid, ordered=None, other=None):
        self.edit, self.doc, self.grid, self.ordered, self.other = edit, doc, grid, ordered, other
        self.lo, self.hi, self.until = edit.lo, edit.hi, None
        self.unsure = not edit.known
        self.read = edit.as_read_time  # of a document that was written back: its next run time, due then unless it was claimed

    @property
    def rests(self):
        return self.grid is NOTHING

    def allows(self, t):
        return t in (self.ordered, self.read) or self.grid.has(t) or self.other is not None and self.other.has(t)

    def owed(self, low, high):
        for t in self.grid.between(low, high):
            if self.other is None or self.other.has(t):
                yield t

    @property
    def jitter(self):
        """By how many ms a start may be put off; a time that a person set is not."""
        return round((self.doc or {}).get("trigger", {}).get("jitter", 0) * 1000)


def applied(doc, edit):
    """The document after an edit, as far as people wrote it."""
    if edit.gone:
        return None
    if edit.whole:
        return {**edit.what}
    doc = {**(doc or {}), **{name: value for name, value in edit.fields.items() if "." not in name}}
    for name in edit.what.get("$unset", {}):
        doc.pop(name, None)
    return doc


def segments_of(edits, horizon):
    """From the edits of one job, in order. An edit that may not have been made leaves what both plans have."""
    out, doc, paused = [], None, False
    for e in edits:
        was, doc = doc, applied(doc, e)
        if not e.plans:
            continue
        before = out[-1].grid if out else NOTHING
        if out:
            out[-1].until = min(horizon, e.lo)
        if doc is None or "trigger" not in doc:
            segment = Segment(e, None, NOTHING)
        else:
            if e.whole or e.sets("next_run_time"):
                paused = "next_run_time" in e.fields and e.value("next_run_time") is None
            grid = grid_of(doc["trigger"])
            if paused:
                segment = Segment(e, doc, NOTHING)
            elif e.as_read:
                goes_on = before is not NOTHING and (was or {}).get("trigger") == doc["trigger"]
                chain = before if goes_on else grid
                segment = Segment(e, doc, chain, other=None if same(chain, grid) else grid)
            elif e.ordered is not None:
                segment = Segment(e, doc, chain_from(doc["trigger"], e.ordered), e.ordered)
            else:
                segment = Segment(e, doc, grid)
            if segment.unsure and not same(before, segment.grid):
                segment.other = before
        out.append(segment)
    if out:
        out[-1].until = horizon
    return out


def same(one, two):
    kinds = isinstance(one, Interval) and isinstance(two, Interval)
    if kinds:
        return (one.length, one.anchor % one.length, one.since) == (two.length, two.anchor % two.length, two.since)
    return isinstance(one, Cron) and isinstance(two, Cron) and one.seen is two.seen


def retry_delay(retry, attempt):
    """Shortest and longest wait in ms after a failed attempt; None: it was the last one."""
    if retry is None or attempt >= retry["max_attempts"]:
        return None
    seconds = min(retry["delay"] * retry.get("factor", 2) ** (attempt - 1), retry.get("max_delay", float("inf")))
    return seconds * 1000, seconds * 1100
