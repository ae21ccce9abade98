"""Bursts: jobs that were due once. Each runs exactly once, on its node, not early, and is gone.

They are no part of the plan's jobs: one line of the history tells of all. `burst-<fault>-<number>`: of a storm, all at one
second. `crowd-<fault>-<number>`: the same while people edit groups of them. `oneshot-<fault>-<number>`: moved while it runs, and
its node killed."""

from collections import defaultdict

from history import date
from tolerances import EDGE, LATE, LEAD, RECOVERY

NAMES = ("burst-", "crowd-", "oneshot-")
GROUPS = 8
TOMORROW, PAUSED, DELETED, RETIMED, LAST_MOMENT, FAR = "tomorrow", "paused", "deleted", "retimed", "last-moment", "far"

# Edits of the trigger, of which a claim does not ask.
BY_TRIGGER = (RETIMED, LAST_MOMENT, FAR)


class Bursts:
    def __init__(self, history, faults, verdict):
        self.history, self.faults, self.verdict, self.n = history, faults, verdict, verdict.counts
        self.late = []
        self.by_job, self.row_of = defaultdict(list), defaultdict(list)
        for s in history.starts:
            if s["job"].startswith(NAMES):
                self.by_job[s["job"]].append(s)
        for row in history.rows.values():
            if row["job_id"].startswith(NAMES):
                self.row_of[row["job_id"]].append(row)

    def judge(self):
        for h in self.told("burst"):
            self.burst(h)
        for h in self.told("crowd"):
            self.crowd(h)
        for h in self.history.of("oneshot"):
            self.oneshot(h)

    def told(self, f):
        stored = {h["id"] for h in self.history.of(f"{f}-stored")}
        return [h for h in self.history.of(f) if h["id"] in stored]

    def fail(self, name, what, at, job):
        count = {"F1": "lost", "F2": "doubled", "F3": "wrong"}.get(name)
        if count:
            self.n[count] += 1
        self.verdict.fail(name, what, at, job)

    def burst(self, h):
        left = []
        for i in range(h["count"]):
            job, ip = f"burst-{h['id']}-{i:05d}", h["ips"][i % len(h["ips"])]
            self.n["bursts"] += 1
            self.n["burstsRun"] += self.once(job, ip, h["due"])
            if job in self.history.calm_jobs and self.by_job[job]:
                left.append(job)
        self.left(left, h["due"])

    def left(self, jobs, due):
        if jobs:
            self.fail("F9", f"{len(jobs)} jobs that were due once at {self.history.iso(due)} have run and are still there, {jobs[0]} first", due, jobs[0])

    def once(self, job, ip, due):
        """One start at its time; answers whether there was one."""
        self.one_row(job, due)
        iso, own = self.history.iso, self.by_job[job]
        if not own:
            if not self.was_cut_off(job, due):
                rows = [row["status"] for row in self.row_of[job]]
                self.fail("F1", f"due once at {iso(due)} on {ip}, and never started (rows: {rows})", due, job)
            return False
        self.once_only(job, own, due)
        first = own[0]
        self.late.append(first["t"] - due)
        self.here(job, first, ip, due)
        return True

    def was_cut_off(self, job, t):
        """Claimed, and then its node was hit: interrupted, and not asked to run again."""
        rows = [row for row in self.row_of[job] if row["status"] == "interrupted"]
        return any(self.faults.interrupts(row, t - LEAD, max(t, date(row.get("claimed")) or t) + LATE) for row in rows)

    def one_row(self, job, t):
        rows = [row for row in self.row_of[job] if row["scheduled"] and row["t"] == t and row["attempt"] == 1]
        if len(rows) > 1:
            self.fail("F2", f"due once at {self.history.iso(t)}, and has {len(rows)} rows: {[row['status'] for row in rows]}", t, job)

    def once_only(self, job, own, due):
        if len(own) > 1:
            told = ", ".join(f"{s['ip']} at {self.history.iso(s['t'])} (run {s['run']})" for s in own)
            self.fail("F2", f"due once at {self.history.iso(due)}, started {len(own)} times: {told}", own[1]["t"], job)

    def here(self, job, start, ip, due):
        if start["ip"] != ip:
            self.fail("F3", f"due once at {self.history.iso(due)} on {ip}, started on {start['ip']}", start["t"], job)
        if start["t"] < due - self.faults.early(start):
            self.fail("F5", f"due once at {self.history.iso(due)}, started {due - start['t']:.0f} ms early", start["t"], job)

    # -- a crowd that is edited --------------------------------------------------------------------------------------------
    def crowd(self, h):
        edits = [e for e in self.history.of("crowd-edit") if e["id"] == h["id"]]
        left = []
        for i in range(h["count"]):
            job, ip = f"crowd-{h['id']}-{i:05d}", h["ips"][i % len(h["ips"])]
            group = i % GROUPS
            edit = next((e for e in edits if e["group"] == group and e["from"] <= i < e["to"]), None)
            self.n["bursts"] += 1
            if edit is None:
                self.n["burstsRun"] += self.once(job, ip, h["due"])
                kept = self.by_job[job]
            else:
                kept = self.edited(job, ip, h["due"], edit)
            if kept and job in self.history.calm_jobs:
                left.append(job)
        self.left(left, h["due"])

    def edited(self, job, ip, due, e):
        """A crowd's job that a person changed near its due time: by the server's time of the edit and the run's fence. Answers
        whether it is to be gone in the end."""
        iso, own = self.history.iso, self.by_job[job]
        at_due = [s for s in own if abs(s["sched"] - due) < 1]
        later = [s for s in own if s["sched"] != due]
        doc = self.history.calm_jobs.get(job)
        name = e["name"]
        told = f"due once at {iso(due)} on {ip}, {name} between {iso(e['lo'])} and {iso(e['hi'])}"
        sure = e["type"] == "ok"
        # Where each of the slice was found, none had run and gone before the edit.
        found = sure and e.get("matched") == len([i for i in range(e["from"], e["to"]) if i % GROUPS == e["group"]])
        ran_before = not found and any(s["t"] < e["hi"] for s in at_due)
        for same in (at_due, later):
            self.once_only(job, same, due)
        self.one_row(job, due)
        for s in own:
            self.here(job, s, ip, s["sched"])
        for s in at_due:
            if sure and self.is_ghost(s, name, ip, e):
                self.fail("F7" if name in BY_TRIGGER else "F4", f"{told}, and was claimed and started for it at {iso(s['t'])}", s["t"], job)
        if name == PAUSED and any(not self.is_ghost(s, name, ip, e) for s in at_due):
            return doc is not None  # claimed before: it was over, and a pause of what is over changes nothing
        if name == DELETED:
            if doc is not None and sure:
                self.fail("F11", f"{told}, and is still there", e["hi"], job)
            return False
        if name in (TOMORROW, PAUSED, FAR):
            if later:
                self.fail("F4", f"{told}, and started for {iso(later[0]['sched'])}", later[0]["t"], job)
            if doc is None and sure and not ran_before:
                self.fail("F11", f"{told}, acknowledged, and the document is gone", e["hi"], job)
            elif doc is not None and sure:
                self.asks(job, told, name, doc, e)
            return False
        # Retimed: it runs at the new time, whether or not it ran at the old one; the edit was acknowledged.
        to = e["to_time"]
        if sure and not ran_before and not [s for s in later if s["sched"] == to]:
            if not self.was_cut_off(job, to):
                rows = [(row["status"], iso(row["t"])) for row in self.row_of[job]]
                self.fail("F1", f"{told}: its new time {iso(to)} never started (rows: {rows}; {'there' if doc else 'gone'})", to, job)
                return False
        return True

    def is_ghost(self, s, name, ip, e):
        """A run of the old time that was claimed after the edit, or started long after it. A claim does not ask for the trigger:
        for EDGE after the edit of one it may be made by the old plan."""
        if s["t"] > e["hi"] + LATE and self.faults.well({ip}, e["lo"], s["t"], ending=True):
            return True
        if s["fence"] is None or not e.get("op_hi"):
            return False
        if name in BY_TRIGGER:
            return s["fence"][0] * 1000 > e["hi"] + EDGE
        return s["fence"] > tuple(e["op_hi"])

    def asks(self, job, told, name, doc, e):
        value = doc.get("next_run_time")
        if name == PAUSED and value is not None:
            self.fail("F11", f"{told}, but next_run_time is {value}", e["hi"], job)
        if name != PAUSED and date(value) != e.get("to_time"):
            self.fail("F11", f"{told}, but next_run_time is {value}, not {e.get('to_time')}", e["hi"], job)

    # -- moved while it runs, then its node dies -----------------------------------------------------------------------------
    def oneshot(self, h):
        job, iso, own = h["job"], self.history.iso, self.by_job[h["job"]]
        self.n["bursts"] += 1
        here, there = [s for s in own if s["ip"] == h["ip"]], [s for s in own if s["ip"] != h["ip"]]
        told = f"due once at {iso(h['due'])} on {h['ip']}"
        moved = next((m for m in self.history.of("oneshot-moved") if m["job"] == job), None)
        if not own:
            return self.fail("F1", f"{told}, and never started (rows: {[row['status'] for row in self.row_of[job]]})", h["due"], job)
        self.n["burstsRun"] += 1
        self.once_only(job, here, h["due"])
        for s in here:
            self.here(job, s, h["ip"], h["due"])
        killed = bool(here) and here[0]["how"] is None
        if moved is not None and killed:
            if self.history.status(here[0]["run"]) != "interrupted":
                self.fail("F10", f"{told}, killed in its run, and its row says {self.history.status(here[0]['run'])}", here[0]["t"], job)
            if h["rerun"] and not there:
                self.fail("F1", f"{told}, moved to {h['to']}, its node killed, and never run again there", h["due"], job)
        if there and not (h["rerun"] and killed):
            self.fail("F2", f"{told}, started on {there[0]['ip']} at {iso(there[0]['t'])}, too", there[0]["t"], job)
        # Run again there, once more for each time that the node there was hit, too.
        again = sum(self.faults.cut_short(s) for s in there[:-1])
        self.once_only(job, there[again:], h["due"])
        for s in there:
            if moved is None or s["ip"] != h["to"]:
                self.fail("F3", f"{told}, moved to {h['to'] if moved else 'nobody'}, started on {s['ip']}", s["t"], job)
        doc = self.history.calm_jobs.get(job)
        if doc is not None and h["due"] < self.history.calm - 2 * RECOVERY:
            self.fail("F9", f"{told}, has run, and is still there with {len(doc.get('state', {}).get('running') or [])} entries", self.history.calm, job)
