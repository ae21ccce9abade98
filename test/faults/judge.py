"""Judge: compares what was owed with what was done, and names each failure F1 to F13.

In: folders of scenarios (`history.py` says what one holds). Out: verdict.json in each.

    history.py     what happened, read into one value
    oracle.py      when a trigger fires, and the plan of a job from edit to edit
    job.py         one job as people asked for it and as its witnesses saw it
    faults.py      what was wrong, with which hosts, from when to when
    tolerances.py  all that is let pass, each with its reason: the only place where one is named
    owed.py        F1 lost, F9 frozen
    runs.py        F2 duplicate, F3 wrong host, F4 ghost, F5 early, F6 stale, F7 schedule, F8 overlap
    books.py       F10 books
    documents.py   F11 lost edit, F7
    bursts.py      jobs due once, many at a time
    points.py      runs whose node was killed at an exact point
    leaks.py       F12 leak
    mute.py        F13 mute

What was owed comes from the log of edits and the oracle. What the product says of itself (its rows' statuses, its counts) excuses
nothing: it has to agree with the witnesses and with the faults. An edit and a claim are put in order by the server's own time: the
edit's operation time and the run's fence."""

import json
import sys
from collections import Counter
from pathlib import Path

from books import Books
from bursts import Bursts
from documents import judge_documents
from faults import Faults
from history import History, Verdict
from job import Job
from leaks import judge_leaks
from mute import judge_mute
from owed import Owed
from points import judge_points
from recovery import recoveries, storms
from runs import Runs



def spread(values):
    values = sorted(values)
    if not values:
        return {"n": 0, "p50": 0, "p99": 0, "max": 0}
    at = lambda share: round(values[min(len(values) - 1, int(len(values) * share))], 1)
    return {"n": len(values), "p50": at(0.5), "p99": at(0.99), "max": round(values[-1], 1)}


def judge(folder):
    history, verdict = History(folder), Verdict()
    faults = Faults(history)
    for h in history.refused:
        verdict.fail("F11", f"{h['kind']} #{h['ver']} found no document: {h['why']}", h["hi"], h["job"])
    jobs = {id_: Job(id_, history, faults) for id_ in list(history.edits)}
    owed, runs, bursts = Owed(history, faults, verdict), Runs(history, faults, verdict), Bursts(history, faults, verdict)
    for job in jobs.values():
        runs.judge(job)
        owed.judge(job)
    bursts.judge()
    if not history.reference:
        Books(history, faults, verdict).judge(jobs)
    judge_points(history, jobs, verdict)
    judge_documents(history, faults, jobs, verdict)
    judge_leaks(history, faults, verdict, verdict.counts["bursts"])
    judge_mute(history, faults, verdict)
    if verdict.counts["queuedAfter"]:
        verdict.notes.append(f"{verdict.counts['queuedAfter']} runs that waited for a place started under a later plan than they were due by")
    if verdict.counts["owed"]:
        share = verdict.counts["inQuiet"] / verdict.counts["owed"]
        verdict.notes.append(f"{verdict.counts['inQuiet']} of {verdict.counts['owed']} owed runs ({share:.0%}) were due in quiet, where nothing excuses")
    storms(history, faults, verdict)
    return told(history, faults, verdict, owed, bursts)


def told(history, faults, verdict, owed, bursts):
    n = verdict.counts
    recovered = recoveries(history, faults, owed.late, verdict)
    return {
        "totals": {
            "targets": n["targets"], "owed": n["owed"], "run": n["run"], "onTime": n["onTime"], "coalesced": n["coalesced"],
            "missedWithRow": n["withRow"], "bursts": n["bursts"], "burstsRun": n["burstsRun"], "excused": n["excused"],
            "orders": n["orders"], "ordersRun": n["ordersRun"], "doubled": n["doubled"], "lost": n["lost"], "wrongPlace": n["wrong"],
            "lostEdits": verdict.classes.get("F11", 0), "edits": sum(map(len, history.edits.values())), "starts": len(history.starts),
            "rows": dict(Counter(row["status"] for row in history.rows.values())),
        },
        "lateness": {"quiet": spread(owed.quiet), "faults": spread(owed.troubled), "bursts": spread(bursts.late)},
        "classes": dict(sorted(verdict.classes.items())),
        "violations": verdict.violations,
        "notes": verdict.notes,
        "faults": recovered,
        "begin": history.begin,
        "end": history.end,
        "series": [[second, n, round(worst)] for second, (n, worst) in sorted(owed.series.items())],
    }  # fmt: skip


if __name__ == "__main__":
    for folder in map(Path, sys.argv[1:]):
        (folder / "verdict.json").write_text(json.dumps(judge(folder)))
