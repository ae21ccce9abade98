"""Books: the rows of the history and the entries of the documents, beside what the witnesses saw (F10 books, F9 frozen)."""

from bursts import NAMES
from history import date
from oracle import retry_delay
from owed import FINAL
from tolerances import FINISH, LATE, LEAD, RECOVERY

HOW = {"executed": "done", "error": "failed", "timeout": "aborted", "cancelled": "aborted"}
STUCK = 5_000


class Books:
    def __init__(self, history, faults, verdict):
        self.history, self.faults, self.verdict = history, faults, verdict

    def judge(self, jobs):
        for s in self.history.starts:
            job = jobs.get(s["job"])
            if job is None and not s["job"].startswith(NAMES):
                self.verdict.fail("F4", f"run {s['run']} started on {s['ip']}, of a job that nobody stored", s["t"], s["job"])
            self.started(s, job)
        for row in self.history.rows.values():
            if row["status"] in ("executed", "error", "timeout") and row["_id"] not in self.history.started:
                self.fail(f"row {row['_id']} says {row['status']}, but nobody saw it start", row["t"], row["job_id"])
            elif row["status"] not in FINAL and row["_id"] not in self.history.started:
                self.fail(f"row {row['_id']} says {row['status']} for ever, and nobody saw it start", row["t"], row["job_id"])
        for job in jobs.values():
            self.unstarted(job)
        for doc in self.history.final.values():
            running = doc.get("state", {}).get("running") or []
            job = jobs.get(doc["_id"])
            if job is not None and any(not self.waits_for_attempt(job, entry) for entry in running):
                self.fail(f"all nodes are drained, but state.running still has {[r['run_id'] for r in running]}", self.history.end, doc["_id"])

    def waits_for_attempt(self, job, entry):
        """An entry between two attempts survives its node: the witness saw the one before fail, and the next is not yet due."""
        tries = job.start_at.get(date(entry.get("run_time")), [])
        last = max(tries, key=lambda s: s["attempt"], default=None)
        if last is None or last["how"] not in ("failed", "aborted"):
            return False
        delay = retry_delay(job.setting(last["t"], "retry"), last["attempt"])
        return delay is not None and last["until"] + delay[1] + LATE > self.history.calm

    def fail(self, what, at, job):
        self.verdict.fail("F10", what, at, job)

    def started(self, s, job):
        iso, row = self.history.iso, self.history.rows.get(s["run"])
        told = f"run {s['run']} of {iso(s['sched'])} started on {s['ip']} at {iso(s['t'])}"
        if row is None:
            # Killed with its node, and deleted before the entry was found: there is no document that it could be read from.
            gone = self.history.exits.get(s["pid"])
            if job is not None and gone is not None and gone - s["until"] < LATE and job.is_deleted(s["t"] - LATE, gone + RECOVERY):
                return
            return self.fail(f"{told}, but has no row", s["t"], s["job"])
        status, how = row["status"], s["how"]
        if how == "done" and self.replaced(s, status):
            self.fail(f"{told} and went on until {iso(s['until'])}, though its node had been replaced (row {status})", s["t"], s["job"])
        if status not in FINAL:
            self.fail(f"{told}; its row says {status} for ever", s["t"], s["job"])
        elif status in ("missed", "max_instances"):
            self.fail(f"{told}, but its row says {status}", s["t"], s["job"])
        elif status in HOW and how is None and status != "cancelled":
            self.fail(f"{told} and never came to its end, but its row says {status}", s["t"], s["job"])
        elif status in HOW and how is not None and HOW[status] != how and not self.just_after(status, s):
            self.fail(f"{told} and ended {how}, but its row says {status}", s["t"], s["job"])
        elif status == "interrupted" and not (self.faults.cut_short(s) and self.faults.interrupts({**row, "ip": s["ip"]}, s["t"] - self.history.lease, self.history.end)):
            self.fail(f"{told} and ended {how} at {iso(s['until'])} while nothing was wrong, but its row says interrupted", s["t"], s["job"])
        elif status == "timeout" and job is not None and not job.timed_out(s):
            self.fail(f"{told} and went on for {(s['until'] - s['t']) / 1000:.1f} s only, but its row says timeout", s["t"], s["job"])

    def replaced(self, s, status):
        """Whether a run went on long after its process could know that another one has its ip: by the heartbeat after an eviction,
        or after it woke up from a sleep longer than its lease, if somebody told it as interrupted meanwhile."""
        for f in self.faults.real:
            slept = f.kind == "node-pause" and f.stop - f.start > self.history.lease and status == "interrupted"
            known = f.start if f.kind == "evict" else f.stop if slept else None
            if known is not None and s["ip"] in f.nodes and s["t"] < known and s["until"] > known + self.history.lease / 3 + LATE:
                return True
        return False

    def just_after(self, status, s):
        """An abort that came as the body ended: the witness was done, and the row still says why it was aborted. The node that lost
        a lease says interrupted."""
        return status in ("timeout", "cancelled") and s["how"] in ("done", "failed")

    def unstarted(self, job):
        """Rows of what did not start: a refusal when nothing ran, a `missed` of what did run, an interruption that nothing caused."""
        iso = self.history.iso
        for row in job.rows:
            status, t = row["status"], row["t"]
            at = date(row["finished"])
            if status == "max_instances" and at is not None and not self.faults.is_shifted(at):
                idle = not any(job.placed(s) < at and job.busy_until(s) + FINISH > at - STUCK for s in job.starts)
                if idle and self.faults.well(None, at - STUCK, at):
                    self.verdict.fail("F9", f"run time {iso(t)} was refused for max_instances on {row['ip']}, though nothing of the job had run for 5 s", at, job.id)
            if status in ("missed", "max_instances") and row["scheduled"] and t in job.start_at:
                self.fail(f"run time {iso(t)} has a row {status} by {row['ip']}, and did run", t, job.id)
            if status == "interrupted" and row["_id"] not in self.history.started and t in job.start_at:  # else it is owed
                seen = max(t, date(row.get("claimed")) or t)
                if not self.faults.interrupts(row, t - LEAD, seen + LATE):
                    self.verdict.fail("F1", f"run time {iso(t)} was claimed on {row['ip']} and never started, and was run again, while nothing was wrong (row interrupted)", t, job.id)
