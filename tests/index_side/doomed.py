"""Workers to be killed: ``python -m tests.index_side.doomed URL``.

Forks a worker for each line it reads and answers with its process number. A worker notes each
job that it runs in the table ``runs``, before it ends it.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time

import sqlalchemy as sa

from index.postgres.database import PostgresDatabase
from index.postgres.jobs import Job, Jobs
from index.worker import Worker

LEASE_S = 0.5
THREADS = 2
LONGEST_JOB_S = 0.01


def main(url: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            _work(url)
            os._exit(0)
        print(child, flush=True)


def _work(url: str) -> None:
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    database = PostgresDatabase(url)
    # Here one job may well be killed more often than a healthy one ever is.
    with Jobs(database, attempts=1000) as jobs:

        def double(job: Job, _: object) -> int:
            with database.writing() as connection:
                connection.execute(sa.text("INSERT INTO runs VALUES (:id)"), {"id": job.id})
            time.sleep(random.uniform(0, LONGEST_JOB_S))
            return int(job.asked) * 2

        Worker(jobs, {"double": double}, threads=THREADS, lease_s=LEASE_S).run(stop)


if __name__ == "__main__":
    main(sys.argv[1])
