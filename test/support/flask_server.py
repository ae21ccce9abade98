"""Flask-APScheduler as people run it, for comparing ours with it: on a free port of this machine, which is the first line written.
It ends when its standard input does."""

import os
import sys
import threading

from flask import Flask
from flask_apscheduler import APScheduler
from werkzeug.serving import make_server


def note(*args, **kwargs):
    return None


def fail():
    raise ValueError("no luck")


if __name__ == "__main__":
    app = Flask(__name__)
    app.config.update(SCHEDULER_API_ENABLED=True, SCHEDULER_TIMEZONE="UTC")
    scheduler = APScheduler()
    scheduler.init_app(app)
    scheduler.start()
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(server.port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)
