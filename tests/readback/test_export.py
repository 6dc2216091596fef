"""`demo` and `export`, over real HTTP, against what the server says it holds."""

import datetime
import json
import os
import re
import signal
import subprocess
import time
import urllib.request

import duckdb
import pytest

from conftest import ROOT, run

ACCOUNT = "demo-account"
STREAM = "st-00000000-0000-4000-8000-000000000000"
APP_ID = "cs-00000000-0000-4000-8000-000000000000"
APP_SECRET = "the demo's secret, known to everybody"
DAYS = ("--from", "2025-09-01", "--to", "2025-09-03")


def environment(**variables):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CALLAKE_") or name == "CALLAKE_BIN"}
    return {**clean, **variables}


class Server:
    """`callake demo serve` on a free port."""

    def __init__(self, folder, *options):
        port_file = folder / "port"
        port_file.unlink(missing_ok=True)
        binary = os.environ.get("CALLAKE_BIN", str(ROOT / "target" / "debug" / "callake"))
        base = [binary, "demo", "serve", "--port", "0", "--port-file", port_file]
        for name, value in {"--records": "1500", "--days": "3", "--rate-limit": "0"}.items():
            if name not in options:
                options = (*options, name, value)
        self.process = subprocess.Popen([*map(str, base), *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not (port_file.exists() and port_file.read_text().strip()):
            assert self.process.poll() is None and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.02)
        self.url = f"http://127.0.0.1:{port_file.read_text().strip()}"

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return answer.read().decode()

    def keys(self):
        rows = [json.loads(line) for line in self.get("/_demo/keys").splitlines()]
        return sorted((row["sessionId"], row.get("conversationId") or "") for row in rows)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def export(server, lake, *arguments, env=None, code=0, rate="60000"):
    return run(
        "export", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", lake, "--rate", rate,
        *(arguments or DAYS), code=code, env=env or environment(CALLAKE_TOKEN="demo-token"),
    )


def keys(lake):
    sql = f"select session_id, coalesce(conversation_id, '') from read_parquet('{lake}/call_details/**/*.parquet') order by all"
    return duckdb.sql(sql).fetchall()


def test_the_demo(tmp_path):
    done = run("demo", cwd=tmp_path)
    assert "read_parquet('lake/call_details/**/*.parquet', hive_partitioning=true)" in done.stdout
    sql = f"""select count(*), count(distinct session_id), count(distinct session_date)
              from read_parquet('{tmp_path}/lake/call_details/**/*.parquet', hive_partitioning=true)"""
    assert duckdb.sql(sql).fetchone() == (3000, 3000, 7)


@pytest.mark.parametrize("scope", ["page", "part"])
def test_a_smaller_limit_than_asked_for(tmp_path, scope):
    """Pages of half as many rows of either part are as large as full ones, until one part ends."""
    with Server(tmp_path, "--records", "4000", "--days", "2", "--max-limit", "50", "--excess", "clamp", "--limit-scope", scope) as server:
        export(server, tmp_path / "lake", "--from", "2025-09-01", "--to", "2025-09-02")
        assert {key[0] for key in keys(tmp_path / "lake")} == {key[0] for key in server.keys()}


@pytest.mark.parametrize("endpoint", ["v1", "v2", "interaction-details"])
def test_all_records_of_the_days(tmp_path, endpoint):
    with Server(tmp_path) as server:
        export(server, tmp_path / "lake", *DAYS, "--endpoint", endpoint)
        assert keys(tmp_path / "lake") == server.keys()
        sql = f"select distinct source_endpoint, account_id from read_parquet('{tmp_path}/lake/call_details/**/*.parquet')"
        assert duckdb.sql(sql).fetchall() == [(endpoint, ACCOUNT)]


def test_what_is_exported_restores_to_what_the_server_holds(tmp_path):
    with Server(tmp_path) as server:
        export(server, tmp_path / "lake")
        run("restore", tmp_path / "lake", "-o", tmp_path / "restored.ndjson")
        truth = [json.loads(line) for line in server.get("/_demo/records?version=v2").splitlines()]
    restored = [json.loads(line) for line in (tmp_path / "restored.ndjson").read_text().splitlines()]
    by_id = lambda record: record["sessionId"]
    assert sorted(restored, key=by_id) == sorted(truth, key=by_id)


@pytest.mark.parametrize(
    "variables",
    [{"CALLAKE_TOKEN": "demo-token"}, {"CALLAKE_APP_ID": APP_ID, "CALLAKE_APP_SECRET": APP_SECRET}],
    ids=["given", "signed"],
)
def test_tokens_from_the_environment(tmp_path, variables):
    with Server(tmp_path) as server:
        export(server, tmp_path / "lake", env=environment(**variables))
        assert keys(tmp_path / "lake") == server.keys()


def test_a_token_from_a_file(tmp_path):
    (tmp_path / "token").write_text("demo-token\n")
    with Server(tmp_path) as server:
        export(server, tmp_path / "lake", *DAYS, "--token-file", tmp_path / "token", env=environment())
        assert keys(tmp_path / "lake") == server.keys()


def test_refused_or_missing_credentials(tmp_path):
    with Server(tmp_path) as server:
        done = export(server, tmp_path / "lake", code=1, env=environment())
        assert "CALLAKE_TOKEN" in done.stderr
        done = export(server, tmp_path / "lake", code=1, env=environment(CALLAKE_TOKEN="s3cret-wrong"))
        assert "refused the credentials" in done.stderr and "s3cret-wrong" not in done.stderr
        done = export(server, tmp_path / "lake", code=1, env=environment(CALLAKE_APP_ID=APP_ID))
        assert "CALLAKE_APP_SECRET" in done.stderr
        assert not list((tmp_path / "lake").rglob("*.parquet"))


def test_the_token_is_no_argument():
    done = run("export", "--token", "x", code=2)
    assert "unexpected argument '--token'" in done.stderr


def test_redirects_are_not_followed(tmp_path):
    with Server(tmp_path, "--fault", "1-50=redirect") as server:
        export(server, tmp_path / "lake", code=2)
        stats = json.loads(server.get("/_demo/stats"))["api"]
        assert stats["otherOriginRequests"] == 0


def test_plain_http_only_to_this_machine(tmp_path):
    arguments = ["--account", ACCOUNT, "--stream", STREAM, "--dest", tmp_path / "lake", *DAYS]
    done = run("export", "--host", "http://callake.example", *arguments, code=2, env=environment(CALLAKE_TOKEN="x"))
    assert "https" in done.stderr
    done = run("export", "--host", "https://callake.example", *arguments[:-1], "2025-08-01", code=2, env=environment(CALLAKE_TOKEN="x"))
    assert "before" in done.stderr


def test_exporting_again_changes_nothing(tmp_path):
    with Server(tmp_path) as server:
        export(server, tmp_path / "lake")
        files = {path: path.stat().st_mtime_ns for path in (tmp_path / "lake").rglob("*.parquet")}
        sql = f"from read_parquet('{tmp_path}/lake/call_details/**/*.parquet') select * exclude (fetched_at) order by session_id"
        rows = duckdb.sql(sql).fetchall()
        export(server, tmp_path / "lake")
        assert set(files) == set((tmp_path / "lake").rglob("*.parquet"))
        assert duckdb.sql(sql).fetchall() == rows


def test_records_asked_in_another_zone_are_the_same(tmp_path):
    with Server(tmp_path) as server:
        export(server, tmp_path / "utc")
        export(server, tmp_path / "india", *DAYS, "--timezone-offset", "-330")
    sql = "select session_id, session_start_time, destinations from read_parquet('{}/call_details/**/*.parquet') order by 1"
    utc, india = (duckdb.sql(sql.format(tmp_path / name)).fetchall() for name in ("utc", "india"))
    assert utc == india


@pytest.mark.parametrize("mode", [0o700, 0o777])
def test_a_spool_in_the_temporary_folder_is_this_users_alone(tmp_path, mode):
    """One that others may write to could hold pages that are not the API's. The store is not reached."""
    spool = tmp_path / f"callake_spool_{os.getuid()}"
    spool.mkdir()
    spool.chmod(mode)
    others = tmp_path / f"callake_spool_{os.getuid() + 1}"
    others.mkdir(mode=0o000)
    env = environment(CALLAKE_TOKEN="demo-token", TMPDIR=str(tmp_path), AWS_ACCESS_KEY_ID="x")
    with Server(tmp_path) as server:
        done = export(server, "s3://nowhere/lake", code=(1, 2, 4), env=env)
        told = run("doctor", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "s3://nowhere/lake", env=env, code=(1, 2, 4))
    refused = f"use the page spool {spool}: other users may write there; name a folder of your own with --spool FOLDER"
    assert (refused in done.stderr) == (mode == 0o777), done.stderr
    assert ("other users may write there" in told.stdout) == (mode == 0o777), told.stdout


@pytest.mark.parametrize("skew, way, verdict", [(0, None, "closed"), (-259_200, "ahead", "still open"), (7_200, "behind", "closed")])
def test_a_day_is_over_by_the_earlier_clock(tmp_path, skew, way, verdict):
    day = str(datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=2))
    with Server(tmp_path, "--clock-skew", str(skew)) as server:
        done = export(server, tmp_path / "lake", "--from", day, "--to", day)
    assert f"complete, {verdict}" in done.stdout
    assert ("this machine's clock is" in done.stderr) == (way is not None)
    assert way is None or re.search(rf"clock is \d+ s {way} of the API's: set it, best by NTP", done.stderr)


def test_days_that_are_over_without_any_record_are_told(tmp_path):
    with Server(tmp_path) as server:
        done = export(server, tmp_path / "lake", "--from", "2024-09-01", "--to", "2024-09-02")
        assert "no record came of 2 days, 2 of them over: the API may answer a wrong --stream" in done.stderr
        done = export(server, tmp_path / "lake", "--from", "2025-08-31", "--to", "2025-09-01")
        assert "no record" not in done.stderr
        today = str(datetime.datetime.now(datetime.UTC).date())
        done = export(server, tmp_path / "lake", "--from", today, "--to", today)
        assert "no record" not in done.stderr
