"""`plan` against the exports that it foretells."""

import json

import pytest

from conftest import run
from test_export import ACCOUNT, STREAM, Server, environment, export
from test_sync import requests

DAYS = ("--from", "2025-09-01", "--to", "2025-09-03")


def plan(server, lake, *arguments, code=0):
    done = run(
        "plan", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", lake, *(arguments or DAYS), "--json",
        code=code, env=environment(CALLAKE_TOKEN="demo-token"),
    )
    return json.loads(done.stdout) if code == 0 else done


@pytest.mark.parametrize("records", [0, 90, 1500, 15_000])
def test_a_plan_foretells_the_requests_of_the_export_and_asks_nothing(tmp_path, records):
    with Server(tmp_path, "--records", str(records)) as server:
        planned = plan(server, tmp_path / "lake", *DAYS, "--records-per-day", records // 3, "--rate", 30)
        assert requests(server) == 0 and not (tmp_path / "lake").exists()
        assert planned["records"] == records and {day["basis"] for day in planned["days"]} == {"assumed"}
        assert 2 * planned["requests"] <= planned["seconds"] <= 2.1 * planned["requests"]
        export(server, tmp_path / "lake", *DAYS)
        asked = requests(server)
        assert abs(planned["requests"] - asked) <= 3 + asked * 0.15, f"planned {planned['requests']}, asked {asked}"


def test_windows_cover_the_days_without_a_hole(tmp_path):
    with Server(tmp_path) as server:
        planned = plan(server, tmp_path / "lake", *DAYS, "--records-per-day", 20_000)
    windows = sorted((window["window"]["from"], window["window"]["to"]) for day in planned["days"] for window in day["windows"])
    assert all(end == start for (_, end), (start, _) in zip(windows, windows[1:]))
    assert windows[-1][1] - windows[0][0] >= 3 * 86_400


def test_a_lake_tells_what_to_expect(tmp_path):
    lake = tmp_path / "lake"
    with Server(tmp_path, "--records", "3000", "--days", "3") as server:
        export(server, lake, "--from", "2025-09-01", "--to", "2025-09-02")
        before = requests(server)
        (day,) = plan(server, lake)["days"]
        assert (day["date"], day["basis"], day["records"]) == ("2025-09-03", "lake_nearby", 1000), "closed days are not asked for"
        days = plan(server, lake, *DAYS, "--refresh")["days"]
        assert [day["basis"] for day in days] == ["lake", "lake", "lake_nearby"]
        refused = plan(server, lake, *DAYS, "--zone", "America/New_York", code=2)
        assert "zone" in refused.stderr
        assert requests(server) == before


@pytest.mark.parametrize("records, most", [(90, 1), (30_000, 7)])
def test_a_probe_measures_by_a_handful_of_requests(tmp_path, records, most):
    with Server(tmp_path, "--records", str(records)) as server:
        planned = plan(server, tmp_path / "lake", *DAYS, "--probe", "--rate", "60000")
        assert requests(server) == planned["asked"] <= most
        assert {day["basis"] for day in planned["days"]} == {"probe"}
        assert 0.6 * records <= planned["records"] <= 1.6 * records
        assert not (tmp_path / "lake").exists()


def test_the_plan_for_people(tmp_path):
    with Server(tmp_path) as server:
        arguments = ["--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", tmp_path / "lake", *DAYS]
        text = run("plan", *arguments, "--records-per-day", 500).stdout
    assert "2025-09-02        500 records (assumed)" in text
    assert "3 days, 1,500 records: " in text and "nothing was asked" in text
