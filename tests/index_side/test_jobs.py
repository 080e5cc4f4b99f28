"""Jobs are done once, whoever dies meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from index import (
    DatabaseAway,
    DeadlineExceeded,
    EngineError,
    LanguageError,
    QuestionError,
    Scope,
    WorkersBusy,
)
from index.intake import Several
from index.postgres.database import PostgresDatabase
from index.postgres.jobs import CHANNEL, POLL_S, Job, Jobs, Waiting
from index.types import Progress
from index.worker import Worker
from tests.index_side.doomed import LEASE_S
from tests.postgres import execute, server

ONE, TWO = Scope.guild(1), Scope.guild(2)
JOBS = int(os.environ.get("JOBS", "300"))


@pytest.fixture
def jobs(postgres_url: str) -> Iterator[Jobs]:
    with Jobs.open(postgres_url) as opened:
        assert opened.notices.connected(5)
        yield opened


def take(jobs: Jobs, worker: str = "me", lease_s: float = 60) -> Job | None:
    return jobs.take(worker, lease_s, ["echo"])


def taken(jobs: Jobs, worker: str = "me", lease_s: float = 60) -> Job:
    job = take(jobs, worker, lease_s)
    assert job is not None
    return job


@contextmanager
def working(jobs: Jobs, task: Callable[[Job], object], **named: Any) -> Iterator[Worker]:
    """A worker on a thread, until the end."""
    worker = Worker(jobs, {"echo": lambda job, _: task(job)}, **named)
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(worker.run, stop)
        try:
            yield worker
        finally:
            stop.set()
            running.result(20)


class TestQueue:
    def test_the_oldest_is_taken_first_and_by_one_alone(self, jobs: Jobs) -> None:
        first, second = (jobs.put(ONE, "echo", {"n": n}, 60) for n in (1, 2))
        job = taken(jobs)
        assert (job.scope, job.id, job.kind, job.asked) == (ONE, first, "echo", {"n": 1})
        assert (job.worker, job.attempts) == ("me", 1)
        assert 55 < job.left_s <= 60
        assert taken(jobs, "another").id == second
        assert take(jobs, "third") is None

    def test_nobody_waits_for_a_job_that_is_just_being_taken(
        self, jobs: Jobs, postgres_url: str
    ) -> None:
        first, second = (jobs.put(ONE, "echo", None, 60) for _ in range(2))
        database = PostgresDatabase(postgres_url)
        with database.writing() as connection:
            held = sa.text("SELECT id FROM jobs WHERE id = :id FOR UPDATE")
            assert connection.scalar(held, {"id": first}) == first
            begun = time.monotonic()
            assert taken(jobs).id == second
            jobs.prune()
            assert time.monotonic() - begun < 1
        database.close()

    def test_many_takers_take_each_job_once(self, jobs: Jobs) -> None:
        put = {jobs.put(ONE, "echo", n, 60) for n in range(40)}

        def take_all(worker: int) -> list[str]:
            return [job.id for job in iter(lambda: take(jobs, str(worker)), None)]

        with ThreadPoolExecutor(8) as pool:
            got = [job for found in pool.map(take_all, range(8)) for job in found]
        assert (len(got), set(got)) == (40, put)

    def test_a_lease_that_ran_out_is_anothers_and_the_first_has_no_say_then(
        self, jobs: Jobs
    ) -> None:
        job_id = jobs.put(ONE, "echo", None, 60)
        late = taken(jobs, "late", lease_s=0.05)
        time.sleep(0.1)
        other = taken(jobs, "other")
        assert (other.id, other.attempts) == (job_id, 2)
        assert not jobs.renew(late, 60)
        assert not jobs.finish(late, "late")
        assert not jobs.fail(late, EngineError("late"))
        assert jobs.finish(other, "other")
        assert not jobs.finish(other, "again")
        assert jobs.wait(ONE, job_id, 1) == "other"

    def test_the_same_worker_has_no_say_from_an_earlier_attempt(self, jobs: Jobs) -> None:
        jobs.put(ONE, "echo", None, 60)
        early = taken(jobs, lease_s=0.05)
        time.sleep(0.1)
        again = taken(jobs)
        assert not jobs.finish(early, 1)
        assert jobs.finish(again, 2)

    def test_a_renewed_lease_holds(self, jobs: Jobs) -> None:
        jobs.put(ONE, "echo", None, 60)
        job = taken(jobs, lease_s=0.1)
        assert jobs.renew(job, 60)
        time.sleep(0.15)
        assert take(jobs, "another") is None

    def test_what_expired_is_not_begun_and_is_pruned(self, jobs: Jobs, postgres_url: str) -> None:
        job_id = jobs.put(ONE, "echo", None, 0.05)
        time.sleep(0.1)
        assert take(jobs, "me") is None
        assert jobs.waiting("echo").count == 1
        jobs.prune()
        assert jobs.waiting("echo") == Waiting(0, 0)
        assert execute(postgres_url, "SELECT count(*) FROM jobs") == [(0,)]
        with pytest.raises(DeadlineExceeded):
            jobs.wait(ONE, job_id, 60)

    def test_a_job_that_kills_its_workers_is_given_up_after_three(self, jobs: Jobs) -> None:
        job_id = jobs.put(ONE, "echo", None, 60)
        for _ in range(3):
            taken(jobs, lease_s=0.05)
            jobs.prune()  # not before the lease ran out
            time.sleep(0.1)
        assert take(jobs, "me") is None
        jobs.prune()
        with pytest.raises(EngineError, match="every worker that began this") as raised:
            jobs.wait(ONE, job_id, 60)
        assert type(raised.value) is EngineError

    def test_a_result_is_collected_once_and_in_its_own_scope_alone(
        self, jobs: Jobs, postgres_url: str
    ) -> None:
        job_id = jobs.put(ONE, "echo", None, 60)
        assert jobs.finish(taken(jobs), {"said": "ü", "n": [1, 0.1, None]})
        with pytest.raises(DeadlineExceeded):
            jobs.wait(TWO, job_id, 60)
        assert jobs.wait(ONE, job_id, 60) == {"said": "ü", "n": [1, 0.1, None]}
        assert execute(postgres_url, "SELECT count(*) FROM jobs") == [(0,)]
        with pytest.raises(DeadlineExceeded):
            jobs.wait(ONE, job_id, 60)

    def test_a_result_that_nobody_collects_is_pruned(self, jobs: Jobs, postgres_url: str) -> None:
        jobs.put(ONE, "echo", None, 60)
        jobs.finish(taken(jobs), 1)
        jobs.prune()
        assert execute(postgres_url, "SELECT count(*) FROM jobs") == [(1,)]
        execute(postgres_url, "UPDATE jobs SET done_at = done_at - interval '61 s'")
        jobs.prune()
        assert execute(postgres_url, "SELECT count(*) FROM jobs") == [(0,)]

    def test_who_gives_up_withdraws_and_leaves_nothing_of_what_was_asked(
        self, jobs: Jobs, postgres_url: str
    ) -> None:
        job_id = jobs.put(ONE, "echo", "a secret", 60)
        begun = time.monotonic()
        with pytest.raises(WorkersBusy, match=r"no worker began this within 0\.2 s"):
            jobs.wait(ONE, job_id, 60, begun_within_s=0.2)
        assert time.monotonic() - begun < 0.2 + POLL_S
        assert take(jobs, "me") is None
        assert execute(postgres_url, "SELECT asked FROM jobs") == [({},)]
        assert jobs.waiting("echo").count == 1  # tells that no worker is there

    def test_a_job_that_was_begun_is_waited_for(self, jobs: Jobs) -> None:
        job_id = jobs.put(ONE, "echo", None, 60)
        taken(jobs)
        with pytest.raises(DeadlineExceeded, match=r"no answer within 0\.3 s"):
            jobs.wait(ONE, job_id, 0.3, begun_within_s=0.1)

    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            (LanguageError("no English: 'ça'"), LanguageError),
            (QuestionError("a\0b"), QuestionError),
            (DatabaseAway("gone"), DatabaseAway),
            (Several("several", ["a"], ""), Several.__base__),
        ],
    )
    def test_errors_come_back_as_they_were_raised(
        self, jobs: Jobs, error: EngineError, kind: type[EngineError]
    ) -> None:
        job_id = jobs.put(ONE, "echo", None, 60)
        assert jobs.fail(taken(jobs), error)
        with pytest.raises(EngineError) as raised:
            jobs.wait(ONE, job_id, 60)
        assert (type(raised.value), str(raised.value)) == (kind, str(error).replace("\0", ""))

    def test_what_waits_is_counted_with_the_age_of_the_oldest(self, jobs: Jobs) -> None:
        assert jobs.waiting("echo") == Waiting(0, 0)
        for _ in range(3):
            jobs.put(ONE, "echo", None, 60)
            time.sleep(0.1)
        taken(jobs)
        waiting = jobs.waiting("echo")
        assert waiting.count == 2
        assert 0.2 <= waiting.oldest_s < 5


class TestNotices:
    def test_whoever_waits_is_woken_within_a_tenth_of_a_second(self, jobs: Jobs) -> None:
        """Both ways: a worker when a job is put, and whoever asked when it is done."""
        begun: list[float] = []

        def echo(job: Job) -> object:
            begun.append(time.monotonic())
            return job.asked

        to_begin, to_end = [], []
        with working(jobs, echo):
            for number in range(5):
                time.sleep(0.15)  # by now the worker waits
                put = time.monotonic()
                job_id = jobs.put(ONE, "echo", number, 60)
                assert jobs.wait(ONE, job_id, 60) == number
                to_begin.append(begun[-1] - put)
                to_end.append(time.monotonic() - begun[-1])
        print(f"\nuntil begun {sorted(to_begin)[2]:.4f} s, until told {sorted(to_end)[2]:.4f} s")
        # The median: the machine may have something else to do once.
        assert sorted(to_begin)[2] < 0.1
        assert sorted(to_end)[2] < 0.1

    def test_without_notices_polling_does_it(self, jobs: Jobs, postgres_url: str) -> None:
        jobs.notices.close()
        with working(jobs, lambda job: job.asked):
            begun = time.monotonic()
            assert jobs.wait(ONE, jobs.put(ONE, "echo", 7, 60), 60) == 7
            assert time.monotonic() - begun < 2 * POLL_S + 1

    def test_a_listener_that_was_cut_off_comes_back(self, jobs: Jobs, postgres_url: str) -> None:
        listener = f"FROM pg_stat_activity WHERE query = 'LISTEN \"{CHANNEL}\"'"
        assert execute(postgres_url, f"SELECT pg_terminate_backend(pid) {listener}") == [(True,)]
        until = time.monotonic() + 10
        while execute(postgres_url, f"SELECT count(*) {listener}") != [(1,)]:
            assert time.monotonic() < until
            time.sleep(0.05)
        with working(jobs, lambda job: job.asked):
            assert jobs.wait(ONE, jobs.put(ONE, "echo", 7, 60), 60) == 7


class TestWorker:
    def test_it_renews_what_it_works_on_and_ends_what_it_began(self, jobs: Jobs) -> None:
        going = threading.Event()

        def slow(job: Job) -> object:
            going.set()
            time.sleep(1.0)
            return job.asked

        job_id = jobs.put(ONE, "echo", 1, 60)
        with working(jobs, slow, lease_s=0.4):
            assert going.wait(5)
            time.sleep(0.6)  # longer than its lease
            assert take(jobs, "another") is None
            left = jobs.put(ONE, "echo", 2, 60)
            # On leaving it is told to stop.
        assert jobs.wait(ONE, job_id, 0) == 1
        assert taken(jobs).id == left

    def test_threads_work_side_by_side(self, jobs: Jobs) -> None:
        together = threading.Barrier(3)
        ids = [jobs.put(ONE, "echo", n, 60) for n in range(3)]
        with working(jobs, lambda _: together.wait(10) >= 0, threads=3):
            assert [jobs.wait(ONE, job_id, 10) for job_id in ids] == [True] * 3

    def test_an_error_that_nobody_foresaw_tells_nothing_of_what_was_asked(
        self, jobs: Jobs, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(job: Job) -> object:
            raise KeyError(job.asked)

        with working(jobs, fail):
            job_id = jobs.put(ONE, "echo", "my secret", 60)
            with pytest.raises(EngineError, match="failed by a KeyError") as raised:
                jobs.wait(ONE, job_id, 60)
        assert type(raised.value) is EngineError
        assert "in fail" in caplog.text
        assert "secret" not in str(raised.value) + caplog.text

    def test_a_job_of_a_kind_that_it_does_not_know_is_left_to_others(self, jobs: Jobs) -> None:
        with working(jobs, lambda job: job.asked):
            other = jobs.put(ONE, "dance", 1, 60)
            assert jobs.wait(ONE, jobs.put(ONE, "echo", 2, 60), 60) == 2
            assert jobs.waiting("dance").count == 1
            taken_by_another = jobs.take("another", 60, ["echo", "dance"])
        assert taken_by_another is not None
        assert (taken_by_another.id, taken_by_another.kind) == (other, "dance")

    def test_long_ones_are_done_beside_the_others_one_at_a_time(self, jobs: Jobs) -> None:
        running, most, goes_on = [], [], threading.Event()

        def build(job: Job, _: object) -> object:
            running.append(job.id)
            most.append(len(running))
            assert goes_on.wait(10)
            running.remove(job.id)
            return job.asked

        worker = Worker(
            jobs, {"echo": lambda job, _: job.asked, "build": build}, threads=2, long=["build"]
        )
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(worker.run, stop)
            builds = [jobs.put(ONE, "build", number, 60) for number in range(3)]
            for number in range(5):
                assert jobs.wait(ONE, jobs.put(ONE, "echo", number, 60), 5) == number
            assert len(running) == 1
            goes_on.set()
            assert [jobs.wait(ONE, job, 10) for job in builds] == [0, 1, 2]
            stop.set()
            ended.result(20)
        assert most == [1, 1, 1]

    def test_whoever_waits_hears_how_far_it_has_come(self, jobs: Jobs) -> None:
        heard: list[object] = []
        told = threading.Event()

        def listen(far: object) -> None:
            if far is not None:  # it is begun
                heard.append(far)
                told.set()

        def build(job: Job, progress: Progress) -> object:
            for step in range(100):
                progress("embedding", step, 100)
            assert told.wait(10)
            progress("publishing", 0, 1)
            return job.asked

        ended: list[tuple[str, bool, float]] = []
        worker = Worker(jobs, {"build": build}, told=lambda *said: ended.append(said))
        stop = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(worker.run, stop)
            assert jobs.wait(ONE, jobs.put(ONE, "build", 7, 60), 20, told=listen) == 7
            stop.set()
            running.result(20)
        # Not each of a hundred steps was written down.
        assert heard[0] in (["embedding", 0, 100], ["embedding", 99, 100])
        assert len(heard) <= 3
        ((kind, succeeded, took_s),) = ended
        assert (kind, succeeded) == ("build", True)
        assert 0 < took_s < 20

    def test_a_job_that_is_given_up_may_still_be_done(self, jobs: Jobs) -> None:
        left = jobs.put(ONE, "echo", 7, 60)
        with pytest.raises(WorkersBusy):
            jobs.wait(ONE, left, 60, begun_within_s=0.1, withdraw=False)
        with working(jobs, lambda job: job.asked):
            assert jobs.wait(ONE, left, 10) == 7

    def test_whoever_stops_waiting_for_another_reason_withdraws_it_too(self, jobs: Jobs) -> None:
        def leave(_: object) -> None:
            raise KeyboardInterrupt

        job_id = jobs.put(ONE, "echo", "a secret", 60)
        assert jobs.tell(taken(jobs, lease_s=0.05), ["embedding", 1, 2])
        with pytest.raises(KeyboardInterrupt):
            jobs.wait(ONE, job_id, 10, told=leave)
        time.sleep(0.1)
        assert take(jobs) is None


def test_while_the_server_is_away_both_sides_wait_for_it() -> None:
    with server(fsync="on") as one, ExitStack() as opened:
        PostgresDatabase.open(one.url()).close()
        jobs = opened.enter_context(Jobs.open(one.url()))
        begun, back = threading.Event(), threading.Event()

        def echo(job: Job) -> object:
            begun.set()
            back.wait(30)
            return job.asked

        with working(jobs, echo, lease_s=2), ThreadPoolExecutor(1) as pool:
            job_id = jobs.put(ONE, "echo", 7, 60)
            waiting = pool.submit(jobs.wait, ONE, job_id, 60)
            assert begun.wait(10)
            one.kill()
            with pytest.raises(DatabaseAway):
                jobs.put(ONE, "echo", 8, 60)
            one.start()
            back.set()
            assert waiting.result(30) == 7
            assert jobs.wait(ONE, jobs.put(ONE, "echo", 9, 60), 30) == 9


class Doomed:
    """Worker processes, one for each ``spawn``."""

    def __init__(self, url: str) -> None:
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "tests.index_side.doomed", url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.alive: list[int] = []
        self._paused: dict[int, float] = {}

    def spawn(self) -> None:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write("\n")
        self._nursery.stdin.flush()
        self.alive.append(int(self._nursery.stdout.readline()))

    def kill(self) -> None:
        os.kill(self.alive.pop(random.randrange(len(self.alive))), signal.SIGKILL)

    def pause(self, seconds: float) -> None:
        """Stop one for a while, as a machine that swaps does."""
        chosen = random.choice(self.alive)
        os.kill(chosen, signal.SIGSTOP)
        self._paused[chosen] = time.monotonic() + seconds

    def resume(self) -> None:
        """Let those go on whose while is over."""
        for process in [one for one, until in self._paused.items() if until < time.monotonic()]:
            del self._paused[process]
            if process in self.alive:
                os.kill(process, signal.SIGCONT)

    def close(self) -> None:
        for process in self.alive:
            os.kill(process, signal.SIGKILL)
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.close()
        self._nursery.wait(20)
        self._nursery.stdout.close()


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
def test_every_job_is_done_once_while_workers_are_killed(jobs: Jobs, postgres_url: str) -> None:
    """``JOBS=5000`` for the long run."""
    execute(postgres_url, "CREATE TABLE runs (id text)")
    execute(postgres_url, "CREATE TABLE ended (id text, result jsonb)")
    execute(
        postgres_url,
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO ended VALUES (NEW.id, NEW.result); RETURN NULL; END $$",
    )
    execute(
        postgres_url,
        "CREATE TRIGGER noted AFTER UPDATE OF done_at ON jobs FOR EACH ROW"
        " WHEN (NEW.done_at IS NOT NULL) EXECUTE FUNCTION note()",
    )
    scopes = (ONE, TWO)
    expected = {jobs.put(scopes[n % 2], "double", n, 3600): {"value": 2 * n} for n in range(JOBS)}
    kills = pauses = 0
    doomed = Doomed(postgres_url)
    began = time.monotonic()
    try:
        for _ in range(4):
            doomed.spawn()
        while execute(postgres_url, "SELECT count(DISTINCT id) FROM ended") != [(JOBS,)]:
            assert time.monotonic() - began < 60 + JOBS / 20
            time.sleep(random.uniform(0, 0.15))
            doomed.resume()
            if random.random() < 0.3:
                doomed.pause(2 * LEASE_S)
                pauses += 1
            else:
                doomed.kill()
                kills += 1
                doomed.spawn()
        took_s = time.monotonic() - began
        time.sleep(2 * LEASE_S)
        doomed.resume()
        time.sleep(0.5)  # whoever was paused has its say too late
    finally:
        doomed.close()
    ended = execute(postgres_url, "SELECT id, result FROM ended")
    runs = execute(postgres_url, "SELECT count(*), count(DISTINCT id) FROM runs")
    print(
        f"\n{JOBS} jobs in {took_s:.1f} s, {kills} workers killed, {pauses} paused:"
        f" {len(ended)} ended, {runs[0][0]} runs of {runs[0][1]} jobs"
    )
    assert len(ended) == JOBS
    assert dict(ended) == expected
    assert kills > 0
