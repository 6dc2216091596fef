"""Exports killed with SIGKILL and started again: nothing lost, nothing double, little asked for twice.

`CALLAKE_KILLS=200` makes it long.
"""

import json
import os
import random
import signal
import subprocess
import time

import duckdb

from conftest import ROOT, run
from test_export import ACCOUNT, STREAM, Server, environment, export, keys

KILLS = int(os.environ.get("CALLAKE_KILLS", "6"))
DAYS = ("--from", "2025-09-01", "--to", "2025-09-04")


def requests(server):
    return json.loads(server.get("/_demo/stats"))["api"]["requests"]


def rows(lake):
    """How many rows there are of each content, whenever it was fetched."""
    sql = f"""select hash(columns(*)::text) from (
                select * exclude (fetched_at) from read_parquet('{lake}/call_details/**/*.parquet', hive_partitioning = true))"""
    return sorted(duckdb.sql(sql).fetchall())


def test_killed_exports_go_on_where_they_were(tmp_path):
    binary = os.environ.get("CALLAKE_BIN", str(ROOT / "target" / "debug" / "callake"))
    dice = random.Random(3)
    options = ["--records", "6000", "--days", "4", "--latency-ms", "40", "--burst"]
    with Server(tmp_path, *options) as server:
        export(server, tmp_path / "undisturbed", *DAYS, rate="1200")
        undisturbed = requests(server)
        rounds = kills = extra = 0
        while kills < KILLS:
            lake = tmp_path / f"lake{rounds}"
            command = [
                binary, "export", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", lake, *DAYS, "--rate", "1200",
            ]
            before, killed_here = requests(server), 0
            while True:
                process = subprocess.Popen(
                    list(map(str, command)), env=environment(CALLAKE_TOKEN="demo-token"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
                )
                try:
                    process.wait(dice.uniform(0.05, 2.5) if killed_here < 5 else 300)
                    assert process.returncode == 0, process.stderr.read()
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    killed_here += 1
            assert keys(lake) == server.keys()
            assert rows(lake) == rows(tmp_path / "undisturbed")
            # Folders of staged files of the killed runs are theirs for a day.
            findings = json.loads(run("verify", lake, "--deep", "--json", code=6 if killed_here else 0).stdout)["findings"]
            assert {finding["kind"] for finding in findings} <= {"left-over"}, findings
            left = [path for path in (lake / "_callake" / "spool").rglob("*.*") if path.suffix != ".staged"]
            # A day that was published as its run was killed is not asked for again: its pages stay until they are a day old.
            assert len(left) <= 24 * killed_here, "published days leave no pages behind"
            kills += killed_here
            extra += requests(server) - before - undisturbed
            rounds += 1
    # At this rate and latency two windows are in flight, of 11 pages at most each.
    print(f"{extra} requests more than undisturbed ({undisturbed} a run) for {kills} kills in {rounds} exports")
    assert extra <= 22 * kills, f"{extra} requests more than undisturbed for {kills} kills"


def test_two_exports_at_once_are_in_nobodys_way(tmp_path):
    binary = os.environ.get("CALLAKE_BIN", str(ROOT / "target" / "debug" / "callake"))
    with Server(tmp_path, "--latency-ms", "5") as server:
        for name in ["a", "b", "c"]:
            lake = tmp_path / name
            command = [
                binary, "export", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", lake, "--rate", "60000",
                "--from", "2025-09-01", "--to", "2025-09-03",
            ]
            both = [
                subprocess.Popen(list(map(str, command)), env=environment(CALLAKE_TOKEN="demo-token"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for _ in range(2)
            ]
            for process in both:
                _, errors = process.communicate(timeout=300)
                assert process.returncode == 0, errors
            assert keys(lake) == server.keys()
            assert not list((lake / "_callake" / "spool").rglob("*.*"))
