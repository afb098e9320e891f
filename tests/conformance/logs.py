#!/usr/bin/python3
"""Facts of the logs against the reference's: http, dns, tls, smtp, file, flow of every capture.

usage: logs.py [--out DIR] [--keep] [--show KIND] [--only PART-OF-A-PATH]
Each fact is one element of a multiset; recall is the share of the reference's that we have,
precision the share of ours that it has. The goal is 99 % of both; floors.yaml has what is reached.
"""
import argparse
import collections
import json
import shutil

import oracle

CUT = 400  # the reference's lists end here
NEEDED = 0.99


def flow_key(e):
    return (e.get("proto"), e.get("src_ip"), e.get("src_port"), e.get("dest_ip"), e.get("dest_port"))


def facts_http(e):
    h = e["http"]
    yield flow_key(e) + (h.get("http_method"), h.get("hostname"), h.get("url"), h.get("status"), h.get("length"))


def facts_dns(e):
    d = e["dns"]
    if d.get("type") in ("request", "query"):
        for q in d.get("queries", []):
            yield (e.get("src_ip"), q.get("rrname"), q.get("rrtype"))


def facts_tls(e):
    t = e["tls"]
    yield flow_key(e) + (t.get("sni"), t.get("version"), t.get("subject"), (t.get("ja3") or {}).get("hash"), t.get("ja4"))


def facts_smtp(e):
    s = e.get("smtp", {})
    yield flow_key(e) + (s.get("mail_from"), json.dumps(s.get("rcpt_to")), json.dumps(e.get("email", {}).get("attachment")))


def facts_file(e):
    f = e["fileinfo"]
    if e.get("app_proto") == "tftp":
        return  # the reference reads the requests only
    yield flow_key(e) + (e.get("app_proto"), f.get("filename"), f.get("size"), f.get("state"), f.get("gaps"))


def facts_flow(e):
    f = e["flow"]
    app = e.get("app_proto")
    if app == "tftp" and f["pkts_toclient"] and 69 not in (e.get("src_port"), e.get("dest_port")):
        app = None  # likewise: the flow of the file is an unknown one to it
    yield flow_key(e) + (app, f.get("pkts_toserver"), f.get("pkts_toclient"),
                         f.get("bytes_toserver"), f.get("bytes_toclient"))


# kind: (name in the answers, event type, facts, protocols that we parse)
KINDS = {
    "http": ("http", "http", facts_http),
    "dns": ("dns_query", "dns", facts_dns),
    "tls": ("tls", "tls", facts_tls),
    "smtp": ("smtp", "smtp", facts_smtp),
    "file": ("file", "fileinfo", facts_file),
    "flow": ("flow", "flow", facts_flow),
}


def protocols():
    """The names of the protocols this build parses, from the list in dataplane/meson.build."""
    import os
    import re
    with open(os.path.join(oracle.TOP, "dataplane", "meson.build"), encoding="utf-8") as f:
        block = re.search(r"protos = \[(.*?)\]", f.read(), re.S).group(1)
    return set(re.findall(r"'([\w-]+)'", block))


def reference_facts(kind, answer, ours):
    found = []
    for row in answer.get(KINDS[kind][0], []):
        row = [json.dumps(v) if isinstance(v, list) else v for v in row]
        if kind == "smtp":
            row[6:] = ["null" if v is None else v for v in row[6:]]  # lists, as facts_smtp writes them
        if kind == "file" and row[5] not in ours:
            continue
        if kind == "flow" and row[5] not in ours:
            row[5] = None  # protocols of which this build knows nothing: compare the counts alone
        found.append(tuple(row))
    return found


def unknown_flows(events):
    """Flows that the reference does not follow: NTP of versions 1 and 2 or private, DNP3 over UDP."""
    ntp = {}
    for e in events:
        if e["event_type"] == "ntp":
            known = e["ntp"]["version"] > 2 and e["ntp"]["mode"] != 7
            ntp[e["flow_id"]] = ntp.get(e["flow_id"], False) or known
    return {flow for flow, known in ntp.items() if not known} | {
        e["flow_id"] for e in events if e["event_type"] == "flow" and e.get("app_proto") == "dnp3" and e["proto"] == "UDP"}


def our_facts(kind, events, ours):
    _, event_type, facts = KINDS[kind]
    found, unknown = [], unknown_flows(events) if kind == "flow" else ()
    for e in events:
        if e["event_type"] == event_type:
            for fact in facts(e):
                if kind == "flow" and (fact[5] not in ours or e["flow_id"] in unknown):
                    fact = fact[:5] + (None,) + fact[6:]
                found.append(fact)
    return found


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out")
    p.add_argument("--keep", action="store_true", help="use what --out holds from an earlier run")
    p.add_argument("--show", help="print the differences of this kind")
    p.add_argument("--only", default="")
    p.add_argument("--most", type=int, default=60)
    a = p.parse_args()
    oracle.need_shared("logs")
    folder = oracle.unpacked("captures")
    answers = {k: v for k, v in oracle.answers("logs.jsonl.gz").items() if a.only in k}
    out = a.out
    if not a.keep:
        out, process = oracle.inspect_all(folder, sorted(answers), [oracle.SHARED + "/rules/etopen-2025.rules"], out=a.out)
        print(process.stderr[-1000:])
    ours = protocols()
    wrong = compare(a, answers, out, ours)
    if not a.out:
        shutil.rmtree(out)
    print(f"{len(KINDS) - wrong} passed, {wrong} failed, 0 skipped")
    return wrong != 0


def compare(a, answers, out, ours):
    theirs_sum, ours_sum, both_sum = collections.Counter(), collections.Counter(), collections.Counter()
    shown = 0
    for capture, answer in sorted(answers.items()):
        if not oracle.is_read(answer):
            continue
        events = oracle.events(out, capture)
        for kind, (name, *_rest) in KINDS.items():
            want = collections.Counter(reference_facts(kind, answer, ours))
            have = collections.Counter(our_facts(kind, events, ours))
            if sum(want.values()) >= CUT:
                continue
            both = want & have
            theirs_sum[kind] += sum(want.values())
            ours_sum[kind] += sum(have.values())
            both_sum[kind] += sum(both.values())
            if a.show == kind and shown < a.most and (want != have):
                print(capture)
                for fact in (want - both):
                    print("   - ", fact)
                for fact in (have - both):
                    print("   + ", fact)
                shown += 1
    wrong = 0
    for kind in KINDS:
        recall = both_sum[kind] / theirs_sum[kind] if theirs_sum[kind] else 1
        precision = both_sum[kind] / ours_sum[kind] if ours_sum[kind] else 1
        print(f"reference {theirs_sum[kind]:6}  ours {ours_sum[kind]:6}  ", end="")
        wrong += not oracle.judge(f"logs {kind}", recall, precision, NEEDED)
    return wrong


if __name__ == "__main__":
    raise SystemExit(main())
