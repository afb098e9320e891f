"""Live ports for the tests: network namespaces joined by veth pairs, and the engine as a service."""
import json
import os
import shutil
import subprocess
import time
import uuid

import pytest
from conftest import METSUKE, METSUKED


def sh(*words, check=True):
    return subprocess.run(words, check=check, capture_output=True, text=True, timeout=60)


def busy_script(turns):
    """A Lua script that never matches, and takes so many turns of a loop for each packet."""
    return f"""function init (args)
    return {{}}
end
function match (args)
    local n = 0
    for i = 1, {turns} do n = n + i end
    return n == 0 and 1 or 0
end
"""


def hanging_script():
    """A Lua script that does not come back: no instruction of it is counted while its pattern backtracks."""
    return """function init (args)
    return {}
end
function match (args)
    string.find(("a"):rep(60), ("a?"):rep(60) .. ("a"):rep(60))
    return 0
end
"""


def need_namespaces():
    if os.geteuid() != 0 or not shutil.which("ip") or sh("ip", "netns", "list", check=False).returncode:
        pytest.skip("needs root and network namespaces")


class Host:
    """A host in its own namespace; its cable ends at the interface `port` of this namespace."""

    def __init__(self, address=None):
        tag = uuid.uuid4().hex[:8]
        self.name, self.port, self.inside = f"t{tag}", f"p{tag}", f"i{tag}"
        sh("ip", "netns", "add", self.name)
        sh("ip", "link", "add", self.port, "type", "veth", "peer", "name", self.inside, "netns", self.name)
        # No checksum offload: what is captured must be what a wire would carry.
        sh("ip", "netns", "exec", self.name, "ethtool", "-K", self.inside, "tx", "off", check=False)
        if address:
            sh("ip", "-n", self.name, "addr", "add", address, "dev", self.inside)
        sh("ip", "-n", self.name, "link", "set", "lo", "up")
        sh("ip", "-n", self.name, "link", "set", self.inside, "up")
        sh("ip", "link", "set", self.port, "up")

    def run(self, *words, **more):
        return subprocess.run(["ip", "netns", "exec", self.name, *words], capture_output=True, text=True,
                              timeout=60, check=False, **more)

    def start(self, *words):
        return subprocess.Popen(["ip", "netns", "exec", self.name, *words], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)

    def send(self, packets):
        """Sends whole frames, from a process inside the namespace."""
        code = ("import sys, socket\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
                f"s.bind(('{self.inside}', 0))\n"
                "for line in sys.stdin: s.send(bytes.fromhex(line))\n")
        done = self.run("/usr/bin/python3", "-c", code, input="\n".join(bytes(p).hex() for p in packets))
        assert done.returncode == 0, done.stderr

    def count(self, what):
        path = f"/sys/class/net/{self.inside}/statistics/{what}"
        return int(self.run("cat", path).stdout)

    def close(self):
        sh("ip", "link", "del", self.port, check=False)
        sh("ip", "netns", "del", self.name, check=False)


class Service:
    """metsuked with a configuration of its own, until closed."""

    def __init__(self, folder, rules="", **settings):
        self.folder = str(folder)
        os.makedirs(self.folder, exist_ok=True)
        os.chmod(self.folder, 0o777)
        self.socket = os.path.join(self.folder, "sock")
        self.rules = os.path.join(self.folder, "test.rules")
        self.write_rules(rules)
        config = {"rules": self.rules, "store.dir": f"{folder}/store", "eve.dir": self.folder,
                  "control.socket": self.socket, "detect.cache": f"{folder}/cache", "workers": "1",
                  "stream.reassembly.max_held": "4096", "store.sync_ms": "5", **settings}
        path = os.path.join(self.folder, "metsuke.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("{}\n")
        sets = [word for k, v in config.items() for word in ("--set", f"{k}={v}")]
        self.process = subprocess.Popen([METSUKED, "-c", path, *sets], stderr=subprocess.PIPE, text=True)

    def write_rules(self, rules):
        with open(self.rules, "w", encoding="utf-8") as f:
            f.write(rules)

    def cli(self, *words, check=True):
        out = subprocess.run([METSUKE, *words, "--json", "--socket", self.socket], capture_output=True,
                             text=True, timeout=60, check=False)
        if check:
            assert out.returncode == 0, out.stderr
        return json.loads(out.stdout) if out.returncode == 0 else None

    def text(self, *words):
        """What the command shows to people."""
        return subprocess.run([METSUKE, *words, "--socket", self.socket], capture_output=True, text=True,
                              timeout=60, check=True).stdout

    def wait_for(self, condition, seconds=30):
        """Until it holds; fails with what the service said."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(self.process.stderr.read())
            if condition():
                return
            time.sleep(0.05)
        raise AssertionError(f"not within {seconds} s: {self.cli('counters', check=False)}")

    def ready(self):
        def running():
            status = self.cli("status", check=False) or {}
            return status.get("dataplane", {}).get("state") == "running"
        self.wait_for(running)
        return self

    def counter(self, name):
        return dict(flat(self.cli("counters", name)))[name]

    def conserved(self):
        """Do packets in come to packets out and dropped, as soon as none is under way?"""
        for _ in range(50):
            figures = dict(flat(self.cli("counters", "")))
            came, went = figures["capture.rx_packets"], figures["capture.tx_packets"]
            if came == went + sum(v for k, v in figures.items() if k.startswith("ips.drop_reason.")):
                return True
            time.sleep(0.1)
        return False

    def events(self, kind=None):
        path = os.path.join(self.folder, "eve.json")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            all_events = [json.loads(line) for line in f if line.endswith("\n")]
        return [e for e in all_events if kind in (None, e["event_type"])]

    def close(self):
        """Ends it in order; all events are written then."""
        if self.process.poll() is None:
            self.process.terminate()
        stderr = self.process.communicate(timeout=60)[1]
        return self.process.returncode, stderr


def flat(value, path=""):
    if isinstance(value, dict):
        for k, v in value.items():
            yield from flat(v, f"{path}.{k}" if path else k)
    elif isinstance(value, list):
        for v in value:
            yield from flat(v, path)
    elif isinstance(value, (int, float)):
        yield path, value


@pytest.fixture
def hosts():
    """hosts("10.9.0.1/24") → Host; all are removed at the end."""
    need_namespaces()
    made = []

    def make(address=None):
        made.append(Host(address))
        return made[-1]
    yield make
    for host in made:
        host.close()


@pytest.fixture
def service(tmp_path):
    """service(rules, **settings) → Service; all are ended at the end."""
    made = []

    def make(rules="", **settings):
        made.append(Service(tmp_path / f"s{len(made)}", rules, **settings))
        return made[-1]
    yield make
    for one in made:
        one.close()
