"""Salus in a Flask application with several workers.

    pip install '.[flask]' gunicorn
    gunicorn -c gunicorn.conf.py flask_app:app       # then look at http://127.0.0.1:8000/salus/health-dashboard/

Every worker puts mails into one outbox; a thread in the worker that leads sends them. A mail without a host ends that
thread, and Salus starts a new one. When the whole worker dies another leads, and begins with a thread of its own.
"""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask, request

from salus import HealthSystem
from salus.integrations.flask import Salus

FILE = Path(os.environ.get("SHOP_FOLDER", "."), "outbox.sqlite")


@contextmanager
def outbox() -> Iterator[sqlite3.Connection]:
    """All workers share it: what is in the memory of one, the others do not see."""
    with sqlite3.connect(FILE, timeout=10) as mails:
        mails.execute("create table if not exists mails (id integer primary key, address text, state text)")
        yield mails
    mails.close()


class Mailer:
    """Sends mails, one after the other."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.thread: threading.Thread | None = None

    def alive(self) -> bool:
        return self.thread is not None and self.thread.is_alive()

    def start(self) -> str:
        with self.lock:
            if self.alive():
                return "a thread sends already"
            self.thread = threading.Thread(target=self.work, name="mailer", daemon=True)
            self.thread.start()
        return "a new thread sends"

    def work(self) -> None:
        pause = threading.Event()
        while not pause.wait(0.2):
            with outbox() as mails:
                waiting = mails.execute("select id, address from mails where state = 'waiting' order by id").fetchall()
            for number, address in waiting:
                sent = "@" in address
                with outbox() as mails:
                    mails.execute("update mails set state = ? where id = ?", ("sent" if sent else "refused", number))
                if not sent:
                    return  # "that never happens"


def sent_mails() -> list[str]:
    with outbox() as mails:
        return [address for (address,) in mails.execute("select address from mails where state = 'sent' order by id")]


mailer = Mailer()
health = HealthSystem("flask-shop")


@health.on("agent_started")  # heard in the worker that leads, and only there
def begin(event: object) -> None:
    mailer.start()


@health.check(interval="1s", start_period="5s")
def mails() -> tuple[str, str]:
    if not mailer.alive():
        return "unhealthy", "no thread sends mails"
    return "healthy", f"{len(sent_mails())} sent"


health.action("restart_mailer")(mailer.start)
health.rule("mails", actions=["log", "restart_mailer"], cooldown_period="5s")

app = Flask(__name__)
Salus(app, health)


@app.post("/mails")
def send() -> dict[str, int]:
    with outbox() as mails:
        mails.execute("insert into mails (address, state) values (?, 'waiting')", (request.form["to"],))
    return {"sent": len(sent_mails())}


@app.get("/mails")
def sent() -> list[str]:
    return sent_mails()
