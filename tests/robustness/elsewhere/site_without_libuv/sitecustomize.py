"""Read by every Python whose PYTHONPATH holds this folder: TCPStore refuses libuv, as PyTorch's builds for Windows do."""

import sys


class RefuseLibuv:
    """A finder that finds nothing, and puts the refusing store in place while torch.distributed is being imported."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "torch.distributed.distributed_c10d":
            sys.meta_path.remove(RefuseLibuv)
            written_in_c = sys.modules["torch._C._distributed_c10d"]

            class TCPStore(written_in_c.TCPStore):
                def __init__(self, *given, use_libuv=True, **named):
                    if use_libuv:
                        raise RuntimeError("use_libuv was requested but PyTorch was built without libuv support")
                    super().__init__(*given, use_libuv=False, **named)

            written_in_c.TCPStore = sys.modules["torch.distributed"].TCPStore = TCPStore


sys.meta_path.insert(0, RefuseLibuv)
