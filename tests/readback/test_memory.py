"""`convert` keeps to its memory budget, whatever the order of its input, and loses no row by it."""

import os
import subprocess

import duckdb
import pytest

from conftest import BINARY, run

BUDGET = 160_000_000

# JSON of the inputs, which is more in memory.
INPUT = BUDGET

RECORD = 2_280


def convert(lake, *inputs):
    """Peak resident memory of a conversion, in bytes."""
    command = [BINARY, "convert", *inputs, "--dest", lake, "--account", "a", "--memory", f"{BUDGET // 10**6}MB", "--quiet"]
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, child.stderr.read().decode()
    child.stderr.close()
    return usage.ru_maxrss * 1024


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
