"""Bursts: jobs of a storm that were due once, all at the same second. Each runs exactly once, on its node, not early, and is gone.

They are no part of the plan's jobs: their names are `burst-<fault>-<number>`, and one line of the history tells of all."""

from collections import defaultdict


def is_burst(job):
    return job.startswith("burst-")


def judge_bursts(history, starts, rows, final, well_at, fail, iso, early):
    """Answers how many there were, how many ran, were doubled, lost and misplaced, and how late they started."""
    by_job, row_of = defaultdict(list), {}
    for s in starts:
        if is_burst(s["job"]):
            by_job[s["job"]].append(s)
    for row in rows.values():
        if is_burst(row["job_id"]):
            row_of[row["job_id"]] = row
    stored = {h["id"] for h in history if h["f"] == "burst-stored"}
    jobs = run = doubled = lost = wrong = 0
    late = []
    for h in history:
        if h["f"] != "burst" or h["id"] not in stored:
            continue
        left = []
        for i in range(h["count"]):
            job, ip = f"burst-{h['id']}-{i:05d}", h["ips"][i % len(h["ips"])]
            jobs += 1
            own = by_job[job]
            if not own:
                status = row_of.get(job, {}).get("status")
                if status is None or well_at({ip}, h["due"], h["due"] + 1_000):
                    lost += 1
                    fail("F1", f"due once at {iso(h['due'])} on {ip}, and never started (row: {status})", h["due"], job)
                continue
            run += 1
            first = own[0]
            late.append(first["t"] - h["due"])
            if len(own) > 1:
                doubled += len(own) - 1
                told = ", ".join(f"{s['ip']} at {iso(s['t'])} (run {s['run']})" for s in own)
                fail("F2", f"due once at {iso(h['due'])}, started {len(own)} times: {told}", own[1]["t"], job)
            if first["ip"] != ip:
                wrong += 1
                fail("F3", f"due once at {iso(h['due'])} on {ip}, started on {first['ip']}", first["t"], job)
            if first["t"] < h["due"] - early(first):
                fail("F5", f"due once at {iso(h['due'])}, started {h['due'] - first['t']:.0f} ms early", first["t"], job)
            if job in final:
                left.append(job)
        if left:
            fail("F9", f"{len(left)} jobs that were due once at {iso(h['due'])} have run and are still there, {left[0]} first", h["due"])
    return {"jobs": jobs, "run": run, "doubled": doubled, "lost": lost, "wrong": wrong, "late": late}
