"""Job: one job of the plan, as people asked for it and as the witnesses saw it.

In: its edits, its starts, the faults. Out: which edits came before a claim, on which hosts a run time depended, how many runs
there were at an instant, when its failures should have paused it. Nothing here is the product's word, save the run's fence: the
server's time of its claim, by which claims and edits are put in order."""

from bisect import bisect_right

from history import date
from oracle import applied, chain_from, retry_delay, segments_of
from tolerances import EDGE, FINISH, LATE, LEAD, RECOVERY, ROUNDING

LONGEST_WAIT = 60_000  # for a place


class ByTime(dict):
    """Lists by run time; to ask for one that is not there leaves no trace."""

    def __missing__(self, t):
        return []


class Job:
    def __init__(self, id_, history, faults):
        self.id, self.history, self.faults = id_, history, faults
        self.edits = history.edits[id_]
        self.starts = history.by_job.get(id_, [])
        self.rows = history.rows_of.get(id_, [])
        self.times = [s["t"] for s in self.starts]
        self.segments = segments_of(self.edits, history.horizon)
        self.extras = {}
        for e in self.edits:
            if e.extra is not None:
                self.extras.setdefault(e.extra, e)
        self.docs, doc = [], None
        for e in self.edits:
            doc = applied(doc, e)
            self.docs.append((e, doc))
        self.row_at, self.start_at = ByTime(), ByTime()
        for row in self.rows:
            self.row_at.setdefault(row["t"], []).append(row)
        if history.reference:
            for s in self.starts:
                s["sched"] = self.guess(s)
        for s in self.starts:
            self.start_at.setdefault(s["sched"], []).append(s)
        self.overtake_orders()
        self.pauses = list(self.paused_by_failures())

    def overtake_orders(self):
        """A trigger that was given while a time that a person had set was neither planned nor claimed stands beside that time in the
        document as if one edit had given both: the time is run, and an interval goes on from it. A node that is well has planned the
        time before; that it was not claimed, its start's fence says."""
        for order, seg in zip(self.segments, self.segments[1:]):
            t, edit = order.ordered, seg.edit
            if t is None or seg.ordered is not None or not edit.sets("trigger") or edit.whole:
                continue
            if self.faults.well_ms(self.needs(t), order.hi, seg.lo) >= EDGE:
                continue
            if any(self.before(edit, start) is True for start in self.start_at[t]):
                seg.grid = chain_from(seg.doc["trigger"], t)

    # -- edits and claims ------------------------------------------------------------------------------------------------
    def before(self, edit, start):
        """Whether an edit came before the claim of a start: True, False, or None where nobody can know."""
        fence = start.get("fence")
        if edit.op is not None and fence is not None:
            return edit.op < fence
        if edit.lo > start["t"]:
            return False
        if self.history.reference:  # no fence: a second is long enough for anyone
            return True if edit.hi < start["t"] - 1_000 else None
        if fence is None:
            return True if edit.known and edit.hi < min(start["t"] - LATE, start["sched"] - LEAD) else None
        if self.faults.is_shifted(start["t"]) or self.faults.is_shifted(edit.hi):
            return None  # the fence's seconds are those of a member whose clock was set
        if edit.known and edit.hi < (fence[0] - 1) * 1000:
            return True
        return False if edit.lo > (fence[0] + 2) * 1000 else None

    def at_claim(self, start, pick):
        """What people may have given last before a claim: (value, edit) for each that can be it. `pick`: None for an edit that
        gives no such thing, else a tuple of the value."""
        out = []
        for e in self.edits:
            value = pick(e)
            if value is None:
                continue
            known = self.before(e, start)
            if known is True:
                out = [(value[0], e)]
            elif known is None:
                out.append((value[0], e))
        return out

    def plans_at_claim(self, start):
        """The segments that can have been in force."""
        current = []
        for seg in self.segments:
            known = self.before(seg.edit, start)
            if known is True:
                current = [seg]
            elif known is None:
                current.append(seg)
        return current

    def doc_at(self, t):
        found = None
        for e, doc in self.docs:
            if e.lo > t:
                break
            found = doc if doc is not None else found
        return found if found is not None else next((doc for _, doc in self.docs if doc is not None), {})

    def setting(self, t, name, default=None):
        return self.doc_at(t).get(name, default)

    def places(self, t):
        return self.setting(t, "max_instances", 1)

    def is_brief(self, t):
        return self.setting(t, "kwargs", {}).get("ms", 0) <= 100

    def is_deleted(self, low, high):
        """Whether a person took the document away, or put another in its place, within a span."""
        return any((e.gone or e.whole) and e.lo < high and e.hi > low for e in self.edits)

    # -- hosts -----------------------------------------------------------------------------------------------------------
    def asked(self, t):
        """Hosts that people may have had it on at an instant; None among them: the cluster was to choose."""
        out = []
        for e in self.edits:
            if e.lo > t + EDGE:
                break
            if e.sets("ip"):
                # A document that is written back as it was read may say what stands there: that changes nothing, and nobody hears of it.
                sure = e.known and e.hi < t - EDGE and not e.as_read
                out = [e.value("ip")] if sure else [*out, e.value("ip")]
        return out or [None]

    def needs(self, t, start=None):
        """Hosts that a run at t depended on: where it was asked for, and where it ran before and after; None: any, as where the cluster
        was to choose just before that, or before the start, at a rebalance, too. It may have chosen one that is dead and whose lease
        still runs."""
        just = lambda low, high: t - RECOVERY < high and low < max(t, start or t)
        left = any(e.sets("ip") and e.value("ip") is None and just(e.lo, e.hi) for e in self.edits)
        moved = any(f.kind == "rebalance" and just(f.start, f.stop) for f in self.faults.told)
        if left or moved and None in self.asked(t):
            return None
        at = bisect_right(self.times, t)
        near = {s["ip"] for s in self.starts[max(0, at - 1) : at + 1]}
        hosts = near | {ip for ip in self.asked(t) if ip is not None}
        return hosts or None

    def takers(self, t):
        """Hosts that may take it over; "any"; or none."""
        doc = self.doc_at(t)
        if "standby" in doc:
            return doc["standby"]
        placed = False
        for e in self.edits:
            if e.lo > t:
                break
            if e.sets("ip") and (e.fresh or e.value("ip") is None):
                placed = e.value("ip") is None
        return "any" if placed else []

    def stood(self, e):
        """Whether the job had run last where edit `e` gave it."""
        before = [s["ip"] for s in self.starts if s["t"] < e.lo]
        return not e.fresh and before[-1:] == [e.value("ip")]

    def brought_home(self, e, ip, t):
        """Whether a rebalance before t brought the job to `ip`, its home or, where it was to be placed, anywhere, though edit `e` gave it
        the node where it stood by then. That changes nothing: nobody can hear of it, and its home stays what it was."""
        given = next((o for o in reversed(self.edits) if o.lo < e.lo and o.sets("ip") and not o.as_read and not self.stood(o)), None)
        if given is None or not any(f.kind == "rebalance" and f.stop > e.lo and f.start < t for f in self.faults.told):
            return False
        if given.value("ip") is None:
            return self.stood(e)
        if given.value("ip") != ip:
            return False
        takers = self.takers(e.lo)
        since = max([given.lo, *(s["t"] for s in self.starts if s["ip"] == ip and s["t"] < e.lo)])
        return (takers == "any" or e.value("ip") in takers) and self.faults.given_up(ip, since, e.lo) is not None

    # -- runs ------------------------------------------------------------------------------------------------------------
    def busy_until(self, start):
        """When a run gave its place back: its next attempt keeps it."""
        if start["how"] not in ("failed", "aborted"):
            return start["until"]
        delay = retry_delay(self.setting(start["t"], "retry"), start["attempt"])
        if delay is None or start["how"] == "aborted" and not self.timed_out(start):
            return start["until"]
        later = [s["t"] for s in self.start_at[start["sched"]] if s["attempt"] == start["attempt"] + 1 and s["t"] > start["t"]]
        return min(later, default=start["until"] + delay[1] + LATE)

    def begun(self, start):
        """When a run's timeout began at the earliest: in a child of its node the witness speaks only when the child is up."""
        if start.get("executor", "default") == "default":
            return start["t"]
        before = [s["until"] for s in self.start_at[start["sched"]] if s["attempt"] == start["attempt"] - 1 and s["t"] < start["t"]]
        return max([start["sched"], *before])

    def timed_out(self, start):
        timeout = self.setting(start["t"], "timeout")
        return timeout is not None and start["until"] - self.begun(start) >= timeout * 1000 - ROUNDING

    def placed(self, start):
        """When a run took its place at the earliest: its child is up within LATE, and only then the witness speaks."""
        return max(self.begun(start), start["t"] - LATE)

    def others(self, t, low, high):
        """Runs of other times that went on within a span."""
        return [s for s in self.starts if s["sched"] != t and self.placed(s) <= high and self.busy_until(s) + FINISH >= low]

    def is_full(self, t, at=None):
        """Whether the witnesses saw as many others run as may, when t was to be run."""
        at = t if at is None else at
        return len(self.others(t, at, at + EDGE)) >= self.places(t)

    def free_ms(self, t, low, high, closed=()):
        """How much of a span there was a place for the run of t, and nothing kept it from it: neither a pause by a person, which what
        waits for a place waits for, too, nor what goes on in the spans `closed`."""
        if high <= low:
            return 0
        paused = [(seg.lo, seg.until + EDGE) for seg in self.segments if seg.rests]
        shut = [(max(low, start), min(high, stop)) for start, stop in [*closed, *paused]]
        spans = [(max(low, self.placed(s)), min(high, self.busy_until(s) + FINISH)) for s in self.others(t, low, high)]
        marks = sorted({low, high, *(edge for span in [*spans, *shut] for edge in span if low < edge < high)})
        free = 0
        for one, two in zip(marks, marks[1:]):
            if any(start <= one and stop >= two for start, stop in shut):
                continue
            if sum(start <= one and stop >= two for start, stop in spans) < self.places(t):
                free += two - one
        return free

    def turn(self, t, due):
        """When the run of t had its place, by the witnesses: with `queue_one` it waits for the end of another one."""
        if self.setting(t, "overlap", "skip") != "queue_one":
            return due
        ends = sorted(self.busy_until(s) + FINISH for s in self.others(t, due, due + EDGE))
        return due if len(ends) < self.places(t) else max(due, ends[len(ends) - self.places(t)])

    def waits(self, t, at):
        """Whether a run of another time waited for a place at an instant: `queue_one` has room for no second one."""
        if any(s["sched"] != t and s["sched"] <= at + EDGE and s["t"] > at for s in self.starts):
            return True
        before = (u for seg in self.segments for u in seg.owed(max(seg.hi, at - LONGEST_WAIT), min(seg.until, at + EDGE)))
        return any(u != t and u not in self.start_at and self.waits_until_gone(u, u) for u in before)

    def waits_until_gone(self, t, due):
        """Whether a run that `queue_one` has wait for a place had none until a person took its document away, and its turn with it."""
        if self.setting(t, "overlap", "skip") != "queue_one":
            return False
        gone = next((e for e in self.edits if (e.gone or e.whole) and e.lo > due), None)
        return gone is not None and self.free_ms(t, due, gone.lo) < EDGE

    def paused_by_failures(self):
        """(from, to, sure): when so many failed runs in a row had paused it, until a person planned it again.

        Only that pause ends a row of failures: who plans a job that goes on has it fail on."""
        low = high = 0
        until = 0
        ran = {s["run"] for s in self.starts}
        # A run whose node died before it began is one that failed, too; that it was claimed only its row tells.
        unbegun = [r for r in self.rows if r["status"] == "interrupted" and r["_id"] not in ran and r.get("finished")]
        told = [(s["until"], s) for s in self.starts] + [(date(r["finished"]), None) for r in unbegun]
        for t, one in sorted(told, key=lambda x: x[0]):
            limit = self.setting(t, "pause_after_failures")
            if limit is None or t < until:
                continue
            if one is None:
                high += 1
                continue
            failed = one["how"] == "failed" or one["how"] == "aborted" and self.timed_out(one)
            if failed and retry_delay(self.setting(t, "retry"), one["attempt"]) is not None:
                continue
            if self.faults.cut_short(one) or self.faults.may_be_undone(t):
                high += 1
                if one["how"] == "done":
                    low = 0
            elif failed:
                low, high = low + 1, high + 1
            elif one["how"] == "done":
                low = high = 0
            if high >= limit:
                until, again = self.planned_after(t), self.planned_after(t + EDGE)
                # A person who plans it at that moment may come before the pause or after it. If before, it rests until somebody
                # plans it again: then nothing started meanwhile.
                if not any(until < s["t"] < again for s in self.starts):
                    until = again
                beside = any(e.plans and e.lo < t + EDGE and e.hi > t - EDGE for e in self.edits)
                sure = low >= limit and not beside
                yield t, until, sure
                # Was it planned before its pause came, or the last end not counted, then the next failure makes it pause.
                low, high = 0, 0 if sure else limit - 1

    def planned_after(self, t):
        return next((e.lo for e in self.edits if e.plans and e.lo > t), self.history.end)

    def paused(self, t):
        """Its pause by failures at an instant: True, False, or None where both may be."""
        for low, high, sure in self.pauses:
            if low - LEAD < t < high + EDGE:
                return True if sure and low + EDGE < t < high else None
        return False

    def guess(self, start):
        """The latest run time that came before a start, by any plan that was in force around then."""
        best = None
        for seg in self.segments:
            if seg.lo > start["t"] or seg.until < start["t"] - 5_000:
                continue
            fires = list(seg.grid.between(start["t"] - 60_000, start["t"] + 2))
            if seg.ordered is not None and seg.ordered <= start["t"]:
                fires.append(seg.ordered)
            best = max([*fires, *([] if best is None else [best])], default=None)
        return best if best is not None else round(start["t"])
