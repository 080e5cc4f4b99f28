"""What this process may use of its machine: in a container, what that was given.

Limits are those of control groups of version 2, as Docker, Kubernetes and systemd set them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def free_mb(root: Path = ROOT) -> int | None:
    """The memory of the machine that is free, or soon can be; None where nobody tells."""
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1000
    return None


def allowed_mb(root: Path = ROOT) -> int | None:
    """The most memory that this process's group may take; None where there is no limit."""
    limits = [
        int(said) // 1_000_000
        for group in _groups(root)
        if (said := _read(group / "memory.max").strip()).isdigit()
    ]
    return min(limits, default=None)


def cores(root: Path = ROOT) -> float:
    """How many this process may keep busy; 1.5 is one, and another for half of the time."""
    if hasattr(os, "sched_getaffinity"):
        found = [float(len(os.sched_getaffinity(0)))]
    else:  # macOS, Windows
        found = [float(os.cpu_count() or 1)]
    for group in _groups(root):
        quota, _, period = _read(group / "cpu.max").strip().partition(" ")
        if quota.isdigit() and period.isdigit():
            found.append(int(quota) / int(period))
    return min(found)


def _groups(root: Path) -> Iterator[Path]:
    """The folders of this process's group and of those around it, whose limits count too."""
    home = root / "sys/fs/cgroup"
    path = next(
        (line[3:] for line in _read(root / "proc/self/cgroup").splitlines() if line[:3] == "0::"),
        None,
    )
    if path is None:
        return
    # ".." leads out of what a container can see.
    inside = [part for part in path.split("/") if part not in {"", ".."}]
    for depth in range(len(inside), -1, -1):
        yield home.joinpath(*inside[:depth])


def _read(file: Path) -> str:
    try:
        return file.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""
