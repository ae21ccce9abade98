"""History: what the folder of a scenario holds, read into one value.

In: history.jsonl (edits, faults, processes, phases), witness-*.jsonl (starts and ends, written by the runs themselves), the last
reads of jobs and executions, the nodes' logs. Out: edits, starts and ends by job, rows by run. Times are true milliseconds.
It judges nothing. A word that it does not know is an error: what is not read cannot be judged."""

import json
from collections import defaultdict

EDITS = {
    "insert", "delete", "args", "tags", "move", "place", "pause", "resume", "trigger", "order", "extra",
    "cancel", "write-back", "replace-back", "replace",
}  # fmt: skip
WHOLE = {"insert", "replace", "replace-back"}
AS_READ = {"write-back", "replace-back"}


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


class Edit:
    """What a person wrote to one job, between `lo` and `hi`; `op` is the server's time of it, if that is known."""

    def __init__(self, line):
        self.job, self.kind, self.ver, self.what = line["job"], line["kind"], line["ver"], line["what"]
        self.lo, self.hi, self.known = line["lo"], line["hi"], line["type"] == "ok"
        self.op = tuple(line["op"]) if line.get("op") else None
        self.run = line.get("run")
        self.copy = line.get("copy_of") is not None
        self.whole = self.kind in WHOLE
        self.as_read = self.kind in AS_READ
        self.fresh = self.kind in ("insert", "replace")

    @property
    def gone(self):
        return self.kind == "delete"

    @property
    def fields(self):
        return self.what if self.whole else self.what.get("$set", {})

    def sets(self, name):
        """Whether it decides a field; `value` says how."""
        return not self.gone and (self.whole or name in self.fields or name in self.what.get("$unset", {}))

    def value(self, name):
        return self.fields.get(name)

    @property
    def plans(self):
        """Whether it decides when the job runs."""
        return self.gone or self.sets("trigger") or self.sets("next_run_time")

    @property
    def ordered(self):
        """The run time that it asks for."""
        return None if self.gone or self.as_read else date(self.value("next_run_time"))

    @property
    def as_read_time(self):
        """The run time that stood in a document that was written back: no order."""
        return date(self.value("next_run_time")) if self.as_read else None

    @property
    def extra(self):
        return date(self.what["$push"]["run_at"]) if self.kind == "extra" else None


class History:
    def __init__(self, folder):
        self.folder = folder
        self.told = lines(folder / "history.jsonl")
        self.clock = next(h for h in self.told if h["f"] == "clock")
        plan = folder / "plan.json"
        self.reference = json.loads(plan.read_text()).get("reference", False) if plan.exists() else False
        self.phase = {h["what"]: h for h in self.of("phase")}
        self.begin, self.lease = self.phase["begin"]["at"], self.phase["begin"]["leaseMs"]
        self.healed, self.calm, self.end = (self.phase[what]["at"] for what in ("healed", "calm", "read"))
        self.horizon = self.calm - 2_000
        processes = self.of("process")
        self.ips = sorted({h["ip"] for h in processes})
        self.exits = {h["pid"]: h["at"] for h in processes if h["what"] == "exit"}
        self.processes = processes
        self._read_witnesses()
        self._read_documents()
        self.edits, self.refused = defaultdict(list), []
        for h in self.of("edit"):
            if h["kind"] not in EDITS:
                raise SystemExit(f"the judge knows no edit {h['kind']}")
            if h["type"] == "fail":
                self.refused.append(h)
            else:
                self.edits[h["job"]].append(Edit(h))
        for edits in self.edits.values():
            edits.sort(key=lambda e: e.lo)

    def of(self, f):
        return [h for h in self.told if h["f"] == f]

    def true_time(self, mono):
        return self.clock["wall"] + (mono - self.clock["mono"]) / 1000

    def iso(self, ms):
        return f"{(ms - self.begin) / 1000:+.3f}s"

    def log(self, ip):
        path = self.folder / f"node-{ip}.log"
        return path.read_bytes() if path.exists() else b""

    def _read_witnesses(self):
        self.starts, ends = [], {}
        for path in sorted(self.folder.glob("witness-*.jsonl")):
            for line in lines(path):
                line["t"] = self.true_time(line["mono"])
                if line["job"].startswith("spin-"):
                    continue
                if line["type"] == "start":
                    fence = line.get("fence")
                    line["fence"] = None if fence is None else (int(fence) >> 32, int(fence) & 0xFFFFFFFF)
                    line.setdefault("attempt", 1)
                    self.starts.append(line)
                else:
                    ends[line["run"]] = line
        self.starts.sort(key=lambda s: s["t"])
        self.by_job = defaultdict(list)
        for s in self.starts:
            end = ends.get(s["run"])
            gone = self.exits.get(s["pid"], self.end)
            # What outlives its node's process (a child, a script) is nobody's run any more.
            s["ended"] = end["t"] if end is not None and end["t"] <= gone + 100 else None
            s["how"] = end.get("how", "done") if s["ended"] is not None else None
            s["until"] = s["ended"] if s["ended"] is not None else gone
            self.by_job[s["job"]].append(s)
        self.started = {s["run"]: s for s in self.starts}

    def _read_documents(self):
        self.rows = {}
        self.rows_of = defaultdict(list)
        for row in lines(self.folder / "final-executions.jsonl"):
            if row["job_id"].startswith("spin-"):
                continue
            row["t"] = date(row["run_time"])
            self.rows[row["_id"]] = row
            self.rows_of[row["job_id"]].append(row)
        self.final = {doc["_id"]: doc for doc in lines(self.folder / "final-jobs.jsonl")}
        self.calm_jobs = {doc["_id"]: doc for doc in lines(self.folder / "calm-jobs.jsonl")}

    def status(self, run):
        return self.rows.get(run, {}).get("status")


class Verdict:
    """What failed, what is to be known, and the counts of it."""

    MOST = 300

    def __init__(self):
        self.violations, self.classes, self.counts, self.notes = [], defaultdict(int), defaultdict(int), []

    def fail(self, name, what, at=0, job=None):
        self.classes[name] += 1
        if self.classes[name] <= self.MOST:
            self.violations.append({"class": name, "what": what, "at": at, **({"job": job} if job else {})})
