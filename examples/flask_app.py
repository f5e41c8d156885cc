"""Salus in a Flask application.

    pip install '.[flask]' gunicorn
    gunicorn -c gunicorn.conf.py flask_app:app       # then look at http://127.0.0.1:8000/salus/health-dashboard/

Mails are sent by a thread. A mail that it cannot send ends the thread; Salus starts a new one.

Several workers serve this application, and Salus checks and heals in one of them. So the mails wait in a file that all
workers share, and the check asks whether they are sent, not whether a thread lives: whichever worker took a mail, and
whichever thread has ended, the thread that Salus starts in its own worker sends what waits.
"""

import os
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from flask import Flask, request

from salus import HealthSystem
from salus.integrations.flask import Salus

MAILS = Path(os.environ.get("SHOP_FOLDER", ".")).absolute() / "mails.sqlite3"
NEXT = """
UPDATE mails SET state = 'taken' WHERE rowid = (SELECT min(rowid) FROM mails WHERE state = 'waits')
RETURNING rowid, address
"""


def ask(sql: str, *values: object) -> list[Any]:
    with closing(sqlite3.connect(MAILS, isolation_level=None)) as connection:
        return connection.execute(sql, values).fetchall()


class Mailer:
    """Sends what waits, whichever worker it came to; each worker has one from the first mail that comes to it."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None

    def start(self) -> str:
        if self.thread is None or not self.thread.is_alive():
            self.thread = threading.Thread(target=self.work, name="mailer", daemon=True)
            self.thread.start()
        return "a thread sends"

    def work(self) -> None:
        while True:
            for number, address in ask(NEXT):
                name, _, host = address.partition("@")
                if not host:
                    return  # "that never happens"
                ask("UPDATE mails SET state = 'sent', address = ? WHERE rowid = ?", f"{name} at {host}", number)
            time.sleep(0.2)


ask("CREATE TABLE IF NOT EXISTS mails (address TEXT, at REAL, state TEXT DEFAULT 'waits')")
mailer = Mailer()
health = HealthSystem("flask-shop")


@health.check(interval="1s")
def mails() -> tuple[str, str]:
    count = dict(ask("SELECT state, count(*) FROM mails GROUP BY state"))
    ((late,),) = ask("SELECT count(*) FROM mails WHERE state = 'waits' AND at < ?", time.time() - 2)
    said = f"{count.get('sent', 0)} sent, {count.get('taken', 0)} could not be"
    return ("unhealthy", f"nobody sends, {late} wait") if late else ("healthy", said)


health.action("restart_mailer")(mailer.start)
health.rule("mails", actions=["log", "restart_mailer"], cooldown_period="5s")

app = Flask(__name__)
Salus(app, health)


@app.post("/mails")
def send() -> dict[str, int]:
    ask("INSERT INTO mails (address, at) VALUES (?, ?)", request.form["to"], time.time())
    if mailer.thread is None:  # here and not on import: a thread does not survive the fork that makes a worker
        mailer.start()
    return {"waiting": ask("SELECT count(*) FROM mails WHERE state = 'waits'")[0][0]}


@app.get("/mails")
def sent() -> list[str]:
    return [address for (address,) in ask("SELECT address FROM mails WHERE state = 'sent' ORDER BY rowid")]
