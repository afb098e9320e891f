#!/usr/bin/python3
"""Every file of every capture against the truth table: size, MD5 and SHA-256 (../shared/truth).

usage: files.py [--show]      --show: every file that is not found, capture by capture
A file counts as found when a record fileinfo of its capture has its size and both sums; a copy more needs a record
more. Of SMB the table has parts, too, so those count where sizes agree; its mails lack their last end of line, so they
are compared with what was stored, less that.
"""
import collections
import hashlib
import json
import os
import shutil
import sys
import tempfile

import oracle

EVERYTHING = {"file_hashes": "[md5, sha256]", "file_bodies": "yes", "file_store.enabled": "yes", "file_store.force": "yes",
              "file_store.max_file": "0", "stream.reassembly.depth": "0", "stream.midstream": "yes",
              "decoder.ipv4.offloaded": "yes", "app.imap.enabled": "yes", "app.smtp.mime.decode_bdat": "yes", "app.smtp.mime.decode_early": "yes",
              "app.http.request_body_limit": "0", "app.http.response_body_limit": "0",
              **{name: "yes" for name in oracle.UNKNOWN_INSIDE}}


def without_end_of_line(store, digest):
    """The key of a stored mail without its last CR LF; None: it is not stored."""
    path = os.path.join(store, digest[:2], digest)
    if not os.path.exists(path):
        return None
    with open(path, "rb") as f:
        data = f.read()
    if not data.endswith(b"\r\n"):
        return None
    data = data[:-2]
    return len(data), hashlib.md5(data).hexdigest(), hashlib.sha256(data).hexdigest()


def seen(out, capture, store):
    """(size, md5, sha256) of each file → how many records."""
    found = collections.Counter()
    for e in oracle.events(out, capture):
        if e.get("event_type") != "fileinfo":
            continue
        f = e["fileinfo"]
        found[f["size"], f.get("md5"), f.get("sha256")] += 1
        if f["filename"] == "rawmsg" and f.get("sha256"):
            found[without_end_of_line(store, f["sha256"])] += 1
    return found


def compare(objects, found):
    """The objects that count, and those of them that are not found."""
    sizes = {key[0] for key in found if key}
    counted = [o for o in objects if o["proto"] != "smb" or o["size"] in sizes]
    missing = []
    for o in counted:
        key = o["size"], o["md5"], o["sha256"]
        if found[key]:
            found[key] -= 1
        else:
            missing.append(o)
    return counted, missing


def show(capture, missing, found):
    print(capture)
    for o in missing:
        print(f"   - {o['proto']} {o['name']!r} {o['size']} bytes, {o['sha256'][:12]}, {o['magic']}")
    for key in sorted(k for k, n in found.items() if k and n):
        print(f"   + {key[0]} bytes, {(key[2] or '')[:12]}")


def main():
    with open(os.path.join(oracle.need_shared("files"), "truth", "files-open.json"), encoding="utf-8") as f:
        truth = json.load(f)["pcaps"]
    store = tempfile.mkdtemp(prefix="metsuke-files-")
    options = [word for key, value in EVERYTHING.items() for word in ("--set", f"{key}={value}")]
    out, _ = oracle.inspect_all(oracle.unpacked("captures"), [p["file"] for p in truth], [],
                                [*options, "--set", f"file_store.dir={store}"])
    explained = {name.split()[1]: int(name.split()[2]) for name in oracle.known() if name.startswith("files ")}
    total, lost, worse = collections.Counter(), collections.Counter(), []
    for p in truth:
        found = seen(out, p["file"], store)
        counted, missing = compare(p["objects"], found)
        total.update(o["proto"] for o in counted)
        lost.update(o["proto"] for o in missing)
        if len(missing) > explained.get(p["file"], 0):
            worse.append(p["file"])
            print(f"FAILED {p['file']}: {len(missing)} not found, {explained.get(p['file'], 0)} explained")
        if missing and "--show" in sys.argv:
            show(p["file"], missing, found)
    shutil.rmtree(out)
    shutil.rmtree(store)
    for proto in sorted(total):
        print(f"{proto:10} {total[proto] - lost[proto]:5} of {total[proto]}")
    print(f"files: {1 - sum(lost.values()) / sum(total.values()):.2%} of {sum(total.values())} found; "
          f"{len(truth) - len(worse)} of {len(truth)} captures as the table or as known.yaml explains")
    print(f"{len(truth) - len(worse)} passed, {len(worse)} failed, 0 skipped")
    return bool(worse)


if __name__ == "__main__":
    sys.exit(main())
