"""A lake on an S3-compatible store, through the real binary."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request

import boto3
import pyarrow.dataset as ds
import pyarrow.fs
import pytest

from conftest import run
from test_export import environment

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_ALLOW_HTTP": "true"}


@contextlib.contextmanager
def moto(**variables):
    """The endpoint of a fresh moto server with one bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **variables}
    )
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


@pytest.fixture(scope="module")
def store():
    with moto() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def guarded_store():
    """A store that checks signatures and permissions, with the keys of one who may write and of one who may read."""
    # The bucket, and what makes each of the two users.
    with moto(INITIAL_NO_AUTH_ACTION_COUNT="7") as endpoint:
        iam = boto3.client(
            "iam", endpoint_url=endpoint, aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1"
        )
        keys = []
        for name, actions in [("writer", ["s3:*"]), ("reader", ["s3:ListBucket", "s3:GetObject"])]:
            iam.create_user(UserName=name)
            statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
            key = iam.create_access_key(UserName=name)["AccessKey"]
            keys.append({"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]})
        yield endpoint, *keys


@pytest.mark.parametrize(
    "mistake, remedy",
    [
        ({"AWS_ACCESS_KEY_ID": "AKIAWRONG"}, "check AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "check AWS_SECRET_ACCESS_KEY"),
        ({"bucket": "nowhere"}, "there is no such bucket"),
    ],
)
def test_mistakes_about_a_store_are_failures_with_a_remedy(guarded_store, demo_records, mistake, remedy):
    endpoint, writer, _ = guarded_store
    env = {**environment(), **KEYS, **writer, **mistake}
    lake = (f"s3://{env.pop('bucket', 'lakes')}/x", "--endpoint-url", endpoint)
    for command in (["convert", demo_records, "--account", "demo", "--dest"], ["verify"], ["status"], ["restore"]):
        done = run(*command, *lake, env=env, code=1)
        assert remedy in done.stderr and lake[0] in done.stderr, done.stderr
        assert env["AWS_SECRET_ACCESS_KEY"] not in done.stderr


def test_one_who_may_read_can_read_and_is_told_what_writing_takes(guarded_store, demo_records):
    endpoint, writer, reader = guarded_store
    lake = ("s3://lakes/permissions", "--endpoint-url", endpoint)
    convert = ("convert", demo_records, "--account", "demo", "--dest", *lake)
    run(*convert, env={**environment(), **KEYS, **writer})
    env = {**environment(), **KEYS, **reader}
    assert "is sound" in run("verify", *lake, env=env).stdout
    assert "s3:PutObject" in run(*convert, env=env, code=1).stderr


def test_a_key_without_its_secret_is_told_before_anything_is_sent(demo_records):
    env = {**environment(), "AWS_ACCESS_KEY_ID": "test"}
    done = run("status", "s3://lakes/one", "--endpoint-url", "http://127.0.0.1:9", env=env, code=2)
    assert "check the store's environment variables" in done.stderr


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


def test_keys_are_those_that_the_url_names(store, demo_records):
    env = {**environment(), **KEYS}
    s3 = boto3.client("s3", endpoint_url=store, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    for prefix in ("Zürich/~x y", "a%20b"):
        lake = (f"s3://lakes/{prefix}", "--endpoint-url", store)
        run("convert", demo_records, "--dest", *lake, "--account", "demo", env=env)
        assert "is sound: 5,000 rows in 5 files" in run("verify", *lake, env=env).stdout
        found = s3.list_objects_v2(Bucket="lakes", Prefix=f"{prefix}/call_details/")
        assert found["KeyCount"] == 5
    done = run("convert", demo_records, "--dest", "s3://lakes/a?sig=secret", "--account", "demo", env=env, code=2)
    assert "has a query or fragment" in done.stderr and "secret" not in done.stderr
    endpoint = store.replace("http://", "http://user:secret@")
    done = run("status", "s3://lakes/one", "--endpoint-url", endpoint, env=env, code=2)
    assert "the endpoint's URL holds a user or password" in done.stderr and "secret" not in done.stderr


def test_a_prefix_without_a_lake(store):
    env = {**environment(), **KEYS}
    for command in ("verify", "status", "restore"):
        done = run(command, "s3://lakes/typo", "--endpoint-url", store, env=env, code=3)
        assert "there is no lake at s3://lakes/typo: it holds no file of" in done.stderr


def test_a_bucket_that_is_missing(store, tmp_path, demo_records):
    env = {**environment(), **KEYS}
    done = run("convert", demo_records, "--dest", "s3://nowhere/x", "--endpoint-url", store, "--account", "demo", env=env, code=1)
    assert "nowhere" in done.stderr


def test_a_store_that_cannot_be_reached(tmp_path, demo_records):
    env = {**environment(), **KEYS}
    lake = ("s3://lakes/one", "--endpoint-url", "http://127.0.0.1:9")
    done = run("convert", demo_records, "--dest", *lake, "--account", "demo", env=env, code=4)
    assert "s3://lakes/one" in done.stderr
