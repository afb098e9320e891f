#!/usr/bin/python3
"""Real mails in sessions of SMTP, BDAT, POP3 and IMAP against the truth (../shared/mail): size and SHA-256 of each mail,
and of each attachment with a name.

usage: mail.py [--show]      --show: every mail and attachment that is not found
Where a dot ends the mail, its last line has an end on the wire. The sessions acknowledge nothing in between: mails of
more than a window are left out. One mail (known.yaml) has base64 that its own tool did not decode.
"""
import collections
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import oracle

PROTOCOLS = ("smtp", "bdat", "pop3", "imap")
WITH_A_DOT = ("smtp", "pop3")
WINDOW = 60000
OPTIONS = ("--set", "file_hashes=[sha256]", "--set", "file_bodies=yes", "--set", "stream.reassembly.depth=0",
           "--set", "app.imap.enabled=yes", "--set", "app.smtp.mime.decode_bdat=yes")


def seen(events):
    """(size, sha256) → how often, of whole mails and of attachments."""
    mails, parts = collections.Counter(), collections.Counter()
    for e in events:
        if e.get("event_type") == "fileinfo":
            f = e["fileinfo"]
            (mails if f["filename"] == "rawmsg" else parts)[f["size"], f.get("sha256")] += 1
    return mails, parts


def as_it_is(t):
    return t["message_bytes"], t["message_sha256"]


def ended(t, mails):
    """Size and sum of the mail with an end to its last line."""
    with open(os.path.join(mails, t["eml"]), "rb") as f:
        data = f.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if hashlib.sha256(data).hexdigest() != t["message_sha256"]:
        return as_it_is(t)
    data += b"" if data.endswith(b"\r\n") else b"\r\n"
    return len(data), hashlib.sha256(data).hexdigest()


def take(found, key):
    found[key] -= 1
    return found[key] >= 0


def compare(proto, truth, events, folder, show):
    """How many there are, and how many are found, of mails and of attachments."""
    mails, parts = seen(events)
    known = oracle.known()
    total, good = collections.Counter(), collections.Counter()
    for t in truth:
        if t["message_bytes"] > WINDOW:
            continue
        size, digest = ended(t, folder) if proto in WITH_A_DOT else as_it_is(t)
        wanted = [("mails", mails, size, digest, "")]
        wanted += [("attachments", parts, p["size"], p["sha256"], p["filename"]) for p in t["parts"] if p["filename"]]
        for kind, found, size, digest, name in wanted:
            total[kind] += 1
            if take(found, (size, digest)) or f"mail {t['eml']}" in known:
                good[kind] += 1
            elif show:
                print(f"   {proto} {t['eml']} {name} {size} bytes, {digest[:12]}")
    return total, good


def session(proto, mails, folder):
    """A capture of all mails, each in a session of the protocol, and its truth."""
    files = sorted(os.path.relpath(os.path.join(d, n), mails)
                   for d, _, names in os.walk(mails) for n in names if n.endswith(".eml"))
    truth = os.path.join(folder, proto + ".jsonl")
    subprocess.run([sys.executable, os.path.join(oracle.SHARED, "mail", "eml2pcap.py"), "--proto", proto,
                    os.path.join(folder, proto + ".pcap"), truth, *files], cwd=mails, check=True, capture_output=True)
    with open(truth, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def main():
    oracle.need_shared("mail")
    passed = failed = 0
    mails = oracle.unpacked("mail")
    with tempfile.TemporaryDirectory(prefix="metsuke-mail-") as folder:
        for proto in PROTOCOLS:
            truth = session(proto, mails, folder)
            out, _ = oracle.inspect_all(folder, [proto + ".pcap"], [], OPTIONS, os.path.join(folder, "out"))
            total, good = compare(proto, truth, oracle.events(out, proto + ".pcap"), mails, "--show" in sys.argv)
            for kind in sorted(total):
                print(f"{proto} {kind:12} {good[kind]:5} of {total[kind]}")
                passed += good[kind]
                failed += total[kind] - good[kind]
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
