#!/usr/bin/env python3
"""Exports the jobs of an APScheduler 3 job store: a JSON line a job on stdout, for `tidewheel import apscheduler FILE`.

    python3 export_apscheduler.py --sqlalchemy sqlite:///jobs.sqlite [--table apscheduler_jobs]
    python3 export_apscheduler.py --sqlalchemy postgresql://ann@db/site --django
    python3 export_apscheduler.py --mongodb mongodb://db/ [--database apscheduler] [--collection jobs]
    python3 export_apscheduler.py --redis redis://db:6379/0 [--key apscheduler.jobs]
    python3 export_apscheduler.py --pickle jobs.pickle
    python3 export_apscheduler.py --flask http://host:5000/scheduler [--auth USER:PASSWORD] [--timezone Europe/Berlin]

It needs Python 3.8 or later and the store's own driver (sqlalchemy, pymongo or redis). It only reads. Stop the scheduler first, so
that no run happens there after the export.

A memory store is in no file; let the program that has it write one, as a list of the jobs' states (or of the jobs):

    pickle.dump([job.__getstate__() for job in scheduler.get_jobs()], open("jobs.pickle", "wb"))

Pickles are read without importing anything of the application, and nothing in them is run: what is no plain value, date, time zone
or trigger becomes a stand-in that only knows its class. What cannot be kept is said in `lost`, a sentence each. A job that cannot be
read at all is a line, too: without `trigger`, and with the reason in `lost`.
"""
import argparse
import base64
import collections
import copyreg
import datetime
import decimal
import fractions
import io
import json
import math
import os
import pickle
import sys
import urllib.error
import urllib.request
import uuid

try:
    from zoneinfo import ZoneInfo
except ImportError:  # Python 3.8
    try:
        from backports.zoneinfo import ZoneInfo
    except ImportError:
        ZoneInfo = None

UTC = datetime.timezone.utc
CRON_FIELDS = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PLACES = ("1st", "2nd", "3rd", "4th", "5th", "last")
MOST_EXACT = 2**53


class Unreadable(Exception):
    """Why a job or its trigger cannot be brought over, as a sentence."""


# -- pickles: known classes as they are, everything else as a stand-in


class StandIn(datetime.tzinfo):
    """An object of a class that is not loaded. A tzinfo, since a date refuses any other zone."""

    state = {}

    def __new__(cls, *args, **_kwargs):
        made = super().__new__(cls)
        made.made_from = args
        return made

    def __init__(self, *_args, **_kwargs):
        super().__init__()

    def __setstate__(self, state):
        # Slots without a __getstate__ come as (dict or None, slots); so did triggers of APScheduler 3.0.
        if isinstance(state, tuple) and len(state) == 2:
            state = {**(state[0] or {}), **(state[1] or {})}
        self.state = state

    def utcoffset(self, _date):
        return None

    def append(self, _item):
        pass

    extend = add = append

    def __setitem__(self, _key, _value):
        pass


class NamedZone(datetime.tzinfo):
    """A zone by its name, as pytz has it: with the offset that its date has."""

    def __init__(self, key, offset=None):
        self.key = key
        self.offset = None if offset is None else datetime.timedelta(seconds=offset)

    def utcoffset(self, date):
        if self.offset is not None or ZoneInfo is None or date is None:
            return self.offset
        return date.replace(tzinfo=ZoneInfo(self.key)).utcoffset()

    def dst(self, _date):
        return None


def known_attribute(owner, name):
    """The one attribute that pickles of time zones ask for."""
    if name == "_unpickle" and owner in (ZoneInfo, NamedZone):
        return lambda key, _cached=True: zone_of_key(key)
    raise Unreadable("it asks for the attribute {} of {}".format(name, owner))


def zone_of_key(key):
    if ZoneInfo is not None:
        try:
            return ZoneInfo(key)
        except Exception:  # a name that this machine does not know, or no name
            pass
    return NamedZone(key)


def reconstructed(cls, base, state):
    """Objects of pickle protocols 0 and 1."""
    return cls() if issubclass(cls, StandIn) else copyreg._reconstructor(cls, base, state)


def names(module, *wanted):
    return {name: getattr(module, name) for name in wanted}


BUILTINS = {
    "getattr": known_attribute,
    **{made.__name__: made for made in (set, frozenset, bytearray, complex, list, dict, tuple, int, float, str, bytes, bool, object, range)},
}
KNOWN = {
    "builtins": BUILTINS,
    "__builtin__": {**BUILTINS, "unicode": str, "long": int},
    "copyreg": {"_reconstructor": reconstructed},
    "copy_reg": {"_reconstructor": reconstructed},
    "_codecs": {"encode": lambda text, encoding="latin1": text.encode(encoding)},
    "datetime": names(datetime, "datetime", "date", "time", "timedelta", "timezone"),
    "collections": names(collections, "OrderedDict", "defaultdict", "deque"),
    "decimal": names(decimal, "Decimal"),
    "fractions": names(fractions, "Fraction"),
    "uuid": names(uuid, "UUID"),
    "zoneinfo": {"ZoneInfo": ZoneInfo or NamedZone},
    "backports.zoneinfo": {"ZoneInfo": ZoneInfo or NamedZone},
    "pytz": {
        "_UTC": lambda: NamedZone("UTC", 0),
        "_p": lambda key, offset=None, *_more: NamedZone(key, offset),
        "FixedOffset": lambda minutes: datetime.timezone(datetime.timedelta(minutes=minutes)),
    },
    "dateutil.tz.tz": {
        "tzutc": lambda: NamedZone("UTC", 0),
        "tzoffset": lambda _name, offset: datetime.timezone(offset if isinstance(offset, datetime.timedelta) else datetime.timedelta(seconds=offset)),
        "tzfile": lambda file, name=None: zone_of_key(zone_in_path(name or file)),
    },
}
# tzlocal 3 and 4 hand out zones that are wrapped, with their names.
WRAPPED = {"wrap_zone": lambda zone, key=None: zone_of_key(key) if key else zone}


def zone_in_path(path):
    return str(path).split("/zoneinfo/")[-1]


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        known = WRAPPED if module.startswith("pytz_deprecation_shim") else KNOWN.get(module, {})
        if name in known:
            return known[name]
        return type(name, (StandIn,), {"__module__": module})


def unpickled(data):
    return Reader(io.BytesIO(bytes(data)), encoding="latin1").load()


def class_of(value):
    cls = type(value)
    return cls.__name__ if cls.__module__ == "builtins" else "{}.{}".format(cls.__module__, cls.__name__)


# -- dates and zones


def date_text(date):
    """ISO text with an offset, to the microsecond."""
    offset = date.utcoffset()
    if offset is None:
        raise Unreadable("the time zone of its date {} cannot be read".format(date.replace(tzinfo=None).isoformat()))
    exact = date if offset.total_seconds() % 60 == 0 else date.astimezone(UTC)
    return exact.isoformat().replace("+00:00", "Z")


def zone_name(zone):
    """An IANA name; None for what has none."""
    key = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if key:
        return str(key)
    try:
        offset = zone.utcoffset(None)
    except Exception:
        return None
    if offset is None:
        return None
    hours, rest = divmod(int(offset.total_seconds()), 3600)
    if hours == 0 and rest == 0:
        return "UTC"
    # Their sign is the other way round.
    return "Etc/GMT{:+d}".format(-hours) if rest == 0 and -12 <= hours <= 14 else None


# -- triggers


def trigger_of(kind, state, context):
    """A trigger in Tidewheel's words. `kind` is the name of its class, `context` what else is known of the job."""
    make = {
        "DateTrigger": date_trigger,
        "IntervalTrigger": interval_trigger,
        "CronTrigger": cron_trigger,
        "CalendarIntervalTrigger": calendar_trigger,
        "AndTrigger": combined_trigger,
        "OrTrigger": combined_trigger,
    }.get(kind)
    if make is None:
        raise Unreadable("its trigger is a {}, which is none of APScheduler's own".format(kind))
    if isinstance(state, tuple):
        state = state[1]
    found = make(kind, state, context)
    if state.get("jitter"):
        found["jitter"] = state["jitter"]
    return found


def zoned(found, zone, context, needed):
    name = zone_name(zone)
    if name is not None:
        found["timezone"] = name
        context["timezone"] = context.get("timezone") or name
    elif needed:
        raise Unreadable("its time zone {} has no name that other machines know".format(zone))
    return found


def bounds(state):
    return {name: date_text(state[name]) for name in ("start_date", "end_date") if state.get(name) is not None}


def date_trigger(_kind, state, context):
    date = state["run_date"]
    return zoned({"type": "date", "run_date": date_text(date)}, date.tzinfo, context, False)


def interval_trigger(_kind, state, context):
    return zoned({"type": "interval", **length_of(state["interval"], context), **bounds(state)}, state["timezone"], context, False)


def length_of(length, context):
    microseconds = length // datetime.timedelta(microseconds=1)
    if microseconds % 1000:
        context["lost"].append("its interval of {} is kept to the millisecond".format(length))
    parts = {}
    rest = microseconds
    for name, size in (("weeks", 604800), ("days", 86400), ("hours", 3600), ("minutes", 60)):
        # Weeks only where nothing else is in it: people say 10 days, not a week and 3 days.
        if name == "weeks" and microseconds % (size * 1000000):
            continue
        count, rest = divmod(rest, size * 1000000)
        if count:
            parts[name] = count
    if rest or not parts:
        parts["seconds"] = rest // 1000000 if rest % 1000000 == 0 else rest / 1000000
    return parts


def cron_trigger(_kind, state, context):
    found = {"type": "cron"}
    for field in state["fields"]:
        said = field.state
        if not said["is_default"]:
            found[said["name"]] = ",".join(expression_text(part) for part in said["expressions"])
    return zoned({**found, **bounds(state)}, state["timezone"], context, True)


def expression_text(part):
    kind, said = type(part).__name__, part.state
    if kind == "LastDayOfMonthExpression":
        return "last"
    if kind == "WeekdayPositionExpression":
        return "{} {}".format(PLACES[said["option_num"]], WEEKDAYS[said["weekday"]])
    if kind == "AllExpression":
        text = "*"
    elif kind == "RangeExpression":
        text = range_text(said, str)
    elif kind == "WeekdayRangeExpression":
        text = range_text(said, lambda number: WEEKDAYS[number])
    elif kind == "MonthRangeExpression":
        text = range_text(said, lambda number: MONTHS[number - 1])
    else:
        raise Unreadable("its cron field has a {}, which is none of APScheduler's own".format(kind))
    return "{}/{}".format(text, said["step"]) if said.get("step") else text


def range_text(said, name):
    first, last = said["first"], said.get("last")
    return name(first) if last is None or last == first else "{}-{}".format(name(first), name(last))


def calendar_trigger(_kind, state, context):
    """The same days as a cron trigger where there is one, else as an interval."""
    years, months, weeks, days = state["interval"]
    hour, minute, second = state["time"]
    zone, start = state["timezone"], state["start_date"]
    # It goes on from its last day, not from its start.
    following = context.get("next_run_time")
    first = following.astimezone(zone).date() if following else start
    time = {"hour": hour, "minute": minute, "second": second}
    limits = {"start_date": start.isoformat()}
    if state.get("end_date"):
        limits["end_date"] = "{} 23:59:59".format(state["end_date"].isoformat())
    every_days = weeks * 7 + days
    every_months = years * 12 + months
    if every_days and every_months:
        raise Unreadable("its calendar interval adds months and days, for which there is no trigger here")
    if every_days in (1, 7):
        day = {} if every_days == 1 else {"day_of_week": WEEKDAYS[first.weekday()]}
        return zoned({"type": "cron", **day, **time, **limits}, zone, context, True)
    if every_months and (12 % every_months == 0 or every_months % 12 == 0):
        if every_months % 12 == 0:
            year = {} if every_months == 12 else {"year": "{}/{}".format(first.year, every_months // 12)}
            month = {"month": first.month}
        else:
            year = {}
            month = {} if every_months == 1 else {"month": ",".join(str(1 + at) for at in range((first.month - 1) % every_months, 12, every_months))}
        return zoned({"type": "cron", **year, **month, "day": first.day, **time, **limits}, zone, context, True)
    if every_months:
        raise Unreadable("its calendar interval of {} months does not fit into years, for which there is no trigger here".format(every_months))
    if zone_name(zone) != "UTC":
        context["lost"].append("it runs each {} days by elapsed time: the hour shifts where clocks change".format(every_days))
    begin = datetime.datetime.combine(first, datetime.time(hour, minute, second), tzinfo=zone)
    return zoned({"type": "interval", "days": every_days, **limits, "start_date": date_text(begin)}, zone, context, False)


def combined_trigger(kind, state, context):
    members = [trigger_of(reference.split(":")[-1], inner, context) for reference, inner in state["triggers"]]
    return {"type": "and" if kind == "AndTrigger" else "or", "triggers": members}


# -- values that JSON can say


def plain(value, path, lost):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        if abs(value) <= MOST_EXACT:
            return int(value)
        return said(str(value), path, "is a whole number beyond 2^53; it becomes text", lost)
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return said(None, path, "is {}, which JSON cannot say; it becomes null".format(value), lost)
    if isinstance(value, dict):
        return plain_dict(value, path, lost)
    if isinstance(value, list):
        return [plain(item, "{}[{}]".format(path, index), lost) for index, item in enumerate(value)]
    if isinstance(value, (tuple, set, frozenset, collections.deque)):
        items = value if isinstance(value, (tuple, collections.deque)) else sorted(value, key=repr)
        found = [plain(item, "{}[{}]".format(path, index), lost) for index, item in enumerate(items)]
        return said(found, path, "is a {}; it becomes a list".format(class_of(value)), lost)
    if isinstance(value, (bytes, bytearray)):
        return said(base64.b64encode(bytes(value)).decode("ascii"), path, "is bytes; it becomes text in base64", lost)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return said(value.isoformat(), path, "is a {}; it becomes ISO text".format(class_of(value)), lost)
    if isinstance(value, datetime.timedelta):
        return said(value.total_seconds(), path, "is a timedelta; it becomes seconds", lost)
    if isinstance(value, (decimal.Decimal, uuid.UUID, fractions.Fraction)):
        return said(str(value), path, "is a {}; it becomes text".format(class_of(value)), lost)
    return said(None, path, "is an object of the class {}; it becomes null".format(class_of(value)), lost)


def plain_dict(value, path, lost):
    found = {}
    for key, item in value.items():
        if not isinstance(key, str):
            lost.append("{} has the key {!r}, which becomes text".format(path, key))
        found[str(key)] = plain(item, "{}.{}".format(path, key), lost)
    return found


def said(value, path, what, lost):
    lost.append("{} {}".format(path, what))
    return value


# -- jobs


def job_of(state, lost):
    """The line of a job, from its unpickled state."""
    following = state["next_run_time"]
    context = {"lost": lost, "next_run_time": following}
    job = {
        "id": state["id"],
        "name": state["name"],
        "func": state["func"],
        "args": [plain(item, "args[{}]".format(index), lost) for index, item in enumerate(state["args"])],
        "kwargs": plain_dict(state["kwargs"], "kwargs", lost),
        "trigger": None,
        "timezone": None,
        "next_run_time": None if following is None else date_text(following),
        "misfire_grace_time": state["misfire_grace_time"],
        "coalesce": state["coalesce"],
        "max_instances": state["max_instances"],
        "executor": state["executor"],
        **pinned(state),
    }
    try:
        trigger = state["trigger"]
        job["trigger"] = trigger_of(type(trigger).__name__, trigger.state, context)
        job["timezone"] = context.get("timezone")
    except Unreadable as why:
        lost.append(str(why))
    return {**job, "lost": lost}


def pinned(fields):
    """The address of the node that runs it, where the store has one: some descendants of APScheduler do."""
    ip = fields.get("ip")
    return {"ip": ip} if isinstance(ip, str) and ip else {}


def stored_job(id, data, following=False, beside=None):
    """`beside`: what else the store has of it. `following`: when the store would run it next, in epoch seconds, or None for never; False: it does not say."""
    lost = []
    try:
        state = unpickled(data)
        if isinstance(following, float) or following is None:
            paused_or_moved(state, following, lost)
        return job_of({**state, **pinned(beside or {})}, lost)
    except Exception as why:
        return unreadable(id, why, lost)


def paused_or_moved(state, following, lost):
    """A store goes by its own column, whatever the pickle says."""
    inside = state["next_run_time"]
    if following is None:
        differs = inside is not None
    else:
        differs = inside is None or abs(inside.timestamp() - following) > 0.001
    if differs:
        state["next_run_time"] = None if following is None else datetime.datetime.fromtimestamp(following, UTC)
        lost.append("its next run time in the store differs from that in the job; that of the store counts")


def unreadable(id, why, lost):
    reason = str(why) if isinstance(why, Unreadable) else "{}: {}".format(type(why).__name__, why)
    return {"id": id, "trigger": None, "lost": lost + ["it cannot be read: {}".format(reason)]}


# -- stores


def from_sqlalchemy(options):
    import sqlalchemy

    url = sqlalchemy.engine.url.make_url(options.sqlalchemy)
    if url.drivername.startswith("sqlite") and url.database not in (None, "", ":memory:") and not os.path.exists(url.database):
        raise Unreadable("there is no file {}".format(url.database))
    table = options.table or ("django_apscheduler_djangojob" if options.django else "apscheduler_jobs")
    engine = sqlalchemy.create_engine(url)
    quote = engine.dialect.identifier_preparer.quote
    source = ".".join(quote(part) for part in table.split("."))
    try:
        with engine.connect() as connection:
            rows = connection.execute(sqlalchemy.text("SELECT id, next_run_time, job_state FROM {} ORDER BY id".format(source)))
            for id, following, data in rows:
                # Django keeps a date, in a zone that its settings know; only whether there is one is certain.
                yield stored_job(str(id), data, None if following is None else False if options.django else float(following))
    finally:
        engine.dispose()


def from_mongodb(options):
    import pymongo

    client = pymongo.MongoClient(options.mongodb, serverSelectionTimeoutMS=5000)
    try:
        for document in client[options.database][options.collection].find({}).sort("_id", 1):
            following = document.get("next_run_time")
            yield stored_job(str(document["_id"]), document["job_state"], None if following is None else float(following), document)
    finally:
        client.close()


def from_redis(options):
    import redis

    client = redis.Redis.from_url(options.redis)
    try:
        times = dict(client.zrange(options.run_times_key, 0, -1, withscores=True))
        for id, data in sorted(client.hgetall(options.key).items()):
            yield stored_job(id.decode(), data, times.get(id))
    finally:
        client.close()


def from_pickle(options):
    with open(options.pickle, "rb") as file:
        jobs = unpickled(file.read())
    if isinstance(jobs, dict) and "trigger" not in jobs:
        jobs = list(jobs.values())
    for job in jobs if isinstance(jobs, (list, tuple)) else [jobs]:
        state = job.state if isinstance(job, StandIn) else job
        lost = []
        try:
            yield job_of(state, lost)
        except Exception as why:
            yield unreadable(state.get("id") if isinstance(state, dict) else None, why, lost)


def from_flask(options):
    address = options.flask.rstrip("/") + "/jobs"
    request = urllib.request.Request(address, headers={"Accept": "application/json"})
    auth = options.auth or os.environ.get("SCHEDULER_AUTH")
    if auth:
        request.add_header("Authorization", "Basic " + base64.b64encode(auth.encode()).decode("ascii"))
    with urllib.request.urlopen(request, timeout=30) as answer:
        jobs = json.loads(answer.read().decode("utf8"))
    for job in jobs:
        try:
            yield job_of_routes(job, options.timezone)
        except Exception as why:
            yield unreadable(job.get("id") if isinstance(job, dict) else None, why, [])


def job_of_routes(job, timezone):
    """The routes show a job in the flat form, without coalesce, executor, time zone and fractions of a second."""
    lost = ["the routes do not show coalesce and executor; the defaults are taken"]
    kind = job["trigger"]
    parts = ("weeks", "days", "hours", "minutes", "seconds")
    wanted = {"date": ("run_date",), "interval": (*parts, "start_date", "end_date"), "cron": (*CRON_FIELDS, "start_date", "end_date")}.get(kind)
    trigger = None
    if wanted is None:
        lost.append("the routes show its trigger only as {}".format(kind))
    elif kind == "interval" and not any(job.get(part) for part in parts):
        lost.append("the routes do not show an interval below a second")
    else:
        trigger = {"type": kind, **{name: job[name] for name in wanted if job.get(name) is not None}}
        if timezone:
            trigger["timezone"] = zone_shown(job.get("next_run_time"), timezone, lost)
        elif kind == "cron":
            lost.append("the routes do not show its time zone; without --timezone it is that of the node")
        if kind == "interval":
            lost.append("the routes do not show fractions of a second in its interval, nor jitter")
        if kind == "cron":
            lost.append("the routes do not show jitter")
    pending = "next_run_time" not in job
    if pending:
        lost.append("it was added before the scheduler started, so it has no next run time yet")
    return {
        **{name: job[name] for name in ("id", "name", "func", "args", "kwargs")},
        "trigger": trigger,
        "timezone": trigger.get("timezone") if trigger else timezone,
        **{name: job[name] for name in ("next_run_time", "misfire_grace_time", "max_instances") if name in job},
        **pinned(job),
        "lost": lost,
    }


def zone_shown(following, timezone, lost):
    """The zone that was given, unless the job's next run time shows another offset."""
    if following is None or ZoneInfo is None:
        return timezone
    shown = datetime.datetime.fromisoformat(following.replace("Z", "+00:00"))
    if shown.astimezone(ZoneInfo(timezone)).utcoffset() == shown.utcoffset():
        return timezone
    other = zone_name(shown.tzinfo)
    lost.append("its next run time {} is not in {}; {} is taken, look at its trigger".format(following, timezone, other or timezone))
    return other or timezone


def options_of(arguments):
    head, _, more = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(description=head, epilog=more, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--sqlalchemy", metavar="URL", help="the database of an SQLAlchemyJobStore, or of Django with --django")
    source.add_argument("--mongodb", metavar="URI", help="the server of a MongoDBJobStore")
    source.add_argument("--redis", metavar="URL", help="the server of a RedisJobStore")
    source.add_argument("--pickle", metavar="FILE", help="a pickle of the jobs of a MemoryJobStore")
    source.add_argument("--flask", metavar="URL", help="the routes of a running Flask-APScheduler")
    parser.add_argument("--django", action="store_true", help="the table of django-apscheduler")
    parser.add_argument("--table", help="default: apscheduler_jobs, or django_apscheduler_djangojob with --django")
    parser.add_argument("--database", default="apscheduler", help="default: apscheduler")
    parser.add_argument("--collection", default="jobs", help="default: jobs")
    parser.add_argument("--key", default="apscheduler.jobs", help="the hash of the jobs; default: apscheduler.jobs")
    parser.add_argument("--run-times-key", default="apscheduler.run_times", help="default: apscheduler.run_times")
    parser.add_argument("--auth", metavar="USER:PASSWORD", help="for --flask; or the variable SCHEDULER_AUTH")
    parser.add_argument("--timezone", help="for --flask: the zone of its scheduler, which the routes do not show")
    options = parser.parse_args(arguments)
    if options.django and not options.sqlalchemy:
        parser.error("--django needs --sqlalchemy URL, the address of Django's database")
    return options


def main(arguments):
    options = options_of(arguments)
    read = next(
        read
        for name, read in (
            ("sqlalchemy", from_sqlalchemy),
            ("mongodb", from_mongodb),
            ("redis", from_redis),
            ("pickle", from_pickle),
            ("flask", from_flask),
        )
        if getattr(options, name)
    )
    count = unread = 0
    try:
        for job in read(options):
            count += 1
            unread += job["trigger"] is None
            print(json.dumps(job))
    except ImportError as missing:
        sys.exit("export_apscheduler: {}; install the store's driver".format(missing))
    except Exception as why:
        sys.exit("export_apscheduler: the store cannot be read: {}".format(why))
    print("{} jobs{}".format(count, ", {} of them without a trigger that can be kept".format(unread) if unread else ""), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
