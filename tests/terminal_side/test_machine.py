"""What a container was given, read from the files in which Linux tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import doctor, machine
from bot.settings import Settings


def a_machine(root: Path, *, group: str = "/", **files: str) -> Path:
    """A root folder; ``files`` by the name of a group's folder, "top" for the uppermost."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"0::{group}\n")
    (root / "proc/meminfo").write_text("MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n")
    for name, lines in files.items():
        folder = root / "sys/fs/cgroup" / name.replace("top", "").replace("__", "/")
        folder.mkdir(parents=True, exist_ok=True)
        memory, cpu = lines.split(",")
        (folder / "memory.max").write_text(f"{memory}\n")
        (folder / "cpu.max").write_text(f"{cpu}\n")
    return root


def test_a_container_has_what_it_was_given(tmp_path: Path) -> None:
    root = a_machine(tmp_path, top="1073741824,50000 100000")
    assert machine.allowed_mb(root) == 1073
    assert machine.cores(root) == 0.5


def test_without_limits_it_is_the_machine_that_counts(tmp_path: Path) -> None:
    root = a_machine(tmp_path, group="/user", top="max,max 100000", user="max,max 100000")
    assert machine.allowed_mb(root) is None
    assert machine.free_mb(root) == 8000
    assert machine.cores(root) == machine.cores(tmp_path / "nothing")


def test_the_narrowest_of_the_groups_around_counts(tmp_path: Path) -> None:
    root = a_machine(
        tmp_path,
        group="/pods/bot",
        pods="600000000,max 100000",
        pods__bot="900000000,25000 100000",
    )
    assert (machine.allowed_mb(root), machine.cores(root)) == (600, 0.25)


def test_a_group_outside_of_what_can_be_seen_is_passed_over(tmp_path: Path) -> None:
    root = a_machine(tmp_path, group="/../../elsewhere", top="700000000,max 100000")
    assert machine.allowed_mb(root) == 700


def test_no_linux_tells_nothing(tmp_path: Path) -> None:
    assert machine.free_mb(tmp_path) is None
    assert machine.allowed_mb(tmp_path) is None
    assert machine.cores(tmp_path) >= 1


def told(monkeypatch: pytest.MonkeyPatch, data: Path, **machine_has: object) -> dict[str, object]:
    for name, value in machine_has.items():
        monkeypatch.setattr(machine, name, lambda value=value: value)
    settings = Settings(data_dir=data, workers=2, threads=1)
    return {found.name: (found.state.value, found.told) for found in doctor.of_machine(settings)}


def test_the_doctor_goes_by_the_container(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = told(monkeypatch, tmp_path, free_mb=64_000, allowed_mb=512, cores=1.5)
    assert found["memory"] == (
        "warning",
        "This container or service may take 512 MB; the bot takes about 400.",
    )
    assert found["cores"] == (
        "warning",
        "1.5 cores, WORKERS 2 x THREADS 1: threads will wait for each other.",
    )


def test_the_doctor_is_content_with_a_container_that_is_large_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = told(monkeypatch, tmp_path, free_mb=64_000, allowed_mb=1_073, cores=2.0)
    assert found["memory"] == ("ok", "1,073 MB for this container or service")
    assert found["cores"] == ("ok", "2 cores, WORKERS 2 x THREADS 1")


def test_a_limit_does_not_hide_that_the_machine_is_full(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = told(monkeypatch, tmp_path, free_mb=300, allowed_mb=1_073, cores=2.0)
    assert found["memory"] == ("warning", "300 MB are free; the bot takes about 400.")
