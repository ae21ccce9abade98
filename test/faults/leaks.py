"""Leaks: what the processes hold on to after the calm, compared with before the first fault.

Memory and open files of each node; cursors, and connections of each node, at the member that has most of them.
A node's driver never closes a connection that it does not need any more: its pool keeps what was under way at once at worst (some
25 in a recovery, 34 in a storm), at each member that led once; these are its open files, too. What a leak would add, with every
fault, goes beyond that; and in the calm nothing may grow. A killed node's cursor stays with the server for ten minutes. A heap
grows with a storm, and shrinks late."""

FILES = 90
MEMORY_KB = 60_000
CURSORS = 3
CONNECTIONS = 30
CALM = 2
A_JOB_KB = 20


def middle(values):
    values = sorted(v for v in values if v is not None)
    return values[len(values) // 2] if values else None


def connections(sample):
    """How many each owner has at its busiest member; None where a member did not answer."""
    if None in sample["members"]:
        return None
    most = {}
    for member in sample["members"]:
        for owner, n in member["connections"].items():
            most[owner] = max(most.get(owner, 0), n)
    return most


def judge_leaks(early, healed, late, ips, killed, jobs_of_storms, fail):
    """Samples before the faults, soon after the heal and at the end of the calm; how many processes were killed. Answers notes."""
    notes, at = [], late[-1]["at"]
    memory = MEMORY_KB + A_JOB_KB * jobs_of_storms / max(1, len(ips))

    def compare(name, pick, slack):
        a, b = middle(map(pick, early)), middle(map(pick, late))
        if a is None or b is None:
            return
        notes.append(f"{name}: {a} at first, {b} after the calm")
        if slack is not None and b > a * 1.1 + slack:
            fail("F12", notes[-1], at)

    total = lambda sample: None if None in sample["members"] else sum(sum(member["connections"].values()) for member in sample["members"])
    compare("connections of all members", total, None)
    cursors = lambda sample: None if None in sample["members"] else max(sum(n for owner, n in member["cursors"].items() if owner.startswith("faults.")) for member in sample["members"])
    compare("cursors at one member", cursors, CURSORS + killed)
    most = {id(sample): connections(sample) for sample in early + healed + late}
    for owner in sorted({owner for of in most.values() for owner in of or {}}):
        ours = owner.removeprefix("tidewheel:") in ips
        of = lambda sample: None if most[id(sample)] is None else most[id(sample)].get(owner, 0)
        compare(f"connections of {owner or 'nobody by name'} at one member", of, CONNECTIONS if ours else None)
        a, b = middle(map(of, healed)), middle(map(of, late))
        if ours and a is not None and b is not None and b > a * 1.1 + CALM:
            fail("F12", f"connections of {owner} at one member: {a} after the heal, {b} after the calm", at)
    for ip in ips:
        of = lambda what: lambda sample: next((n.get(what) for n in sample["nodes"] if n["ip"] == ip), None)
        compare(f"{ip} open files", of("fds"), FILES)
        compare(f"{ip} memory in kB", of("rss"), memory)
    return notes
