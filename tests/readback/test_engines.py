"""DuckDB and pyarrow read the lake: counts, types, nested access, pruning, what the files say of themselves."""

import collections
import json

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from conftest import run


@pytest.fixture(scope="module")
def db(demo_lake):
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.execute(
        f"create view call_details as select * from read_parquet('{demo_lake}/call_details/**/*.parquet', hive_partitioning = true)"
    )
    return connection


@pytest.fixture(scope="module")
def truth(demo_records):
    return [json.loads(line) for line in demo_records.read_text().splitlines()]


def one(db, sql):
    return db.execute(sql).fetchone()


def test_counts(db, truth):
    assert one(db, "select count(*), count(distinct session_id) from call_details") == (len(truth), len(truth))
    # A few of the demo's times are written with slashes.
    days = collections.Counter(record["sessionStartTime"][:10].replace("/", "-") for record in truth)
    assert dict(db.execute("select session_date::varchar, count(*) from call_details group by 1").fetchall()) == days


def test_duckdb_types_are_the_printed_ones(db):
    described = db.execute("describe call_details").fetchall()
    connection = duckdb.connect()
    connection.execute(run("schema", "call_details", "--format", "duckdb").stdout)
    printed = connection.execute("describe call_details").fetchall()
    assert [row[:2] for row in described] == [row[:2] for row in printed]


def test_nested_access(db, truth):
    names = [
        record["destinations"][0]["respondingAgent"]["name"]
        for record in truth
        if record.get("destinations") and isinstance(record["destinations"][0], dict)
        and isinstance(record["destinations"][0].get("respondingAgent"), dict)
        and isinstance(record["destinations"][0]["respondingAgent"].get("name"), str)
    ]
    assert names
    sql = "select destinations[1].responding_agent.name as name from call_details where name is not null"
    assert sorted(row[0] for row in db.execute(sql).fetchall()) == sorted(names)
    tags = sum(len(record["sessionleveltags"]) for record in truth if isinstance(record.get("sessionleveltags"), list))
    assert tags and one(db, "select count(*) from (select unnest(session_level_tags) from call_details)") == (tags,)
    sql = """select t.value from (select unnest(session_level_tags) as t from call_details)
             where t.name = 'callerNumber' order by 1"""
    values = [
        tag["value"]
        for record in truth
        for tag in record.get("sessionleveltags") or []
        if isinstance(tag, dict) and tag.get("name") == "callerNumber"
    ]
    assert [row[0] for row in db.execute(sql).fetchall()] == sorted(values)


def test_extra_is_reached_by_pointer(db, truth):
    sql = "select count(*) from call_details where cardinality(extra) > 0"
    (kept,) = one(db, sql)
    assert 0 < kept < len(truth) / 10, "a small share of the demo's records does not fit"
    keys = [row[0] for row in db.execute("select distinct unnest(map_keys(extra)) from call_details").fetchall()]
    assert all(key.startswith("/") for key in keys)
    value = one(db, f"select extra['{keys[0]}'] from call_details where extra['{keys[0]}'] is not null")[0]
    json.loads(value)


def test_partitions_are_pruned(db, truth):
    day = truth[0]["sessionStartTime"][:10]
    plan = db.execute(f"explain select max(channel) from call_details where session_date = '{day}'").fetchall()
    assert "Scanning Files: 1/5" in plan[0][1], plan[0][1]


def test_pyarrow_reads_the_same(demo_lake, truth):
    dataset = ds.dataset(demo_lake / "call_details", partitioning="hive", exclude_invalid_files=False)
    table = dataset.to_table(columns=["session_id", "session_start_time"])
    assert sorted(table["session_id"].to_pylist()) == sorted(record["sessionId"] for record in truth)
    assert table.schema.field("session_start_time").type == pa.timestamp("us", tz="UTC")


def test_files_say_how_they_are_written(demo_lake):
    files = sorted(demo_lake.glob("call_details/*/*.parquet"))
    assert len(files) == 5
    for path in files:
        file = pq.ParquetFile(path)
        group = file.metadata.row_group(0)
        columns = {group.column(at).path_in_schema: group.column(at) for at in range(group.num_columns)}
        assert {column.compression for column in columns.values()} == {"ZSTD"}
        start = columns["session_start_time"]
        assert start.has_offset_index and start.has_column_index and start.statistics.has_min_max
        ordered = [columns[name.column_name if hasattr(name, "column_name") else group.column(name.column_index).path_in_schema] for name in group.sorting_columns]
        assert [column.path_in_schema for column in ordered] == ["session_start_time", "session_id", "conversation_id"]
        starts = file.read(columns=["session_start_time"])["session_start_time"].to_pylist()
        known = [time for time in starts if time is not None]
        assert known == sorted(known)


def test_bloom_filters_are_on_the_id_columns(db, demo_lake):
    sql = f"""select path_in_schema from parquet_metadata('{demo_lake}/call_details/**/*.parquet')
              where bloom_filter_length > 0 group by 1 order by 1"""
    assert [row[0] for row in db.execute(sql).fetchall()] == ["conversation_id", "session_id", "user_id"]


def test_nothing_else_lies_in_the_tables(demo_lake):
    odd = [p for p in (demo_lake / "call_details").rglob("*") if p.is_file() and p.suffix != ".parquet"]
    assert odd == []
