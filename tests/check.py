"""Every check but the suite, the long tests, and five minutes of soak: python -m tests.check"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("lint-imports",),
    ("pytest", "-q", "-s", "-m", "long"),
    ("pytest", "-q", "-s", "tests/wire/test_soak.py"),
)
SOAK_S = "300"


def main() -> int:
    """Run all of them, whatever the first ones say; 1 when any complained."""
    failed = []
    for command in CHECKS:
        print(f"== {' '.join(command)}", flush=True)
        environment = {"SOAK_S": SOAK_S, **os.environ}
        if subprocess.run(
            [BIN / command[0], *command[1:]], check=False, env=environment
        ).returncode:
            failed.append(" ".join(command))
    print(f"failed: {', '.join(failed)}" if failed else "all checks pass")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
