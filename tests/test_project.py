"""The project as a whole: the directions of imports, and what a wheel contains."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


def test_imports_go_one_way() -> None:
    found = subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [BIN / "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_a_wheel_holds_both_packages_with_their_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"bot", "index"}
    assert {"index/data/article.md", "index/migrations/versions/0001_first.py"} <= names
    inside = {
        path.relative_to(ROOT).as_posix()
        for package in ("bot", "index")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert inside == {name for name in names if ".dist-info" not in name}


def test_a_wheel_runs_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    subprocess.run(
        [BIN / "pip", "install", "-q", "--no-deps", "--target", site, wheel],
        check=True,
        capture_output=True,
    )
    environment = os.environ | {"PYTHONPATH": str(site), "DATA_DIR": str(tmp_path / "data")}
    environment.pop("DISCORD_TOKEN", None)
    done = subprocess.run(
        [sys.executable, "-m", "bot", "list", "--scope", "shared"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "No article is stored in shared.\n")


def test_importing_the_index_and_asking_for_help_load_no_model_library() -> None:
    for code in ("import index", "from bot.__main__ import main; main(['--help'])"):
        check = f"{code}\nimport sys\nprint('torch' in sys.modules or 'discord' in sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "False"


def test_the_program_speaks_of_no_machine_but_the_readers() -> None:
    """Nothing that is committed names a folder of the machine that it was written on."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    paths = re.compile(rb"/(?:home|root|work|Users)/[a-z]")
    assert [name for name in tracked if paths.search((ROOT / name).read_bytes())] == []
