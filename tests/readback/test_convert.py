"""`convert` with every shape of input, and with input that is bad."""

import bz2
import gzip
import json
import lzma
import os
import subprocess

import duckdb
import pyarrow as pa
import pytest

from conftest import SAMPLES, run

A = '{"sessionId":"68db745700000000000000aa","sessionStartTime":"2025-09-30T06:10:31"}'
B = '{"sessionId":"68db74b300000000000000bb","sessionStartTime":"2025-09-30T06:12:03"}'


def rows(lake):
    sql = f"select session_id from read_parquet('{lake}/call_details/**/*.parquet') order by 1"
    return [row[0] for row in duckdb.sql(sql).fetchall()]


IDS = ["68db745700000000000000aa", "68db74b300000000000000bb"]


def convert(lake, *arguments, **options):
    return run("convert", *arguments, "--dest", lake, "--account", "acc", **options)


@pytest.mark.parametrize(
    "text",
    [f'{{"numResults":2,"data":[{A},{B}]}}', f"[{A},{B}]", f"{A}\n{B}\n", f"{A}{B}", json.dumps([json.loads(A), json.loads(B)], indent=2)],
    ids=["page", "array", "ndjson", "concatenated", "pretty"],
)
@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd", "two gzip members"])
def test_every_shape_and_packing(tmp_path, text, packing):
    data = text.encode()
    if packing == "gzip":
        data = gzip.compress(data)
    elif packing == "two gzip members":
        data = gzip.compress(data[:50]) + gzip.compress(data[50:])
    elif packing == "zstd":
        data = pa.Codec("zstd").compress(data, asbytes=True)
    file = tmp_path / "input.json"
    file.write_bytes(data)
    convert(tmp_path / "lake", file)
    assert rows(tmp_path / "lake") == IDS


def test_folders_patterns_and_standard_input(tmp_path):
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(A)
    (tmp_path / "in" / "b.ndjson.gz").write_bytes(gzip.compress(B.encode()))
    convert(tmp_path / "by-folder", tmp_path / "in")
    convert(tmp_path / "by-pattern", tmp_path / "in" / "b*", tmp_path / "in" / "*" / "a.json")
    convert(tmp_path / "by-pipe", "-", input=f"{A}\n{B}")
    for lake in ("by-folder", "by-pattern", "by-pipe"):
        assert rows(tmp_path / lake) == IDS


def test_running_again_changes_nothing(tmp_path):
    (tmp_path / "a.json").write_text(f"[{A},{B},{A}]")
    convert(tmp_path / "lake", tmp_path / "a.json")
    file = next((tmp_path / "lake").glob("call_details/*/*.parquet"))
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    convert(tmp_path / "lake", tmp_path / "a.json")
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    (tmp_path / "b.json").write_text(B.replace("06:12:03", "06:12:04"))
    convert(tmp_path / "lake", tmp_path / "b.json")
    assert rows(tmp_path / "lake") == IDS, "the row that is absent from the new input stays"


def test_records_without_a_start_find_their_day(tmp_path):
    records = [{"sessionId": "68db745779cb8cebd651aaaa"}, {"channel": "Voice"}, {"sessionId": "odd", "sessionStartTime": "-"}]
    (tmp_path / "a.json").write_text(json.dumps(records))
    convert(tmp_path / "lake", tmp_path / "a.json")
    days = sorted(path.parent.name for path in (tmp_path / "lake").glob("call_details/*/*.parquet"))
    assert days == ["session_date=2025-09-30", "session_date=__HIVE_DEFAULT_PARTITION__"]
    assert len(rows(tmp_path / "lake")) == 3


def test_records_with_empty_ids_stand_beside_each_other(tmp_path):
    at = "2025-09-03T0%d:02:03"
    records = [{"sessionId": "", "conversationId": id, "sessionStartTime": at % hour} for id in ("", "c") for hour in (1, 5)]
    (tmp_path / "a.ndjson").write_text("".join(json.dumps(record) + "\n" for record in records + records[:1]))
    for _ in range(2):
        convert(tmp_path / "lake", tmp_path / "a.ndjson")
        # The two without any id, and of those with the same conversation the last one.
        assert len(rows(tmp_path / "lake")) == 3
    restored = run("restore", tmp_path / "lake").stdout.splitlines()
    assert sorted(map(json.loads, restored), key=str) == sorted([records[0], records[1], records[3]], key=str)


def test_the_record_of_a_run_names_the_days_that_were_written_beside_one_that_failed(tmp_path):
    lake = tmp_path / "lake"
    for seed in (1, 2):
        run("demo", "records", "--records", 2_000, "--days", 10, "--seed", seed, "-o", tmp_path / f"{seed}.ndjson")
    convert(lake, tmp_path / "1.ndjson")
    files = sorted(lake.glob("call_details/*/*.parquet"))
    failing, others = files[4], files[:4] + files[5:]
    failing.unlink()
    (failing / "in the way").mkdir(parents=True)
    before = {file: file.read_bytes() for file in others}
    runs = set((lake / "_callake" / "runs").iterdir())
    convert(lake, tmp_path / "2.ndjson", code=(1, 6))
    (report,) = set((lake / "_callake" / "runs").iterdir()) - runs
    named = {line["path"] for line in json.loads(report.read_text())["files"]}
    assert named == {str(file.relative_to(lake)) for file in others if file.read_bytes() != before[file]}


def test_a_failed_run_leaves_nothing_in_the_temporary_folder(tmp_path):
    records, broken, temporary = tmp_path / "a.ndjson", tmp_path / "b.ndjson", tmp_path / "temporary"
    temporary.mkdir()
    run("demo", "records", "--records", 20_000, "--days", 10, "-o", records)
    lines = records.read_text().splitlines(keepends=True)
    environment = os.environ | {"TMPDIR": str(temporary)}
    # At some of these places days are being encoded.
    for whole in range(10_000, 20_000, 2_000):
        broken.write_text("".join(lines[:whole]) + "{broken\n")
        command = ["convert", broken, "--dest", tmp_path / "lake", "--account", "a", "--memory", "128MB"]
        assert f"line {whole + 1}" in run(*command, code=3, env=environment).stderr
        assert list(temporary.iterdir()) == []


BAD = {
    "not-json.json": ("<html>no</html>", ["line 1", "not JSON"]),
    "cut.json": ('{"data":[' + A + ',\n{"sessionId":"x', ["line 2", "record 2", "cut off"]),
    "empty.json": ("", ["empty"]),
    "no-data.json": ('{"numResults":4}', ["line 1", "a page without data"]),
    "not-an-object.json": (f"[{A}, 17]", ["record 2", "not an object"]),
    "error.json": ('{"errors":[{"msg":"Invalid token","code":4002}]}', ["an error of the API"]),
    "utf-16.json": (A.encode("utf-16"), ["UTF-16", "iconv"]),
    "utf-16-bare.json": (A.encode("utf-16-le"), ["UTF-16", "iconv"]),
    "a.json.xz": (lzma.compress(A.encode()), ["xz -dc"]),
    "a.json.bz2": (bz2.compress(A.encode()), ["bzip2 -dc"]),
    "twice.json.gz": (gzip.compress(gzip.compress(A.encode())), ["compressed twice"]),
    "cut.json.gz": (gzip.compress((A * 2000).encode())[:-60], ["read after record", "cut.json.gz"]),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(tmp_path, name):
    content, words = BAD[name]
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "good.json").write_text(B)
    lake = tmp_path / "lake"
    done = convert(lake, file, tmp_path / "good.json", code=3)
    for word in [str(file), "--keep-going", *words]:
        assert word in done.stderr, done.stderr
    assert not lake.exists(), "nothing is written"

    done = convert(lake, file, tmp_path / "good.json", "--keep-going", code=3)
    assert str(file) in done.stderr
    assert IDS[1] in rows(lake)

    rejects = tmp_path / "rejects.ndjson"
    # What is cut off, or not there at all, is not all in the rejects.
    unread = name.startswith(("utf-16", "a.json", "twice"))
    whole = name not in ("cut.json", "cut.json.gz", "empty.json") and not unread
    convert(tmp_path / "lake2", file, tmp_path / "good.json", "--rejects", rejects, code=0 if whole else 3)
    assert IDS[1] in rows(tmp_path / "lake2")
    assert rejects.read_text().strip() or not whole
    if rejects.read_text():
        done = convert(tmp_path / "lake3", tmp_path / "good.json", "--rejects", rejects, code=2)
        assert "not empty" in done.stderr, "what an earlier run rejected is kept"


def test_a_record_that_is_too_long_is_rejected_whole(tmp_path):
    long = b'{"sessionId":"long","note":"' + b"x" * (257 << 20) + b'"}'
    with gzip.open(tmp_path / "long.json.gz", "wb", compresslevel=1) as file:
        file.write(A.encode() + b"\n" + long + b"\n" + B.encode() + b"\n")
    done = convert(tmp_path / "lake", tmp_path / "long.json.gz", "--rejects", tmp_path / "rejects")
    assert "line 2, record 2: more than" in done.stderr
    assert rows(tmp_path / "lake") == IDS[:2]
    assert (tmp_path / "rejects").read_bytes() == long + b"\n"


def test_the_last_record_of_a_key_counts(tmp_path):
    for last in ("OPEN", "CLOSED"):
        states = sorted(("OPEN", "CLOSED"), key=lambda state: state == last)
        lines = [A.replace("}", f',"finalStatus":"{state}"}}') for state in states]
        convert(tmp_path / last, "-", input="\n".join(lines))
        sql = f"select final_status from read_parquet('{tmp_path / last}/call_details/**/*.parquet')"
        assert duckdb.sql(sql).fetchall() == [(last,)]


def test_good_input_beside_what_is_missing(tmp_path):
    (tmp_path / "a.json").write_text(A)
    done = convert(tmp_path / "lake", tmp_path / "nope", tmp_path / "a.json", "--keep-going", code=3)
    assert "nope" in done.stderr and rows(tmp_path / "lake") == IDS[:1]


def test_a_lake_is_no_input(tmp_path):
    (tmp_path / "a.json").write_text(A)
    for _ in range(2):
        convert(tmp_path / "lake", tmp_path)
    assert rows(tmp_path / "lake") == IDS[:1]


def test_pages_with_other_fields(tmp_path):
    (tmp_path / "a.json").write_text(f'{{"reason":"OK","numResults":2,"data":[{A},{B}],"channel":"x"}}')
    convert(tmp_path / "lake", tmp_path / "a.json")
    assert rows(tmp_path / "lake") == IDS
    (tmp_path / "b.json").write_text(f'{{"data":[{A}],"data":[{B}]}}')
    assert "two lists of records" in convert(tmp_path / "lake2", tmp_path / "b.json", code=3).stderr


def test_what_is_missing_or_cannot_be_written(tmp_path):
    done = convert(tmp_path / "lake", tmp_path / "nope", code=3)
    assert "nope" in done.stderr and "no such file or folder" in done.stderr
    done = convert(tmp_path / "lake", tmp_path / "nope*", code=3)
    assert "no file matches" in done.stderr
    (tmp_path / "empty").mkdir()
    assert "holds no .json" in convert(tmp_path / "lake", tmp_path / "empty", code=3).stderr
    (tmp_path / "a.json").write_text(A)
    (tmp_path / "file").write_text("in the way")
    done = convert(tmp_path / "file" / "lake", tmp_path / "a.json", code=1)
    assert "file/lake" in done.stderr
    done = run("convert", tmp_path / "a.json", "--dest", tmp_path / "lake", "--account", "../x", code=2)
    assert "--account" in done.stderr


def test_standard_output_that_is_full_or_closed(tmp_path):
    binary = os.environ["CALLAKE_BIN"]
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary, "schema", "call_details"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and "write to standard output" in done.stderr
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([binary, "demo", "records", "-o", "-"], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(write)
    assert done.returncode == 1 and "write to standard output" in done.stderr


def test_usage(tmp_path):
    assert "Usage" in run("--help").stdout
    for command in ("convert", "export", "schema", "restore", "demo"):
        assert "Examples:" in run(command, "--help").stdout
    run("convert", code=2)
    run("no-such-command", code=2)


def test_a_forgotten_offset_is_told(tmp_path):
    samples = [SAMPLES / "call_details_v1.json", SAMPLES / "call_details_v2.json"]
    done = convert(tmp_path / "wrong", *samples)
    assert "--timezone-offset -330 fits, 0 was used" in done.stderr
    assert "warning" not in convert(tmp_path / "right", *samples, "--timezone-offset", "-330").stderr


def test_zones(tmp_path):
    (tmp_path / "a.json").write_text(A)
    convert(tmp_path / "lake", tmp_path / "a.json", "--zone", "Pacific/Auckland", "--timezone-offset", "600")
    (file,) = (tmp_path / "lake").glob("call_details/*/*.parquet")
    assert file.parent.name == "session_date=2025-10-01"
    done = convert(tmp_path / "lake", tmp_path / "a.json", code=2)
    assert "Pacific/Auckland" in done.stderr


def test_verify_and_strict(tmp_path, demo_records):
    convert(tmp_path / "verified", demo_records, "--verify")
    done = convert(tmp_path / "strict", demo_records, "--strict", code=3)
    assert "--strict" in done.stderr and "/metaInfo/basket" in done.stderr
    assert not list((tmp_path / "strict").glob("call_details/**/*.parquet"))
    (tmp_path / "clean.json").write_text(f"[{A},{B}]")
    convert(tmp_path / "strict", tmp_path / "clean.json", "--strict", "--verify")
    assert rows(tmp_path / "strict") == IDS
