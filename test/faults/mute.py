"""Mute: what nobody was told of (F13): a process that ended unasked, a fault that left no line in any log."""

LOUD = 5_000  # shorter faults need not be noticed
# From so long on a fault of a kind is to be told: a lease has to end, a driver's patience, before anyone can know.
KINDS = {
    "cut": 5_000, "black-hole": 8_000, "one-way-up": 8_000, "one-way-down": 8_000, "majority-lost": 5_000, "primary-kill": 5_000,
    "primary-pause": 5_000, "oplog-rolled": 5_000, "server-clock": 5_000, "renamed": 5_000, "dropped": 5_000,
}  # fmt: skip
OF_LEASE = {"node-kill": 2_000, "node-pause": 1_000}
UNREACHABLE = 69  # a process that is started while its database cannot be reached says so and ends: whoever looks after it starts it again
HEARD = 8_000  # it may be told so long after the heal


def judge_mute(history, faults, verdict):
    for h in history.processes:
        if h["what"] == "exit" and not h["asked"] and not (h["code"] == UNREACHABLE and faults.is_cut_off(h["ip"], h["at"])):
            verdict.fail("F13", f"{h['ip']}: its process ended unasked (code {h['code']}, signal {h['signal']})", h["at"])
    drained = history.phase.get("drained", {"codes": [], "at": history.end})
    for ip, code in zip(history.ips, drained["codes"]):
        if code != 0:
            verdict.fail("F13", f"{ip}: SIGTERM did not end it well: exit {code}", drained["at"])
    logs = {ip: history.log(ip) for ip in history.ips}
    real = [f for f in faults.told if f.skipped is None]
    for f in real:
        least = history.lease + OF_LEASE[f.kind] if f.kind in OF_LEASE else KINDS.get(f.kind)
        if least is None or f.stop - f.start < max(least, LOUD):
            continue
        later = next((other.logs for other in real if other.start > f.stop + HEARD), {})
        parts = [logs[ip][f.logs.get(ip, 0) : later.get(ip, len(logs[ip]))] for ip in history.ips]
        if not any(word in part for part in parts for word in (b'"level":40', b'"level":50', b"stream.")):
            verdict.fail("F13", f"{f.kind} of {f.nodes} for {(f.stop - f.start) / 1000:.1f} s left no line in any log", f.start)
    for f in faults.told:
        if f.failed is not None:
            verdict.notes.append(f"fault {f.id} ({f.kind}) could not be carried out to its end: {f.failed}")
