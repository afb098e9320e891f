#!/usr/bin/python3
"""What each fuzz target was given in all, and which inputs of it stay in the tree.

usage: ledger.py add TARGET SECONDS EXECUTIONS    adds a run, dated today, to ledger.csv
       ledger.py next [COUNT]                     targets with the least time first; of equals, as they stand in the table
       ledger.py keep CONTROL_FILE FOLDER         from what a set cover merge of libFuzzer wrote down, FOLDER is filled anew
       ledger.py show                             how many targets have their thirty minutes
The table's order is the order of risk: newest parsers of bytes from the wire first. Of a folder only files that the
fuzzer named (by their SHA-1) come and go; those that seeds.py made stay.
"""
import csv
import datetime
import os
import re
import shutil
import sys

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ledger.csv")
FIELDS = ("target", "seconds", "executions", "last_run")
WANTED_SECONDS = 1800
KEPT_FILES = 100
KEPT_BYTES = 64 << 10
NAMED_BY_FUZZER = re.compile(r"[0-9a-f]{40}$")


def rows():
    with open(TABLE, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f))


def add(target, seconds, executions):
    table = rows()
    row = next((r for r in table if r["target"] == target), None)
    if not row:
        row = dict.fromkeys(FIELDS, "0") | {"target": target}
        table.append(row)
    row["seconds"] = int(row["seconds"]) + int(seconds)
    row["executions"] = int(row["executions"]) + int(executions)
    row["last_run"] = datetime.date.today().isoformat()
    with open(TABLE + ".new", "w", encoding="utf-8", newline="") as f:
        out = csv.DictWriter(f, FIELDS, lineterminator="\n")
        out.writeheader()
        out.writerows(table)
    os.replace(TABLE + ".new", TABLE)


def merged(path):
    """(file, its features) of each input of a merge's control file: a count, a count, the names, then lines
    "STARTED number size" and "FT number features..."."""
    with open(path, encoding="utf-8") as f:
        lines = f.read().split("\n")
    names = lines[2:2 + int(lines[0])]
    return [(names[int(words[1])], frozenset(words[2:]))
            for words in (line.split() for line in lines[2 + len(names):]) if words[:1] == ["FT"]]


def cover(inputs, folder):
    """The inputs that add most to what the folder's own seeds reach, within the limits: each time the one that adds
    most; of equals the smaller."""
    seeds = [f for f in os.listdir(folder) if not NAMED_BY_FUZZER.match(f)]
    reached = set().union(*(features for path, features in inputs if os.path.basename(path) in seeds))
    left = {path: (os.path.getsize(path), features) for path, features in inputs if os.path.basename(path) not in seeds}
    room, chosen = KEPT_BYTES, []
    while left and len(chosen) < KEPT_FILES:
        left = {p: (size, f - reached) for p, (size, f) in left.items() if size <= room and not f <= reached}
        if not left:
            break
        best = max(left, key=lambda p: (len(left[p][1]), -left[p][0], p))
        size, features = left.pop(best)
        chosen.append(best)
        reached |= features
        room -= size
    return chosen


def keep(control_file, folder):
    os.makedirs(folder, exist_ok=True)
    chosen = {os.path.basename(path): path for path in cover(merged(control_file), folder)}
    for name in os.listdir(folder):
        if NAMED_BY_FUZZER.match(name) and name not in chosen:
            os.unlink(os.path.join(folder, name))
    for name, path in chosen.items():
        if os.path.abspath(path) != os.path.abspath(os.path.join(folder, name)):
            shutil.copyfile(path, os.path.join(folder, name))


def main(words):
    if words[:1] == ["add"] and len(words) == 4:
        add(*words[1:])
    elif words[:1] == ["next"]:
        by_time = sorted(rows(), key=lambda r: int(r["seconds"]))
        print("\n".join(r["target"] for r in by_time[:int(words[1]) if words[1:] else None]))
    elif words[:1] == ["keep"] and len(words) == 3:
        keep(*words[1:])
    elif words == ["show"]:
        done = [r for r in rows() if int(r["seconds"]) >= WANTED_SECONDS]
        print(f"{sum(int(r['seconds']) for r in rows())} s, {sum(int(r['executions']) for r in rows())} executions; "
              f"{len(done)} of {len(rows())} targets have {WANTED_SECONDS} s")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
