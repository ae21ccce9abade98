"""Documents: what people wrote is there after the calm, and the schedule goes on (F7 schedule, F9 frozen, F11 lost edit)."""

import json

from oracle import applied
from tolerances import EDGE, LATE, LEAD

WRITTEN_BY_NODES = {"state", "touch"}
STUCK = 10_000


def judge_documents(history, faults, jobs, verdict):
    for job in jobs.values():
        judge_document(history, faults, job, verdict)


def judge_document(history, faults, job, verdict):
    at, iso = history.calm, history.iso
    doc, expected, unsure = history.calm_jobs.get(job.id), None, set()
    for e in job.edits:
        expected = applied(expected, e)
        if not e.known:
            unsure |= {"*"} if e.gone or e.whole else {*e.fields, *e.what.get("$unset", {})}
    if "*" in unsure:
        return
    if (expected is None) != (doc is None):
        verdict.fail("F11", "the document is back though it was deleted" if doc else "the document is gone though nobody deleted it", at, job.id)
    if expected is None or doc is None:
        return
    lost = lambda key: verdict.fail("F11", f"{key} was set to {json.dumps(expected.get(key))}, and is {json.dumps(doc.get(key))} though nobody changed it", at, job.id)
    judged = set(expected) - WRITTEN_BY_NODES - {"next_run_time", "ip", "run_at", "cancel"}
    for key in sorted(judged - unsure):
        if doc.get(key) != expected[key]:
            lost(key)
    if "ip" not in unsure and not is_place(history, faults, job, expected, doc.get("ip")):
        lost("ip")
    if doc.get("run_at"):
        verdict.fail("F9", f"run_at still holds {doc['run_at']}", at, job.id)
    if doc.get("cancel") is not None:
        verdict.fail("F9", f"cancel still says {doc['cancel']}", at, job.id)
    judge_next(history, faults, job, doc, verdict)


def is_place(history, faults, job, expected, ip):
    """Its node is the one that people gave it to, or one that could take it over from there since; one that nobody chose is any."""
    asked = expected.get("ip")
    if ip == asked or asked is None and ip in history.ips:
        return True
    last = max((e for e in job.edits if e.sets("ip")), key=lambda e: e.lo, default=None)
    if last is not None and last.as_read and ip in history.ips:
        return True  # what was written back as it was read may have been no change of its node
    if last is not None and job.brought_home(last, ip, history.calm):
        return True
    since = 0 if last is None else last.lo
    takers = job.takers(history.calm)
    return (takers == "any" or ip in takers) and ip in history.ips and faults.given_up(asked, since, history.calm) is not None


def judge_next(history, faults, job, doc, verdict):
    """`next_run_time` is the first run time of the plan that is still to come: null where it is paused."""
    at, iso, seg = history.calm, history.iso, job.segments[-1]
    told = f"edit #{seg.edit.ver} ({seg.edit.kind})"
    next_run = doc.get("next_run_time")
    value = next_run["date"] if isinstance(next_run, dict) and "date" in next_run else None
    paused = job.paused(at)
    if seg.rests and not seg.unsure:
        if next_run is not None or "next_run_time" not in doc:
            verdict.fail("F11", f"paused by {told}, but next_run_time is {next_run}", at, job.id)
        return
    if value is None:
        if paused is False and not seg.unsure:
            verdict.fail("F7", f"next_run_time is {next_run} though the job goes on (state: {json.dumps(doc.get('state', {}))[:300]})", at, job.id)
        return
    if paused is True:
        verdict.fail("F7", f"next_run_time is {iso(value)}, though its failures should have paused it", at, job.id)
    elif seg.rests:
        return
    elif not seg.allows(value):
        verdict.fail("F7", f"next_run_time {iso(value)} is no run time of the trigger of {told}", at, job.id)
    elif value < at - STUCK:
        verdict.fail("F9", f"next_run_time {iso(value)} is long past and nobody runs it (ip {doc.get('ip')})", at, job.id)
    else:
        # The read finds it before its claim or after: what is due by then may already be behind it, nothing else.
        passed = [t for t in seg.owed(at + LEAD + seg.jitter + EDGE, value)]
        if passed and value > at and not faults.is_shifted(at):
            verdict.fail("F7", f"next_run_time {iso(value)} leaves out {iso(passed[0])}", at, job.id)
