"""gunicorn with Salus in its workers: ``gunicorn -c gunicorn.conf.py flask_app:app``.

Salus starts with each worker. One of them leads: it checks and heals; the others answer with what it knows, and one of
them takes over within two seconds when it dies. Checks that look into a worker's own memory see that of the one that
leads; what belongs to all (a database, a queue, a disk) is better checked here.

With ASGI applications, add ``worker_class = "uvicorn_worker.UvicornWorker"``.
"""

from salus.integrations.gunicorn import hooks

workers = 2
post_worker_init, worker_exit = hooks("flask_app:health")
