"""`doctor`, through the real binary: what an operator gets wrong, told apart, each with its remedy and exit code."""

import http.server
import json
import os
import re
import socket
import ssl
import subprocess
import threading

import pytest

from conftest import ROOT, run
from test_export import ACCOUNT, APP_ID, APP_SECRET, STREAM, Server, environment
from test_s3 import KEYS, moto

TOKEN = {"CALLAKE_TOKEN": "demo-token"}
DAY = ("--day", "2025-09-01")
NAMES = [
    "token", "stream", "host", "dns", "tcp", "tls", "clock", "page", "zone",
    "destination", "conditional_puts", "lake_zone", "spool", "temporary_folder", "destination_space",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("doctor")) as server:
        yield server


def doctor(host, lake, *options, code=0, env=TOKEN, stream=STREAM):
    """The checks by name."""
    command = ("doctor", lake, "--host", host, "--account", ACCOUNT, "--stream", stream, *DAY, "--json", *options)
    found = json.loads(run(*command, code=code, env=environment(**env)).stdout)
    assert found["exit_code"] == code
    checks = {check["name"]: check for check in found["checks"]}
    assert [name for name in NAMES if name in checks] == list(checks), "all checks stand there, in order"
    for check in checks.values():
        assert ("remedy" in check) == (check["result"] in ("warning", "problem")), check
    return checks


def results(checks, *names):
    return [checks[name]["result"] for name in names or checks]


def problems(checks):
    return [name for name, check in checks.items() if check["result"] == "problem"]


def test_all_is_well(server, tmp_path):
    checks = doctor(server.url, tmp_path / "lake", env={"CALLAKE_APP_ID": APP_ID, "CALLAKE_APP_SECRET": APP_SECRET})
    assert list(checks) == NAMES
    room = ("spool", "temporary_folder", "destination_space")
    assert all(check["result"] == "ok" for name, check in checks.items() if name not in ("tls", *room))
    assert "100 records" in checks["page"]["found"] and "100 records" in checks["zone"]["found"]
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_the_table_shows_what_json_holds(server, tmp_path):
    command = ("doctor", tmp_path / "lake", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, *DAY)
    done = run(*command, env=environment(CALLAKE_TOKEN="wrong"), code=1)
    checks = doctor(server.url, tmp_path / "lake", env={"CALLAKE_TOKEN": "wrong"}, code=1)
    for name, check in checks.items():
        assert f" {name.replace('_', ' ')} " in done.stdout and check["found"].splitlines()[0][:60] in done.stdout
        assert check.get("remedy", "") in done.stdout
    assert done.stdout.count("PROBLEM") == 1 and "wrong" not in done.stdout.replace("wrong zone", "")


def test_no_token(server, tmp_path):
    checks = doctor(server.url, tmp_path / "lake", env={}, code=1)
    assert problems(checks) == ["token"] and "CALLAKE_TOKEN" in checks["token"]["remedy"]
    assert results(checks, "tcp", "page", "zone", "destination") == ["ok", "skipped", "skipped", "ok"]


def test_a_token_with_bearer(server, tmp_path):
    checks = doctor(server.url, tmp_path / "lake", env={"CALLAKE_TOKEN": "Bearer demo-token"}, code=1)
    assert problems(checks) == ["token", "page"] and "without Bearer" in checks["token"]["remedy"]


def test_a_token_that_is_refused(server, tmp_path):
    checks = doctor(server.url, tmp_path / "lake", env={"CALLAKE_TOKEN": "s3cret-wrong"}, code=1)
    assert problems(checks) == ["page"] and checks["token"]["result"] == "warning"
    assert "this account" in checks["page"]["remedy"] and "s3cret-wrong" not in json.dumps(checks)


def test_another_account(server, tmp_path):
    checks = doctor(server.url, tmp_path / "lake", stream="app", code=2)
    assert problems(checks) == ["page"] and "--stream" in checks["page"]["remedy"]
    assert checks["stream"]["result"] == "warning" and "id of the app" in checks["stream"]["remedy"]


def test_a_host_that_is_not_one(tmp_path):
    checks = doctor("http://example.com", tmp_path / "lake", code=2)
    assert problems(checks) == ["host"] and results(checks, "dns", "tcp", "tls", "clock", "page") == ["skipped"] * 5


def test_a_name_that_is_not_known(tmp_path):
    checks = doctor("https://callake.invalid", tmp_path / "lake", code=4)
    assert problems(checks) == ["dns"] and "spelling" in checks["dns"]["remedy"]
    assert results(checks, "tcp", "tls", "page") == ["skipped"] * 3


def test_a_closed_port(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        checks = doctor(f"https://127.0.0.1:{taken.getsockname()[1]}", tmp_path / "lake", code=4)
    assert problems(checks) == ["tcp"] and results(checks, "dns", "tls", "page") == ["ok", "skipped", "skipped"]
    assert "firewalls" in checks["tcp"]["remedy"]


def test_a_proxy_may_reach_what_we_do_not(tmp_path):
    checks = doctor("https://callake.invalid", tmp_path / "lake", env={**TOKEN, "HTTPS_PROXY": "http://127.0.0.1:9"}, code=4)
    assert checks["dns"]["result"] == checks["tcp"]["result"] == "warning" and "HTTPS_PROXY" in checks["dns"]["found"]
    assert problems(checks) == ["tls"] and "HTTPS_PROXY" in checks["tls"]["remedy"]


def test_a_port_that_speaks_no_tls(server, tmp_path):
    checks = doctor(server.url.replace("http:", "https:"), tmp_path / "lake", code=1)
    assert problems(checks) == ["tls"] and results(checks, "tcp", "clock", "page") == ["ok", "skipped", "skipped"]


def test_a_certificate_that_nobody_trusts(tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2"]
    subprocess.run([*make, "-subj", "/CN=localhost"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    served = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    served.socket = context.wrap_socket(served.socket, server_side=True)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    checks = doctor(f"https://localhost:{served.server_port}", tmp_path / "lake", code=1)
    assert problems(checks) == ["tls"] and "certificate" in checks["tls"]["found"]
    served.shutdown()


@pytest.mark.parametrize("skew, result, code", [(-600, "problem", 1), (600, "problem", 1), (120, "warning", 0)])
def test_a_clock_that_is_off(tmp_path, skew, result, code):
    with Server(tmp_path, "--clock-skew", str(skew)) as server:
        checks = doctor(server.url, tmp_path / "lake", code=code)
    assert checks["clock"]["result"] == result and ("behind" if skew > 0 else "ahead") in checks["clock"]["found"]
    assert "NTP" in checks["clock"]["remedy"] and checks["page"]["result"] == "ok"


def test_the_wrong_zone(tmp_path):
    with Server(tmp_path, "--fixed-offset", "-330") as server:
        checks = doctor(server.url, tmp_path / "lake", code=1)
        assert problems(checks) == ["zone"] and "--timezone-offset -330" in checks["zone"]["remedy"]
        doctor(server.url, tmp_path / "lake", "--timezone-offset", "-330")


def test_a_week_without_records(server, tmp_path):
    command = ("doctor", tmp_path / "lake", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--json")
    found = json.loads(run(*command, env=environment(**TOKEN)).stdout)
    (zone,) = [check for check in found["checks"] if check["name"] == "zone"]
    assert zone["result"] == "skipped" and "--day" in zone["found"]


def test_a_server_that_fails(tmp_path):
    with Server(tmp_path, "--fault", "2-9=503") as server:
        checks = doctor(server.url, tmp_path / "lake", code=4)
    assert problems(checks) == ["page"] and "2 tries" in checks["page"]["found"]


def test_a_destination_that_is_a_file(server, tmp_path):
    (tmp_path / "lake").write_text("")
    checks = doctor(server.url, tmp_path / "lake", code=1)
    assert "destination" in problems(checks) and checks["conditional_puts"]["result"] == "skipped"


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to be another user")
def test_a_folder_that_is_read_only(server, tmp_path):
    """Root may write everywhere, so the binary runs as nobody."""
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o755)
    for above in (tmp_path, *tmp_path.parents[:2]):
        above.chmod(0o755)
    binary = os.environ["CALLAKE_BIN"]
    command = [binary, "doctor", folder / "lake", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, *DAY, "--json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment(**TOKEN), user=65534, timeout=60)
    except PermissionError:
        pytest.skip("another user can't run the binary here")
    assert done.returncode == 1, done.stderr
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert problems(checks) == ["destination", "spool", "destination_space"]
    assert "Permission denied" in checks["destination"]["found"] and "this user may write" in checks["destination"]["remedy"]


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to mount")
def test_a_disk_that_is_nearly_full(server, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True).returncode:
        pytest.skip("can't mount here")
    try:
        checks = doctor(server.url, tmp_path / "lake", "--spool", disk / "spool", code=1)
    finally:
        subprocess.run(["umount", disk], check=True)
    assert problems(checks) == ["spool"] and "0.0 GB" in checks["spool"]["found"] and "make room" in checks["spool"]["remedy"]


def test_a_lake_of_another_zone(server, tmp_path, demo_records):
    run("convert", demo_records, "--dest", tmp_path / "lake", "--account", "demo", "--zone", "Asia/Kolkata")
    checks = doctor(server.url, tmp_path / "lake", code=2)
    assert problems(checks) == ["lake_zone"] and "--zone Asia/Kolkata" in checks["lake_zone"]["found"]


class Unconditional(http.server.BaseHTTPRequestHandler):
    """A store that keeps what it is given, whatever the conditions."""

    kept = {}

    def do_PUT(self):
        self.kept[self.path] = self.rfile.read(int(self.headers["content-length"]))
        self.answer(200)

    def do_HEAD(self):
        self.answer(200 if self.path in self.kept else 404, len(self.kept.get(self.path, b"")))

    def do_GET(self):
        empty = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
        self.answer(200, len(empty), empty)

    def do_POST(self):
        """Deletes, as the protocol does in bulk."""
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        for key in re.findall("<Key>(.*?)</Key>", body):
            self.kept.pop(f"/lakes/{key}")
        done = b'<?xml version="1.0"?><DeleteResult></DeleteResult>'
        self.answer(200, len(done), done)

    def answer(self, status, length=0, body=b""):
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 01 Sep 2025 00:00:00 GMT")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Keeping(Unconditional):
    """The same, and it gives back what it keeps."""

    kept = {}

    def do_GET(self):
        body = self.kept.get(self.path)
        self.answer(404) if body is None else self.answer(200, len(body), body)


def test_a_store_that_ignores_conditions(server):
    store = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unconditional)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{store.server_port}"
    checks = doctor(server.url, "s3://lakes/x", "--endpoint-url", endpoint, env={**TOKEN, **KEYS}, code=2)
    assert problems(checks) == ["conditional_puts"] and "ignores If-None-Match" in checks["conditional_puts"]["found"]
    assert "--single-writer" in checks["conditional_puts"]["remedy"]
    assert Unconditional.kept == {}, "the probe is removed"
    store.shutdown()


def test_a_snapshot_takes_the_remedy_that_it_gives(demo_lake):
    store = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Keeping)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    command = ("snapshot", demo_lake, "s3://lakes/s", "--endpoint-url", f"http://127.0.0.1:{store.server_port}", "--name", "a")
    assert "or --single-writer" in run(*command, env={**TOKEN, **KEYS}, code=2).stderr
    run(*command, "--single-writer", env={**TOKEN, **KEYS})
    store.shutdown()


def test_a_store_that_is_fine_and_a_bucket_that_is_missing(server):
    with moto() as endpoint:
        env = {**TOKEN, **KEYS}
        checks = doctor(server.url, "s3://lakes/x", "--endpoint-url", endpoint, env=env)
        assert results(checks, "destination", "conditional_puts", "lake_zone") == ["ok"] * 3
        assert "destination_space" not in checks
        checks = doctor(server.url, "s3://nowhere/x", "--endpoint-url", endpoint, env=env, code=1)
    assert problems(checks) == ["destination"] and "no such bucket" in checks["destination"]["found"]


def test_the_page_lists_all_checks():
    page = (ROOT / "docs" / "operating.md").read_text()
    listed = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+) \|.*\|.*\|$", page.partition("| check |")[2], flags=re.M)))
    assert listed == NAMES
