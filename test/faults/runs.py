"""Runs: each start, by what people had asked for at its claim (F2 duplicate, F3 wrong host, F4 ghost, F5 early, F6 stale,
F7 schedule, F8 overlap), and how it ended: by its timeout (F10), by a cancel (F4), followed by a next attempt (F1)."""

from collections import defaultdict

from history import date
from oracle import retry_delay
from tolerances import EDGE, HEARD, LATE, LEAD, SETTLE


class Runs:
    def __init__(self, history, faults, verdict):
        self.history, self.faults, self.verdict, self.n = history, faults, verdict, verdict.counts

    def judge(self, job):
        self.again = set()
        self.doubles(job)
        for s in job.starts:
            self.place(job, s)
            self.time(job, s)
            self.fields(job, s)
            self.plan(job, s)
            self.ends(job, s)
            self.from_memory(job, s)
        self.overlaps(job)
        self.cancels(job)

    def told(self, s):
        iso = self.history.iso
        attempt = f", attempt {s['attempt']}," if s["attempt"] > 1 else ""
        return f"run {s['run']} of {iso(s['sched'])}{attempt} started at {iso(s['t'])} on {s['ip']}"

    # -- F2 --------------------------------------------------------------------------------------------------------------
    def doubles(self, job):
        """More starts of one time than its orders, or than its failed attempts and its job's wish to be run again allow."""
        orders = defaultdict(int)
        for e in job.edits:
            for at in (e.ordered, e.extra):
                if at is not None:
                    orders[at] += 1
        for sched, all_ in job.start_at.items():
            for same in self.lives(job, all_):
                tries = defaultdict(list)
                for s in same:
                    tries[s["attempt"]].append(s)
                for attempt, list_ in tries.items():
                    allowed = max(1, orders[sched]) if attempt == 1 else self.failures(job, tries[attempt - 1])
                    allowed += self.reruns(job, list_)
                    if len(list_) > allowed:
                        self.n["doubled"] += len(list_) - allowed
                        told = ", ".join(f"{s['ip']} at {self.history.iso(s['t'])} (run {s['run']}, {self.history.status(s['run'])})" for s in list_)
                        self.verdict.fail("F2", f"run time {self.history.iso(sched)} started {len(list_)} times as attempt {attempt}, {allowed} allowed: {told}", list_[-1]["t"], job.id)
        self.double_rows(job)

    def lives(self, job, same):
        """Starts for one run time, apart by the document they came from. What ran ahead of its time by a server's clock is due
        once more where the job was deleted and another one took its name, or its document was replaced by one that says nothing of
        that: it is another job, whose first run this is."""
        if len(same) < 2 or not any(self.faults.is_shifted(s["t"]) for s in same):
            return [same]
        found = defaultdict(list)
        for s in same:
            found[sum(e.fresh and job.before(e, s) is True for e in job.edits)].append(s)
        return list(found.values())

    def failures(self, job, tries):
        """How many next attempts the witnesses' failures call for."""
        retry = job.setting(tries[0]["t"], "retry") if tries else None
        if retry is None:
            return 0
        return sum(retry_delay(retry, s["attempt"]) is not None and (s["how"] == "failed" or s["how"] == "aborted" and job.timed_out(s)) for s in tries)

    def reruns(self, job, list_):
        """Starts once more of runs that were cut short on a host that was hit, where the job asks for that; one that was cut short
        between its claim and its start left only its row."""
        count = 0
        first = list_[0]
        if first["attempt"] == 1 and self.rerun_of_nothing(job, first):
            self.again.add(first["run"])
        for earlier, later in zip(list_, list_[1:]):
            if job.setting(later["t"], "on_interrupt") == "rerun" and self.faults.cut_short(earlier):
                self.again.add(later["run"])
                count += 1
        return count

    def rerun_of_nothing(self, job, start):
        rerun = job.setting(start["t"], "on_interrupt") == "rerun"
        return rerun and any(
            row["status"] == "interrupted" and row["_id"] not in self.history.started and self.faults.interrupts(row, row["t"] - LEAD, start["t"])
            for row in job.row_at[start["sched"]]
        )

    def double_rows(self, job):
        """One time has one row for each attempt, unless it was cut short and run again: its own node may still tell its end."""
        found = defaultdict(list)
        for row in job.rows:
            if row["scheduled"]:
                found[row["t"], row["attempt"]].append(row)
        for (t, attempt), rows in found.items():
            again = 0
            if job.setting(t, "on_interrupt") == "rerun":
                runs = [self.history.started.get(row["_id"]) for row in rows]
                again = sum(row["status"] == "interrupted" or run is not None and self.faults.cut_short(run) for row, run in zip(rows, runs))
            again += self.missed_again(job, t, rows) + self.replaced_ahead(job, t, rows)
            if len(rows) > 1 + again and not self.faults.is_shifted(t):
                self.n["doubled"] += 1
                told = ", ".join(f"{row['_id']} {row['status']} of {row.get('ip')}" for row in rows)
                self.verdict.fail("F2", f"run time {self.history.iso(t)} has {len(rows)} rows of attempt {attempt}: {told}", t, job.id)

    def replaced_ahead(self, job, t, rows):
        """Whether a run of t was claimed, and its document deleted or replaced before its start: the one in its stead has a run of t, too."""
        near = any((e.gone or e.whole) and t - LEAD - EDGE < e.lo < t + EDGE for e in job.edits)
        return near and any(row["status"] == "cancelled" and row["_id"] not in self.history.started for row in rows)

    def missed_again(self, job, t, rows):
        """How often a document came back that had been read while t was due, after t had been told as missed: what drops its plan
        drops t once more. A run it would order is found in the history; one that nobody claimed is not looked for there."""
        told = sorted(date(row["finished"]) for row in rows if row["status"] == "missed" and row.get("finished"))
        back = [e for e in job.edits if e.as_read_time == t]
        return sum(any(one < e.hi and e.lo < two for e in back) for one, two in zip(told, told[1:]))

    # -- F3 --------------------------------------------------------------------------------------------------------------
    def place(self, job, s):
        candidates = job.at_claim(s, lambda e: (e.value("ip"),) if e.sets("ip") else None)
        if any(e.as_read for _, e in candidates):
            # It may have named the node that stood there: then what was asked for before is still in force.
            candidates = [*job.at_claim(s, lambda e: (e.value("ip"),) if e.sets("ip") and not e.as_read else None), *candidates]
        for ip, e in candidates:
            if ip is None or ip == s["ip"] or job.brought_home(e, s["ip"], s["t"]):
                return
            takers = job.takers(s["t"])
            may = takers == "any" or s["ip"] in takers
            if may and self.faults.given_up(ip, e.lo, s["t"]) is not None:
                return
        if candidates:
            self.n["wrong"] += 1
            ip, e = candidates[-1]
            self.verdict.fail("F3", f"{self.told(s)}, though {ip} was asked for in edit #{e.ver}, which came before the claim", s["t"], job.id)

    # -- F5 --------------------------------------------------------------------------------------------------------------
    def time(self, job, s):
        if s["t"] < s["sched"] - self.faults.early(s):
            self.verdict.fail("F5", f"{self.told(s)}, {s['sched'] - s['t']:.0f} ms early", s["t"], job.id)

    # -- F6 --------------------------------------------------------------------------------------------------------------
    def fields(self, job, s):
        for name, field, seen in (("args", "args", s.get("args")), ("x_ver", "x_ver", s.get("ver"))):
            if seen is None:
                continue  # a script is not told
            values = job.at_claim(s, lambda e: (e.value(field),) if e.sets(field) else None)
            # Of many claims together the documents are read after them: a value that came since is none that is stale.
            values += [(e.value(field), e) for e in job.edits if e.sets(field) and e.lo < s["t"] and job.before(e, s) is not True]
            if values and seen not in [value for value, _ in values]:
                self.verdict.fail("F6", f"{self.told(s)} with {name} {seen}, the claim came after the edit to {values[-1][0]}", s["t"], job.id)

    # -- F4, F7 ----------------------------------------------------------------------------------------------------------
    def plan(self, job, s):
        """The schedule in force at the claim has the time of the run."""
        if s["run"] in self.again or s["attempt"] > 1 or s["sched"] in job.extras:
            if job.extras.get(s["sched"]) is not None and s["t"] < job.extras[s["sched"]].lo:
                self.verdict.fail("F4", f"{self.told(s)} before it was ordered", s["t"], job.id)
            return
        current = job.plans_at_claim(s)
        if not current:
            self.verdict.fail("F4", f"{self.told(s)} before the job was there", s["t"], job.id)
            return
        paused = all(seg.rests for seg in current)  # then what waits for a place goes on waiting
        if not any(seg.allows(s["sched"]) for seg in current) and not self.as_planned_before(job, s, current) and (paused or not self.queued(job, s)):
            seg = current[-1]
            name = "F4" if seg.rests else "F7"
            self.verdict.fail(name, f"{self.told(s)}, which edit #{seg.edit.ver} ({seg.edit.kind}) at {self.history.iso(seg.hi)} does not allow", s["t"], job.id)
            return
        if job.paused(s["sched"]) is True and s["sched"] not in {seg.ordered for seg in job.segments} and not self.queued(job, s):
            self.verdict.fail("F4", f"{self.told(s)}, though its failures should have paused it", s["t"], job.id)
        self.taken_back(job, s)

    def as_planned_before(self, job, s, current):
        """The plan that the edit asks for may not have been made yet. A pause or a delete asks for none: the claim sees them."""
        # The fence tells the second of the claim; it is no earlier than the lead, and than the edit that it came after.
        known = self.history.reference or s.get("fence") is None or self.faults.is_shifted(s["t"])
        claimed = s["t"] if known else max(s["fence"][0] * 1000, s["sched"] - LEAD)
        slack = 1_000 if self.history.reference else EDGE
        for seg in reversed(job.segments[: job.segments.index(current[0]) + 1]):
            if seg.allows(s["sched"]):
                return True
            if seg.rests or self.faults.well_ms(job.needs(s["t"]), seg.hi, claimed) > slack:
                return False
        return False

    def queued(self, job, s):
        """It was due under an earlier plan, and has waited for a place since: only as long as the witnesses saw none free, or
        something was wrong."""
        if job.setting(s["t"], "overlap", "skip") == "skip":
            return False
        due = any(seg.lo < s["t"] and seg.allows(s["sched"]) and (s["sched"] < seg.until + EDGE or self.queued_ahead(job, seg, s)) for seg in job.segments)
        waited = due and job.free_ms(s["sched"], s["sched"] + EDGE, s["t"], self.faults.windows(job.needs(s["t"]))) <= LATE
        self.n["queuedAfter"] += waited
        return waited

    def queued_ahead(self, job, seg, s):
        """It was due, and found no place, by a server's clock that was ahead; set back, that clock has it wait for its time."""
        return any(job.is_full(s["sched"], at) for at in self.faults.due_ahead(s["sched"], seg.lo, seg.until))

    def taken_back(self, job, s):
        """A claim made in time, a start long after a pause or a delete: only something that held its node up may do that."""
        for seg in job.segments:
            if seg.rests and seg.hi + EDGE < s["t"] < seg.until and job.before(seg.edit, s) is False:
                if self.faults.well_ms({s["ip"]}, seg.hi, s["t"]) > EDGE:
                    self.verdict.fail("F4", f"{self.told(s)}, {s['t'] - seg.hi:.0f} ms after it was paused or deleted", s["t"], job.id)

    def from_memory(self, job, s):
        """A start by a claim from before its process slept longer than its lease, or by an entry of a document that is gone."""
        for f in self.faults.real:
            slept = f.kind == "node-pause" and s["ip"] in f.nodes and f.stop - f.start > self.history.lease
            claimed = s.get("fence") is not None and s["attempt"] == 1 and s["fence"][0] * 1000 + 1_000 < f.stop
            if slept and claimed and s["t"] >= f.stop and s["sched"] < f.stop:
                self.verdict.fail("F4", f"{self.told(s)}, claimed before its process slept for {(f.stop - f.start) / 1000:.1f} s, longer than its lease", s["t"], job.id)
        first = next((o for o in job.start_at[s["sched"]] if o["attempt"] == 1), None)
        if s["attempt"] == 1 or first is None:
            return
        for e in job.edits:
            if (e.gone or e.fresh) and first["t"] < e.lo and e.hi + EDGE < s["t"] and self.faults.well_ms({s["ip"]}, e.hi, s["t"]) > EDGE:
                self.verdict.fail("F4", f"{self.told(s)}, {s['t'] - e.hi:.0f} ms after edit #{e.ver} ({e.kind}) took its document away", s["t"], job.id)
                return

    # -- how a run ended -------------------------------------------------------------------------------------------------
    def ends(self, job, s):
        timeout = job.setting(s["t"], "timeout")
        if timeout is not None and s["until"] > s["t"] + timeout * 1000 + LATE and self.faults.well({s["ip"]}, s["t"], s["until"]):
            self.verdict.fail("F10", f"{self.told(s)} and went on for {(s['until'] - s['t']) / 1000:.1f} s, its timeout is {timeout} s", s["t"], job.id)
        if s["how"] == "aborted" and not self.why_aborted(job, s):
            self.verdict.fail("F1", f"{self.told(s)} and was aborted at {self.history.iso(s['until'])}, for which nothing was the reason", s["t"], job.id)
        self.next_attempt(job, s)

    def why_aborted(self, job, s):
        at = s["until"]
        if job.timed_out(s) or self.faults.cut_short(s):
            return True
        if any(e.kind == "cancel" and e.run in (None, s["run"]) and e.lo < at and e.hi > min(at - LATE, s["t"]) - LEAD for e in job.edits):
            return True
        if job.setting(at, "overlap") != "cancel_other":
            return False
        # Another time was due by then, or an extra run asked for, and had not started: the oldest run goes for it.
        due = {t for seg in job.segments for t in [*seg.grid.between(s["sched"], at + EDGE), seg.ordered] if t is not None} | set(job.extras)
        # A person may set a time before one that was claimed ahead.
        set_by_people = {seg.ordered for seg in job.segments} | set(job.extras)
        later = (t for t in due if t <= at + EDGE and (s["sched"] < t or t in set_by_people))
        waits = [t for t in later if not any(o["t"] < at for o in job.start_at[t])]
        return bool(waits) and job.is_full(at, at - EDGE)

    def next_attempt(self, job, s):
        failed = s["how"] == "failed" or s["how"] == "aborted" and job.timed_out(s)
        later = [o for o in job.start_at[s["sched"]] if o["attempt"] == s["attempt"] + 1 and o["t"] > s["t"]]
        delay = retry_delay(job.setting(s["t"], "retry"), s["attempt"])
        if not failed or delay is None:
            return
        low, high = s["until"] + delay[0], s["until"] + delay[1]
        if later and later[0]["t"] < low - self.faults.early_again(later[0], s["until"]):
            self.verdict.fail("F5", f"{self.told(later[0])}, {low - later[0]['t']:.0f} ms before its retry's delay was over", later[0]["t"], job.id)
        until = later[0]["t"] if later else self.history.calm
        wait = self.faults.well_ms(job.needs(s["until"]) | {s["ip"]}, high, until)
        stopped = job.is_deleted(s["t"], high + LATE) or any(e.kind == "cancel" and s["t"] < e.hi and e.lo < high + LATE for e in job.edits)
        # It was claimed, and its node died before it began.
        died = any(
            r["status"] == "interrupted" and r["t"] == s["sched"] and r["attempt"] == s["attempt"] + 1
            and self.faults.interrupts(r, s["until"], high + LATE)
            for r in job.rows
        )
        # Its node was taken for dead before it could say how this one ended: the run is over as interrupted, without a next attempt.
        row = self.history.rows.get(s["run"])
        told = None if row is None else date(row.get("recorded") or row.get("finished"))
        unsaid = told is None or row["status"] == "interrupted" or told > s["until"] + SETTLE or self.faults.holds_back(s["ip"], told)
        if wait > LATE and not stopped and not died and not (unsaid and self.faults.cut_short(s)):
            self.n["lost"] += not later
            what = f"came {wait / 1000:.1f} s late" if later else "never came"
            self.verdict.fail("F1", f"{self.told(s)} and failed; its next attempt {what}", s["t"], job.id)

    def cancels(self, job):
        """A run that a person cancelled ends."""
        for e in job.edits:
            if e.kind != "cancel" or not e.known:
                continue
            for s in job.starts:
                meant = e.run in (None, s["run"])
                limit = e.hi + (HEARD if s["how"] in ("done", "failed") else LATE)
                if meant and s["t"] < e.lo and s["until"] > limit and self.faults.well({s["ip"]} | (job.needs(e.hi) or set()), e.lo, limit):
                    self.verdict.fail("F4", f"{self.told(s)} and went on until {self.history.iso(s['until'])}, though edit #{e.ver} cancelled it at {self.history.iso(e.hi)}", e.hi, job.id)

    # -- F8 --------------------------------------------------------------------------------------------------------------
    def taken_away(self, job, s):
        """Whether a run began while the replacement of its document was on its way to its node: no place of the new one's is taken by
        the old one's run."""
        return any(e.fresh and e.lo <= s["t"] < e.hi + EDGE and job.before(e, s) is False for e in job.edits)

    def is_past(self, job, run, s):
        """Whether a run is one of a document that a person deleted before the start s was claimed, and began before its node heard of
        that. It may finish; the list by which the cluster counts it went with the document, and what is added under that id is another
        job with all its places. (Of a job that is moved the contract says that its run still counts; of a deleted one it does not.)"""
        return any(e.gone and run["t"] < e.hi + EDGE and job.before(e, run) is False and job.before(e, s) for e in job.edits)

    def overlaps(self, job):
        live = []
        for s in job.starts:
            live = [(other, until) for other, until in live if until > s["t"] + 1 and not self.is_past(job, other, s)]
            if not self.taken_away(job, s):
                live.append((s, self.faults.abandoned(s, s["until"])))
            if len(live) > job.places(s["t"]):
                told = ", ".join(f"{o['run']} on {o['ip']} since {self.history.iso(o['t'])}" for o, _ in live)
                self.verdict.fail("F8", f"{len(live)} runs at once at {self.history.iso(s['t'])}, {job.places(s['t'])} allowed: {told}", s["t"], job.id)
