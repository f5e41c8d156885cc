"""gunicorn with Salus in its workers: ``gunicorn -c gunicorn.conf.py flask_app:app``.

Salus starts with each worker. One of them leads: it checks and heals; the others answer with what it knows, and one of
them takes over within two seconds when it dies. One that hangs is killed by gunicorn after ``timeout`` seconds.

Checks and actions that reach into a worker's own memory see and mend only that of the one that leads. So work that any
worker may take belongs in one place for all (a database, a broker, a file), and what is checked is that it gets done:
see ``flask_app.py``.

With ASGI applications, add ``worker_class = "uvicorn_worker.UvicornWorker"``.
"""

from salus.integrations.gunicorn import hooks

workers = 2
post_worker_init, worker_exit = hooks("flask_app:health")
