"""What runs in a container (`containers`): it reads one job from standard input and writes what became of it to standard output.

    python -m unet_lab.course.grading.in_container SHOWN

SHOWN is the folder with what was handed in, to be read only.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from unet_lab.course.grading.hosting import Host, Limits


def main() -> int:
    shown = Path(sys.argv[1])
    with Host() as host:
        host.spare = host.start()
        print(json.dumps({"ready": True}), flush=True)
        request = json.loads(sys.stdin.readline() or "null")
        if request is None:
            return 0
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
            results, folder = Path(work, "results"), Path(work, "folder")
            results.touch()
            shutil.copytree(shown / "folder", folder)
            job = request["job"] | {"folder": str(folder), "cells": str(shown / "cells"), "results": str(results)}
            reason, worked, status = host.run(job, Limits(*request["limits"]))
            found = results.read_text(encoding="utf-8", errors="replace")
        print(json.dumps({"reason": reason, "worked": worked, "status": status, "results": found}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
