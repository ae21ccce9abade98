"""Judge: compares what was owed with what was done, and names each failure F1 to F13.

In: the folder of a scenario: history.jsonl (edits, faults, processes), witness-*.jsonl (starts and ends, written by the runs
themselves), the last read of jobs and executions, the nodes' logs. Out: verdict.json.
What was owed comes from the log of edits and the oracle alone; rows count only as the reason why a run did not start.
An edit and a claim are ordered by the server's own time: the edit's operation time and the run's fence."""

import json
import sys
from bisect import bisect_right
from collections import Counter, defaultdict
from pathlib import Path

from bursts import judge_bursts
from leaks import judge_leaks
from oracle import chain_from, grid_of
from points import judge_points

EPS = 250  # on time, in ms
D = 1_000  # until an edit is everywhere
L = 30_000  # until all is well again after a fault
SETTLE = 3_000  # after a heal: leases, elections and streams come back
EARLY = 3
MOST = 300
CLUSTER = {"storm", "step-down", "primary-kill", "primary-pause", "majority-lost", "freeze", "disk-full", "server-clock", "renamed", "dropped"}
AWAY = {"renamed", "dropped"}  # while it is, nothing is owed
PLANS = {"insert", "delete", "pause", "resume", "trigger", "order"}
FINAL = {"executed", "error", "timeout", "interrupted", "cancelled", "missed", "max_instances"}

folder = Path(sys.argv[1])


def lines(path):
    if not path.exists():
        return []
    out = []
    for line in path.read_text(errors="replace").split("\n"):
        try:
            if line:
                out.append(json.loads(line))
        except ValueError:
            pass  # a process was killed in the middle of a line
    return out


def date(value):
    return value["date"] if isinstance(value, dict) and "date" in value else None


history = lines(folder / "history.jsonl")
clock = next(h for h in history if h["f"] == "clock")
reference = json.loads((folder / "plan.json").read_text()).get("reference", False)
phase = {h["what"]: h for h in history if h["f"] == "phase"}
begin = phase["begin"]["at"]
lease = phase["begin"]["leaseMs"]
drained_from = phase["calm"]["at"]
end = phase["read"]["at"]
horizon = drained_from - 2_000


def true_time(mono):
    return clock["wall"] + (mono - clock["mono"]) / 1000


violations = []
classes = Counter()
notes = []


def fail(name, what, at=0, job=None):
    classes[name] += 1
    if classes[name] <= MOST:
        violations.append({"class": name, "what": what, "at": at, **({"job": job} if job else {})})


def iso(ms):
    return f"{(ms - begin) / 1000:+.3f}s"


# -- faults ----------------------------------------------------------------------------------------------------------------
class Fault:
    def __init__(self, told):
        self.id, self.kind, self.nodes, self.ms = told["id"], told["kind"], told["nodes"], told["ms"]
        self.amount = told.get("amount") or 0
        self.start, self.stop, self.skipped, self.logs = told["at"], None, None, told.get("logs", {})


faults = {}
for h in history:
    if h["f"] != "fault":
        continue
    if h["type"] == "invoke":
        faults[h["id"]] = Fault(h)
    else:
        fault = faults[h["id"]]
        fault.stop = h["at"]
        if h["type"] == "skip":
            fault.skipped = h["why"]
            fault.stop = fault.start
        if h["type"] == "fail":
            notes.append(f"fault {fault.id} ({fault.kind}) could not be carried out to its end: {h['why']}")
faults = sorted(faults.values(), key=lambda f: f.start)
for fault in faults:
    fault.stop = fault.stop or end
real = [f for f in faults if f.skipped is None]
skewed = [f for f in real if f.kind == "server-clock"]
ips = sorted({ip for h in history if h["f"] == "process" for ip in [h["ip"]]})


def windows_of(hosts):
    """Merged spans in which something was wrong with one of these nodes or with the database."""
    spans = sorted((f.start - 20, f.stop + SETTLE) for f in real if hosts is None or f.kind in CLUSTER or set(f.nodes) & hosts)
    merged = []
    for low, high in spans:
        if merged and low <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], high)
        else:
            merged.append([low, high])
    return merged


window_cache = {}


def windows(hosts):
    key = None if hosts is None else frozenset(hosts)
    if key not in window_cache:
        window_cache[key] = windows_of(key)
    return window_cache[key]


def healthy_ms(hosts, low, high):
    """How much of a span was free of faults."""
    if high <= low:
        return 0
    left = high - low
    for start, stop in windows(hosts):
        left -= max(0, min(high, stop) - max(low, start))
    return left


def well_at(hosts, low, high):
    return all(stop <= low or start >= high for start, stop in windows(hosts))


# -- processes -------------------------------------------------------------------------------------------------------------
exits = {}
for h in history:
    if h["f"] == "process" and h["what"] == "exit":
        exits[h["pid"]] = h["at"]
        if not h["asked"]:
            fail("F13", f"{h['ip']}: its process ended unasked (code {h['code']}, signal {h['signal']})", h["at"])
for ip, code in zip(ips, phase["drained"]["codes"]):
    if code != 0:
        fail("F13", f"{ip}: SIGTERM did not end it well: exit {code}", phase["drained"]["at"])
pauses = [(f.start, f.stop, ip) for f in real if f.kind == "node-pause" for ip in f.nodes]

# -- witnesses -------------------------------------------------------------------------------------------------------------
starts, ends = [], {}
for path in sorted(folder.glob("witness-*.jsonl")):
    for line in lines(path):
        line["t"] = true_time(line["mono"])
        if line["job"].startswith("spin-"):
            continue
        if line["type"] == "start":
            fence = int(line.get("fence", 0))
            line["fence"] = (fence >> 32, fence & 0xFFFFFFFF)
            starts.append(line)
        else:
            ends[line["run"]] = line["t"]
starts.sort(key=lambda s: s["t"])
by_job = defaultdict(list)
for s in starts:
    by_job[s["job"]].append(s)

# -- rows ------------------------------------------------------------------------------------------------------------------
rows = {row["_id"]: row for row in lines(folder / "final-executions.jsonl") if not row["job_id"].startswith("spin-")}
rows_of = defaultdict(list)
for row in rows.values():
    row["t"] = date(row["run_time"])
    rows_of[row["job_id"]].append(row)

final = {doc["_id"]: doc for doc in lines(folder / "final-jobs.jsonl")}

# Runs that a node declared interrupted and ran again because their job asks for that; a row may be replaced later.
reran = set()
for ip in ips:
    for line in lines(folder / f"node-{ip}.log") if (folder / f"node-{ip}.log").exists() else []:
        if isinstance(line, dict) and line.get("msg") == "run.interrupted" and line.get("rerun"):
            reran.add(line["run_id"])

# -- edits -----------------------------------------------------------------------------------------------------------------
edits = defaultdict(list)
count_edits = 0
for h in history:
    if h["f"] != "edit":
        continue
    if h["type"] == "fail":
        fail("F11", f"{h['kind']} #{h['ver']} found no document: {h['why']}", h["hi"], h["job"])
        continue
    h["op"] = tuple(h["op"]) if h.get("op") else None
    edits[h["job"]].append(h)
    count_edits += 1
for list_ in edits.values():
    list_.sort(key=lambda e: e["lo"])


def before(edit, start):
    """Whether an edit came before the claim of a start: True, False, or None where nobody can know."""
    if reference:  # no fence: a second is long enough for anyone
        return True if edit["hi"] < start["t"] - D else False if edit["lo"] > start["t"] else None
    if edit["op"] is not None:
        return edit["op"] < start["fence"]
    if skewed:  # the fence's seconds are those of a member whose clock was set
        return False if edit["lo"] > start["t"] else None
    if edit["type"] == "ok" and edit["hi"] < (start["fence"][0] - 1) * 1000:
        return True
    if edit["lo"] > (start["fence"][0] + 2) * 1000:
        return False
    return None


def early_of(start):
    """By how many ms a run may start early: the clock that it goes by was set."""
    tolerance = EARLY
    for f in real:
        near = f.start <= start["t"] <= f.stop + 3_000
        if near and f.kind == "clock-jump" and start["ip"] in f.nodes:
            tolerance = abs(f.amount) * 1000 + 20 if abs(f.amount) <= 5 else 100
        if near and f.kind == "server-clock":  # far off, nodes go by the server's clock
            tolerance = max(tolerance, f.amount * 1000 + 1_000)
    return tolerance


def is_away(t):
    """Whether the collection was not there, or was just being read again."""
    return any(f.kind in AWAY and f.start - EPS <= t <= f.stop + SETTLE for f in real)


def planned_ahead(seg, t):
    """Whether a plan was made while the server's clock was set, or until nodes had measured it again: by that clock, if ahead."""
    return any(f.start <= seg.hi and seg.lo <= f.stop + SETTLE and t <= f.stop + abs(f.amount) * 1000 + SETTLE for f in skewed)


def lives(list_, same):
    """Starts for one run time, apart by the document they came from. What ran ahead of its time by a server's clock is due once
    more where the job was deleted and another one took its name: that is another job, whose first run this is."""
    if not skewed:
        return [same]
    found = defaultdict(list)
    for s in same:
        found[sum(e["kind"] == "insert" and before(e, s) is True for e in list_)].append(s)
    return list(found.values())


def claimed_past(job_rows, t):
    """Whether a later run was claimed before t, by a clock that was ahead: nothing up to that run is planned any more. A run id
    begins with the second in which it was made, by the node's own clock."""
    return bool(skewed) and any(row["t"] >= t > int(row["_id"][:8], 16) * 1_000 + 2_000 for row in job_rows)


def is_shifted(t):
    """Whether a run time, or a node's word of when something was, may have been judged by a server's clock that was set."""
    return any(f.start - abs(f.amount) * 1000 <= t <= f.stop + abs(f.amount) * 1000 + SETTLE for f in skewed)


def is_deleted(job, t):
    return any(e["kind"] == "delete" and e["hi"] > t for e in edits.get(job, []))


def takes(standby, placed, ip):
    """Whether a node may have taken a job over: one that the cluster placed has every node for its standby."""
    return placed or standby == "any" or bool(standby) and ip in standby


class Segment:
    """From one edit of the plan to the next."""

    def __init__(self, edit, grid, ordered, config):
        self.edit, self.grid, self.ordered, self.config = edit, grid, ordered, config
        self.lo, self.hi, self.until = edit["lo"], edit["hi"], horizon
        self.unsure = edit["type"] == "info"


def segments_of(list_):
    out, trigger, paused, config = [], None, False, None
    for e in list_:
        kind, what = e["kind"], e["what"]
        if kind == "insert":
            trigger, paused, config = what["trigger"], False, what
        if kind == "trigger":
            trigger = what["$set"]["trigger"]
        if kind not in PLANS:
            continue
        ordered, grid = None, None
        if kind == "pause":
            paused = True
        elif kind == "resume":
            paused = False
        elif kind == "order":
            ordered = date(what["$set"]["next_run_time"])
        if kind == "delete":
            trigger, config = None, None
        elif not paused and trigger is not None:
            grid = chain_from(trigger, ordered) if ordered is not None else grid_of(trigger)
        if out:
            out[-1].until = min(horizon, e["lo"])
        out.append(Segment(e, grid, ordered, config))
    return out


# -- one job after the other -----------------------------------------------------------------------------------------------
stuck = queued_after = uncounted_total = targets = owed = on_time = coalesced_away = with_row = excused = run_owed = 0
orders = orders_run = 0
doubled = lost = wrong = lost_edits = 0
late_quiet, late_fault = [], []
late_starts = []  # (sched, started, lateness, host, asked host, job)
series = {}


def owner_before(list_, start):
    """The ip that people last gave a job before a claim; and since when. A tuple of candidates where it is unsure."""
    out = []
    for e in list_:
        if e["kind"] not in ("insert", "move", "place"):
            continue
        ip = e["what"].get("ip") if e["kind"] == "insert" else e["what"]["$set"]["ip"] if e["kind"] == "move" else None
        known = before(e, start)
        if known is True:
            out = [(ip, e)]
        elif known is None:
            out.append((ip, e))
    return out


def ip_at(list_, t):
    ip = None
    for e in list_:
        if e["hi"] > t:
            break
        if e["kind"] == "insert":
            ip = e["what"].get("ip")
        elif e["kind"] == "move":
            ip = e["what"]["$set"]["ip"]
        elif e["kind"] == "place":
            ip = None
    return ip


def last_value(list_, start, pick):
    """What a field could have been at a claim or, since a claim may be looked up later, after it."""
    out = []
    for e in list_:
        value = pick(e)
        if value is None:
            continue
        known = before(e, start)
        if known is True:
            out = [value]
        elif known is None or e["lo"] < start["t"]:
            out.append(value)
    return out


def args_of(e):
    return e["what"].get("args") if e["kind"] == "insert" else e["what"].get("$set", {}).get("args")


def ver_of(e):
    return e["what"].get("x_ver") if e["kind"] == "insert" else e["what"].get("$set", {}).get("x_ver")


def hosts_for(list_, job_starts, t):
    """Nodes that a target at t may depend on."""
    ip = ip_at(list_, t)
    if ip is None:
        return None
    hosts = {ip}
    times = [s["t"] for s in job_starts]
    at = bisect_right(times, t)
    for near in job_starts[max(0, at - 1) : at + 1]:
        hosts.add(near["ip"])
    return hosts


def guess(start, segments):
    """The latest run time that came before a start, by any plan that was in force around then."""
    best = None
    for seg in segments:
        if seg.lo > start["t"] or seg.until < start["t"] - 5_000:
            continue
        fires = [t for t in (seg.grid.between(start["t"] - 60_000, start["t"] + 2) if seg.grid else [])]
        if seg.ordered is not None and seg.ordered <= start["t"]:
            fires.append(seg.ordered)
        last = max(fires, default=None)
        if last is not None and (best is None or last > best):
            best = last
    return best if best is not None else round(start["t"])


def stands_for(row, ordered, edit, segments):
    """Whether a later run counts an ordered time among those it stands for."""
    grid = next(seg.grid for seg in segments if seg.edit is edit)
    if grid is None or not ordered < row["t"] < ordered + 300_000 or not grid.has(row["t"]):
        return False
    return len(list(grid.between(ordered, row["t"] + 1))) + 1 <= (row.get("coalesced") or 1)


for job, list_ in edits.items():
    segments = segments_of(list_)
    job_starts = by_job.get(job, [])
    job_rows = rows_of.get(job, [])
    config = next(e["what"] for e in list_ if e["kind"] == "insert")
    coalesce = config.get("coalesce", True)
    rerun = config.get("on_interrupt") == "rerun"
    standby = config.get("standby")
    brief = config["kwargs"]["ms"] <= 100
    most = config.get("max_instances", 1)
    started_at = defaultdict(list)
    for s in job_starts:
        if not reference:
            started_at[s["sched"]].append(s)
    row_at = defaultdict(list)
    for row in job_rows:
        row_at[row["t"]].append(row)
    ordered_times = Counter()
    extra_times = Counter()
    for e in list_:
        if e["kind"] == "order":
            ordered_times[date(e["what"]["$set"]["next_run_time"])] += 1
        if e["kind"] == "extra":
            extra_times[date(e["what"]["$push"]["run_at"])] += 1

    if reference:  # the run does not say what it was due for: the latest run time there was
        for s in job_starts:
            s["sched"] = guess(s, segments)
            started_at[s["sched"]].append(s)
    # F2: more starts than orders of one run.
    again = set()
    for sched, list2 in ((sched, life) for sched, same in started_at.items() for life in lives(list_, same)):
        allowed = max(1, ordered_times[sched] + extra_times[sched])
        for earlier, later in zip(list2, list2[1:]):
            row = rows.get(earlier["run"])
            died = row is not None and row["status"] == "interrupted" or earlier["run"] in reran
            if rerun and died and not well_at({earlier["ip"]}, earlier["t"] - lease, later["t"]):
                again.add(later["run"])
                allowed += 1
        if len(list2) > allowed:
            doubled += len(list2) - allowed
            told = ", ".join(f"{s['ip']} at {iso(s['t'])} (run {s['run']}, {rows.get(s['run'], {}).get('status', 'no row')})" for s in list2)
            fail("F2", f"run time {iso(sched)} started {len(list2)} times: {told}", list2[1]["t"], job)

    # Each start: place, time, version, schedule.
    for s in job_starts:
        told = f"run {s['run']} of {iso(s['sched'])} started at {iso(s['t'])} on {s['ip']}"
        # F5
        if s["t"] < s["sched"] - early_of(s):
            fail("F5", f"{told}, {s['sched'] - s['t']:.0f} ms early", s["t"], job)
        # F3: by the edits before the claim. The document that a run gets may be a later one than it claimed.
        candidates = owner_before(list_, s)
        placed = any(e["kind"] == "place" or e["kind"] == "insert" and "ip" not in e["what"] for e in list_ if e["lo"] < s["t"])
        fits = not candidates
        for ip, e in candidates:
            if ip is None or ip == s["ip"]:
                fits = True
            elif takes(standby, placed, s["ip"]):
                fits = fits or any(f.stop + 2 * lease > e["lo"] and f.start < s["t"] for f in real)
        if not fits:
            wrong += 1
            ip, e = candidates[-1]
            fail("F3", f"{told}, though {ip} was asked for in edit #{e['ver']}, which came before the claim", s["t"], job)
        # F6
        for name, pick, seen in (("args", args_of, s["args"]), ("x_ver", ver_of, s.get("ver"))):
            values = last_value(list_, s, pick)
            if values and seen not in values:
                fail("F6", f"{told} with {name} {seen}, the claim came after the edit to {values[-1]}", s["t"], job)
        # F4, F6, F7: the schedule in force at the claim.
        if s["run"] in again or s["sched"] in extra_times:
            continue
        current, earlier = [], None
        for seg in segments:
            known = before(seg.edit, s)
            if known is True:
                earlier = current[-1] if current else earlier
                current = [seg]
            elif known is None:
                current.append(seg)
        if not current:
            fail("F4", f"{told} before the job was there", s["t"], job)
            continue
        fits = any(seg.grid is not None and seg.grid.has(s["sched"]) or seg.ordered == s["sched"] for seg in current)
        if not fits and config.get("overlap") == "queue_one":
            # It was due under an earlier plan, and has waited for a place since.
            fits = any(seg.lo < s["t"] and (seg.ordered == s["sched"] or seg.grid is not None and seg.grid.has(s["sched"]) and s["sched"] < seg.until + D) for seg in segments)
            queued_after += fits
        if not fits and earlier is not None and current[0].grid is not None:
            # The plan that the edit asks for may not have been made yet.
            old = any(
                seg.ordered == s["sched"] or (seg.grid is not None and seg.grid.has(s["sched"]))
                for seg in segments[: segments.index(current[0])][-2:]
            )
            claimed = s["t"] if reference or skewed else min(s["t"], (s["fence"][0] + 1) * 1000)
            fits = old and healthy_ms(hosts_for(list_, job_starts, s["t"]), current[0].hi, claimed) <= D + (0 if reference else 1_000)
        if not fits:
            seg = current[-1]
            name = "F4" if seg.grid is None else "F7"
            fail(name, f"{told}, which edit #{seg.edit['ver']} ({seg.edit['kind']}) at {iso(seg.hi)} does not allow", s["t"], job)
            continue
        # A claim made in time, a start long after the edit: only something frozen may do that.
        for seg in segments:
            if config.get("overlap") != "queue_one" and seg.grid is None and seg.hi + D < s["t"] < seg.until and before(seg.edit, s) is False:
                if healthy_ms({s["ip"]}, seg.hi, s["t"]) > D:
                    fail("F4", f"{told}, {s['t'] - seg.hi:.0f} ms after it was paused or deleted", s["t"], job)

    # What was owed, and what became of it.
    waiting = date((final.get(job, {}).get("state", {}).get("waiting") or {}).get("run_time"))
    covered = {}
    for seg in segments:
        if seg.grid is None:
            continue
        fires = list(seg.grid.between(seg.lo - 120_000, seg.until))
        for row in job_rows:
            if row["status"] not in FINAL or not seg.grid.has(row["t"]):
                continue
            at = bisect_right(fires, row["t"])
            span = row.get("coalesced") or 1
            # How many times a run stood for is forgotten where it was interrupted, run again, or waited for a place.
            lenient = coalesce and (row["status"] == "interrupted" or len(row_at[row["t"]]) > 1 or config.get("overlap") == "queue_one")
            for back in range(1, at + 1):
                t = fires[at - back]
                if back > span and not (lenient and t not in started_at and t not in row_at):
                    break
                if t not in covered or back == 1:
                    covered[t] = (row, back, back > span)
    for seg in segments:
        following = next((other for other in segments if other.lo > seg.lo), None)
        if seg.ordered is not None:
            orders += 1
        if seg.grid is None:
            continue
        for t in seg.grid.between(seg.hi, seg.until):
            targets += 1
            hosts = hosts_for(list_, job_starts, t)
            sure = not seg.unsure and healthy_ms(hosts, seg.hi, t) >= D
            quiet = well_at(hosts, t - EPS, t + EPS)
            first = started_at[t][0] if t in started_at else None
            row, back, uncounted = covered.get(t, (None, 0, False))
            if first is None and row is None:
                if t == waiting:  # it survives its node
                    excused += 1
                    continue
                if not sure or is_away(t) or claimed_past(job_rows, t) or planned_ahead(seg, t):
                    excused += 1
                    continue
                if following is not None and healthy_ms(hosts, t, following.lo) < D:
                    excused += 1
                    continue
                owed += 1
                lost += 1
                near = [f"{f.kind}#{f.id}" for f in real if f.start - 5_000 <= t <= f.stop + 10_000]
                fail("F1", f"run time {iso(t)} never started and no row says why; asked for on {ip_at(list_, t)}; faults near: {near}", t, job)
                continue
            owed += 1
            if first is not None:
                run_owed += 1
                late = first["t"] - t
                if late <= EPS:
                    on_time += 1
                if sure and brief:
                    (late_quiet if quiet and not is_shifted(t) else late_fault).append(late)
                    if late > EPS:
                        late_starts.append((t, first["t"], late, first["ip"], ip_at(list_, t), job))
                    free = healthy_ms(None if hosts is None else hosts | {first["ip"]}, t, first["t"])
                    if free > L:
                        fail("F9", f"run time {iso(t)} started {late / 1000:.1f} s late, {free / 1000:.1f} s of which nothing was wrong", t, job)
                    elif quiet and free > 2_000 and well_at(hosts, t - L, t + EPS):
                        fail("F1", f"run time {iso(t)} started {late:.0f} ms late while nothing was wrong", t, job)
                second = int((first["t"] - begin) // 1000)
                n, worst = series.get(second, (0, 0))
                series[second] = (n + 1, max(worst, late if brief else 0))
            elif back > 1:
                coalesced_away += 1
                uncounted_total += uncounted
            else:
                with_row += 1
                if quiet and sure and row["status"] == "missed" and hosts is not None and not is_shifted(t) and well_at(hosts, t - L, t + 61_000):
                    fail("F1", f"run time {iso(t)} has a row missed, though nothing was wrong", t, job)

    # Orders of a run.
    for e in list_:
        if e["kind"] not in ("order", "extra"):
            continue
        at = date(e["what"]["$set"]["next_run_time"]) if e["kind"] == "order" else date(e["what"]["$push"]["run_at"])
        if e["kind"] == "extra":
            orders += 1
        if at in started_at:
            orders_run += 1
            continue
        if at in row_at or e["type"] == "info" or at > horizon:
            continue
        kinds = PLANS if e["kind"] == "order" else {"delete"}
        over = next((o for o in list_ if o["lo"] > e["lo"] and o["kind"] in kinds), None)
        if over is not None and healthy_ms(hosts_for(list_, job_starts, at), e["hi"], over["lo"]) < D:
            excused += 1
            continue
        if e["kind"] == "order" and coalesce and any(stands_for(row, at, e, segments) for row in job_rows):
            coalesced_away += 1
            continue
        # What was claimed by a clock that was ahead is not claimed again: the order is served by the next time after that.
        soon = [s for s in job_starts if e["lo"] < s["t"] < e["hi"] + D and s["sched"] > s["t"]]
        if e["kind"] == "order" and claimed_past(job_rows, at) and any(seg.edit is e and seg.grid is not None and seg.grid.has(s["sched"]) for seg in segments for s in soon):
            orders_run += 1
            continue
        lost += 1
        fail("F1", f"{e['kind']} #{e['ver']} of {iso(at)}, acknowledged at {iso(e['hi'])}, never ran and no row says why", e["hi"], job)

    # F8
    live = []
    for s in job_starts:
        stop = ends.get(s["run"])
        if stop is None:
            stop = exits.get(s["pid"], end)
        for low, high, ip in pauses:
            # A process that slept past its lease is another one's business by then.
            if ip == s["ip"] and s["t"] < low and stop > low and high - low > lease * 0.9:
                stop = low
        if rows.get(s["run"], {}).get("status") == "interrupted":
            stop = min(stop, s["t"])
        live = [(other, until) for other, until in live if until > s["t"] + 1]
        live.append((s, stop))
        if len(live) > most:
            told = ", ".join(f"{o['run']} on {o['ip']} since {iso(o['t'])}" for o, _ in live)
            fail("F8", f"{len(live)} runs at once at {iso(s['t'])}, {most} allowed: {told}", s["t"], job)

# F9: told as max_instances, while nothing of the job had run for seconds and nothing was wrong.
for job, list_ in edits.items():
    spans = [(s["t"], ends.get(s["run"], exits.get(s["pid"], end))) for s in by_job.get(job, [])]
    for row in rows_of.get(job, []):
        at = date(row["finished"]) if row["status"] == "max_instances" else None
        if at is None or is_shifted(at) or any(low < at and high > at - 5_000 for low, high in spans):
            continue
        if healthy_ms(None, at - 5_000, at) == 5_000:
            stuck += 1
            fail("F9", f"run time {iso(row['t'])} was refused for max_instances on {row['ip']}, though nothing of the job had run for 5 s", at, job)
    for row in rows_of.get(job, []):
        if row["status"] == "missed" and row["scheduled"] and any(s["sched"] == row["t"] for s in by_job.get(job, [])):
            fail("F10", f"run time {iso(row['t'])} has a row missed by {row['ip']}, and did run", row["t"], job)

# F10
for s in [] if reference else starts:
    row = rows.get(s["run"])
    if row is None and s["pid"] in exits and exits[s["pid"]] - ends.get(s["run"], exits[s["pid"]]) < 2_000 and is_deleted(s["job"], s["t"]):
        continue  # killed with its node, and deleted before anyone could tell
    if row is None:
        fail("F10", f"run {s['run']} of {iso(s['sched'])} started on {s['ip']} at {iso(s['t'])}, but has no row", s["t"], s["job"])
    elif row["status"] not in FINAL:
        fail("F10", f"run {s['run']} started on {s['ip']} at {iso(s['t'])}; its row says {row['status']} for ever", s["t"], s["job"])
    elif row["status"] in ("missed", "max_instances"):
        fail("F10", f"run {s['run']} started at {iso(s['t'])}, but its row says {row['status']}", s["t"], s["job"])
    elif row["status"] == "executed" and s["run"] not in ends:
        fail("F10", f"run {s['run']} of {iso(s['t'])} never came to its end, but its row says executed", s["t"], s["job"])
    elif row["status"] == "interrupted" and s["run"] in ends and well_at({s["ip"]}, s["t"] - lease, ends[s["run"]] + lease):
        fail("F10", f"run {s['run']} on {s['ip']} ended well at {iso(ends[s['run']])}, but its row says interrupted", s["t"], s["job"])
seen_runs = {s["run"] for s in starts}
for row in rows.values():
    if row["status"] in ("executed", "error", "timeout") and row["_id"] not in seen_runs:
        fail("F10", f"row {row['_id']} says {row['status']}, but nobody saw it start", row["t"], row["job_id"])
notes += judge_points([h for h in history if h["f"] == "caught"], rows, {s["run"]: s for s in starts}, is_deleted, fail, iso)
burst = judge_bursts(history, starts, rows, final, well_at, fail, iso, early_of)
doubled, lost, wrong = doubled + burst["doubled"], lost + burst["lost"], wrong + burst["wrong"]
for doc in final.values():
    running = doc.get("state", {}).get("running") or []
    if running and doc["_id"] in edits:
        fail("F10", f"all nodes are drained, but state.running still has {[r['run_id'] for r in running]}", end, doc["_id"])

# F11, F7: the documents after the calm.
calm = {doc["_id"]: doc for doc in lines(folder / "calm-jobs.jsonl")}
for job, list_ in edits.items():
    doc, expected, unsure = calm.get(job), {}, set()
    gone = False
    for e in list_:
        if e["kind"] == "insert":
            expected, gone = {k: v for k, v in e["what"].items() if k not in ("next_run_time",)}, False
        elif e["kind"] == "delete":
            gone = True
        else:
            for key, value in e["what"].get("$set", {}).items():
                expected[key] = value
                if e["type"] == "info":
                    unsure.add(key)
            for key in e["what"].get("$unset", {}):
                expected.pop(key, None)
    if gone or doc is None:
        if gone != (doc is None):
            lost_edits += 1
            fail("F11", "the document is back though it was deleted" if gone else "the document is gone though nobody deleted it", phase["calm"]["at"], job)
        continue
    standby = expected.get("standby")
    for key, value in expected.items():
        if key in unsure or key == "next_run_time":
            continue
        placed = any(e["kind"] == "place" or e["kind"] == "insert" and "ip" not in e["what"] for e in list_)
        if key == "ip" and takes(standby, placed, doc.get("ip")) and real:
            continue
        if doc.get(key) != value:
            lost_edits += 1
            fail("F11", f"{key} was set to {json.dumps(value)}, and is {json.dumps(doc.get(key))} though nobody changed it", phase["calm"]["at"], job)
    if doc.get("run_at"):
        fail("F9", f"run_at still holds {doc['run_at']}", phase["calm"]["at"], job)
    last = [e for e in list_ if e["kind"] in PLANS][-1]
    seg = segments_of(list_)[-1]
    next_run = doc.get("next_run_time")
    if seg.grid is None:
        if next_run is not None:
            lost_edits += 1
            fail("F11", f"paused by edit #{last['ver']}, but next_run_time is {next_run}", phase["calm"]["at"], job)
    elif date(next_run) is None:
        fail("F7", f"next_run_time is {next_run} though the job goes on (state: {json.dumps(doc.get('state', {}))[:300]})", phase["calm"]["at"], job)
    elif not seg.unsure and not seg.grid.has(date(next_run)) and date(next_run) != seg.ordered:
        fail("F7", f"next_run_time {iso(date(next_run))} is no run time of the trigger of edit #{last['ver']}", phase["calm"]["at"], job)
    elif date(next_run) < phase["calm"]["at"] - 10_000:
        fail("F9", f"next_run_time {iso(date(next_run))} is long past and nobody runs it (ip {doc.get('ip')})", phase["calm"]["at"], job)

if queued_after:
    notes.append(f"{queued_after} runs that `queue_one` kept waiting started under a later plan than they were due by, some after a pause")

for f in real:
    made = [e for list_ in edits.values() for e in list_ if f.kind == "storm" and f.start <= e["lo"] <= f.start + f.ms]
    if made:
        span = max(e["hi"] for e in made) - f.start
        notes.append(f"storm {f.id}: {len(made)} edits begun within {f.ms / 1000:.0f} s were acknowledged after {span / 1000:.1f} s, {len(made) / span * 1000:.0f} a second")

# F12
samples = [h for h in history if h["f"] == "sample"]
loads = sorted(h["load"] for h in samples if "load" in h)
if loads:
    notes.append(f"load of the machine: {loads[len(loads) // 2]:.1f} in the middle, {loads[-1]:.1f} at most")
first_fault = real[0].start if real else phase["calm"]["at"]
early = [s for s in samples if begin + 3_000 < s["at"] < first_fault]
late = [s for s in samples if s["at"] > phase["calm"]["at"] - 15_000]
if early and late:
    killed = sum(h["f"] == "process" and h["what"] == "exit" and h["signal"] == "SIGKILL" for h in history)
    healed = [s for s in samples if phase["healed"]["at"] + SETTLE < s["at"] < (phase["healed"]["at"] + phase["calm"]["at"]) / 2]
    notes += judge_leaks(early, healed, late, ips, killed, burst["jobs"], fail)

# F13
LOUD = {"node-kill": lease + 2_000, "node-pause": lease + 1_000, "cut": 5_000, "black-hole": 8_000, "one-way-up": 8_000, "one-way-down": 8_000,
        "majority-lost": 5_000, "primary-kill": 5_000, "primary-pause": 5_000, "oplog-rolled": 5_000, "server-clock": 5_000, "renamed": 5_000, "dropped": 5_000}
logs = {ip: (folder / f"node-{ip}.log").read_bytes() if (folder / f"node-{ip}.log").exists() else b"" for ip in ips}
sizes = {f.id: f.logs for f in faults}
for f in real:
    if f.kind not in LOUD or f.stop - f.start < LOUD[f.kind] or f.stop - f.start < 5_000:
        continue
    later = next((other.logs for other in real if other.start > f.stop + 8_000), {})
    heard = any(
        b'"level":40' in part or b'"level":50' in part or b"stream." in part
        for ip in ips
        for part in [logs[ip][f.logs.get(ip, 0) : later.get(ip, len(logs[ip]))]]
    )
    if not heard:
        fail("F13", f"{f.kind} of {f.nodes} for {(f.stop - f.start) / 1000:.1f} s left no line in any log", f.start)

# -- per fault -------------------------------------------------------------------------------------------------------------
def cause_of(late):
    """The fault that a late run is put down to: one of the node it was meant for, else of the database, else of the node it ran on."""
    t, _, _, host, asked, _ = late
    near = [f for f in real if f.start - 1_000 <= t <= f.stop + L]
    for hit in (lambda f: asked in f.nodes and f.kind not in CLUSTER, lambda f: f.kind in CLUSTER, lambda f: host in f.nodes or asked is None):
        found = [f for f in near if hit(f)]
        under_way = [f for f in found if t <= f.stop]
        if found:
            return (under_way or found)[-1]
    return None


caused = defaultdict(list)
for one in late_starts:
    fault = cause_of(one)
    caused[fault.id if fault else None].append(one)
if caused[None]:
    worst = max(one[2] for one in caused[None])
    notes.append(f"{len(caused[None])} runs started more than {EPS} ms late without a fault nearby, {worst:.0f} ms at most")
told_faults = []
for f in faults:
    entry = {"id": f.id, "kind": f.kind, "nodes": f.nodes, "from": f.start, "to": f.stop, "recoveredMs": None, "takeoverMs": None, "late": 0, "skipped": f.skipped}
    hit = caused[f.id]
    entry["late"] = len(hit)
    if hit:
        # Until nothing was late for five seconds: what stumbles later has another reason.
        well = f.stop
        for one in sorted(hit):
            if one[0] <= well + 5_000:
                well = max(well, one[1])
        entry["recoveredMs"] = well - f.stop
    if f.stop - f.start > lease and f.kind not in CLUSTER:
        moved = {}
        for one in sorted(hit, key=lambda one: one[1]):
            if one[4] in f.nodes and one[3] not in f.nodes and f.start < one[1] < f.stop:
                # A job that a person gave to a dead node is taken over from then on.
                given = max((e["lo"] for e in edits[one[5]] if e["kind"] in ("move", "insert", "place") and e["lo"] < one[1]), default=0)
                moved.setdefault(one[5], one[1] - max(f.start, given))
        entry["takeoverMs"] = max(moved.values(), default=None)
    told_faults.append(entry)


def spread(values):
    values = sorted(values)
    if not values:
        return {"n": 0, "p50": 0, "p99": 0, "max": 0}
    at = lambda share: round(values[min(len(values) - 1, int(len(values) * share))], 1)
    return {"n": len(values), "p50": at(0.5), "p99": at(0.99), "max": round(values[-1], 1)}


verdict = {
    "totals": {
        "targets": targets, "owed": owed, "run": run_owed, "onTime": on_time, "coalesced": coalesced_away, "uncounted": uncounted_total, "missedWithRow": with_row,
        "bursts": burst["jobs"], "burstsRun": burst["run"], "excused": excused, "orders": orders, "ordersRun": orders_run, "doubled": doubled, "lost": lost, "wrongPlace": wrong,
        "lostEdits": lost_edits + classes.get("F11", 0) - lost_edits, "edits": count_edits, "starts": len(starts),
        "rows": dict(Counter(row["status"] for row in rows.values())),
    },
    "lateness": {"quiet": spread(late_quiet), "faults": spread(late_fault), "bursts": spread(burst["late"])},
    "classes": dict(sorted(classes.items())),
    "violations": violations,
    "notes": notes,
    "faults": told_faults,
    "begin": begin,
    "end": end,
    "series": [[second, n, round(worst)] for second, (n, worst) in sorted(series.items())],
}
(folder / "verdict.json").write_text(json.dumps(verdict))
