"""Tolerances: everything that the judge lets pass, each with the reason why, and the only place where one is named.

Milliseconds. Each has a test of both sides in judge.test.ts, by its name."""

EPS = 250  # a run within this of its time counts as on time: only reported, nothing is excused by it
EARLY = 3  # two clocks are read, the product's in whole ms and the witness's: a start that is on time may look early by their rounding

LATE = 2_000
# Of a start in quiet. Three members, the nodes, the plan and other work share two processors: what is late by less is measured
# (the report's lateness), not judged. A retry, an abort and the end after a timeout are given the same.

EDGE = 500
# Between an edit and a run time. The node hears of an edit and the edit's answer reaches the person within some ms of one another:
# what was due within this after an edit may still be planned by the old document, what was due this much before may be taken back.

PLACING = 2_000
# In place of EDGE where an edit leaves the node to the cluster: the first by rank writes its ip, the others after a delay for each
# rank, and only then it is planned from now.

LEAD = 500  # a run may be claimed so long before it is due (the contract's half second in a crowd): what hits the node from then on counts

FINISH = 250  # a run counts as running for so long after the witness saw it end: its place is free when its row and its pull are stored

RECOVERY = 10_000
# After the heal of a fault, for the hosts that it hit: the contract's takeover (a lease, seen twice) and a driver's election and
# selection times end within it. From then on it is quiet, and nothing excuses.

SETTLE = 3_000  # after a heal a node may tell an end, or a lease be lost, that belongs to the fault: as long as half a lease

HELD = 0.6
# Of a lease. Renewals come each third of it, so a lease can end when its holder was cut off for two thirds, less what a slow
# renewal takes: from then on a standby may take over, and what still runs is another one's business.

AWAY = 3_000  # after the jobs collection came back: while it was away nobody could be asked, and nothing is owed without a row

FAR = 1_000
# Between two clocks that one heartbeat keeps together: by so much more than its offset a set clock moves a start, and by so much
# before the lease is lost a node may say that it told an interruption. A round trip is given up after a second and measures an
# offset to half of that: by so much two measures differ, and a wait between them is cut short.

HEARD = 1_000  # after an acknowledged cancel a run may come to its own end for so long: the time in which an edit is everywhere

ROUNDING = 250
# By so much a run may seem to end before its timeout: the timer begins before the function does, and on a busy machine there is a
# turn of the event loop between them.
