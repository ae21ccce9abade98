"""Faults: what was wrong, with which hosts, from when to when; and what that excuses.

In: the history. Out: for some hosts (None: any) and a span, whether anything was wrong that they could feel.
A fault counts for the nodes that it hit, or for all where it hit the database, from its beginning until RECOVERY after its heal;
where a server's clock was set, also for what was planned ahead by it. What it can cause is all that it excuses: LOADS make runs
late, and end none."""

from collections import defaultdict
from copy import copy

from history import date
from tolerances import AWAY, EARLY, FAR, FINISH, HELD, RECOVERY, SETTLE

DATABASE = {
    "step-down", "primary-kill", "primary-pause", "majority-lost", "majority-lag", "freeze", "disk-full", "server-clock",
    "renamed", "dropped", "storm",
}  # fmt: skip
NODE = {
    "node-kill", "nodes-kill", "body-kill", "kill-claim-sent", "kill-claim-stored", "kill-row-sent", "kill-pull-sent", "move-kill",
    "node-pause", "twin", "cut", "black-hole", "delay", "one-way-up", "one-way-down", "reset", "answer-lost", "stream-killed",
    "oplog-rolled", "clock-jump", "loop-blocked", "evict", "drain",
}  # fmt: skip
NOBODY = {"rebalance", "crowd"}
# Much to do at once, or a stream that opens again: runs are late, or missed for that; their nodes live and claims are answered.
LOADS = {"storm", "crowd-due", "stream-killed", "loop-blocked"}
BLOCKED = 3_000  # a loop is, for so long
# The collection was not there.
TAKEN_AWAY = {"renamed", "dropped"}
# Its process is gone.
KILLS = {
    "node-kill", "nodes-kill", "body-kill", "kill-claim-sent", "kill-claim-stored", "kill-row-sent", "kill-pull-sent", "move-kill", "twin",
}  # fmt: skip
# A person sends the node's jobs away: no lease has to end first. Who drains keeps its lease, and its runs go on.
SENT_AWAY = {"evict", "drain"}
# Their end is not at once that of the harm: drivers connect again, members elect. A process that goes on goes on.
LINES = {"cut", "black-hole", "delay", "one-way-up", "one-way-down", "reset", "answer-lost", "oplog-rolled"}
# A fault is over before its telling: the line is written after it began.
BEFORE = 20


class Fault:
    def __init__(self, told):
        self.id, self.kind, self.ms, self.amount = told["id"], told["kind"], told.get("ms") or 0, told.get("amount") or 0
        self.nodes, self.logs = told.get("nodes", []), told.get("logs", {})
        self.start, self.stop, self.skipped, self.failed = told["at"], None, None, None
        self.led = False  # a member's clock was set, and nothing else

    def parts(self, steps):
        """A server's clock that was set long after its member had been made to lead: elections before and after, and in between
        nothing but the clock is wrong."""
        if not {"leads", "set", "back"} <= set(steps):
            return [self]
        before, between, after = copy(self), copy(self), copy(self)
        before.kind, before.stop = "step-down", steps["leads"]
        between.start, between.led = steps["set"], True  # set back, it is believed only when its member was started anew
        after.kind, after.start = "step-down", steps["back"]
        return [before, between, after]

    @property
    def everywhere(self):
        return self.kind in DATABASE or self.kind == "crowd-due"

    @property
    def shift(self):
        """By how much a clock was set by which runs are planned: a node whose clock is far off goes by the server's."""
        if self.kind == "server-clock":
            return abs(self.amount) * 1000
        return abs(self.amount) * 1000 if self.kind == "clock-jump" and abs(self.amount) <= 5 else 0

    @property
    def jump(self):
        """By how many ms a node whose own clock was set may be early."""
        return self.shift + 20 if self.shift else 100

    @property
    def ahead(self):
        """By how much a server's clock was ahead: what is due by it is still to come."""
        return self.amount * 1000 if self.kind == "server-clock" and self.amount > 0 else 0

    @property
    def low(self):
        return self.start - BEFORE - self.shift

    @property
    def high(self):
        return self.stop + RECOVERY + self.shift

    def lost_lease(self, lease):
        """When the lease of a host that it hit could first end; None: it was over too soon."""
        if self.kind == "evict":
            return self.start
        if self.kind == "drain":
            return None
        if self.led:
            # A lease that looks ended has a third of it more: who renews his as often keeps it, whatever a server's clock says.
            return None
        if self.kind in LOADS and not (self.kind == "loop-blocked" and BLOCKED >= lease * HELD):
            return None
        slack = SETTLE if self.everywhere or self.kind in LINES else 0
        return self.start + lease * HELD if self.start + lease * HELD <= self.stop + slack else None

    def ends_runs(self, lease):
        """Whether a run of a host that it hit can end by it: killed with its process, or given up because its lease is lost.
        An answer that comes late or not at all ends none: what became of the claim is looked up."""
        return self.kind in KILLS or self.lost_lease(lease) is not None

    def hits(self, hosts):
        return hosts is None or self.everywhere or bool(hosts & set(self.nodes))

    def is_felt(self, hosts):
        """The noise that rolls an oplog over is a load for everybody; only the node that it is made for loses its stream."""
        return self.hits(hosts) or self.kind == "oplog-rolled"


class Faults:
    def __init__(self, history):
        self.lease, self.ips = history.lease, set(history.ips)
        told = {}
        for h in history.of("fault"):
            if h["kind"] not in DATABASE | NODE | NOBODY:
                raise SystemExit(f"the judge knows no fault {h['kind']}")
            if h["type"] == "invoke":
                told[h["id"]] = Fault(h)
            else:
                fault = told[h["id"]]
                fault.stop = h["at"]
                if h["type"] == "skip":
                    fault.skipped, fault.stop = h["why"], fault.start
                if h["type"] == "fail":
                    fault.failed = h["why"]
        self.told = sorted(told.values(), key=lambda f: f.start)
        for fault in self.told:
            fault.stop = fault.stop or history.end
        steps = defaultdict(dict)
        for h in history.of("clock-step"):
            steps[h["id"]][h["what"]] = h["at"]
        made = [f for f in self.told if f.skipped is None and f.kind not in NOBODY and not self.lags_alone(f)]
        self.real = [part for f in made for part in f.parts(steps[f.id])]
        done = {h["id"]: h["at"] for h in history.of("crowd-done")}
        for h in history.of("crowd"):
            crowd = Fault({"id": h["id"], "kind": "crowd-due", "at": h["due"] - 1_000})
            # What its jobs keep busy is over soon after the last of them.
            crowd.stop = min(done.get(h["id"], history.end), h["due"] + 20_000) - RECOVERY + SETTLE
            self.real.append(crowd)
        self.skewed = [f for f in self.real if f.kind == "server-clock"]
        self.cache = {}

    def lags_alone(self, fault):
        """One secondary applies nothing, and nothing else is wrong with the database: the other members are a majority, and nobody
        has to ask that one."""
        others = [f for f in self.told if f is not fault and f.skipped is None and f.kind in DATABASE]
        alone = all(f.stop + SETTLE < fault.start or f.start > fault.stop for f in others)
        return fault.kind == "majority-lag" and fault.amount == 1 and alone

    def windows(self, hosts, ending=False):
        """Merged spans in which something was wrong; `ending`: that can end a run."""
        key = (None if hosts is None else frozenset(hosts), ending)
        if key not in self.cache:
            near = [f for f in self.real if (f.ends_runs(self.lease) and f.hits(hosts) if ending else f.is_felt(hosts))]
            spans = sorted((f.low, f.high) for f in near)
            if hosts is not None and hosts - self.ips:
                spans = [(float("-inf"), float("inf"))]  # a host that is not there: nobody runs its jobs
            merged = []
            for low, high in spans:
                if merged and low <= merged[-1][1]:
                    merged[-1][1] = max(merged[-1][1], high)
                else:
                    merged.append([low, high])
            self.cache[key] = merged
        return self.cache[key]

    def well(self, hosts, low, high, ending=False):
        return all(stop <= low or start >= high for start, stop in self.windows(hosts, ending))

    def well_ms(self, hosts, low, high):
        """How much of a span was quiet."""
        if high <= low:
            return 0
        return high - low - sum(max(0, min(high, stop) - max(low, start)) for start, stop in self.windows(hosts))

    def near(self, hosts, low, high):
        return [f for f in self.real if f.is_felt(hosts) and f.low < high and f.high > low]

    def cut_short(self, start):
        """Whether a run may have been taken for dead: something that can end runs hit its host from a lease before its start (its
        claim's answer, its lease) until its end was stored."""
        return not self.well({start["ip"]}, start["t"] - self.lease, start["until"] + SETTLE, ending=True)

    def interrupts(self, row, low, high):
        """Whether a run of the row's host between low and high can have been told as interrupted when it was: not before its process
        was gone, or its lease could be lost. What becomes of a claim whose answer was lost is looked up; that tells nobody dead."""
        told = date(row.get("finished"))
        for f in self.real:
            if not (f.hits({row["ip"]}) and f.ends_runs(self.lease) and f.low < high and f.high > low):
                continue
            first = f.start if f.kind in KILLS else f.lost_lease(self.lease)
            if told is None or told > first - FAR or self.clock_is_set(told):
                return True
        return False

    def clock_is_set(self, t):
        """Whether some node or member may have told a time by a clock that was set."""
        return any(f.kind in ("clock-jump", "server-clock") and f.start - SETTLE <= t <= f.stop + SETTLE for f in self.real) or self.is_shifted(t)

    def given_up(self, host, since, t):
        """When, before t, a host that a job was given to at `since` could first be taken for dead, or give it away; None: it could not."""
        for f in self.real:
            lost = None if not f.hits({host}) else f.start if f.kind in SENT_AWAY else f.lost_lease(self.lease)
            if lost is not None and lost <= t and f.stop + RECOVERY > since:
                return max(lost, since)
        return None

    def abandoned(self, start, until):
        """From when on a run that goes on is no longer its job's: its host was held up for so long that others may have declared
        it interrupted; `until` if never."""
        for f in self.real:
            lost = f.lost_lease(self.lease) if f.hits({start["ip"]}) and f.high > start["t"] else None
            if lost is not None:
                until = min(until, max(start["t"], lost))
        return until

    def early(self, start):
        """By how many ms a run may start early: the clock that it goes by was set just then."""
        tolerance = EARLY
        for f in self.real:
            if not f.start <= start["t"] <= f.stop + SETTLE:
                continue
            if f.kind == "clock-jump" and start["ip"] in f.nodes:
                tolerance = max(tolerance, f.jump)
            if f.kind == "server-clock":
                tolerance = max(tolerance, f.shift + FAR)
        return tolerance

    def early_again(self, start, since):
        """By how many ms a wait that began at `since` may be cut short: its node's clock was set ahead meanwhile, or, while a server's
        clock is far off, the node ends it by the offset that it measured last."""
        for f in self.real:
            ahead = f.start if f.amount > 0 else f.stop
            if f.kind == "clock-jump" and start["ip"] in f.nodes and f.start <= start["t"] and since <= ahead + SETTLE:
                return f.jump
        off = any(f.start <= start["t"] and since <= f.stop + SETTLE for f in self.skewed)
        return FAR if off else EARLY

    def due_ahead(self, t, low, high):
        """Instants between low and high at which t, though still to come, was due by a server's clock that was ahead."""
        return [t - f.ahead for f in self.skewed if f.ahead > 0 and max(low, f.start) < t - f.ahead < min(high, f.stop)]

    def is_away(self, t):
        """Whether the jobs collection was not there, or just being read again."""
        return any(f.kind in TAKEN_AWAY and f.start - BEFORE <= t <= f.stop + AWAY for f in self.real)

    def is_cut_off(self, host, t):
        """Whether the database could not be reached from a host."""
        return any(f.start <= t <= f.stop + SETTLE for f in self.real if f.hits({host}) and (f.kind in LINES or f.kind in DATABASE))

    def holds_back(self, host, t):
        """Whether what a host sent at t may have come only after a heal: its process goes on, its line or the database does not."""
        held = [f for f in self.real if f.hits({host}) and (f.everywhere or f.kind in LINES or f.kind == "node-pause")]
        return any(f.start - BEFORE <= t <= f.stop + SETTLE for f in held)

    def may_be_undone(self, t):
        """Whether what a node stored of a run's end at t may be gone: the documents that came back were read before that."""
        return any(f.kind == "dropped" and f.start - BEFORE - FINISH <= t <= f.stop + FINISH for f in self.real)

    def is_shifted(self, t):
        """Whether a time may have been judged by a server's clock that was set."""
        return any(f.start - f.shift <= t <= f.stop + f.shift + SETTLE for f in self.skewed)
