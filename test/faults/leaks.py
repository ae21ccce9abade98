"""Leaks: what the processes hold on to, by the slope of it over the quiet parts of a run (F12).

Memory and open files of each process, as long as it lives; cursors, and connections of each node, at the member that has most of
them. A cursor of a process that was killed since it last read is nobody's: the server ends it after ten minutes. A line is laid
through the samples of quiet times (Theil and Sen: the middle one of the slopes between any two), so that neither one sample nor a peak
decides; what it climbs is judged, over the whole run and once more over the calm alone. So is what the calm holds more than the
beginning: a leak of one fault is a step, not a slope.
A node's driver never closes a connection that it does not need any more: its pool keeps what was under way at once at worst (some
25 in a recovery, 34 in a storm), at each member that led once; these are its open files, too. That of a process which began late is
filling in the calm yet: only what it has beyond the pools of its elders counts there. A heap grows with a storm, and shrinks
late: it climbs for minutes, by some 70 MB, and falls by as much at once. Its floor is judged, which a leak lifts, too."""

import re

from tolerances import SETTLE

WARM = 3_000  # until connections are made and code is compiled
FIRST = 3  # samples that say how much it was at first
FILES = 90
MEMORY_KB = 60_000
A_JOB_KB = 20  # of a storm, on its node
CURSORS = 3
CONNECTIONS = 30
BUSY = 8  # processes that want to run, in the middle of the run
CALM = 2  # in the calm nothing may grow: what opens one now and then
CHILD = 4  # files of one process for functions; a node that was started late may start one of them in the calm
SECOND = 1_500  # the server tells a cursor's age in whole seconds
STREAM_OF = re.compile(r'"fullDocument.ip":\{"\$in":\["([^"]+)",null\]')


def middle(values):
    values = sorted(values)
    return values[len(values) // 2]


def climb(points):
    """By how much the line through (time, value) rises from the first to the last; None: too few."""
    points = [(t, value) for t, value in points if value is not None]
    slopes = [(b - a) / (u - t) for i, (t, a) in enumerate(points) for u, b in points[i + 1 :] if u > t]
    return middle(slopes) * (points[-1][0] - points[0][0]) if len(points) > 2 else None


def floor(points):
    """Of (time, value), what each sample was never below again: what is given back later is no leak."""
    low, floors = None, []
    for t, value in reversed([(t, value) for t, value in points if value is not None]):
        low = value if low is None else min(low, value)
        floors.append((t, low))
    return floors[::-1]


def connections(owner):
    """How many an owner has at the member that has most; None where a member did not answer."""
    return lambda sample: None if None in sample["members"] else max(member["connections"].get(owner, 0) for member in sample["members"])


def held_cursors(history):
    """Cursors at the member that has most of them, without those whose process is gone."""
    exits = [(h["ip"], h["at"]) for h in history.processes if h["what"] == "exit"]

    def is_dead(cursor, at):
        used = at - (cursor["idle_s"] or 0) * 1000 - SECOND
        ip = STREAM_OF.search(cursor["command"])
        return cursor["idle_s"] is not None and ip is not None and any(of == ip[1] and used <= gone <= at for of, gone in exits)

    def count(sample):
        if None in sample["members"]:
            return None
        return max(sum(not is_dead(cursor, sample["at"]) for cursor in member.get("open", [])) for member in sample["members"])

    return count


def of_process(pid, what):
    return lambda sample: next((n.get(what) for n in sample["nodes"] if n["pid"] == pid), None)


def judge_leaks(history, faults, verdict, bursts):
    samples = [s for s in history.of("sample") if history.begin + WARM < s["at"] < history.calm]
    loads = sorted(s["load"] for s in samples if "load" in s)
    if loads:
        verdict.notes.append(f"load of the machine: {loads[len(loads) // 2]:.1f} in the middle, {loads[-1]:.1f} at most")
        if loads[len(loads) // 2] > BUSY:
            verdict.notes.append("The machine had far more to do than it could: what is late, missed or without a lease here may be its doing.")
    busy = [(f.start, f.stop + SETTLE) for f in faults.real]
    quiet = [s for s in samples if all(not low <= s["at"] <= high for low, high in busy)]
    calm = [s for s in quiet if s["at"] > history.healed + SETTLE]

    def judge(name, pick, slack, in_calm=None, floored=False, usual=0):
        points = [(s["at"], pick(s)) for s in quiet]
        if floored:
            points = floor(points)
        in_peace = {s["at"] for s in calm}
        grown, after = climb(points), climb([(t, value and max(value, usual)) for t, value in points if t in in_peace])
        known = [value for _, value in points if value is not None]
        if not known or grown is None:
            return
        held = [value for t, value in points if t in in_peace and value is not None]
        if held:
            grown = max(grown, middle(held) - middle(known[:FIRST]))
        verdict.notes.append(f"{name}: {known[0]} at first, {known[-1]} at last; over {len(known)} quiet samples it rises by {grown:.0f}, in the calm by {after or 0:.0f}")
        if slack is not None and grown > known[0] * 0.1 + slack:
            verdict.fail("F12", verdict.notes[-1], history.calm)
        elif in_calm is not None and after is not None and after > in_calm:
            verdict.fail("F12", verdict.notes[-1], history.calm)

    judge("cursors at one member", held_cursors(history), CURSORS, CALM)
    owners = sorted({of for s in samples for member in s["members"] if member for of in member["connections"]})
    nodes = [owner for owner in owners if owner.removeprefix("tidewheel:") in history.ips]
    settled = next((s for s in calm if None not in s["members"]), None)
    for owner in owners:
        slack, in_calm = (CONNECTIONS, CALM) if owner in nodes else (None, None)
        elders = [connections(other)(settled) for other in nodes if other != owner] if settled else []
        judge(f"connections of {owner or 'nobody by name'} at one member", connections(owner), slack, in_calm, usual=middle(elders or [0]))
    memory = MEMORY_KB + A_JOB_KB * bursts / max(1, len(history.ips))
    for ip, pid in sorted({(n["ip"], n["pid"]) for s in samples for n in s["nodes"] if n["pid"]}):
        judge(f"{ip} (process {pid}) open files", of_process(pid, "fds"), FILES, CALM + CHILD)
        judge(f"{ip} (process {pid}) memory in kB", of_process(pid, "rss"), memory, floored=True)
