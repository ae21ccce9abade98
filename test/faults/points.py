"""Points: what became of the runs whose node was killed at an exact point of their way.

Before the claim reached the server: nothing was claimed. After it was stored: interrupted, never started. Before the final row:
interrupted, for nobody can know better. After the row: as the row says, and not once more (that is F2)."""

from collections import Counter

from tolerances import LATE, RECOVERY


def judge_points(history, jobs, verdict):
    seen = Counter()
    for h in history.of("caught"):
        for run in h["runs"]:
            seen[h["point"]] += 1
            id_ = run["run"]
            row, start = history.rows.get(id_), history.started.get(id_)
            job = run.get("job") or (start or {}).get("job") or (row or {}).get("job_id")
            told = f"run {id_} on {h['ip']}, killed at {history.iso(h['at'])} ({h['point']})"
            say = lambda what: verdict.fail("F10", f"{told}, {what}", h["at"], job)
            status = None if row is None else row["status"]
            # Deleted before anyone could find the entry.
            gone = row is None and job in jobs and jobs[job].is_deleted(h["at"] - LATE, h["at"] + 2 * RECOVERY)
            if h["point"] == "claim-sent":
                if start is not None or row is not None:
                    say(f"was never claimed, but {'started' if start else f'has a row {status}'}")
            elif h["point"] == "claim-stored":
                if start is not None:
                    say("started, though its node never heard that the claim was stored")
                elif h.get("won") and status != "interrupted" and not gone:
                    say(f"was claimed and never started, but its row is {status}")
            elif h["point"] == "row-sent":
                if status != "interrupted" and not gone:
                    say(f"has no stored end, but its row is {status}")
            elif status != run["status"]:
                say(f"was stored as {run['status']}, but its row is {status}")
    verdict.notes += [f"killed at {point}: {n} runs" for point, n in sorted(seen.items())]
