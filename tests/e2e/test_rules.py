"""Rules as something to work on: how one was understood, why it did not match, what it costs, what
a new version changes."""
import json
import subprocess

from conftest import METSUKE

RULES = """
alert http $HOME_NET any -> any [80,8080] (msg:"gate"; flow:established,to_server; http.uri; content:"/gate.php"; \
http.host; content:"evil.example"; flowbits:isset,seen; sid:2; rev:3; \
threshold:type limit, track by_src, count 1, seconds 60;)
alert tcp any any -> any 80 (msg:"first sight"; content:"GET"; depth:3; noalert; flowbits:set,seen; sid:3;)
alert dns any any -> any any (msg:"a name"; dns.query; content:"evil.example"; nocase; sid:4;)
"""


def metsuke(*words, status=0):
    process = subprocess.run([METSUKE, *words], capture_output=True, text=True, timeout=120, check=False)
    assert process.returncode == status, process.stderr
    return process.stdout if status == 0 else process.stderr


def write(folder, text, name="test.rules"):
    path = folder / name
    path.write_text(text)
    return str(path)


def test_explained_as_json(tmp_path):
    e = json.loads(metsuke("rules", "explain", "2", write(tmp_path, RULES), "--json",
                           "--set", "vars.addresses.HOME_NET=[10.0.0.0/8,!10.9.0.0/16]"))
    assert (e["gid"], e["sid"], e["rev"], e["action"]) == (1, 2, 3, "alert")
    assert e["header"]["source"]["written"] == "$HOME_NET"
    assert e["header"]["source"]["addresses"] == "10.0.0.0-10.8.255.255, 10.10.0.0-10.255.255.255"
    assert e["header"]["destination"]["ports"] == "80, 8080"
    assert e["header"]["state"] == ["established", "to server"]
    assert e["prefilter"]["literal"] in ("/gate.php", "evil.example")
    assert {c["literal"] for c in e["prefilter"]["candidates"]} == {"/gate.php", "evil.example"}
    assert e["checks"][0] == {"on": "packet and flow", "check": "flowbits:isset,seen"}
    assert [r["sid"] for r in e["depends_on"][0]["rules"]] == [3]
    assert e["limits"] == ["threshold: type limit, track by source, count 1, seconds 60"]


def test_explained_for_people(tmp_path):
    rules = write(tmp_path, RULES)
    text = metsuke("rules", "explain", "3", rules)
    assert '"GET" in payload' in text and "it is the only content that must be there" in text
    assert "asked for by 1:2 gate" in text
    text = metsuke("rules", "explain", "1:2", write(tmp_path, RULES.replace("bits:set,seen", "bits:set,other")))
    assert "no other rule that loads sets it: the condition never holds" in text


def test_explaining_what_does_not_load(tmp_path):
    rules = write(tmp_path, 'alert tcp any any -> any 80 (content:"x"; dept:4; sid:9;)\n')
    assert "did you mean depth?" in metsuke("rules", "explain", "9", rules, status=1)
    assert "there is no rule 8" in metsuke("rules", "explain", "8", rules, status=1)
    assert "is no rule number" in metsuke("rules", "explain", "x8", rules, status=1)
