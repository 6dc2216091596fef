"""The README's own commands and queries, run as they stand but for host, account and days."""

import datetime
import re
import shlex
import shutil

import duckdb
import pytest

from conftest import ROOT, run
from test_export import ACCOUNT, STREAM, Server, environment

README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.S | re.M)


def commands(name):
    """The README's commands `callake NAME …`, as arguments."""
    text = "\n".join(blocks("sh")).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith(f"callake {name} ")]
    assert lines, name
    return [shlex.split(line)[1:] for line in lines]


def filled(arguments, server, **days):
    known = {"https://HOST": server.url, "ACCOUNT": ACCOUNT, "st-…": STREAM, **days}
    return [known.get(argument, argument) for argument in arguments]


def test_export_and_sync(tmp_path):
    first = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=2)
    env = environment(CALLAKE_TOKEN="demo-token")
    with Server(tmp_path, "--first-day", str(first), "--days", "3", "--records", "600") as server:
        for command in commands("plan"):
            assert "7 days, 140,000 records" in run(*filled(command, server), cwd=tmp_path).stdout
        for command in commands("export"):
            arguments = filled(command, server, **{"2025-09-01": str(first), "2025-09-07": str(first)})
            assert "200 records of 1 days" in run(*arguments, "--rate", "60000", env=env, cwd=tmp_path).stdout
        for command in commands("sync"):
            run(*filled(command, server, **{"2025-09-01": str(first)}), "--rate", "60000", env=env, cwd=tmp_path)
        for command in commands("conversations"):
            arguments = filled(command, server, **{"2025-09-01": str(first), "2025-09-07": str(first)})
            run(*arguments, "--rate", "60000", env=env, cwd=tmp_path)
    assert len(list(tmp_path.glob("lake/call_details/*/*.parquet"))) == 3
    assert list(tmp_path.glob("lake/conversations/*/*.parquet"))


def test_convert(tmp_path, demo_records):
    for folder, name in (("responses", "a.ndjson"), ("more", "b.json.gz")):
        (tmp_path / folder).mkdir()
        shutil.copy(demo_records, tmp_path / folder / name)
    for command in commands("convert"):
        run(*command, cwd=tmp_path)
    (count,) = duckdb.sql(f"select count(*) from read_parquet('{tmp_path}/lake/call_details/**/*.parquet')").fetchone()
    assert count == 5000


@pytest.mark.parametrize("query", [q for block in blocks("sql") for q in block.split(";") if q.strip()])
def test_queries(demo_lake, query):
    assert duckdb.sql(query.replace("'lake/", f"'{demo_lake}/")).fetchall()


def test_views(demo_lake):
    connection = duckdb.connect()
    for command in commands("schema"):
        arguments = command[: command.index(">")]
        connection.sql(run(*arguments, cwd=demo_lake.parent).stdout.replace("'lake/", f"'{demo_lake}/"))
    assert connection.sql("select * from queue_measures").fetchall()


def test_report(demo_lake, tmp_path):
    for command in commands("report"):
        run(*(demo_lake if word == "lake" else word for word in command), cwd=tmp_path)
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_spark(demo_lake):
    """Needs Java and `pip install pyspark`; skipped without."""
    sql = pytest.importorskip("pyspark.sql")
    if not shutil.which("java"):
        pytest.skip("no Java")
    import sys, os

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        for block in blocks("python"):
            exec(block.replace('"lake/', f'"{demo_lake}/'), {"spark": spark})
        calls = spark.read.parquet(f"{demo_lake}/call_details")
        assert calls.count() == 5000
        printed = run("schema", "call_details", "--format", "spark").stdout
        spark.sql(printed.replace("call_details", "printed", 1))
        assert set(spark.table("printed").dtypes) == set(calls.dtypes)
    finally:
        spark.stop()
