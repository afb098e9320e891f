"""The reference's answers beside the checkout (../shared), and running the engine over its captures.

Nothing of it is copied here; where it is absent, suites say "skipped" and end well.
"""
import gzip
import json
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("METSUKE_BUILD", os.path.join(TOP, "build"))
SHARED = os.environ.get("METSUKE_SHARED", os.path.join(os.path.dirname(TOP), "shared"))
# What the reference does not look into.
UNKNOWN_INSIDE = ("decoder.gtpu.enabled", "decoder.ayiya.enabled", "decoder.l2tp.enabled", "decoder.vxlan_gpe.enabled", "decoder.llc.enabled", "app_socks", "app_sctp", "app_ports")
# Protocols that it does not know: its flows of them have none.
UNKNOWN_THERE = ("mysql", "redis", "irc", "llmnr", "nbns", "syslog")


def need_shared(what):
    """The folder of the reference data, or the end of this suite."""
    if not os.path.isdir(os.path.join(SHARED, "oracle")):
        print(f"skipped: {what}: the reference data (../shared) is not beside the checkout")
        print("0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    return SHARED


def unpacked(name):
    """Unpacks one archive of the reference data; its folder."""
    out = subprocess.run([os.path.join(SHARED, "unpack"), name], check=True, capture_output=True, text=True)
    return os.path.join(out.stdout.strip().splitlines()[-1], name)


def answers(*path):
    """The documents of one answer file, by capture."""
    with gzip.open(os.path.join(SHARED, "oracle", *path), "rt", encoding="utf-8") as f:
        return {d["pcap"]: d for d in map(json.loads, f)}


def is_read(answer):
    """Does the reference read links of the capture's kind? answer: of logs.jsonl.gz."""
    return bool(answer.get("decoder", {}).get("pkts"))


def inspect_all(folder, captures, rules, options=(), out=None, timeout=3600):
    """Every capture (path inside folder) alone, the rules loaded once. The folder of the output:
    OUT/<capture>/eve.json. A temporary one is the caller's to remove."""
    out = out or tempfile.mkdtemp(prefix="metsuke-conformance-")
    words = [os.path.join(BUILD, "metsuke"), "inspect", "-q", "--each", "-o", out,
             *(word for name in UNKNOWN_INSIDE for word in ("--set", f"{name}=no")),
             "--set", "app.dnp3.enabled=no", "--set", "app.modbus.enabled=no",  # nor had it these switched on
             "--set", "app.enip.enabled=no", "--set", "app.pgsql.enabled=no",
             "--set", "app.imap.enabled=detection-only",  # it parses none
             *(word for name in UNKNOWN_THERE for word in ("--set", f"app.{name}.enabled=no")),
             "--set", "app.smtp.mime.decode_bdat=no",  # it passes over mails that come in chunks,
             "--set", "app.smtp.mime.decode_early=no",  # and over those that come before it is said that they may
             "--set", "checksums=ignore", "--set", "contacts.enabled=no", "--set", "store.events=no",
             "--set", "host_os_policy.windows=[0.0.0.0/0]"]
    for one in rules:
        words += ["-S", one]
    process = subprocess.run([*words, *options, "--", *captures], cwd=folder, timeout=timeout, check=False,
                             capture_output=True, text=True)
    if process.returncode not in (0, 1):
        print(f"inspect ended with {process.returncode}: {process.stderr[-2000:]}")
    return out, process


def events(out, capture):
    """The events of one capture; [] where it could not be read."""
    path = os.path.join(out, capture, "eve.json")
    if not os.path.exists(path):
        return []
    found = []
    with open(path, encoding="utf-8", errors="replace") as f:
        for number, line in enumerate(f, 1):
            try:
                found.append(json.loads(line))
            except ValueError as e:
                print(f"{path}:{number}: not JSON: {e}: {line[:200]!r}")
    return found


def judge(name, recall, precision, goal):
    """Prints both beside the goal; True unless one is below its floor (floors.yaml)."""
    import yaml
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "floors.yaml"), encoding="utf-8") as f:
        floor = yaml.safe_load(f).get(name, [goal, goal])
    good = recall >= floor[0] and precision >= floor[1]
    reached = "goal reached" if recall >= goal and precision >= goal else f"goal {goal:.1%}"
    print(f"{name}: recall {recall:.2%} precision {precision:.2%}, {reached}"
          f"{'' if good else f', BELOW THE FLOOR of {floor[0]:.2%} {floor[1]:.2%}'}")
    return good


def known():
    """Name → reason, of the public tests that are known to fail (known.yaml)."""
    import yaml
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "known.yaml"), encoding="utf-8") as f:
        groups = yaml.safe_load(f) or []
    return {name: g["reason"] for g in groups for name in g["tests"]}
