"""Days of a zone that changes its clocks, through the real binary: 23 and 25 hours, and not a record on the wrong day."""

import datetime
import json
import zoneinfo

import duckdb
import pytest

from test_export import Server, export
from test_sync import status

ZONE = zoneinfo.ZoneInfo("America/New_York")


def local_day(second):
    return datetime.datetime.fromtimestamp(second, ZONE).date().isoformat()


def utc(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@pytest.mark.parametrize(
    "day, hours, lost_or_twice",
    [
        # 02:00 EST is 07:00 UTC and becomes 03:00 EDT; 02:00 EDT is 06:00 UTC and becomes 01:00 EST.
        ("2025-03-09", 23, ("2025-03-09T06:00:00Z", "2025-03-09T08:00:00Z")),
        ("2025-11-02", 25, ("2025-11-02T05:00:00Z", "2025-11-02T07:00:00Z")),
    ],
)
def test_days_of_23_and_25_hours_hold_exactly_their_records(tmp_path, day, hours, lost_or_twice):
    middle = datetime.date.fromisoformat(day)
    days = [str(middle + datetime.timedelta(days=offset)) for offset in (-1, 0, 1)]
    first = str(middle - datetime.timedelta(days=2))
    lake = tmp_path / "lake"
    # Evenly over 24 hours, so that there are records around either midnight and in the hour that changes.
    with Server(tmp_path, "--records", "3600", "--first-day", first, "--days", "5", "--profile", "flat") as server:
        held = [json.loads(line) for line in server.get("/_demo/keys").splitlines()]
        export(server, lake, "--from", day, "--to", day, "--zone", "America/New_York")
        export(server, lake, "--from", days[0], "--to", days[-1], "--zone", "America/New_York")

    by_day = {date: set() for date in days}
    for row in held:
        date = local_day(utc(row["start"]))
        if date in by_day:
            by_day[date].add(row["sessionId"])
    around = [row for row in held if lost_or_twice[0] <= row["start"] < lost_or_twice[1]]
    assert len(around) > 30 and {row["sessionId"] for row in around} <= by_day[day]

    sql = f"""select session_date::text, session_id, epoch(session_start_time)
              from read_parquet('{lake}/call_details/**/*.parquet', hive_partitioning = true)"""
    found = {date: set() for date in days}
    for date, session, start in duckdb.sql(sql).fetchall():
        assert local_day(start) == date, "the row lies in the file of another day"
        if date in found:
            found[date].add(session)
    assert found == by_day
    assert {date: status(lake).get(date) for date in days} == dict.fromkeys(days, "closed")

    record = json.loads(sorted((lake / "_callake" / "runs").iterdir())[0].read_text())
    (read,) = record["days"]
    assert (read["window"]["to"] - read["window"]["from"]) / 3600 == hours
    midnight = datetime.datetime.combine(middle, datetime.time(), ZONE)
    assert read["window"]["from"] == midnight.timestamp()
    assert read["unique"] == len(by_day[day])

    with Server(tmp_path, "--first-day", first) as server:
        assert "zone" in export(server, lake, "--from", day, "--to", day, code=2).stderr
