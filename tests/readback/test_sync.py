"""`sync` and what `export` leaves alone: days are asked for again only where that can find something."""

import datetime
import json
import os

import duckdb
import pytest

from conftest import run
from test_export import ACCOUNT, DAYS, STREAM, Server, environment, export, keys


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


def requests(server):
    return json.loads(server.get("/_demo/stats"))["api"]["requests"]


def sync(server, lake, *arguments, code=0):
    return run(
        "sync", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", lake, "--rate", "60000", *arguments,
        code=code, env=environment(CALLAKE_TOKEN="demo-token"),
    )


def status(lake):
    (account,) = json.loads(run("status", lake, "--json").stdout)["accounts"]
    return {day["day"]: day["coverage"] for day in account["days"]}


def test_closed_days_are_not_asked_for_again(tmp_path):
    with Server(tmp_path) as server:
        export(server, tmp_path / "lake")
        assert set(status(tmp_path / "lake").values()) == {"closed"}
        before = requests(server)
        export(server, tmp_path / "lake")
        assert requests(server) == before
        export(server, tmp_path / "lake", *DAYS, "--refresh")
        assert requests(server) > before
        assert keys(tmp_path / "lake") == server.keys()


def test_a_wrong_clock_does_not_begin_the_sync(tmp_path):
    begun = today() - datetime.timedelta(days=3)
    record = '{"sessionId":"%s","sessionStartTime":"%sT01:02:03"}\n'
    (tmp_path / "a.ndjson").write_text("".join(record % (day, day) for day in ("0001-01-01", str(begun), "9999-12-31")))
    run("convert", tmp_path / "a.ndjson", "--dest", tmp_path / "lake", "--account", ACCOUNT)
    arguments = ["--host", "http://127.0.0.1:1", "--account", ACCOUNT, "--stream", STREAM, "--dest", tmp_path / "lake"]
    dry = json.loads(run("sync", *arguments, "--dry-run", "--json").stdout)
    assert [day["date"] for day in dry["days"]] == [str(begun + datetime.timedelta(days=n)) for n in range(4)]


@pytest.mark.parametrize(
    "days, most",
    [(["2025-10-01"], 2), (["2025-08-31"], 2), (["2025-08-30", "2025-08-31"], 4)],
    ids=["after busy days", "before busy days", "two before busy days"],
)
def test_an_empty_day_is_known_to_be_empty(tmp_path, days, most):
    span = ("--from", days[0], "--to", days[-1])
    with Server(tmp_path, "--records", "6000", "--first-day", "2025-09-01", "--days", "30") as server:
        export(server, tmp_path / "lake", *span)
        assert requests(server) <= most
        assert status(tmp_path / "lake") == dict.fromkeys(days, "closed"), "no other day's file is touched"
        assert duckdb.sql(f"select count(*) from read_parquet('{tmp_path}/lake/**/*.parquet')").fetchone() == (0,)
        before = requests(server)
        export(server, tmp_path / "lake", *span)
        assert requests(server) == before


@pytest.mark.parametrize("records", [150, 30], ids=["fifty a day", "ten a day"])
def test_a_small_day_does_not_pay_for_planning(tmp_path, records):
    with Server(tmp_path, "--records", str(records)) as server:
        export(server, tmp_path / "lake", "--from", "2025-09-02", "--to", "2025-09-02")
        assert requests(server) <= 3
        of_the_day = [json.loads(line)["sessionId"] for line in server.get("/_demo/keys?from=2025-09-02&to=2025-09-03").splitlines()]
        assert len(of_the_day) == records // 3
        sql = f"select session_id from read_parquet('{tmp_path}/lake/**/*.parquet', hive_partitioning = true) where session_date = '2025-09-02'"
        assert sorted(id for (id,) in duckdb.sql(sql).fetchall()) == sorted(of_the_day)


def test_days_that_have_not_begun_are_not_passed_over_in_silence(tmp_path):
    future = str(today() + datetime.timedelta(days=3))
    with Server(tmp_path) as server:
        done = export(server, tmp_path / "lake", "--from", future, "--to", future, code=2)
        assert f"{future}: that day has not begun" in done.stderr
        assert requests(server) == 0
        done = export(server, tmp_path / "lake", "--from", str(today()), "--to", future)
        assert "has not begun: not asked for" in done.stderr
        assert status(tmp_path / "lake") == {str(today()): "open"}


def test_sync_brings_a_lake_up_to_now(tmp_path):
    now = today()
    first = now - datetime.timedelta(days=3)
    options = ["--first-day", str(first), "--days", "6", "--records", "1200", "--live"]
    lake = tmp_path / "lake"
    with Server(tmp_path, *options) as server:
        assert "--from" in sync(server, lake, code=2).stderr, "an empty lake does not say where to start"
        sync(server, lake, "--from", str(first), "--lookback", "0d")
        days = status(lake)
        assert sorted(days) == [str(first + datetime.timedelta(days=day)) for day in range(4)]
        assert days[str(now)] == "open" and days[str(first)] == "closed"

        before = requests(server)
        sync(server, lake, "--lookback", "0d")
        again = requests(server) - before
        assert 1 <= again <= 8, "only the open day is asked for"

        sync(server, lake, "--lookback", "7d")
        assert requests(server) - before - again <= 8, "all days were read within the day"
    known = set(keys(lake))
    assert len({session for session, _ in known}) == len(known)


def test_each_run_leaves_a_record(tmp_path):
    lake = tmp_path / "lake"
    with Server(tmp_path) as server:
        export(server, lake)
        asked = requests(server)
        export(server, lake, *DAYS, "--refresh", env=environment(CALLAKE_TOKEN="wrong"), code=1)
    done, failed = [json.loads(path.read_text()) for path in sorted((lake / "_callake" / "runs").iterdir())]
    assert (done["command"], done["exit_code"], done["error"]) == ("export", 0, None)
    assert [day["unique"] for day in done["days"]] == [500, 500, 500]
    assert 15 <= done["cost"]["cost"]["requests"] == sum(done["cost"]["spent"].values()) == asked
    assert (done["cost"]["records"], done["cost"]["least_requests"]) == (1500, 15)
    assert done["cost"]["ratio"] == asked / 15
    assert all(window["verdict"] == "proven" and window["cost"]["requests"] for day in done["days"] for window in day["windows"])
    assert len(done["files"]) == 3
    assert failed["exit_code"] == 1 and "refused the credentials" in failed["error"]
    assert all("demo-token" not in os.fsdecode(path.read_bytes()) for path in lake.rglob("*.json"))


READINGS = {
    "as documented": (
        [],
        {"offset_unit": "pages", "time_filter": "start", "counts_window": False, "limit_per_part": False},
        "offset counts pages, windows filter on starts, numResults counts the page, limit holds for the page",
    ),
    "the other way": (
        ["--offset-unit", "records", "--window-time", "end", "--num-results", "total", "--limit-scope", "part"],
        {"offset_unit": "records", "time_filter": "end", "counts_window": True, "limit_per_part": True},
        "offset counts records, windows filter on ends, numResults counts the window, limit holds for each part",
    ),
}


@pytest.mark.parametrize("options, found, told", READINGS.values(), ids=READINGS)
def test_the_report_says_what_was_found_and_what_it_cost(tmp_path, options, found, told):
    lake = tmp_path / "lake"
    faults = ["--fault", "3-4=500", "--fault", "6=short-body"]
    with Server(tmp_path, "--records", "4500", *options, *faults) as server:
        summary = export(server, lake).stdout
        asked = requests(server)
        assert keys(lake) == server.keys()
    (path,) = (lake / "_callake" / "runs").iterdir()
    run_report = json.loads(path.read_text())["cost"]
    spent = run_report["spent"]
    assert run_report["readings"] == found
    assert sum(spent.values()) == run_report["cost"]["requests"] == asked
    assert run_report["cost"]["retries"] == {"server": 2, "cut": 1} and spent["retries"] == 3
    assert (spent["past_days"] > 0) == (found["time_filter"] == "end")
    assert told in summary and f"in {asked} requests ({asked / 45:.3f} times the least, 45)" in summary
    assert f"requests: {spent['pages']} for pages" in summary and "3 that failed" in summary
    assert summary.count(": complete, closed") == 3
