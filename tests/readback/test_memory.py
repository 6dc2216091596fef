"""`convert` keeps to its memory budget, whatever the order of its input, and loses no row by it."""

import json
import subprocess
import sys

import duckdb
import pytest

from conftest import BINARY, run

BUDGET = 160_000_000

# What `--memory` is without being given.
DEFAULT = 256_000_000

# JSON of the inputs, which is more in memory.
INPUT = BUDGET

RECORD = 2_280


# Runs a command, and prints its peak resident memory in kilobytes. A process of its own, since what a process had before it became
# another program counts for that one too, and the tests' own has more than a budget.
MEASURE = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def peak_of(*command):
    """Peak resident memory of a command, in bytes."""
    measured = subprocess.run([sys.executable, "-c", MEASURE, BINARY, *map(str, command)], capture_output=True, text=True)
    assert measured.returncode == 0, measured.stderr
    return int(measured.stdout) * 1024


def convert(lake, *inputs, budget=BUDGET):
    """Peak resident memory of a conversion, in bytes."""
    return peak_of("convert", *inputs, "--dest", lake, "--account", "a", "--memory", f"{budget // 10**6}MB", "--quiet")


def ids(lake, table, column):
    """Rows of the table in the lake, and different ids among them."""
    sql = f"select count(*), count(distinct {column}) from read_parquet('{lake}/{table}/*/*.parquet')"
    return duckdb.sql(sql).fetchall()[0]


@pytest.mark.parametrize(
    "days, order", [(10, "start"), (1, "random"), (200, "random")], ids=["in order", "one day in no order", "many days in no order"]
)
def test_call_details(tmp_path, days, order):
    records = INPUT // RECORD
    file = tmp_path / "records.ndjson"
    run("demo", "records", "--records", records, "--days", days, "--order", order, "-o", file)
    assert file.stat().st_size > 0.9 * BUDGET
    peak = convert(tmp_path / "lake", file)
    file.unlink()
    assert ids(tmp_path / "lake", "call_details", "session_id") == (records, records)
    assert peak <= BUDGET


def test_both_tables(tmp_path):
    files = []
    for flavour in ("mixed", "conversations"):
        files.append(tmp_path / f"{flavour}.ndjson")
        options = ["--records", INPUT // RECORD // 2, "--days", 20, "--order", "random", "--flavour", flavour]
        run("demo", "records", *options, "-o", files[-1])
    # Lines of both by turns, so that rows of both tables are gathered at once.
    both = tmp_path / "both.ndjson"
    with open(both, "wb") as out, open(files[0], "rb") as left, open(files[1], "rb") as right:
        for conversation in right:
            out.writelines([conversation, next(left)])
        out.writelines(left)
    conversations = sum(1 for _ in open(files[1], "rb"))
    peak = convert(tmp_path / "lake", both)
    records = INPUT // RECORD // 2
    assert ids(tmp_path / "lake", "call_details", "session_id") == (records, records)
    assert ids(tmp_path / "lake", "conversations", "conversation_id") == (conversations, conversations)
    assert peak <= BUDGET


def test_a_merge_with_large_days(tmp_path):
    """Of each day as many rows again as it has, among them: all of its file is read and encoded again, part by part."""
    records = INPUT // RECORD
    files = []
    for seed in (1, 2):
        files.append(tmp_path / f"{seed}.ndjson")
        run("demo", "records", "--records", records, "--days", 2, "--seed", seed, "-o", files[-1])
    convert(tmp_path / "lake", files[0])
    peak = convert(tmp_path / "lake", files[1])
    rows, different = ids(tmp_path / "lake", "call_details", "session_id")
    assert rows == different > 1.9 * records
    assert peak <= BUDGET


def test_wide_records(tmp_path):
    """A batch of as many rows as usual would be larger than the budget, read back as well as merged."""
    for seed in range(2):
        with open(tmp_path / f"{seed}.ndjson", "w") as file:
            for row in range(1_000):
                record = {"sessionId": f"{seed}-{row}", "sessionStartTime": "2025-09-03T01:02:03", "reason": f"{row} " * 20_000}
                file.write(json.dumps(record | {"unknown": f"{seed} " * 20_000}) + "\n")
        assert convert(tmp_path / "lake", tmp_path / f"{seed}.ndjson") <= BUDGET
    assert peak_of("verify", "--deep", tmp_path / "lake") <= BUDGET
    assert peak_of("restore", tmp_path / "lake", "-o", tmp_path / "restored.ndjson") <= BUDGET
    assert ids(tmp_path / "lake", "call_details", "session_id") == (2_000, 2_000)


def test_empty_elements(tmp_path):
    """They have no bytes in any column, but a place in each."""
    with open(tmp_path / "a.ndjson", "w") as file:
        for row in range(333):
            file.write('{"sessionId":"%d","sessionStartTime":"2025-09-03T01:02:03","destinations":[%s]}\n' % (row, ",".join(["{}"] * 30_000)))
    # A batch holds 50 times as many as usual, which the smaller budget has no room for.
    assert convert(tmp_path / "lake", tmp_path / "a.ndjson", budget=DEFAULT) <= DEFAULT
    elements = f"select count(*), sum(len(destinations)) from read_parquet('{tmp_path}/lake/call_details/*/*.parquet')"
    assert duckdb.sql(elements).fetchone() == (333, 9_990_000)
