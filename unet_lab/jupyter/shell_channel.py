"""No request of a notebook is overlooked by its kernel: what ipykernel 7.4 does about it, for 7.1 to 7.3.

Up to 7.3 a kernel writes its replies to the shell socket directly, beside the ZMQStream that reads requests from it. The write
takes the socket's one signal that something has arrived; a request that came in that moment is not read until another client
connects, and all cells of the notebook stay at [*] while the kernel is idle (https://github.com/ipython/ipykernel/issues/1554,
mended by https://github.com/ipython/ipykernel/pull/1529). 7.4 itself cannot be used: with it a button does nothing while a cell
trains. Here too, as there, replies go through the stream, which looks for requests after each.
"""

from __future__ import annotations

import ipykernel
from ipykernel.subshell_manager import SubshellManager


def load_ipython_extension(shell) -> None:
    """Called by IPython when the kernel starts, before it reads its first request."""
    kernel = getattr(shell, "kernel", None)
    if getattr(kernel, "shell_channel_thread", None) is None or ipykernel.version_info[:2] >= (7, 4):
        return  # no kernel, one without subshells, or one that does it by itself

    def send_on_shell_channel(_manager, message) -> None:
        kernel.shell_stream.send_multipart(message)

    SubshellManager._send_on_shell_channel = send_on_shell_channel
