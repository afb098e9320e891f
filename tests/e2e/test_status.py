"""What `metsuke status` says of the disk."""
import subprocess

from conftest import METSUKE
from live import service  # noqa: F401 (fixture)


def test_status_shows_the_disk(service):
    engine = service("", ports="null:", **{"store.budget": "10g", "store.share.alerts": "20"}).ready()
    budget = engine.cli("status")["store"]["budget"]
    assert budget["bytes"] == 10 << 30
    shares = {c["key"]: (c["percent"], c["allowed_bytes"]) for c in budget["classes"]}
    assert shares["store.share.alerts"] == (20, (10 << 30) // 100 * 20) and len(shares) == 3
    text = subprocess.run([METSUKE, "status", "--socket", engine.socket], capture_output=True, text=True, timeout=60,
                          check=True).stdout
    assert "store.budget" in text and "2.0 GiB" in text and "oldest day" in text, text
