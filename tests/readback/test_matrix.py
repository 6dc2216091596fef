"""Every reading of the API's documents, with and without faults, over real HTTP, against the server's own list of keys.

An export holds every record of its days once, or exits with 5 and names the windows that it could not prove; then nothing may be
missing outside of them. A run covers every pair of values; `CALLAKE_MATRIX=all` runs every combination.
"""

import itertools
import json
import os
import random
import re

import duckdb
import pytest

from test_export import Server, export, run

READINGS = {
    "offset": {"pages": ["--offset-unit", "pages"], "records": ["--offset-unit", "records"]},
    "numResults": {"page": ["--num-results", "page"], "total": ["--num-results", "total"]},
    "limit": {"page": ["--limit-scope", "page"], "part": ["--limit-scope", "part"]},
    "filter": {"start": ["--window-time", "start"], "end": ["--window-time", "end"]},
    "rows": {"still": [], "moving": ["--change-rate", "0.3"]},
    "faults": {"none": [], "tenth": ["--fault-rate", "0.1", "--fault-retry-after", "0"]},
}
# The records of the server, and the days asked for. The end of a long session can lie days after them.
DATA = {
    "quiet": (["--records", "150", "--days", "3"], ("2025-09-01", "2025-09-03")),
    "bursty": (["--records", "2000", "--days", "2", "--burst"], ("2025-09-01", "2025-09-02")),
    "dense": (["--records", "2400", "--days", "1", "--profile", "spike"], ("2025-09-01", "2025-09-01")),
    "empty": (["--records", "900", "--days", "3"], ("2025-08-30", "2025-08-31")),
    "one": (["--records", "1", "--days", "1"], ("2025-09-01", "2025-09-01")),
}
FACTORS = {"data": list(DATA), **{name: list(values) for name, values in READINGS.items()}}
ALL = [dict(zip(FACTORS, values)) for values in itertools.product(*FACTORS.values())]


def pairs(case):
    return set(itertools.combinations(case.items(), 2))


def sample(seed):
    """Cases, picked greedily among shuffled ones, that hold every pair of values."""
    dice = random.Random(seed)
    left = set().union(*map(pairs, ALL))
    chosen = []
    while left:
        best = max(dice.sample(ALL, 80), key=lambda case: len(pairs(case) & left))
        if pairs(best) & left:
            chosen.append(best)
            left -= pairs(best)
    return chosen


CASES = ALL if os.environ.get("CALLAKE_MATRIX") == "all" else sample(int(os.environ.get("CALLAKE_MATRIX", "1")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case.values()))
def test_nothing_is_missing_and_nothing_is_double(tmp_path, case):
    data, (first, last) = DATA[case["data"]]
    seed = str(sum(map(ord, "".join(case.values()))))
    options = [option for name, values in READINGS.items() for option in values[case[name]]]
    lake = tmp_path / "lake"
    with Server(tmp_path, *data, *options, "--seed", seed, "--fault-seed", seed, "--change-seed", seed) as server:
        before = {row[0] for row in held(server, first, last)}
        done = export(server, lake, "--from", first, "--to", last, code=(0, 5))
        after = held(server, first, last)
        asked = json.loads(server.get("/_demo/stats"))["api"]

    rows = duckdb.sql(
        f"""select session_id, coalesce(conversation_id, '') from read_parquet('{lake}/call_details/**/*.parquet', hive_partitioning = true)
            where session_date between '{first}' and '{last}'"""
    ).fetchall()
    assert len(rows) == len(set(rows)), "a key is there twice"
    sessions = {session for session, _ in rows}
    assert sessions <= {row[0] for row in after}, "the server holds no such session"
    # A session that got its conversation while it was read may have been listed either way; the next read tells.
    stale = set(rows) - {row[:2] for row in after}
    assert all(conversation == "" for _, conversation in stale)
    assert {session for session, _ in stale} <= {row[0] for row in after if row[3]}

    (path,) = (lake / "_callake" / "runs").iterdir()
    unproven = json.loads(path.read_text())["cost"]["unproven"]
    missing = before - sessions
    if done.returncode == 5:
        assert unproven and re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", done.stderr), done.stderr
        assert all(lies_in(row[2], case, unproven) for row in after if row[0] in missing)
    else:
        assert not unproven and not missing, f"{len(missing)} of {len(before)} sessions are missing"
        if case["rows"] == "still":
            assert sorted(rows) == sorted(row[:2] for row in after)
    # What the lake says of its days, then and later.
    status = json.loads(run("status", lake, "--json").stdout)
    days = {day["day"]: day for account in status["accounts"] for day in account["days"] if first <= day["day"] <= last}
    is_doubted = {name: day["coverage"] == "partial" and day["gaps"] != [] for name, day in days.items()}
    assert any(is_doubted.values()) == (done.returncode == 5), status
    assert all(is_doubted[name] or day["coverage"] == "closed" for name, day in days.items()), status
    # Every fault must have been met and asked again.
    assert (sum(asked["faults"].values()) > 0) <= (case["faults"] == "tenth")


def held(server, first, last):
    """Session, conversation, start, and the request it changed after, of what the server holds of the days."""
    rows = map(json.loads, server.get("/_demo/keys").splitlines())
    return [
        (row["sessionId"], row["conversationId"] or "", row["start"], row["changedAfter"])
        for row in rows
        if first <= row["start"][:10] <= last
    ]


def lies_in(start, case, unproven):
    """Whether a record's start lies in a window that was named; where windows filter on ends it may lie before."""
    second = duckdb.sql(f"select epoch(timestamp '{start[:19]}')").fetchone()[0]
    windows = [doubt["window"] for doubt in unproven]
    return any(second < window["to"] and (case["filter"] == "end" or window["from"] <= second) for window in windows)
