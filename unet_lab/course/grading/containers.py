"""Each submission in a container of its own, by docker or podman: no network, a system of its own that it cannot change.

The container holds the course and nothing of the marker's: what is handed in is shown to it in a folder that it can only read,
and what is found comes back as text. In it a `Host` keeps the limits, as it does without a container.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path

import unet_lab
from unet_lab.course.grading.hosting import PATIENCE, Limits, listened_to, next_line

TOOLS = ("docker", "podman")
IMAGE = f"unet-lab-marking:{unet_lab.__version__}"
INSIDE = "/handed-in"  # where the container sees what was handed in
CLOSED = ["--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=65534:65534"]
CLOSED += ["--tmpfs=/tmp:rw,size=2g,mode=1777", "--pids-limit=256", "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096"]


def prepare(tool: str, image: str, course: Path) -> None:
    """Make sure that there is such an image: build the course's own where it is missing.

    Raises ValueError where the program does not work, or there is no image of that name and none can be built.
    """
    if shutil.which(tool) is None:
        raise ValueError(f"--container {tool}: {tool} is not installed here. Install it, or mark without --container.")
    tried = subprocess.run([tool, "info"], capture_output=True, text=True)
    if tried.returncode != 0:
        words = (tried.stderr or tried.stdout).strip().splitlines()[-1:]
        raise ValueError(f"--container {tool}: {tool} does not work here: {' '.join(words)[:300]}")
    if subprocess.run([tool, "image", "inspect", image], capture_output=True).returncode != 0:
        if image != IMAGE:
            raise ValueError(f"--image {image}: {tool} has no such image. Leave --image out, and the course's own is built.")
        print(f"Building the image {image}, once: it takes the network, some minutes and 2 GB.", flush=True)
        line = [tool, "build", "--tag", image, "--file", str(course / "Containerfile"), str(course)]
        if subprocess.run(line).returncode != 0:
            raise ValueError(f"--container {tool}: the image {image} could not be built; its last lines say why.")
    with ContainerHost(tool, image) as host:
        host.spare = host.start()
        if next_line(host.spare, PATIENCE) is None:
            raise ValueError(f"--image {image}: the course does not start in it: {host.complaint(host.spare)}")


class ContainerHost:
    """Runs each job in a new container; the next one starts while one works. See `hosting.Host`."""

    def __init__(self, tool: str, image: str = IMAGE, limits: Limits | None = None):
        self.tool, self.image, self.limits = tool, image, limits or Limits()
        self.spare: subprocess.Popen | None = None

    def __enter__(self) -> ContainerHost:
        return self

    def __exit__(self, *_) -> None:
        if self.spare is not None:
            self.end(self.spare)

    def run(self, job: dict, limits: Limits) -> tuple[str, float, int | None]:
        """Do a job. Returns which limit ended it ("" for none), the seconds of the processor that it used, and its status."""
        process, self.spare = self.spare or self.start(), None
        try:
            if next_line(process, PATIENCE) is None:
                return f"its container could not be started: {self.complaint(process)}", 0.0, None
            self.spare = self.start()
            shutil.copytree(job["folder"], process.shown / "folder")
            shutil.copyfile(job["cells"], process.shown / "cells")
            request = {"job": job | {"forbidden": []}, "limits": list(limits)}
            with contextlib.suppress(OSError):
                process.stdin.write(json.dumps(request).encode() + b"\n")
                process.stdin.flush()
            found = next_line(process, 10 * limits.seconds + PATIENCE)
        finally:
            self.end(process)
        if found is None:
            return "its container ended, or was silent for too long", 0.0, None
        Path(job["results"]).write_text(str(found["results"]), encoding="utf-8")
        return str(found["reason"]), float(found["worked"]), found["status"]

    def start(self) -> subprocess.Popen:
        """A new container, which begins to load the course."""
        shown = Path(tempfile.mkdtemp(prefix="unet-lab-container-"))
        shown.chmod(0o755)
        name, memory = f"unet-lab-{uuid.uuid4().hex[:12]}", int(self.limits.gigabytes * 1000) + 2500  # MB; the course takes some
        line = [self.tool, "run", "--rm", "--interactive", f"--name={name}", *CLOSED, f"--memory={memory}m"]
        line += [f"--volume={shown}:{INSIDE}:ro", self.image, "python", "-m", "unet_lab.course.grading.in_container", INSIDE]
        kept = open(shown.with_suffix(".log"), "w+b")  # noqa: SIM115
        process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=kept)
        process.shown, process.name, process.kept = shown, name, kept
        return listened_to(process)

    def complaint(self, process: subprocess.Popen) -> str:
        """The last line of what docker or podman said."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kept.seek(0)
        return " ".join(process.kept.read().decode(errors="replace").strip().splitlines()[-1:])[:300] or "it says nothing"

    def end(self, process: subprocess.Popen) -> None:
        """End a container with all that is in it."""
        with contextlib.suppress(OSError):
            process.stdin.close()
        subprocess.run([self.tool, "kill", process.name], capture_output=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()
        process.wait()
        process.kept.close()
        os.unlink(process.kept.name)
        shutil.rmtree(process.shown, ignore_errors=True)


def container_hosts(tool: str, image: str, limits: Limits) -> Callable[[], ContainerHost]:
    """A function that makes the hosts for `marking.grade`."""
    return lambda: ContainerHost(tool, image, limits)
