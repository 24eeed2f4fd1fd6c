"""What lab.py decides on systems that are not this one: its functions, asked with another system's answers."""

import http.server
import importlib.util
import os
import sys
import threading

import pytest

from tests.conftest import ROOT


@pytest.fixture
def lab():
    """lab.py as a module of its own, so that what a test changes in it is gone afterwards."""
    spec = importlib.util.spec_from_file_location("lab_under_test", ROOT / "lab.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def system(lab, monkeypatch):
    """Make this process answer as another system does."""

    def pretend(platform, machine, windows=False, tag="", soabi="cpython-312-x86_64-linux-gnu", macos="15.1", translated=""):
        monkeypatch.setattr(lab.sys, "platform", platform)
        monkeypatch.setattr(lab, "WINDOWS", windows)
        monkeypatch.setattr(lab.platform, "machine", lambda: machine)
        monkeypatch.setattr(lab.platform, "mac_ver", lambda: (macos, ("", "", ""), machine))
        monkeypatch.setattr(lab.sysconfig, "get_platform", lambda: tag)
        monkeypatch.setattr(lab.sysconfig, "get_config_var", lambda name: soabi)
        monkeypatch.setattr(lab, "answer", lambda line: translated)

    return pretend


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (("linux", "x86_64"), ""),
        (("linux", "aarch64"), ""),
        (("linux", "riscv64"), "no PyTorch for Linux on riscv64"),
        (("darwin", "arm64"), ""),
        (("darwin", "x86_64"), "Macs with Intel processors"),
    ],
)
def test_systems_without_a_wheel_are_told_so_in_one_line(lab, system, how, words):
    system(*how)
    said = lab.missing_wheel()
    assert words in said if words else said == ""
    assert "\n" not in said


def test_what_else_has_no_wheel(lab, system, monkeypatch):
    system("linux", "x86_64", soabi="cpython-312-x86_64-linux-musl")
    assert "musl (Alpine)" in lab.missing_wheel()
    system("win32", "ARM64", windows=True, tag="win-arm64")
    assert "Windows on ARM" in lab.missing_wheel()
    system("win32", "AMD64", windows=True, tag="win-amd64")
    assert lab.missing_wheel() == ""
    system("darwin", "x86_64", translated="1")
    assert "built for Intel, your Mac is not" in lab.missing_wheel()
    system("darwin", "arm64", macos="13.6")
    assert "this is macOS 13.6, and PyTorch needs macOS 14" in lab.missing_wheel()
    monkeypatch.setattr(lab.sys, "maxsize", 2**31 - 1)
    assert "32-bit Python" in lab.missing_wheel()
    with pytest.raises(lab.Stop, match="32-bit Python"):
        lab.check_platform()


def test_a_folder_that_is_too_deep_for_windows(lab, monkeypatch):
    monkeypatch.setattr(lab, "windows_takes_long_paths", lambda: False)
    for windows, length, wrong in ((True, 67, False), (True, 68, True), (False, 300, False)):
        monkeypatch.setattr(lab, "WINDOWS", windows)
        monkeypatch.setattr(lab, "HERE", "x" * length)
        assert bool(lab.long_folder()) == wrong
    monkeypatch.setattr(lab, "WINDOWS", True)
    assert "has 300 characters, and Windows leaves room for 67" in lab.long_folder()
    monkeypatch.setattr(lab, "windows_takes_long_paths", lambda: True)
    assert lab.long_folder() == ""


def test_an_active_venv_is_not_cleared_under_the_feet_of_its_python(lab, monkeypatch, tmp_path):
    (tmp_path / ".venv").mkdir()
    precious = tmp_path / ".venv" / "made-by-lab.py"
    precious.write_text("another Python")
    monkeypatch.setattr(lab, "HERE", str(tmp_path))
    monkeypatch.setattr(lab, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(lab, "OURS", str(precious))
    monkeypatch.setattr(lab, "READY", str(tmp_path / ".venv" / "ready"))
    monkeypatch.setattr(lab, "fingerprint", lambda: "new")
    monkeypatch.setattr(lab, "check_platform", lambda: None)
    monkeypatch.setattr(lab, "inside_venv", lambda: True)
    with pytest.raises(lab.Stop, match="Type deactivate, then run this again"):
        lab.set_up()
    assert precious.read_text() == "another Python"


@pytest.mark.parametrize(
    ("platform", "nvidia", "index", "installed", "wanted"),
    [
        ("linux", False, "", "", True),
        ("linux", True, "", "", False),
        ("linux", False, "global.index-url='https://mirror/simple'", "", False),
        ("linux", False, ":env:.extra-index-url='https://mirror'", "", False),
        ("linux", False, "", "2.13.0+cu128", False),
        ("darwin", False, "", "", False),
        ("win32", False, "", "", False),
    ],
)
def test_the_cpu_build_is_taken_on_linux_without_a_card_and_without_an_index_of_your_own(
    lab, monkeypatch, platform, nvidia, index, installed, wanted
):
    monkeypatch.setattr(lab.sys, "platform", platform)
    monkeypatch.setattr(lab, "has_nvidia", lambda: nvidia)
    monkeypatch.setattr(lab, "answer", lambda line: index if "config" in line else installed)
    monkeypatch.setattr(lab, "cpu_index_offers", lambda version: version == "2.13.0")
    assert lab.wants_cpu_build("torch==2.13.0") == wanted


def test_a_card_is_seen_by_its_files_or_its_program(lab, monkeypatch, tmp_path):
    monkeypatch.setattr(lab.shutil, "which", lambda name: None)
    monkeypatch.setattr(lab, "NVIDIA", [str(tmp_path / "nvidia0")])
    assert not lab.has_nvidia()
    (tmp_path / "nvidia0").touch()
    assert lab.has_nvidia()
    monkeypatch.setattr(lab, "NVIDIA", [])
    monkeypatch.setattr(lab.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    assert lab.has_nvidia()


@pytest.fixture
def index(lab, monkeypatch):
    """An index on this machine, whose page a test chooses."""
    page = {"text": ""}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(page["text"].encode())

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(lab, "CPU_INDEX", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield page
    server.shutdown()
    server.server_close()


def test_the_index_is_asked_for_this_version_python_and_processor(lab, index):
    python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    here = f"torch-2.13.0%2Bcpu-{python}-{python}-manylinux_2_28_{lab.platform.machine()}.whl"
    for text, offered in (
        (f'<a href="{here}">', True),
        (f'<a href="{here.replace("%2B", "+")}">', True),
        (f'<a href="{here.replace("2.13.0", "2.12.0")}">', False),
        (f'<a href="{here.replace(python, "cp39")}">', False),
        (f'<a href="{here.replace(lab.platform.machine(), "s390x")}">', False),
        ("", False),
    ):
        index["text"] = text
        assert lab.cpu_index_offers("2.13.0") == offered, text


def test_an_index_that_is_not_there_is_no_error(lab, monkeypatch):
    monkeypatch.setattr(lab, "CPU_INDEX", "http://127.0.0.1:9")
    assert lab.cpu_index_offers("2.13.0") is False


def test_where_the_cpu_build_fails_pips_own_index_is_next(lab, monkeypatch, capsys):
    tried = []
    monkeypatch.setattr(lab, "torch_pin", lambda: "torch==2.13.0")
    monkeypatch.setattr(lab, "wants_cpu_build", lambda pin: True)
    monkeypatch.setattr(lab, "pip_install", lambda packages, what: tried.append(packages[-1]) or len(tried) == 1)
    lab.install_pytorch()
    assert tried == ["torch==2.13.0+cpu", "torch==2.13.0"]
    assert "that did not work; trying pip's own index" in capsys.readouterr().out


def test_how_tools_are_set_makes_no_new_environment(lab, monkeypatch, tmp_path):
    monkeypatch.setattr(lab, "HERE", str(tmp_path))
    (tmp_path / "constraints.txt").write_text("torch==2.13.0\n")
    prints = []
    for text in ("[project]\na = 1\n[tool.ruff]\nb = 1\n", "[project]\na = 1\n[tool.ruff]\nb = 2\n", "[project]\na = 2\n"):
        (tmp_path / "pyproject.toml").write_text(text)
        prints.append(lab.fingerprint())
    assert prints[0] == prints[1] != prints[2]


def test_quick_and_coverage_are_words_of_lab_py_and_the_rest_goes_to_pytest(lab, monkeypatch):
    lines = []
    monkeypatch.setattr(lab, "call", lambda line, settings=(): lines.append(line) or 0)
    assert lab.test(["--quick", "-k", "unet"]) == 0
    quick = next(line for line in lines if "-m" in line and "not slow" in line)
    assert quick[-2:] == ["-k", "unet"]
    assert "--quick" not in quick
    lines.clear()
    lab.test(["--coverage"])
    assert any("--cov=unet_lab" in line for line in lines)
    assert os.path.join("notebooks") in lines[-1]
