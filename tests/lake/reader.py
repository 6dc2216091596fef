"""Reads a lake again and again while it is being rewritten, until its standard input ends, and says what it saw.

Every version of the day holds ROWS rows that all have the version's name in the column `channel`. So rows of two versions,
or another number of rows, are a wrong answer.

    reader.py duckdb|pyarrow LAKE ENDPOINT
"""

import json
import sys
import threading

ROWS = 200


def duckdb_reader(lake, _endpoint):
    import duckdb

    # A connection each time, so that nothing of a version is remembered.
    sql = "select count(*), count(distinct channel), min(channel) from read_parquet(?, hive_partitioning=true)"
    return lambda: duckdb.connect().execute(sql, [f"{lake}/**/*.parquet"]).fetchone()


def pyarrow_reader(lake, endpoint):
    import pyarrow.parquet as pq
    from pyarrow import fs

    path = "call_details/session_date=2025-09-30/acc.parquet"
    if endpoint:
        host = endpoint.removeprefix("http://")
        # Key, secret and region are in the environment.
        store = fs.S3FileSystem(endpoint_override=host, scheme="http")
        path = f"{lake.removeprefix('s3://')}/{path}"
    else:
        store, path = fs.LocalFileSystem(), f"{lake}/{path}"

    def read():
        # Footer and pages in separate requests: each column is fetched when it is read.
        with store.open_input_file(path) as file:
            table = pq.ParquetFile(file, pre_buffer=False)
            ids = table.read(columns=["session_id"])
            channels = table.read(columns=["channel"]).column(0).to_pylist()
        return min(len(ids), len(channels)), len(set(channels)), min(channels)

    return read


def main():
    kind, lake, endpoint = sys.argv[1:]
    read = {"duckdb": duckdb_reader, "pyarrow": pyarrow_reader}[kind](lake, endpoint)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    seen, wrong, errors, versions = 0, [], [], set()
    print("reading", flush=True)
    while not ended.is_set() or seen == 0:
        try:
            rows, names, name = read()
            seen += 1
            versions.add(name)
            if (rows, names) != (ROWS, 1):
                wrong.append([rows, names, name])
        except Exception as error:  # any error of any engine
            errors.append(f"{type(error).__name__}: {error}"[:200])
    print(json.dumps({"seen": seen, "versions": len(versions), "wrong": wrong[:5], "errors": len(errors), "error": errors[:1]}))


main()
