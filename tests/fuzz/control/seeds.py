#!/usr/bin/env python3
"""Seeds for fuzz_taxii and fuzz_courier. usage: seeds.py FOLDER: writes FOLDER/taxii/*, FOLDER/courier/*."""
import json
import os
import sys

UUID = "00000000-0000-4000-8000-0000000000"
PATTERNS = ["[domain-name:value = 'evil.example.com']", "[ipv4-addr:value = '192.0.2.7' OR ipv4-addr:value = '192.0.2.8']",
            "[url:value = 'http://evil.example.com/it\\\\'s']", "[file:hashes.'SHA-256' = '" + "ab" * 32 + "']",
            "[network-traffic:dst_ref.value = '203.0.113.5' AND network-traffic:dst_port = 443]",
            "[ipv6-addr:value ISSUBSET '2001:db8::/32']", "[what is this", "[domain-name:value = 'not a name!']"]


def indicator(n, pattern, **more):
    return {"type": "indicator", "spec_version": "2.1", "id": f"indicator--{UUID}{n:02d}", "pattern_type": "stix",
            "created": "2024-01-01T00:00:00.000Z", "modified": "2024-01-01T00:00:00.000Z", "pattern": pattern,
            "valid_from": "2024-01-01T00:00:00Z", **more}


def sighting(n, of, **more):
    return {"type": "sighting", "spec_version": "2.1", "id": f"sighting--{UUID}{n:02d}",
            "sighting_of_ref": f"indicator--{UUID}{of:02d}", "first_seen": "2024-01-01T00:00:00.5Z",
            "last_seen": "2024-01-02T00:00:00Z", "count": 3, **more}


ENVELOPES = {
    "indicators": [indicator(i, p, confidence=10 * i) for i, p in enumerate(PATTERNS)],
    "sighted": [indicator(1, PATTERNS[0]), sighting(2, 1), sighting(3, 9), sighting(4, 1, count=-1, first_seen="no")],
    "named": [indicator(1, PATTERNS[1], object_marking_refs=["marking-definition--" + UUID + "05"], revoked=False,
                        valid_until="2030-01-01T00:00:00Z", indicator_types=["malicious-activity"], name="Qbot"),
              {"type": "malware", "id": f"malware--{UUID}02", "name": "Qbot", "is_family": True},
              {"type": "relationship", "id": f"relationship--{UUID}03", "relationship_type": "indicates",
               "source_ref": f"indicator--{UUID}01", "target_ref": f"malware--{UUID}02"},
              {"type": "marking-definition", "id": f"marking-definition--{UUID}05", "definition_type": "tlp",
               "definition": {"tlp": "amber"}}],
    "odd": [17, None, [], {}, {"type": "note"}, indicator(1, PATTERNS[0], revoked=True), indicator(2, "")],
    "empty": [],
}
# Route (see fuzz_taxii.c), the line.
QUESTIONS = {
    "objects": (1, "?limit=2&match[type]=indicator,malware&match[version]=first,2024-01-01T00:00:00.000Z"),
    "after": (1, "?added_after=2024-01-31T09:30:00.123456Z&match[spec_version]=2.0,2.1"),
    "next": (1, "?limit=1&next=f00000000000000002016100.0"),
    "manifest": (2, f"?limit=1&match[id]=indicator--{UUID}01,indicator--{UUID}02"),
    "object": (3, f"indicator--{UUID}01?match[version]=all"),
    "versions": (4, f"indicator--{UUID}01?limit=5"),
    "collection": (5, "list"), "source": (6, "list?limit=3"),
    "status": (7, "00000000-0000-8000-8000-000000000001"),
    "lookup": (9, "?value=evil.example.com&kind=domain"), "root": (10, "api/"),
}
ORDER = {"id": 7, "kind": "fetch", "url": "https://example.org/list", "headers": ["Accept: */*", "A: 1"], "etag": "\"one\"",
         "modified": "Mon, 01 Jan 2024 00:00:00 GMT", "user": "u", "secret": "/etc/secret", "token": "/etc/token",
         "from": "m@example.org", "to": ["x@example.org", "y@example.org"], "ca": "/etc/ca.pem", "max": 1048576,
         "timeout": 60}
ANSWER = {"id": 7, "status": 0, "http": 200, "bytes": 12, "etag": "\"two\"", "modified": "", "type": "text/plain",
          "next": "2024-05-01T00:00:00.000000Z", "error": ""}
FINDING = {"id": 5, "found": "2024-01-31T09:30:00.123456+0000", "first": "2024-01-30T00:00:00.000000+0000",
           "last": "2024-01-31T00:00:00.000000+0000", "client": "10.0.0.10", "kind": "domain",
           "indicator": "evil.example.com", "threat": "Qbot", "family": "Qakbot", "category": "c2", "severity": 3,
           "score": 80, "count": 12, "sources": ["list", "other"], "why": "version"}


def main(folder):
    taxii, courier = {}, {}
    for name, objects in ENVELOPES.items():
        taxii["post_" + name] = b"\0\0\n" + json.dumps({"objects": objects}).encode()
    taxii["lookup_many"] = b"\x08\0\n" + json.dumps({"values": ["evil.example.com", "192.0.2.7", "what is it", 7]}).encode()
    taxii["not_acceptable"] = b"\x01\x1f?limit=1"
    for name, (route, line) in QUESTIONS.items():
        taxii["get_" + name] = bytes([route, 0]) + line.encode()
    for kind in ("fetch", "post", "mail", "syslog"):
        courier["order_" + kind] = json.dumps({**ORDER, "kind": kind}).encode()
    courier["answer"] = json.dumps(ANSWER).encode()
    courier["answer_failed"] = json.dumps({**ANSWER, "status": -110, "http": 0, "error": "it took too long"}).encode()
    courier["findings"] = json.dumps([FINDING, {**FINDING, "kind": "ip", "indicator": "2001:db8::1", "threat": ""},
                                      {**FINDING, "kind": "url", "indicator": "http://x/it's \\ [a]\"\n", "client": "\u00e9"},
                                      {}, 7, {"count": -1, "kind": None}]).encode()
    for area, seeds in (("taxii", taxii), ("courier", courier)):
        os.makedirs(os.path.join(folder, area), exist_ok=True)
        for name, data in seeds.items():
            with open(os.path.join(folder, area, name), "wb") as f:
                f.write(data)


if __name__ == "__main__":
    main(sys.argv[1])
