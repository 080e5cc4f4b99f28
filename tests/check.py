"""Every check but the tests: python -m tests.check"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BIN = Path(sys.executable).parent
CHECKS = (
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("mypy",),
    ("lint-imports",),
)


def main() -> int:
    """Run all of them, whatever the first ones say; 1 when any complained."""
    failed = []
    for command in CHECKS:
        print(f"== {' '.join(command)}", flush=True)
        if subprocess.run([BIN / command[0], *command[1:]], check=False).returncode:
            failed.append(" ".join(command))
    print(f"failed: {', '.join(failed)}" if failed else "all checks pass")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
