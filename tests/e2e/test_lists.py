"""What rules look up, and what they remember: lists, captures."""
import base64

import mmdb
from packets import CLIENT, Clock, dns_lookup, http_get


def test_first_seen_is_remembered(inspect, tmp_path):
    """A name is new once, also for the engine that starts the next day."""
    rules = 'alert dns any any -> any any (dns.query; dataset:set,names,type string,state names.csv; sid:1;)'
    options = ["--set", f"datasets.state_dir={tmp_path}/state"]
    clock = Clock()
    run = inspect(dns_lookup("a.example", "192.0.2.9", clock) + dns_lookup("a.example", "192.0.2.9", clock),
                  rules, options)
    assert run.sids() == [1]
    assert (tmp_path / "state/names.csv").read_text() == base64.b64encode(b"a.example").decode() + "\n"
    run = inspect(dns_lookup("a.example", "192.0.2.9", clock) + dns_lookup("b.example", "192.0.2.9", clock),
                  rules, options)
    assert [e["dns"]["queries"][0]["rrname"] for e in run.events("alert")][-1:] == ["b.example"]


def test_a_list_says_why(inspect, tmp_path):
    """What a JSON list says of the value, and what an expression captured, stand in the alert."""
    (tmp_path / "bad.json").write_text('[{"host": "evil.example", "family": "Loader"}]')
    run = inspect(http_get("evil.example", "/gate.php?id=77"), """
alert http any any -> any any (http.host; dataset:isset,bad,type string,load bad.json,format json,value_key host,\
context_key bad_host; http.uri; pcre:"/id=(\\d+)/, alert:bot"; sid:1;)""")
    alert, = run.events("alert")
    assert alert["alert"]["context"] == {"bad_host": {"host": "evil.example", "family": "Loader"}, "bot": "77"}


def test_reputation(inspect, tmp_path):
    (tmp_path / "categories").write_text("1,Bots,bots we know\n")
    (tmp_path / "scores").write_text(f"{CLIENT}/24,1,90\n")
    options = ["--set", f"reputation.categories_file={tmp_path}/categories",
               "--set", f"reputation.files={tmp_path}/scores"]
    run = inspect(http_get("a.example", "/"), """
alert ip any any -> any any (iprep:src,Bots,>,50; sid:1;)
alert ip any any -> any any (iprep:both,Bots,isset; sid:2;)""", options)
    assert run.sids() == [1]


def test_countries(inspect, tmp_path):
    """192.0.2.0/24 is in Germany, the client's network in France."""
    mmdb.write(tmp_path / "countries.mmdb", {"192.0.2.0/24": "DE", f"{CLIENT}/32": "FR", "2001:db8::/32": "IT"})
    rules = """
alert ip any any -> any any (geoip:src,FR; sid:1;)
alert ip any any -> any any (geoip:both,FR,DE; sid:2;)
alert ip any any -> any any (geoip:dst,!de; sid:3;)
alert ip any any -> any any (geoip:any,IT,US; sid:4;)
alert ip any any -> any any (geoip:SE,DE; sid:5;)"""
    run = inspect(dns_lookup("a.example", "192.0.2.9", resolver="192.0.2.53"), rules,
                  ["--set", f"geoip.database={tmp_path}/countries.mmdb"])
    assert set(run.sids()) == {1, 2, 3, 5}
    for content in (None, b"no database"):
        if content:
            (tmp_path / "countries.mmdb").write_bytes(content)
        run = inspect(dns_lookup("a.example", "192.0.2.9"), rules,
                      ["--set", f"geoip.database={tmp_path}/countries.mmdb"] if content else
                      ["--set", "detect.strict=yes"])
        assert run.status != 0
        assert ("is no database of countries" if content else "there is no database of countries") in run.stderr


def test_a_rule_cannot_leave_its_folders(inspect, tmp_path):
    for name in ("/etc/passwd", "../../../etc/passwd"):
        run = inspect(http_get("a.example", "/"),
                      f"alert http any any -> any any (http.host; dataset:set,x,type string,save {name}; sid:1;)",
                      ["--set", "detect.strict=yes", "--set", f"datasets.state_dir={tmp_path}"])
        assert run.status != 0
