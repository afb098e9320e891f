#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""How near are the near misses? Every rule is weakened in every way there is (a condition, a modifier or a
buffer less, other networks, no count); a near miss that none of its rule's weak forms alerts on differs in
more than one thing, or in one that the rule does not ask. Ends with 1 if there is such a one.

usage: tests/e2e/signatures/weaken.py      METSUKE_BUILD: build folder (build)
"""
import glob
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from signatures.session import TOP, capture, number_of  # noqa: E402

METSUKE = os.path.join(os.environ.get("METSUKE_BUILD", os.path.join(TOP, "build")), "metsuke")
FILES = sorted(glob.glob(os.path.join(TOP, "rules/signatures/*.rules")))
TEXT = {"msg", "classtype", "reference", "metadata", "sid", "rev"}
PLACE = {"depth", "offset", "distance", "within", "startswith", "endswith"}
MODIFIERS = PLACE | {"nocase", "fast_pattern"}
BUFFER = re.compile(r"(?:http\.|dns\.query|tls\.|file\.|smtp\.|email\.)")
FIRST = 10000000
ROUNDS = 6  # a flow holds few rules that wait for more bytes: not all forms of one rule at once
ONCE = "threshold:type limit, track by_src, count 1, seconds 600"


def options(text):
    """The options of a rule, split at semicolons outside quotes."""
    return [o.strip() for o in re.findall(r'((?:"(?:\\.|[^"\\])*"|\\.|[^";])+);', text)]


def word(option):
    return option.split(":")[0]


def conditions(text):
    """Options without text, a content together with its modifiers."""
    groups = []
    for option in options(text):
        if word(option) in MODIFIERS and groups and word(groups[-1][0]) == "content":
            groups[-1].append(option)
        elif word(option) not in TEXT:
            groups.append([option])
    return groups


def fewer(groups):
    """The conditions with one thing less, in each way."""
    for i, group in enumerate(groups):
        before, behind = groups[:i], groups[i + 1:]
        if BUFFER.match(group[0]):
            end = next((j for j, g in enumerate(behind) if BUFFER.match(g[0])), len(behind))
            yield before + behind[end:]
            continue
        if group[0] == "dotprefix":
            continue
        yield before + behind
        if len(group) > 1:
            yield before + [[group[0]]] + behind
            yield from (before + [[o for o in group if o != m]] + behind for m in group[1:] if word(m) in PLACE)
        if word(group[0]) == "threshold":
            yield before + [[ONCE]] + behind


def weak_forms(line):
    head, text = line.strip()[:-1].split(" (", 1)
    groups = conditions(text)
    action, proto, _, sport, way, _, dport = head.split()
    yield from ((head, g) for g in fewer(groups))
    for ports in ((sport, dport), ("any", "any")):
        yield f"{action} {proto} any {ports[0]} {way} any {ports[1]}", groups


def alerts_of(rules, folder, pcap):
    os.mkdir(folder)
    with open(os.path.join(folder, "weak.rules"), "w", encoding="utf-8") as f:
        f.writelines(rules)
    subprocess.run([METSUKE, "inspect", "-q", "-S", f.name, "--set", "detect.alerts_per_packet=255", "-o",
                    os.path.join(folder, "out"), pcap], check=True)
    with open(os.path.join(folder, "out", "eve.json"), encoding="utf-8") as f:
        return [e for e in map(json.loads, f) if e["event_type"] == "alert"]


def main():
    lines = [line for path in FILES for line in open(path, encoding="utf-8") if line.startswith("alert")]
    owner, rounds = {}, [[] for _ in range(ROUNDS)]
    for line in lines:
        for n, (head, groups) in enumerate(weak_forms(line)):
            sid = FIRST + len(owner)
            owner[sid] = int(re.search(r"\bsid:(\d+)", line)[1])
            rounds[n % ROUNDS].append(f'{head} (msg:"weak"; {"; ".join(o for g in groups for o in g)}; sid:{sid};)\n')
    names = [os.path.basename(path)[:-6].replace("-", "_") for path in FILES]
    rows = [row for name in names for row in importlib.import_module("signatures." + name).ROWS]
    near = [(row.sid, n, session) for row in rows for n, session in enumerate(row.near)]
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)  # noqa: E731
        capture(path("near.pcap"), [session for _, _, session in near])
        alerts = [e for n, weak in enumerate(rounds) for e in alerts_of(weak, path(str(n)), path("near.pcap"))]
    reached = {number_of(a) for a in alerts if owner[a["alert"]["signature_id"]] == near[number_of(a)][0]}
    far = [(sid, n) for i, (sid, n, _) in enumerate(near) if i not in reached]
    for sid, n in far:
        print(f"{sid}: near miss {n} is far")
    print(f"{len(near)} near misses, {len(owner)} weak forms of {len(lines)} rules: {len(far)} are far")
    return bool(far)


if __name__ == "__main__":
    sys.exit(main())
