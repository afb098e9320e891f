"""What is installed, and the user that it runs as."""
import os
import shutil
import stat
import subprocess
import tempfile

import pytest
from conftest import BUILD, TOP
from live import Service, hosts  # noqa: F401 (fixture)
from packets import dns_lookup
from test_sharing import processes


def test_what_goes_where(tmp_path):
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", str(tmp_path)], check=True,
                   capture_output=True, timeout=120)
    found = {name: os.path.join(folder, name) for folder, _, names in os.walk(tmp_path) for name in names}
    assert found["metsuked"].endswith("/sbin/metsuked")
    assert found["metsuke.service"].endswith("/lib/systemd/system/metsuke.service")
    assert found["metsuke.conf"].endswith("/lib/sysusers.d/metsuke.conf")


@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="no systemd-sysusers")
def test_the_user_is_made(tmp_path):
    (tmp_path / "etc").mkdir()
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", os.path.join(TOP, "tools/metsuke.sysusers")],
                   check=True, capture_output=True, timeout=60)
    rows = {name: (tmp_path / "etc" / name).read_text().split("\n")[-2].split(":") for name in ("passwd", "group")}
    assert rows["passwd"][0] == rows["group"][0] == "metsuke" and rows["passwd"][3] == rows["group"][2]
    assert rows["passwd"][6] == "/usr/sbin/nologin"


def test_control_becomes_its_user(hosts):
    # Not below a folder that only root may enter.
    folder = tempfile.mkdtemp(prefix="metsuke-e2e-")
    os.chmod(folder, 0o755)
    host = hosts()
    engine = Service(f"{folder}/s", ports=f"afxdp:{host.port}", **{
        "control.user": "nobody", "file_store.enabled": "yes", "intel.feeds.none.url": "http://127.0.0.1:9/list"})
    try:
        engine.ready()
        host.send(dns_lookup("a.example.com", "203.0.113.9"))
        engine.wait_for(lambda: len(engine.events("dns")) >= 2)
        for name in ("metsuke-control", "metsuke-courier", "metsuke-files"):
            one = processes(engine)[name]
            assert one["Uid"].split() == ["65534"] * 4 and one["CapPrm"] == "0000000000000000", one
        # Neither the user that it became may speak to it, nor anybody else but root.
        assert stat.S_IMODE(os.stat(engine.socket).st_mode) == 0o660
        os.chmod(engine.socket, 0o666)
        for user in (65534, 1):
            code = ("import socket\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(10)\n"
                    f"s.connect('{engine.socket}')\n"
                    "try:\n    s.send(b'{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"help\"}\\n')\n"
                    "    print(len(s.recv(100)))\nexcept OSError:\n    print(0)\n")
            done = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, user=user,
                                  group=65534, extra_groups=[], cwd="/", timeout=30, check=False)
            assert done.stdout == "0\n", done
        assert engine.cli("status")["running"]
    finally:
        status, stderr = engine.close()
        shutil.rmtree(folder)
    assert status == 0 and "root" not in stderr, stderr
