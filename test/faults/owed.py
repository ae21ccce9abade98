"""Owed: each time at which a job was to run, and what became of it (F1 lost, F9 frozen).

Each has a start, or a reason that holds without the product's word. In quiet there are three: an edit came too close, people (or
failures, as the job asks) stopped it, or the witnesses saw as many runs as may be. Under a fault a row tells what happened, and
is believed where the fault explains it: a run interrupted on a host that was hit, one missed after a grace in which it could not
be run, one in a later run that could not have come sooner."""

from history import date
from tolerances import EDGE, EPS, FAR, FINISH, LATE, LEAD, PLACING, RECOVERY

FINAL = {"executed", "error", "timeout", "interrupted", "cancelled", "missed", "max_instances"}
GRACE_S = 60
LONGEST_STAND_IN = 300_000


class Owed:
    """Judges jobs one after the other, and keeps how late runs were."""

    def __init__(self, history, faults, verdict):
        self.history, self.faults, self.verdict, self.n = history, faults, verdict, verdict.counts
        self.quiet, self.troubled = [], []
        self.late = []  # (run time, start, lateness, host, asked host, job)
        self.series = {}

    def judge(self, job):
        stood_for = self.stood_for(job)
        for seg in job.segments:
            if seg.ordered is not None:
                self.n["orders"] += 1
                self.order(job, seg.edit, seg.ordered, seg)
            # Before the beginning nodes are only just starting, and plan their first jobs.
            for t in seg.owed(max(seg.hi, self.history.begin), seg.until):
                self.n["targets"] += 1
                self.target(job, seg, t, stood_for.get(t))
        for at, edit in job.extras.items():
            self.n["orders"] += 1
            self.order(job, edit, at, None)

    def stood_for(self, job):
        """By run time, the row that has it or counts it among the times that it stands for, and how many later it is."""
        out = {}
        for seg in job.segments:
            for row in job.rows:
                t, count = row["t"], row.get("coalesced") or 1
                if row["status"] not in FINAL or t > seg.until + LATE or not seg.grid.has(t):
                    continue
                fires = [t] if count == 1 else list(seg.grid.between(t - LONGEST_STAND_IN, t + 1))
                for back in range(1, min(count, len(fires)) + 1):
                    if fires[-back] not in out or back == 1:
                        out[fires[-back]] = (row, back)
        return out

    # -- a time of the schedule ------------------------------------------------------------------------------------------
    def target(self, job, seg, t, stands):
        first = job.start_at[t][0] if t in job.start_at else None
        hosts, due = job.needs(t, first and first["t"]), t + seg.jitter
        if first is not None:
            self.n["owed"] += 1
            self.n["run"] += 1
            self.lateness(job, seg, t, first, hosts)
            return
        row, back = stands or (None, 0)
        following = next((other.lo for other in job.segments if other.lo > seg.lo), None)
        why = self.edited(job, t, due, seg.hi, following, hosts)
        if why is None:
            self.n["owed"] += 1
            why = self.reason(job, seg, t, due, hosts, row, back)
        else:
            self.n["excused" if row is None else "owed"] += 1
        if why is None:
            what = "never started and no row says why" if row is None else self.has_row(row, back)
            self.lost(job, t, f"run time {self.history.iso(t)} {what}; asked for on {job.asked(t)}, depends on {sorted(hosts or [])}", hosts)
        elif row is not None:
            self.n["coalesced" if back > 1 else "withRow"] += 1

    def has_row(self, row, back):
        if back > 1:
            return f"was swallowed by the run of {self.history.iso(row['t'])}, though it could have run before"
        return f"has a row {row['status']} of {row.get('ip')}, and nothing explains that"

    def lost(self, job, t, what, hosts):
        near = [f"{f.kind}#{f.id}" for f in self.faults.near(hosts, t - LEAD, t + LATE)]
        self.n["lost"] += 1
        self.verdict.fail("F1", f"{what}; faults near: {near}", t, job.id)

    def edited(self, job, t, due, planned, following, hosts):
        """An edit or a pause by failures came so close that a run need not have started."""
        faults = self.faults
        # Without an ip it is planned once a node has taken it.
        if faults.well_ms(hosts, planned, t) < (PLACING if None in job.asked(planned) else EDGE):
            return "planned too late"
        if following is not None and faults.well_ms(hosts, due, following) < EDGE:
            return "taken back"
        if following is not None and job.waits_until_gone(t, due):
            return "waited for a place until its document was taken away"
        if job.paused(t) is not False:
            return "paused by its failures"
        # The pause that failures make comes like one by a person: what was held up until then does not run.
        if any(due <= low and faults.well_ms(hosts, due, low) < EDGE for low, _, _ in job.pauses):
            return "held up until its failures paused it"
        return None

    def reason(self, job, seg, t, due, hosts, row, back):
        """Why a time without a start need not have had one; None: nothing explains it."""
        faults = self.faults
        well = faults.well(hosts, t - LEAD, job.turn(t, due) + LATE)
        self.n["inQuiet"] += well
        if row is None:
            if faults.is_away(t):
                return "the collection was away"
            if not well and faults.is_shifted(t) and (self.claimed_past(job, t) or faults.is_shifted(seg.hi)):
                return "planned by a server's clock that was set"
            if self.still_waiting(job, t):
                return "waits for a place to the end"
            return None
        status = row["status"]
        if status == "cancelled" and any(self.may_cancel(e, row, t, due, well) for e in job.edits):
            return "cancelled by a person"
        if back > 1:
            begun = job.start_at[row["t"]][0]["t"] if row["t"] in job.start_at else row["t"]
            return "in a later run" if faults.well_ms(hosts, due, begun) < LATE and not well else None
        if status == "max_instances":
            return self.refused(job, row, well)
        return None if well else self.under_fault(job, seg, due, hosts, row)

    def may_cancel(self, e, row, t, due, well):
        """Whether an edit asked for the end of a run that had not started. One that is late, for which its fault has to answer, may
        still be asked to end as long as it does not say that it is over."""
        told = date(row.get("finished"))
        waits = not well and e.run in (None, row["_id"]) and (told is None or e.lo < told or self.faults.clock_is_set(e.lo))
        # Who names a run has seen its claim, however far ahead of its time that was.
        known = e.run == row["_id"] or e.hi > t - LEAD - EDGE
        return e.kind == "cancel" and known and (waits or e.lo < due + EDGE)

    def refused_at(self, job, row, well):
        """When a due time may have been refused: from when it came to when its row says that it was over, not much later than that
        in quiet (at these instants, and where another run began between them, there are most); save where a clock that was ahead
        judged it. A run id begins with the second in which it was made, by the machine's own clock."""
        made, told = int(row["_id"][:8], 16) * 1_000 if self.faults.is_shifted(row["t"]) else row["t"], date(row.get("finished"))
        if abs(made - row["t"]) >= FAR + LATE:
            return [made + EDGE]
        if told is None or well and told >= row["t"] + LATE:
            return [row["t"]]
        return [row["t"], *(s["t"] for s in job.starts if row["t"] < s["t"] < told), told]

    def refused(self, job, row, well):
        """Why a run that has a row max_instances found no place; None: nothing explains it."""
        return next(filter(None, (self.full(job, row["t"], at, well) for at in self.refused_at(job, row, well))), None)

    def full(self, job, t, at, well):
        overlap = job.setting(t, "overlap", "skip")
        if overlap == "cancel_other" and well:
            return None  # it has its place when the oldest is aborted
        if job.is_full(t, at) and (overlap == "skip" or job.waits(t, at) or not well):
            return "as many as may were running"
        # A run of another node (the job was moved from there) counts until that node has stored its end.
        unstored = [s for s in job.starts if s["t"] <= at and at - RECOVERY < s["until"] <= at and not self.faults.well({s["ip"]}, s["until"], at)]
        if len(job.others(t, at, at + EDGE)) + len(unstored) >= job.places(t) and unstored:
            return "the end of a run could not be stored"
        # An entry of a run whose node was hit is there until somebody says that it is dead.
        held = [s for s in job.starts if s["t"] <= at + EDGE and self.faults.cut_short(s) and s["until"] > at - 2 * RECOVERY]
        unstarted = [r for r in job.rows if r["status"] == "interrupted" and at - 2 * RECOVERY < r["t"] <= at + EDGE]
        return "a run whose node was hit still counted" if not well and (held or unstarted) else None

    def under_fault(self, job, seg, due, hosts, row):
        faults, status = self.faults, row["status"]
        if status == "interrupted":
            seen = max(due, date(row.get("claimed")) or due)
            return "its node was hit" if faults.interrupts(row, row["t"] - LEAD, seen + LATE) else None
        if status == "missed":
            grace = (seg.doc or {}).get("misfire_grace_time", GRACE_S)
            if grace is None:
                return None
            could = faults.well_ms(hosts, due, due + grace * 1000)
            return "its grace ended" if could < LATE or faults.is_shifted(due) else None
        if status == "cancelled":
            if faults.is_away(due):
                return "its document was away when it was to start"
            if job.setting(row["t"], "overlap") == "cancel_other" and self.is_succeeded(job, row, due, hosts):
                return "held up until the next run made it go"
            sent = any(f.kind in ("drain", "evict") for f in faults.near({row["ip"]}, row["t"] - LEAD, due + LATE))
            return "its node was drained" if sent else None
        return "told as run: the books say more" if status in ("executed", "error", "timeout") else None

    def is_succeeded(self, job, row, due, hosts):
        """Whether another run began when its row says that it was over, and a fault had kept it from starting until that one was due."""
        told = date(row.get("finished"))
        following = [s for s in job.starts if s["sched"] > row["t"] and told is not None and told - EDGE < s["t"] < told + LATE]
        return any(self.faults.well_ms(hosts, due, s["sched"]) < EDGE for s in following)

    def still_waiting(self, job, t):
        waiting = date((self.history.final.get(job.id, {}).get("state", {}).get("waiting") or {}).get("run_time"))
        return waiting == t and job.is_full(t)

    def claimed_past(self, job, t):
        """Whether a later run started before t by a clock that was ahead: nothing up to that run is planned any more. A run id
        begins with the second in which it was made, by the node's own clock."""
        return any(row["t"] >= t > int(row["_id"][:8], 16) * 1_000 + LATE for row in job.rows)

    def lateness(self, job, seg, t, first, hosts):
        faults, due = self.faults, t + seg.jitter
        late = first["t"] - t
        if late <= EPS + seg.jitter:
            self.n["onTime"] += 1
        hosts = None if hosts is None else hosts | {first["ip"]}
        known = faults.well_ms(hosts, seg.hi, t) >= EDGE
        if known and job.is_brief(t) and seg.jitter == 0:
            calm = faults.well(hosts, t - EPS, t + EPS)
            (self.quiet if calm else self.troubled).append(late)
            if late > EPS:
                self.late.append((t, first["t"], late, first["ip"], job.asked(t)[-1], job.id))
        second = int((first["t"] - self.history.begin) // 1000)
        n, worst = self.series.get(second, (0, 0))
        self.series[second] = (n + 1, max(worst, late if job.is_brief(t) else 0))
        self.n["inQuiet"] += faults.well(hosts, t - LEAD, due + LATE)
        if not known or first["attempt"] > 1:
            return
        self.in_time(job, t, due, first, hosts, f"run time {self.history.iso(t)}")

    def in_time(self, job, t, due, first, hosts, what):
        """A start later than what was wrong explains."""
        if job.setting(t, "overlap", "skip") == "queue_one":
            free = job.free_ms(t, due, first["t"], self.faults.windows(hosts))
        else:
            free = self.faults.well_ms(hosts, due, first["t"])
        if free > LATE:
            name = "F1" if self.faults.well(hosts, t - LEAD, due + LATE) else "F9"
            self.verdict.fail(name, f"{what} started {(first['t'] - due) / 1000:.1f} s late on {first['ip']}, {free / 1000:.1f} s of which nothing was wrong", t, job.id)

    # -- a time that a person ordered ------------------------------------------------------------------------------------
    def order(self, job, e, at, seg):
        """`seg`: of an order by next_run_time; None: of an extra run."""
        due = max(at, e.hi)
        hosts = job.needs(due)  # an order may be for a time at which its job was elsewhere, or not there
        what = f"{e.kind} #{e.ver} of {self.history.iso(at)}, acknowledged at {self.history.iso(e.hi)},"
        if at in job.start_at:
            self.n["ordersRun"] += 1
            first = job.start_at[at][0]
            self.in_time(job, at, due, first, None if hosts is None else hosts | {first["ip"]}, what)
            return
        if not e.known or at > self.history.horizon:
            return
        over = [o.lo for o in job.edits if o.lo > e.lo and (o.gone or o.whole or seg is not None and o.plans)]
        if over and self.faults.well_ms(hosts, due, over[0]) < EDGE or self.cancelled(job, at, due):
            self.n["excused"] += 1
            return
        well = self.faults.well(hosts, min(at, e.lo) - LEAD, due + LATE)
        row = next(iter(job.row_at.get(at, [])), None)
        if row is not None and row["status"] == "max_instances":
            if any(self.full(job, at, moment, well) for moment in [*self.refused_at(job, row, well), e.hi]):
                return
        if row is not None and row["status"] in ("interrupted", "cancelled") and not well and self.under_fault(job, seg, due, hosts, row):
            return
        if seg is not None and (self.served(job, seg, at, e, hosts) or self.skewed(job, seg, at, e) or self.behind(job, seg, due, e, hosts)):
            self.n["coalesced"] += 1
            return
        self.lost(job, e.hi, f"{what} never ran{'' if row is None else ', and has a row ' + row['status']}", hosts)

    def cancelled(self, job, at, due):
        return any(o.kind == "cancel" and o.lo < due + EDGE and o.hi > at for o in job.edits)

    def served(self, job, seg, at, e, hosts):
        """Two due times at one claim are one run: a time of the schedule that came before the order could be claimed, or, under a
        fault, one that counts it; or one refusal, where as many as may were running."""
        if not (seg.doc or {}).get("coalesce", True):
            return False
        for row in job.rows:
            t = row["t"]
            if not at < t < at + LONGEST_STAND_IN or not seg.allows(t):
                continue
            if t not in job.start_at:
                well = self.faults.well(job.needs(t), t - LEAD, t + LATE)
                if row["status"] != "max_instances" or not self.refused(job, row, well):
                    continue
            counts = len(list(seg.grid.between(at, t + 1))) + 1 <= (row.get("coalesced") or 1)
            begun = job.start_at[t][0]["t"] if t in job.start_at else t
            if counts and (t < e.hi + EDGE or self.faults.well_ms(hosts, e.hi, begun) < LATE):
                return True
        return False

    def skewed(self, job, seg, at, e):
        """What was claimed by a clock that was ahead is not claimed again: the order is served by the next time after that."""
        if not self.faults.is_shifted(at) or not self.claimed_past(job, at):
            return False
        return any(e.lo < s["t"] < e.hi + LATE and s["sched"] > s["t"] and seg.allows(s["sched"]) for s in job.starts)

    def behind(self, job, seg, due, e, hosts):
        """A run that was claimed before the order, for a time long after it, was claimed by a server's clock that was ahead: no time
        up to that one is planned any more, and its place is taken until it ends. The next run after it counts the order."""
        faults = self.faults
        ahead = [s for s in job.starts if job.before(e, s) is False and s["sched"] > e.hi + LEAD and faults.due_ahead(s["sched"], 0, e.hi + LEAD)]
        if not ahead:
            return False
        floor = max(s["sched"] for s in ahead)
        free = max([due, *(job.busy_until(s) + FINISH for s in ahead)])
        for s in job.starts:
            t = s["sched"]
            row = self.history.rows.get(s["run"])
            if row is None or t <= floor or not seg.allows(t):
                continue
            counts = len(list(seg.grid.between(floor, t + 1))) + 1 <= (row.get("coalesced") or 1)
            if counts and faults.well_ms(hosts, free, s["t"]) < LATE:
                return True
        return False
