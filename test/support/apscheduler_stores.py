"""Makes real APScheduler stores for tests, each with the same jobs, and stays until its stdin ends.

In: a folder to work in, and a connection string of MongoDB. Out: one JSON line that says where each store is, and for each job what
APScheduler itself makes of it: its next run time, and the ten run times that follow. `chores.py` beside this file has the functions.
"""
import json
import os
import pickle
import sys
import threading
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytz
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.jobstores.mongodb import MongoDBJobStore
from apscheduler.jobstores.redis import RedisJobStore
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

BERLIN = ZoneInfo("Europe/Berlin")
UTC = timezone.utc
START = datetime(2027, 1, 15, 12, 0, tzinfo=UTC)
LONG = 10


class Tides(BaseTrigger):
    """One of the user's own."""

    def get_next_fire_time(self, previous, now):
        return now


class Order:
    """An object that JSON has no words for."""


def in_pytz(trigger):
    """As stores have it that older versions wrote."""
    trigger.timezone = pytz.timezone("Europe/Berlin")
    return trigger


TRIGGERS = {
    "date": DateTrigger(datetime(2027, 5, 1, 9, 30, 0, 123456), timezone="Europe/Berlin"),
    "date-pytz": DateTrigger(pytz.timezone("US/Eastern").localize(datetime(2027, 11, 7, 1, 30), is_dst=False)),
    "interval": IntervalTrigger(hours=1, minutes=30, start_date="2027-01-15 12:00:00", timezone="Europe/Berlin"),
    "interval-fine": IntervalTrigger(seconds=0.25, start_date=datetime(2027, 1, 15, 12, 0, 0, 4000, tzinfo=UTC)),
    "interval-micro": IntervalTrigger(minutes=7, start_date=datetime(2027, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)),
    "interval-weeks": IntervalTrigger(weeks=2, start_date="2027-01-15", end_date="2027-04-01", timezone="America/New_York"),
    "interval-jitter": IntervalTrigger(days=1, jitter=120, start_date="2027-01-15 08:00:00", timezone=pytz.timezone("Asia/Tokyo")),
    "cron": CronTrigger(hour=8, minute=30, timezone="Europe/Berlin"),
    "cron-pytz": in_pytz(CronTrigger(day_of_week="mon-fri", hour="9-17/2", timezone="Europe/Berlin")),
    "cron-places": CronTrigger(day="1st mon, 3rd fri,last", hour=6, timezone=BERLIN),
    "cron-months": CronTrigger(month="jan-mar,oct", day="*/10", week="*", hour="*/12", timezone="UTC"),
    "cron-year": CronTrigger(year="2027/2", week="1-20/3", day_of_week="tue,sun", timezone="Asia/Kolkata"),
    "cron-seconds": CronTrigger(second="*/20", jitter=3, timezone="UTC"),
    "cron-bounds": CronTrigger(
        minute="*/15", start_date="2027-02-01 06:00:00", end_date="2027-02-01 07:30:00", timezone="Europe/Berlin"
    ),
    "crontab": CronTrigger.from_crontab("15 7 * * 0", timezone="Europe/London"),
    "cron-offset": CronTrigger(hour=5, timezone=timezone(timedelta(hours=-3))),
    "cron-spring": CronTrigger(hour=0, timezone="US/Pacific"),
    "cron-autumn": CronTrigger(hour=1, minute=30, timezone="US/Pacific"),
    "calendar-day": CalendarIntervalTrigger(days=1, hour=7, start_date="2027-01-15", timezone="Europe/Berlin"),
    "calendar-week": CalendarIntervalTrigger(
        weeks=1, hour=7, minute=5, start_date="2027-01-15", end_date="2027-03-26", timezone="Europe/Berlin"
    ),
    "calendar-month": CalendarIntervalTrigger(months=1, hour=4, start_date="2027-01-31", timezone="Europe/Berlin"),
    "calendar-quarter": CalendarIntervalTrigger(months=3, second=9, start_date="2027-02-15", timezone="Asia/Tokyo"),
    "calendar-year": CalendarIntervalTrigger(years=2, hour=4, start_date="2027-05-01", timezone="Europe/Berlin"),
    "calendar-days": CalendarIntervalTrigger(days=3, hour=4, start_date="2027-01-15", timezone="UTC"),
    "calendar-odd": CalendarIntervalTrigger(months=5, start_date="2027-01-15", timezone="UTC"),
    "and": AndTrigger([CronTrigger(day_of_week="fri", timezone="UTC"), CronTrigger(day="13", hour="0", timezone="UTC")]),
    "and-later": AndTrigger([CronTrigger(minute="*/2", timezone="UTC"), CronTrigger(minute="*/3", timezone="UTC")]),
    "or": OrTrigger(
        [
            CronTrigger(day_of_week="sat", hour=9, timezone="Europe/Berlin"),
            OrTrigger([CronTrigger(hour=6, timezone="UTC"), CronTrigger(day="last", timezone="UTC")]),
        ],
        jitter=30,
    ),
    "or-drift": OrTrigger(
        [IntervalTrigger(hours=6, start_date="2027-01-15 12:00:00", timezone="UTC"), CronTrigger(hour=13, timezone="UTC")]
    ),
    "own-trigger": Tides(),
}
JOBS = {
    "typed": {
        "func": "chores:report",
        "args": [7, "7", 2.5, True, None, ["a", {"b": ""}], "zoë \"quoted\" $HOME"],
        "kwargs": {"when": "now", "deep": {"n": [1, "1"]}},
        "misfire_grace_time": 300,
        "coalesce": False,
        "max_instances": 3,
    },
    "failing": {"func": "chores:fail", "args": ["the till is empty"]},
    "later": {"func": "chores:later", "args": [20], "misfire_grace_time": None},
    "lossy": {
        "func": "chores:report",
        "args": [date(2027, 1, 1), b"\x00\xff", Order(), (1, 2), Decimal("1.10"), 2**60],
        "kwargs": {"by": {1: "one"}, "rest": {"z", "y"}},
        "executor": "reports",
    },
}


def jobs():
    """Each as the arguments of add_job."""
    every_hour = IntervalTrigger(hours=1, start_date=START)
    for name, trigger in TRIGGERS.items():
        first = {"cron-spring": "2027-03-13 00:00:00", "cron-autumn": "2027-11-06 01:30:00"}.get(name)
        given = {"next_run_time": first_time(trigger, first), "func": "chores:report", "name": "The " + name, "trigger": trigger}
        yield name, given
    yield "paused", {"func": "chores:report", "trigger": every_hour, "next_run_time": None}
    for name, given in JOBS.items():
        yield name, {"trigger": every_hour, "next_run_time": START, **given}


def first_time(trigger, text):
    if text is not None:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("US/Pacific"))
    return without_jitter(trigger, lambda: trigger.get_next_fire_time(None, START))


def without_jitter(trigger, ask):
    jitter = getattr(trigger, "jitter", None)
    if jitter is None:
        return ask()
    trigger.jitter = None
    try:
        return ask()
    finally:
        trigger.jitter = jitter


def chain(trigger, following):
    """The run times after `following`, as the scheduler asks for them."""
    times = []
    while following is not None and len(times) < LONG:
        following = trigger.get_next_fire_time(following, following)
        if following is not None:
            times.append(following.astimezone(UTC).isoformat())
    return times


def expectations():
    found = {}
    for name, given in jobs():
        following = given["next_run_time"]
        # From their second run on the members of this `and` never meet again, and it does not return.
        hangs = name in ("and", "and-later")
        # As a scheduler has it that reads it from a store.
        trigger = pickle.loads(pickle.dumps(given["trigger"]))
        found[name] = {
            "next_run_time": None if following is None else following.astimezone(UTC).isoformat(),
            "chain": [] if hangs or name == "own-trigger" else without_jitter(trigger, lambda: chain(trigger, following)),
        }
    return found


def fill(store, only=lambda name: True):
    """Through a real scheduler, which is paused so that nothing runs."""
    scheduler = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
    scheduler.start(paused=True)
    for name, given in jobs():
        if only(name):
            scheduler.add_job(id=name, **given)
    return scheduler


def sqlalchemy_store(folder):
    url = "sqlite:///{}".format(folder / "jobs.sqlite")
    fill(SQLAlchemyJobStore(url)).shutdown()
    return url


def mongodb_store(uri):
    from pymongo import MongoClient
    from pymongo.uri_parser import parse_uri

    database = parse_uri(uri)["database"]
    fill(MongoDBJobStore(database=database, collection="aps_jobs", client=MongoClient(uri))).shutdown()
    return [uri, database]


def redis_store():
    """A server of its own, in this process, that speaks Redis."""
    from fakeredis import TcpFakeServer

    server = TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    fill(RedisJobStore(host="127.0.0.1", port=port)).shutdown()
    return "redis://127.0.0.1:{}/0".format(port)


def django_store(folder):
    import django
    from django.conf import settings

    file = str(folder / "django.sqlite")
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": file}},
        INSTALLED_APPS=["django_apscheduler"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        USE_TZ=True,
    )
    django.setup()
    from django.db import connection
    from django_apscheduler.jobstores import DjangoJobStore
    from django_apscheduler.models import DjangoJob, DjangoJobExecution

    with connection.schema_editor() as editor:
        for model in (DjangoJob, DjangoJobExecution):
            editor.create_model(model)
    fill(DjangoJobStore()).shutdown()
    return "sqlite:///{}".format(file)


def pickled_stores(folder):
    scheduler = fill(MemoryJobStore())
    every = scheduler.get_jobs()
    with open(folder / "states.pickle", "wb") as file:
        pickle.dump([job.__getstate__() for job in every], file)
    # As a descendant of APScheduler has them, whose jobs know their node.
    with open(folder / "pinned.pickle", "wb") as file:
        paused = scheduler.get_job("paused").__getstate__()
        pickle.dump([{**paused, "ip": "10.0.0.7"}, paused], file)
    # The first protocol of all, as `pickle_protocol` may say.
    with open(folder / "jobs.pickle", "wb") as file:
        pickle.dump(every, file, protocol=0)
    scheduler.shutdown()
    return {name: str(folder / (name + ".pickle")) for name in ("states", "jobs", "pinned")}


def flask_scheduler():
    """Real routes, behind a password."""
    from flask import Flask
    from flask_apscheduler import APScheduler
    from flask_apscheduler.auth import HTTPBasicAuth
    from werkzeug.serving import make_server

    app = Flask("shop")
    app.config.update(SCHEDULER_API_ENABLED=True, SCHEDULER_AUTH=HTTPBasicAuth(), SCHEDULER_TIMEZONE="Europe/Berlin")
    scheduler = APScheduler(app=app)
    scheduler.authenticate(lambda given: given["username"] == "ann" and given["password"] == "sea")
    scheduler.start(paused=True)
    for name, given in jobs():
        # Values that the routes themselves cannot show.
        if name not in ("lossy",):
            scheduler.scheduler.add_job(id=name, **given)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return "http://127.0.0.1:{}/scheduler".format(server.server_port)


def main(folder, uri):
    stores = {
        "sqlalchemy": sqlalchemy_store(folder),
        "mongodb": mongodb_store(uri),
        "redis": redis_store(),
        "django": django_store(folder),
        "pickles": pickled_stores(folder),
        "flask": flask_scheduler(),
    }
    print(json.dumps({"stores": stores, "jobs": expectations()}), flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    # Under the name that pickles know its classes by.
    sys.modules["apscheduler_stores"] = sys.modules["__main__"]
    main(Path(sys.argv[1]), sys.argv[2])
