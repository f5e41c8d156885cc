"""Salus in a Flask application.

    pip install 'salus[flask]' gunicorn
    gunicorn -c gunicorn.conf.py flask_app:app       # then look at http://127.0.0.1:8000/salus/health-dashboard/

Mails are sent by a thread. A job that it cannot do ends the thread; Salus starts a new one.
"""

import queue
import threading

from flask import Flask, request

from salus import HealthSystem
from salus.integrations.flask import Salus


class Mailer:
    """Sends mails, one after the other."""

    def __init__(self) -> None:
        self.jobs: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.sent: list[str] = []
        self.thread: threading.Thread | None = None

    def start(self) -> str:
        self.thread = threading.Thread(target=self.work, name="mailer", daemon=True)
        self.thread.start()
        return "a new thread sends"

    def work(self) -> None:
        while True:
            name, _, host = self.jobs.get().partition("@")
            if not host:
                return  # "that never happens"
            self.sent.append(f"{name} at {host}")


mailer = Mailer()
health = HealthSystem("flask-shop")


@health.check(interval="1s")
def mails() -> tuple[str, str]:
    if mailer.thread is None or not mailer.thread.is_alive():
        return "unhealthy", "no thread sends mails"
    return "healthy", f"{len(mailer.sent)} sent"


health.action("restart_mailer")(mailer.start)
health.rule("mails", actions=["log", "restart_mailer"], cooldown_period="5s")

app = Flask(__name__)
Salus(app, health)


@app.post("/mails")
def send() -> dict[str, int]:
    mailer.jobs.put(request.form["to"])
    return {"sent": len(mailer.sent)}


@app.get("/mails")
def sent() -> list[str]:
    return mailer.sent
