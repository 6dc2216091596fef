#!/usr/bin/env python3
"""Measures `callake convert` beside what one would otherwise script: DuckDB, pyarrow, ClickHouse (and, where asked, Polars and Spark).

    cargo build --release && benches/peers/run.py

One run makes the data (`callake demo records`), lets every program turn it into Parquet files by day in turn, several rounds
interleaved, so that whatever else the machine does meets all of them, checks that the rows agree, and prints Markdown tables
of medians. `--scale` measures callake alone on ten times the data, on days in random order and on many small files, each
in the same rounds as the first input, and ten times the data also at the same time as the first input ten times.

What is compared: NDJSON -> Parquet, zstd, one folder a day, every nested column typed as `schemas/call_details.json` says, schema given, so
that nothing is inferred. The peers are let off what they can't do: they need not sort, deduplicate, keep fields that the
schema lacks, rename columns, sync to disk, or read the fields in LEFT_OUT, and records with a value of another type than the
schema's, at which they stop, are left out for all. Their clock starts after the interpreter and their imports; callake's
with its process.

Needs Python 3.9 or newer and the network; the packages go to target/peers-venv, the data to target/peers.
"""

import argparse
import datetime
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / "target" / "peers-venv"
PACKAGES = {
    "duckdb": ["duckdb", "pytz"],
    "pyarrow": ["pyarrow"],
    "clickhouse": ["chdb"],
    "polars": ["polars"],
    "spark": ["pyspark"],
}
ALWAYS = ["duckdb", "pyarrow", "clickhouse"]
ACCOUNT = "bench"
# Records of a page, as the API gives them at most.
PAGE = 100

# Fields that a peer has no means to read beside the others: the run would fail on them.
LEFT_OUT = {
    # Its names ignore case, so it can't have `reason` and `Reason`.
    "duckdb": {"Reason"},
    # Its reader wants one JSON type a field, and these may be anything.
    "pyarrow": {"customData", "snoozeinfo", "overrideValues"},
    "polars": {"customData", "snoozeinfo", "overrideValues"},
    "clickhouse": set(),
    "spark": {"Reason"},
}


# ---- the schema ----


class Struct(list):
    """Fields of an object: pairs of JSON key and type."""


def call_details():
    """The table's fields, and the structs that they are made of."""
    table, shared = (json.loads((ROOT / "schemas" / name).read_text()) for name in ("call_details.json", "shared.json"))
    return table["fields"], shared["structs"] | table["structs"]


def schema(peer):
    """The record's fields for a peer: JSON key and type (text, list as a tuple of one, or Struct), named as the API does."""
    top, structs = call_details()

    def fields(entries):
        out = Struct()
        for entry in entries:
            if "include" in entry:
                out.extend(fields(structs[entry["include"]]))
            elif entry["json"] not in LEFT_OUT[peer]:
                out.append((entry["json"], kind(entry["type"])))
        return out

    def kind(text):
        if text.startswith("list<"):
            return (kind(text[5:-1]),)
        if text.startswith("struct<"):
            return fields(structs[text[7:-1]])
        return text

    return fields(top)


def sql_type(kind, scalars, list_of, struct_of):
    """The type in a dialect of SQL."""
    inner = lambda kind: sql_type(kind, scalars, list_of, struct_of)
    if isinstance(kind, tuple):
        return list_of(inner(kind[0]))
    if isinstance(kind, Struct):
        return struct_of([(name, inner(child)) for name, child in kind])
    return scalars[kind]


# ---- the peers: each reads NDJSON and writes Parquet by day, as fast as its documented means allow ----


def duckdb(records, out, level):
    import duckdb

    scalars = {"string": "VARCHAR", "json": "VARCHAR", "bool": "BOOLEAN", "yes_no": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE",
               "timestamp": "TIMESTAMP"}
    struct_of = lambda fields: "STRUCT(" + ", ".join(f'"{name}" {kind}' for name, kind in fields) + ")"
    columns = ", ".join(
        f"'{name}': '{sql_type(kind, scalars, '{}[]'.format, struct_of)}'" for name, kind in schema("duckdb")
    )

    def work():
        # Order is not asked of the peers, and keeping it costs DuckDB memory.
        duckdb.sql("SET preserve_insertion_order = false")
        duckdb.sql(
            f"""COPY (SELECT *, CAST(sessionStartTime AS DATE) AS session_date
                FROM read_json('{records}', format = 'newline_delimited', columns = {{{columns}}}))
                TO '{out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {level}, PARTITION_BY (session_date))"""
        )

    return work


def pyarrow(records, out, level):
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as ds
    import pyarrow.json as pj

    scalars = {"string": pa.string(), "json": pa.string(), "bool": pa.bool_(), "yes_no": pa.string(), "int64": pa.int64(),
               "double": pa.float64(), "timestamp": pa.timestamp("us", "UTC")}

    def arrow_type(kind):
        if isinstance(kind, tuple):
            return pa.list_(arrow_type(kind[0]))
        if isinstance(kind, Struct):
            return pa.struct([(name, arrow_type(child)) for name, child in kind])
        return scalars[kind]

    wanted = pa.schema([(name, arrow_type(kind)) for name, kind in schema("pyarrow")])
    form = ds.ParquetFileFormat()

    def work():
        reader = pj.open_json(
            records,
            read_options=pj.ReadOptions(block_size=4 << 20),
            parse_options=pj.ParseOptions(explicit_schema=wanted, unexpected_field_behavior="ignore"),
        )

        def batches():
            for batch in reader:
                yield batch.append_column("session_date", pc.cast(batch["sessionStartTime"], pa.date32()))

        ds.write_dataset(
            batches(),
            out,
            schema=wanted.append(pa.field("session_date", pa.date32())),
            format=form,
            partitioning=ds.partitioning(pa.schema([("session_date", pa.date32())]), flavor="hive"),
            file_options=form.make_write_options(compression="zstd", compression_level=level),
            max_rows_per_group=122_880,
            min_rows_per_group=8_192,
        )

    return work


def clickhouse(records, out, level):
    import chdb

    scalars = {"string": "Nullable(String)", "json": "Nullable(String)", "bool": "Nullable(Bool)", "yes_no": "Nullable(String)",
               "int64": "Nullable(Int64)", "double": "Nullable(Float64)", "timestamp": "Nullable(DateTime64(6, 'UTC'))"}
    struct_of = lambda fields: "Tuple(" + ", ".join(f"`{name}` {kind}" for name, kind in fields) + ")"
    columns = ", ".join(f"`{name}` {sql_type(kind, scalars, 'Array({})'.format, struct_of)}" for name, kind in schema("clickhouse"))
    settings = {
        "date_time_input_format": "'best_effort'",
        "input_format_skip_unknown_fields": 1,
        "input_format_json_read_numbers_as_strings": 1,
        "input_format_json_read_objects_as_strings": 1,
        "input_format_json_read_arrays_as_strings": 1,
        "output_format_parquet_compression_method": "'zstd'",
        "output_format_compression_level": level,
        "max_partitions_per_insert_block": 100_000,
        "engine_file_truncate_on_insert": 1,
        "max_threads": os.cpu_count(),
    }

    def work():
        target = f"{out}/session_date={{_partition_id}}/data.parquet".replace("'", "")
        chdb.query(
            f"""INSERT INTO FUNCTION file('{target}', 'Parquet') PARTITION BY toDate(assumeNotNull(sessionStartTime))
                SELECT * FROM file('{records}', 'JSONEachRow', $${columns}$$)
                SETTINGS {", ".join(f"{name} = {value}" for name, value in settings.items())}"""
        )

    return work


def polars(records, out, level):
    import polars as pl

    scalars = {"string": pl.String, "json": pl.String, "bool": pl.Boolean, "yes_no": pl.String, "int64": pl.Int64, "double": pl.Float64,
               # Its reader does not parse times inside structs.
               "timestamp": pl.String}

    def polars_type(kind):
        if isinstance(kind, tuple):
            return pl.List(polars_type(kind[0]))
        if isinstance(kind, Struct):
            return pl.Struct([pl.Field(name, polars_type(child)) for name, child in kind])
        return scalars[kind]

    wanted = {name: polars_type(kind) for name, kind in schema("polars")}

    def work():
        frame = pl.scan_ndjson(records, schema=wanted).with_columns(
            session_date=pl.col("sessionStartTime").str.slice(0, 10)
        )
        frame.sink_parquet(pl.PartitionBy(out, key="session_date"), compression="zstd", compression_level=level, mkdir=True)

    return work


def spark(records, out, level):
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    scalars = {"string": "STRING", "json": "STRING", "bool": "BOOLEAN", "yes_no": "STRING", "int64": "BIGINT", "double": "DOUBLE",
               "timestamp": "TIMESTAMP"}
    struct_of = lambda fields: "STRUCT<" + ", ".join(f"`{name}`: {kind}" for name, kind in fields) + ">"
    columns = ", ".join(f"`{name}` {sql_type(kind, scalars, 'ARRAY<{}>'.format, struct_of)}" for name, kind in schema("spark"))
    session = (
        SparkSession.builder.master(f"local[{os.cpu_count()}]")
        .config("spark.driver.memory", "4g")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.caseSensitive", "true")
        .config("parquet.compression.codec.zstd.level", level)
        .getOrCreate()
    )

    def work():
        frame = session.read.schema(columns).json(records)
        frame = frame.withColumn("session_date", F.to_date("sessionStartTime"))
        frame.write.partitionBy("session_date").option("compression", "zstd").parquet(out, mode="overwrite")

    return work


PEERS = {"duckdb": duckdb, "pyarrow": pyarrow, "clickhouse": clickhouse, "polars": polars, "spark": spark}


def child_peer(peer, records, out, level):
    """Runs one peer in this process and prints its seconds."""
    work = PEERS[peer](records, out, level)
    start = time.perf_counter()
    work()
    print(json.dumps({"seconds": time.perf_counter() - start}))


# ---- the queries ----

# On a lake, in callake's column names; `names` puts the API's instead for the files of others. {day}, {week}, {conversation} and
# {user} are drawn from the data.
QUERIES = {
    "count by day": "SELECT session_date, count(*) FROM lake GROUP BY ALL ORDER BY ALL",
    "channel and status, one week": """SELECT channel, final_status, count(*) FROM lake
        WHERE session_date BETWEEN {day} AND {week} GROUP BY ALL ORDER BY ALL""",
    "speed of answer by queue": """SELECT first.queue_name, count(*),
          round(avg(epoch(first.responding_agent.accepted_time) - epoch(first.enter_time)), 3)
        FROM (SELECT list_filter(destinations, lambda d: d.queue_id IS NOT NULL)[1] AS first, direction FROM lake
              WHERE is_voicemail::VARCHAR NOT IN ('true', 'YES'))
        WHERE first.callback_opted_time IS NULL AND direction IS DISTINCT FROM 'Outbound'
        GROUP BY ALL ORDER BY ALL""",
    "abandoned by queue and day": """SELECT session_date, destinations[1].queue_name AS queue,
          count(*) FILTER (final_status ILIKE '%ABANDON%'), count(*) FROM lake GROUP BY ALL ORDER BY ALL""",
    "tags by value": """SELECT tag.name, tag.value, count(*) FROM (SELECT unnest(session_level_tags) AS tag FROM lake)
        GROUP BY ALL ORDER BY 3 DESC, 1, 2 LIMIT 20""",
    "handle time by agent": """SELECT d.responding_agent.agent_id AS agent, count(*), sum(d.responding_agent.interaction_duration)
          + sum(coalesce(d.responding_agent.hold_duration, 0)) + sum(d.responding_agent.after_call_work_duration)
        FROM (SELECT unnest(destinations) AS d FROM lake) WHERE agent IS NOT NULL GROUP BY ALL ORDER BY ALL""",
    "missed offers by agent": """SELECT n.agent_id, n.non_response_event, count(*)
        FROM (SELECT unnest(d.non_responding_agents) AS n FROM (SELECT unnest(destinations) AS d FROM lake))
        GROUP BY ALL ORDER BY ALL""",
    "one conversation": "SELECT session_id, destinations FROM lake WHERE conversation_id = {conversation}",
    "one user": "SELECT session_id, channel FROM lake WHERE user_id = {user} ORDER BY ALL",
    "load one day": "CREATE OR REPLACE TEMP TABLE loaded AS SELECT * FROM lake WHERE session_date = {day}",
}
LOOKUP = "one conversation"


def names():
    """callake's column names -> the API's, where they differ."""
    top, structs = call_details()
    entries = [entry for part in [top, *structs.values()] for entry in part if "name" in entry]
    return {entry["name"]: entry["json"] for entry in entries if entry["name"].lower() != entry["json"].lower()}


def child_queries(lakes, params, rounds):
    """Runs the queries on each lake in this process, in turn, and prints of each what it took in every round, the bytes it read in the
    first one, and its answer. `lakes`: name -> glob, and whether its columns have the API's names."""
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    found = {lake: {name: {"seconds": []} for name in QUERIES} for lake in lakes}
    renamed = names()
    for round in range(rounds):
        for name, query in QUERIES.items():
            # In turn the first, so that neither has what the other leaves.
            for lake in sorted(lakes, reverse=round % 2 == 1):
                glob, api_names = lakes[lake]
                rename = renamed if api_names else {}
                text = re.sub(r"\b[a-z_]+\b", lambda word: rename.get(word[0], word[0]), query)
                text = re.sub(r"\blake\b", f"read_parquet('{glob}', hive_partitioning = true)", text.format(**params))
                before = bytes_read()
                start = time.perf_counter()
                answer = connection.execute(text).fetchall()
                of_query = found[lake][name]
                of_query["seconds"].append(time.perf_counter() - start)
                if round == 0:
                    of_query.update(read=bytes_read() - before, answer=repr(plain(answer)))
    print(json.dumps(found))


def plain(value):
    """The value without what differs by the lake's names and types alone: names of a struct's fields, the zone of times in UTC."""
    if isinstance(value, dict):
        return [plain(field) for field in value.values()]
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    return value.replace(tzinfo=None) if isinstance(value, datetime.datetime) else value


def bytes_read():
    """Bytes that this process has asked read() for, from disk or from the page cache."""
    for line in Path("/proc/self/io").read_text().splitlines():
        if line.startswith("rchar:"):
            return int(line.split()[1])
    return 0


def child_params(glob):
    """Draws the queries' parameters from a lake, and counts its rows."""
    import duckdb

    lake = f"read_parquet('{glob}', hive_partitioning = true)"
    days = [str(day) for (day,) in duckdb.sql(f"SELECT DISTINCT session_date FROM {lake} ORDER BY ALL").fetchall()]
    conversation, user = duckdb.sql(
        f"SELECT conversation_id, user_id FROM {lake} WHERE conversation_id IS NOT NULL ORDER BY md5(conversation_id) LIMIT 1"
    ).fetchall()[0]
    quoted = lambda text: "'" + text + "'"
    middle = len(days) // 2
    week = days[min(middle + 6, len(days) - 1)]
    print(json.dumps({"day": quoted(days[middle]), "week": quoted(week), "conversation": quoted(conversation), "user": quoted(user)}))


def child_rows(folder):
    """Counts the rows of a lake by its footers."""
    import duckdb

    print(json.dumps(duckdb.sql(f"SELECT count(*) FROM read_parquet('{folder}/**/*.parquet')").fetchall()[0][0]))


# ---- measuring ----


class Run:
    """What one process took: seconds of wall clock and of CPU, and peak resident bytes."""

    def __init__(self, wall, cpu, peak, said):
        self.wall, self.cpu, self.peak, self.said = wall, cpu, peak, said


def measure(command):
    """Runs a command to its end."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=errors)
        # Not process.wait(): only wait4 gives what this one child used.
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(map(str, command[:4]))} ... failed with {process.returncode}: {errors.read()[-3000:]}")
        out.seek(0)
        return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, out.read())


def child(*arguments):
    """Runs a function of this script in a process of its own, with the peers' packages."""
    return measure([VENV / "bin" / "python", __file__, "--child", *arguments])


def convert(binary, inputs, out, *more):
    """Runs callake."""
    return measure([binary, "convert", *inputs, "--dest", out, "--account", ACCOUNT, *more])


def fresh(folder):
    """Removes the folder, and lets the disk settle, so that no run pays for the one before."""
    shutil.rmtree(folder, ignore_errors=True)
    os.sync()


def warm(path):
    """Reads the input once, so that all find it in the page cache."""
    with open(path, "rb") as file:
        while file.read(8 << 20):
            pass


def sizes(folder):
    """Bytes and number of the Parquet files in a folder."""
    files = [path.stat().st_size for path in Path(folder).rglob("*.parquet")]
    return sum(files), len(files)


def median(runs, of):
    return statistics.median(of(run) for run in runs)


def table(head, rows):
    """A Markdown table."""
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- the modes ----


def make_records(binary, path, *more):
    if not path.exists():
        say(f"making {path.name}")
        unfinished = path.with_suffix(".part")
        measure([binary, "demo", "records", "-o", unfinished, *more])
        unfinished.rename(path)
    return path


def only_regular(records):
    """The same records without those that have a value of another type than the schema's."""
    path = records.with_name(records.stem + "-regular.ndjson")
    if not path.exists():
        say(f"making {path.name}")
        fields = schema("clickhouse")
        unfinished = path.with_suffix(".part")
        with open(records, "rb") as lines, open(unfinished, "wb") as out:
            out.writelines(line for line in lines if fits(json.loads(line), fields))
        unfinished.rename(path)
    return path


def fits(value, kind):
    """Whether a JSON value is null or of the type."""
    if value is None or kind == "json":
        return True
    if isinstance(kind, tuple):
        return isinstance(value, list) and all(fits(element, kind[0]) for element in value)
    if isinstance(kind, Struct):
        return isinstance(value, dict) and all(fits(value.get(name), child) for name, child in kind)
    if kind == "timestamp":
        return isinstance(value, str) and TIME.fullmatch(value) is not None
    if kind == "int64":
        return type(value) is int and abs(value) < 1 << 63
    if kind == "double":
        return type(value) in (int, float)
    return isinstance(value, bool if kind == "bool" else str)


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")


def count_lines(path):
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(8 << 20), b""))


def split(records, folder, pages):
    """The first records as so many files, each a page of the API."""
    if not folder.exists():
        say(f"making {folder.name}")
        unfinished = folder.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        with open(records, "rb") as lines:
            for page in range(pages):
                data = b",".join(next(lines).rstrip() for _ in range(PAGE))
                (unfinished / f"{page:06}.json").write_bytes(b'{"numResults":%d,"data":[%b]}' % (PAGE, data))
        unfinished.rename(folder)
    return folder


def prepare(peers):
    """Makes the environment of the peers' packages."""
    wanted = sorted({package for peer in peers for package in PACKAGES[peer]})
    marker = VENV / "installed.json"
    if marker.exists() and set(wanted) <= set(json.loads(marker.read_text())):
        return
    say(f"installing {', '.join(wanted)}")
    subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    subprocess.run([VENV / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *wanted], check=True)
    marker.write_text(json.dumps(wanted))


def version(peer):
    package = PACKAGES[peer][0]
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([VENV / "bin" / "python", "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def compare(options, work):
    """callake beside the peers on the same input, then the queries on what callake and DuckDB wrote."""
    peers = ALWAYS + [peer for peer in ("polars", "spark") if getattr(options, peer)]
    prepare(peers)
    records = make_records(options.binary, work / f"records-{options.records}-{options.days}.ndjson", "--records", options.records,
                           "--days", options.days)
    records = only_regular(records)
    count = count_lines(records)
    size = records.stat().st_size
    warm(records)
    outs = {name: work / f"out-{name}" for name in ["callake", *peers]}
    runs = {name: [] for name in outs}
    for round in range(options.rounds):
        for name, out in outs.items():
            fresh(out)
            if name == "callake":
                run = convert(options.binary, [records], out)
            else:
                run = child("peer", name, records, out, options.zstd_level)
                run.wall = json.loads(run.said)["seconds"]
            runs[name].append(run)
            say(f"round {round + 1}: {name} {run.wall:.2f} s, {run.cpu:.2f} s CPU, {run.peak / 1e6:.0f} MB")
    for name, out in outs.items():
        rows = int(child("rows", out).said)
        if rows != count:
            sys.exit(f"{name} wrote {rows} rows of {count}: {out}")

    print(f"{count:,} records, {size / 1e6:.0f} MB of NDJSON, {options.days} days, {os.cpu_count()} cores; medians of {options.rounds} "
          f"interleaved rounds; zstd level {options.zstd_level} for the peers\n")
    own = median(runs["callake"], lambda run: run.wall)
    rows = []
    for name, out in outs.items():
        wall = median(runs[name], lambda run: run.wall)
        written, files = sizes(out)
        rows.append([
            name if name == "callake" else f"{name} {version(name)}", f"{wall:.2f}", f"{median(runs[name], lambda run: run.cpu):.2f}",
            f"{size / wall / 1e6:.0f}", f"{max(run.peak for run in runs[name]) / 1e6:.0f}", f"{written / 1e6:.1f}", files, f"{wall / own:.2f}",
        ])
    table(["", "wall s", "CPU s", "MB/s", "peak MB", "MB written", "files", "wall, callake = 1"], rows)
    queries(options, outs)
    if not options.keep:
        for out in outs.values():
            fresh(out)


def queries(options, outs):
    """The ten queries in DuckDB, on callake's lake and on DuckDB's own files; both must give the same answers.

    A process runs them on both in turn, since processes differ by more than the files do; several of them, for the same reason.
    """
    lakes = {"callake": (f"{outs['callake']}/call_details/**/*.parquet", False), "duckdb": (f"{outs['duckdb']}/**/*.parquet", True)}
    params = child("params", lakes["callake"][0]).said
    found, rounds = [], max(options.query_rounds, 1)
    for process in range(max(options.query_processes, 2)):
        found.append(json.loads(child("queries", json.dumps(lakes), params, rounds).said))
        say(f"queries, process {process + 1}: {ratio(found[-1], QUERIES):.3f}")
    totals = {lake: 0.0 for lake in lakes}
    rows = []
    for query in QUERIES:
        answers = {lake: found[0][lake][query]["answer"] for lake in lakes}
        if answers["callake"] != answers["duckdb"]:
            say(f"the answers to {query!r} differ: {answers['callake'][:500]}\n{answers['duckdb'][:500]}")
        row = [query]
        for lake in lakes:
            seconds = statistics.median(second for run in found for second in run[lake][query]["seconds"])
            totals[lake] += seconds
            row += [f"{seconds * 1e3:.1f}", f"{found[0][lake][query]['read'] / 1e6:.2f}"]
        rows.append([*row, with_error(ratio(run, [query]) for run in found)])
    all_ten = with_error(ratio(run, QUERIES) for run in found)
    rows.append(["total", f"{totals['callake'] * 1e3:.1f}", "", f"{totals['duckdb'] * 1e3:.1f}", "", all_ten])
    print(f"Ten queries in DuckDB, both lakes in turn: medians of {len(found)} processes of {rounds} rounds; the ratio is the "
          "mean of the processes', with its standard error\n")
    table(["query in DuckDB", "callake ms", "MB read", "DuckDB's own files ms", "MB read", "ratio"], rows)
    for lake in lakes:
        read = found[0][lake][LOOKUP]["read"]
        print(f"{LOOKUP}: {read / sizes(outs[lake])[0]:.1%} of the bytes of {lake}'s files are read")
    print(flush=True)


def ratio(run, queries):
    """What queries took on callake's lake in one process, by what they took on DuckDB's."""
    seconds = {lake: sum(sum(run[lake][query]["seconds"]) for query in queries) for lake in run}
    return seconds["callake"] / seconds["duckdb"]


def with_error(ratios):
    """Their mean, and its standard error where there are several."""
    ratios = list(ratios)
    error = f" ± {statistics.stdev(ratios) / len(ratios) ** 0.5:.3f}" if len(ratios) > 1 else ""
    return f"{statistics.mean(ratios):.3f}{error}"


def scale(options, work):
    """callake on larger and odder inputs, each beside the first one in the same rounds."""
    few, many = options.records, options.records * 10
    base = make_records(options.binary, work / f"records-{few}-{options.days}.ndjson", "--records", few, "--days", options.days)
    ten = make_records(options.binary, work / f"records-{many}-{options.days}.ndjson", "--records", many, "--days", options.days)
    random = make_records(options.binary, work / f"records-{few}-1000-random.ndjson", "--records", few, "--days", 1000, "--order", "random")
    pages = min(10_000, many // PAGE)
    folder = split(ten, work / f"pages-{pages}", pages)
    inputs = {"one file": base, "ten times as many": ten, "1,000 days in random order": random, f"{pages:,} pages of {PAGE} in files": folder}
    runs = {name: [] for name in inputs}
    out = work / "out-scale"

    def one_after_the_other(path, times, lakes):
        return [convert(options.binary, [path], lakes / str(turn)) for turn in range(times)]

    def total(turns):
        return Run(sum(run.wall for run in turns), sum(run.cpu for run in turns), max(run.peak for run in turns), "")

    def told(round, name, run):
        say(f"round {round + 1}: {name}: {run.wall:.2f} s, {run.cpu:.2f} s CPU, {run.peak / 1e6:.0f} MB")
        return run

    ratios = []
    for round in range(options.rounds):
        for name, path in inputs.items():
            if path.is_file():
                warm(path)
            fresh(out)
            for run in one_after_the_other(path, 3 if path == base else 1, out):
                runs[name].append(told(round, name, run))
        # A machine may be a third slower for some seconds, so that runs of 2 and of 20 seconds can't be compared in turn. Side by
        # side both have one core on average, and whatever slows one slows the other.
        fresh(out)
        with ThreadPoolExecutor() as pool:
            beside = pool.submit(one_after_the_other, base, 10, out / "ones")
            large = told(round, "ten times as many, beside one file ten times", convert(options.binary, [ten], out / "ten"))
            ones = told(round, "one file ten times, beside ten times as many", total(beside.result()))
        ratios.append((10 * large.wall / ones.wall, 10 * large.cpu / ones.cpu))
    fresh(out)
    rows = []
    own = median(runs["one file"], lambda run: run.wall)
    for name, path in inputs.items():
        size = path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.iterdir())
        wall = median(runs[name], lambda run: run.wall)
        cpu = median(runs[name], lambda run: run.cpu)
        rows.append([name, f"{size / 1e6:.0f}", f"{wall:.2f}", f"{cpu:.2f}", f"{size / wall / 1e6:.0f}",
                     f"{max(run.peak for run in runs[name]) / 1e6:.0f}", f"{wall / own:.2f}"])
    table(["input", "MB", "wall s", "CPU s", "MB/s", "peak MB", "wall, one file = 1"], rows)
    wall, cpu = ([ratio[part] for ratio in ratios] for part in (0, 1))
    print(f"ten times as many, side by side with one file ten times: {with_error(wall)} of the wall time of one, {with_error(cpu)} of its CPU time\n")


def main():
    if sys.argv[1:2] == ["--child"]:
        name, *arguments = sys.argv[2:]
        if name == "peer":
            peer, records, out, level = arguments
            return child_peer(peer, records, out, int(level))
        if name == "queries":
            lakes, params, rounds = arguments
            return child_queries(json.loads(lakes), json.loads(params), int(rounds))
        return {"params": child_params, "rows": child_rows}[name](*arguments)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--query-processes", type=int, default=8, help="that run the queries, two at least")
    parser.add_argument("--query-rounds", type=int, default=4, help="of the queries in each process, one at least")
    parser.add_argument("--only-queries", action="store_true", help="on what an earlier run left with --keep")
    parser.add_argument("--zstd-level", type=int, default=1, help="of the peers; 1 is the fastest")
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "callake")
    parser.add_argument("--polars", action="store_true", help="measure Polars too; it is slow and takes 12 GB")
    parser.add_argument("--spark", action="store_true", help="measure Spark too; it needs Java")
    parser.add_argument("--scale", action="store_true", help="measure callake's scaling instead")
    parser.add_argument("--keep", action="store_true", help="leave what was written in target/peers")
    options = parser.parse_args()
    work = ROOT / "target" / "peers"
    work.mkdir(parents=True, exist_ok=True)
    if options.only_queries:
        return queries(options, {name: work / f"out-{name}" for name in ("callake", "duckdb")})
    (scale if options.scale else compare)(options, work)


if __name__ == "__main__":
    main()
