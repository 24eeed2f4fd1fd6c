"""How many requests a kernel overlooks while another client asks and leaves: the shortest program for a page that never starts.

    .venv/bin/python benchmarks/overlooked.py [COUNT]

With ipykernel 7.1 to 7.3 about one of a thousand, unless unet_lab/jupyter/shell_channel.py is loaded, which lab.py sees to; both
are measured here, in kernels of their own.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import start_new_kernel


def overlooked(count: int, configuration: str) -> int:
    """Of `count` requests, those that had no answer within two seconds; `configuration` is the text of the kernel's."""
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ipython_kernel_config.py")
        path.write_text(configuration, encoding="utf-8")
        manager, client = start_new_kernel(extra_arguments=[f"--config={path}", "--IPKernelApp.log_level=ERROR"])
    lost = 0
    try:
        for _ in range(count):
            asks = manager.connect_shell()
            time.sleep(0.003)
            leaves = manager.connect_shell()
            time.sleep(0.002)
            for _ in range(3):
                manager.session.send(leaves, "kernel_info_request", content={})
            time.sleep(chance.random() / 100)
            manager.session.send(asks, "kernel_info_request", content={})
            leaves.close(0)
            lost += not asks.poll(2000)
            asks.close(0)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    return lost


if __name__ == "__main__":
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    ours = 'c = get_config()\nc.InteractiveShellApp.extra_extensions = ["unet_lab.jupyter.shell_channel"]\n'
    plain = "c = get_config()\nc.InteractiveShellApp.extra_extensions = []\n"
    for name, text in (("ipykernel alone", plain), ("with the course's extension", ours)):
        print(f"{name}: {overlooked(requests, text)} of {requests} requests overlooked", flush=True)
