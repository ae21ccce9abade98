"""Recovery: which fault each late run is put down to, and how long it took until runs were on time again. It judges nothing."""

from collections import defaultdict

from tolerances import EPS, RECOVERY

STUMBLE = 5_000  # until nothing was late for so long: what stumbles later has another reason


def cause_of(late, faults):
    """One of the node it was meant for, else of the database, else of the node it ran on."""
    t, _, _, host, asked, _ = late
    near = [f for f in faults.told if f.skipped is None and f.start - 1_000 <= t <= f.stop + RECOVERY]
    for hit in (lambda f: asked in f.nodes and not f.everywhere, lambda f: f.everywhere, lambda f: host in f.nodes or asked is None):
        found = [f for f in near if hit(f)]
        if found:
            return ([f for f in found if t <= f.stop] or found)[-1]
    return None


def recoveries(history, faults, late_starts, verdict):
    caused = defaultdict(list)
    for one in late_starts:
        fault = cause_of(one, faults)
        caused[fault.id if fault else None].append(one)
    if caused[None]:
        worst = max(one[2] for one in caused[None])
        verdict.notes.append(f"{len(caused[None])} runs started more than {EPS} ms late without a fault nearby, {worst:.0f} ms at most")
    return [told(history, f, caused[f.id]) for f in faults.told]


def told(history, f, hit):
    entry = {"id": f.id, "kind": f.kind, "nodes": f.nodes, "from": f.start, "to": f.stop, "recoveredMs": None, "takeoverMs": None, "late": len(hit), "skipped": f.skipped}
    if hit:
        well = f.stop
        for one in sorted(hit, key=lambda one: one[:2]):
            if one[0] <= well + STUMBLE:
                well = max(well, one[1])
        entry["recoveredMs"] = well - f.stop
    if f.stop - f.start > history.lease and not f.everywhere:
        moved = {}
        for t, start, _, host, asked, job in sorted(hit, key=lambda one: one[1]):
            if asked in f.nodes and host not in f.nodes and f.start < start < f.stop:
                # A job that a person gave to a dead node is taken over from then on.
                given = max((e.lo for e in history.edits[job] if e.sets("ip") and e.lo < start), default=0)
                moved.setdefault(job, start - max(f.start, given))
        entry["takeoverMs"] = max(moved.values(), default=None)
    return entry


def storms(history, faults, verdict):
    for f in faults.real:
        made = [e for list_ in history.edits.values() for e in list_ if f.kind == "storm" and f.start <= e.lo <= f.start + f.ms]
        if made:
            span = max(e.hi for e in made) - f.start
            verdict.notes.append(f"storm {f.id}: {len(made)} edits begun within {f.ms / 1000:.0f} s were acknowledged after {span / 1000:.1f} s, {len(made) / span * 1000:.0f} a second")
