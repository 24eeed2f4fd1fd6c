"""What lab.py puts into .venv for Jupyter: the files, and that a kernel then sends its replies as it should."""

import json
import runpy
import subprocess
import sys

import pytest
from jupyter_client.manager import start_new_kernel

from tests.conftest import ROOT

ASK = "from ipykernel.subshell_manager import SubshellManager; print(SubshellManager._send_on_shell_channel.__module__)"


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """lab.py's functions with a folder of this test for .venv, set up."""
    lab = runpy.run_path(str(ROOT / "lab.py"), run_name="lab")
    lab["set_up_jupyter"].__globals__["VENV"] = str(tmp_path)
    lab["set_up_jupyter"]()
    return tmp_path


def answer(code, **settings):
    """What a new kernel prints."""
    manager, client = start_new_kernel(**settings)
    try:
        client.execute(code)
        text = ""
        while True:
            message = client.get_iopub_msg(timeout=60)
            text += message["content"].get("text", "") + message["content"].get("evalue", "")
            if message["content"].get("execution_state") == "idle":
                return text
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_kernel_of_the_course_sends_its_replies_through_the_stream_that_reads_its_requests(environment):
    configuration = environment / "etc" / "ipython" / "ipython_kernel_config.py"
    said = answer(ASK, extra_arguments=[f"--config={configuration}", "--IPKernelApp.log_level=ERROR"])
    assert said == "unet_lab.jupyter.shell_channel\n"


def test_lab_py_puts_the_extension_where_jupyterlab_looks(environment):
    page = environment / "share" / "jupyter" / "labextensions" / "unet-lab"
    described = json.loads((page / "package.json").read_text(encoding="utf-8"))
    script = (page / described["jupyterlab"]["_build"]["load"]).read_text(encoding="utf-8")
    assert script == (ROOT / "unet_lab" / "jupyter" / "page" / "static" / "page.js").read_text(encoding="utf-8")
    assert f'window._JUPYTERLAB["{described["name"]}"]' in script
    before = sorted((path, path.stat().st_mtime_ns) for path in environment.rglob("*"))
    assert any(path.name == "overrides.json" for path, _ in before)
    runpy.run_path(str(ROOT / "lab.py"), run_name="lab")  # reading lab.py alone writes nothing
    assert sorted((path, path.stat().st_mtime_ns) for path in environment.rglob("*")) == before


def test_an_ipython_without_a_kernel_is_left_alone():
    from ipykernel.subshell_manager import SubshellManager

    from unet_lab.jupyter.shell_channel import load_ipython_extension

    before = SubshellManager._send_on_shell_channel
    load_ipython_extension(object())
    assert SubshellManager._send_on_shell_channel is before


def test_the_extension_imports_nothing_of_the_course():
    """It is loaded by every kernel of .venv before the kernel answers."""
    code = "import sys; import unet_lab.jupyter.shell_channel; print('torch' in sys.modules, 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False False\n"
