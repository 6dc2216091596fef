"""A lake on an S3-compatible store, through the real binary."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pyarrow.dataset as ds
import pyarrow.fs
import pytest

from conftest import run
from test_export import environment

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}


@pytest.fixture(scope="module")
def store():
    """The endpoint of a fresh moto server with one bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    endpoint = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                request = urllib.request.Request(f"{endpoint}/lakes", method="PUT")
                urllib.request.urlopen(request, timeout=5).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < deadline, "moto did not start"
                time.sleep(0.1)
        yield endpoint
    finally:
        server.kill()
        server.wait()


def test_convert_read_verify_and_restore(store, tmp_path, demo_records):
    env = {**environment(), **KEYS}
    lake = ("s3://lakes/one", "--endpoint-url", store)
    run("convert", demo_records, "--dest", *lake, "--account", "demo", env=env)
    assert "unchanged" in run("convert", demo_records, "--dest", *lake, "--account", "demo", env=env).stdout

    filesystem = pyarrow.fs.S3FileSystem(
        access_key="test", secret_key="test", region="us-east-1", endpoint_override=store.removeprefix("http://"), scheme="http"
    )
    dataset = ds.dataset("lakes/one/call_details", filesystem=filesystem, partitioning="hive")
    assert dataset.count_rows() == 5000

    assert "is sound: 5,000 rows in 5 files" in run("verify", *lake, "--deep", env=env).stdout
    (account,) = json.loads(run("status", *lake, "--json", env=env).stdout)["accounts"]
    assert (account["rows"], len(account["days"])) == (5000, 5)

    restored = tmp_path / "restored.ndjson"
    run("restore", *lake, "-o", restored, env=env)
    by_id = lambda line: json.loads(line)["sessionId"]
    lines = sorted(restored.read_text().splitlines(), key=by_id)
    truth = sorted(demo_records.read_text().splitlines(), key=by_id)
    assert [json.loads(line) for line in lines] == [json.loads(line) for line in truth]


def test_a_bucket_that_is_missing(store, tmp_path, demo_records):
    env = {**environment(), **KEYS}
    done = run("convert", demo_records, "--dest", "s3://nowhere/x", "--endpoint-url", store, "--account", "demo", env=env, code=1)
    assert "nowhere" in done.stderr


def test_a_store_that_cannot_be_reached(tmp_path, demo_records):
    env = {**environment(), **KEYS}
    lake = ("s3://lakes/one", "--endpoint-url", "http://127.0.0.1:9")
    done = run("convert", demo_records, "--dest", *lake, "--account", "demo", env=env, code=4)
    assert "s3://lakes/one" in done.stderr
