"""The pages in docs/: their commands run, their names exist, their messages are the program's."""

import ast
import datetime
import json
import pathlib
import re
import shlex

import duckdb
import pyarrow.parquet as pq
import pytest
import yaml  # comes with moto

from conftest import ROOT, run
from test_export import ACCOUNT, STREAM, Server, environment
from test_s3 import KEYS, store  # noqa: F401 (a fixture)

PAGES = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.md")}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], flags=re.S | re.M)


def commands(page):
    lines = [line for block in blocks(page, "sh") for line in block.splitlines() if line]
    assert lines and all(line.startswith("callake ") for line in lines)
    return [shlex.split(line)[1:] for line in lines]


def table(page, column=0):
    """The cells of a column of the page's tables that are code."""
    rows = [line.split(" | ") for line in PAGES[page].splitlines() if line.startswith("| ")]
    return [code for row in rows if len(row) > column for code in re.findall(r"`([^`]+)`", row[column])]


def test_links_lead_somewhere():
    pages = {ROOT / "README.md": (ROOT / "README.md").read_text(), **{ROOT / "docs" / f"{name}.md": text for name, text in PAGES.items()}}
    for page, text in pages.items():
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{page.name}: {link}"
    readme = pages[ROOT / "README.md"]
    assert all(f"docs/{name}.md" in readme for name in PAGES)


def test_commands_of_the_lake_page(tmp_path, demo_records):
    run("convert", demo_records, "--dest", tmp_path / "lake", "--account", "demo")
    for command in commands("lake"):
        run(*command, cwd=tmp_path)


def test_footers_say_what_the_lake_page_lists(demo_lake):
    file = next(demo_lake.glob("call_details/*/*.parquet"))
    found = {key.decode() for key in pq.ParquetFile(file).metadata.metadata if key.startswith(b"callake.")}
    listed = {cell for cell in table("lake") if cell.startswith("callake.")}
    assert listed == found
    for query in blocks("lake", "sql"):
        assert {row[0] for row in duckdb.sql(query.replace("'lake/", f"'{demo_lake}/")).fetchall()} == listed


def test_undated_rows_are_read_as_null(tmp_path):
    (tmp_path / "odd.json").write_text('{"sessionId": "no clock"}')
    run("convert", tmp_path / "odd.json", "--dest", tmp_path / "lake", "--account", "a")
    files = f"{tmp_path}/lake/call_details/**/*.parquet"
    assert duckdb.sql(f"select session_date from read_parquet('{files}', hive_partitioning = true)").fetchall() == [(None,)]


def test_tests_behind_the_guarantees_exist():
    tests = table("guarantees", column=1)
    assert len(tests) > 30
    for test in tests:
        file, name = test.split("::")
        assert re.search(rf"\b(fn|def) {name}\(", (ROOT / file).read_text()), test


def test_commands_of_the_stores_page(store, demo_records):  # noqa: F811
    env = {**environment(), **KEYS}
    run("convert", demo_records, "--dest", "s3://lakes/calls", "--endpoint-url", store, "--account", "demo", env=env)
    for command in commands("stores"):
        run(*(store if word.startswith("https://") else word for word in command), env=env)


def test_jobs_of_the_operating_page(tmp_path):
    """Commands, the cron line, the pod's and the DAG's, with nothing but the environment that the page lists."""
    variables = dict(re.findall(r"^\| `(CALLAKE_\w+)` \| `(--[\w-]+)` \|$", PAGES["operating"], flags=re.M))
    options = run("sync", "--help").stdout
    assert len(variables) == 6
    assert all(f"{option} " in options and f"[env: {name}]" in options for name, option in variables.items())

    # Of today there may be nothing yet, as in the first minutes after midnight.
    days = 2
    first = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=days)
    (tmp_path / "token").write_text("demo-token")
    with Server(tmp_path, "--first-day", str(first), "--days", str(days), "--records", "200") as server:
        env = environment(
            CALLAKE_HOST=server.url, CALLAKE_ACCOUNT=ACCOUNT, CALLAKE_STREAM=STREAM, CALLAKE_DEST="lake",
            CALLAKE_TOKEN_FILE="token", CALLAKE_SPOOL="spool", CALLAKE_LOG="callake=debug",
        )
        jobs = commands("operating") + [cron_command(), pod_command(), dag_command()]
        for words in jobs:
            rate = ("--rate", "60000") if words[0] in ("sync", "conversations") else ()
            run(*(str(first) if word == "2025-09-01" else word for word in words), *rate, env=env, cwd=tmp_path)
    tables = json.loads(run("status", tmp_path / "lake", "--json").stdout)["accounts"]
    assert [(table["table"], len(table["days"])) for table in tables] == [("call_details", days + 1), ("conversations", days)]


def cron_command():
    (line,) = blocks("operating", "cron")
    return shlex.split(re.search(r"callake (.*?) >>", line)[1])


def pod_command():
    job = yaml.safe_load(blocks("operating", "yaml")[0])["spec"]["jobTemplate"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    (rule,) = job["podFailurePolicy"]["rules"]
    assert rule["onExitCodes"] == {"containerName": container["name"], "operator": "NotIn", "values": [4, 130, 137, 143]}
    return container["args"]


def dag_command():
    (dag,) = blocks("operating", "python")
    lists = [node for node in ast.walk(ast.parse(dag)) if isinstance(node, ast.List)]
    (words,) = [ast.literal_eval(node) for node in lists]
    assert words.pop(0) == "callake"
    return words


def test_exit_codes_are_those_of_the_program():
    help_text = " ".join(run("--help").stdout.partition("Exit codes:")[2].split())
    names = dict(part.strip().split(" ", 1) for part in help_text.split("·"))
    listed = dict(re.findall(r"^\| (\d+) \| ([a-z ]+?) *(?:\(|\|)", PAGES["operating"], flags=re.M))
    assert listed == names


def test_messages_are_the_programs():
    """Each message was said of a likely mistake, or each piece of it between its variable parts stands in the source."""
    source = "\n".join(path.read_text() for path in pathlib.Path(ROOT / "src").rglob("*.rs"))
    source = re.sub(r"\\\n\s*", "", source)
    messages = [cell for cell in table("troubleshooting") if cell not in ("…", "-v", "-vv")]
    assert len(messages) > 20
    said = (ROOT / "tests" / "rendered" / "mistakes.md").read_text()
    pieces = {message: [piece.strip(" ;:()") for piece in message.split("…")] for message in messages}
    was_said = {message: re.search(".*".join(map(re.escape, message.split("…"))), said) for message in messages}
    missing = [(message, piece) for message in messages if not was_said[message] for piece in pieces[message] if piece not in source]
    assert missing == []


def test_what_is_said_to_be_left_out_is():
    """The page's claims about what is not there, as far as the program can show them."""
    page = PAGES["why-not"]
    locked = set(re.findall(r'^name = "(.*)"$', (ROOT / "Cargo.lock").read_text(), flags=re.M))
    for packages in ({"rusqlite", "sled", "redb", "rocksdb"}, {"deltalake", "iceberg", "hudi"}):
        assert not packages & locked
    assert {"arrow", "parquet"} <= locked
    help_texts = {name: run(name, "--help").stdout for name in ("export", "sync", "verify", "schema", "restore", "snapshot")}
    assert "--token " not in help_texts["export"] and "--repair" not in help_texts["verify"]
    # What is told to do instead is there.
    for command, option in re.findall(r"`(?:callake )?(\w+)(?: \w+)?\s(--[\w-]+)", page):
        assert option in help_texts[command], (command, option)
    for command in re.findall(r"`callake (\w+)", page):
        assert command in help_texts or command == "convert", command
    formats = re.findall(r"--format\s+(\w+)", page)
    assert sorted(formats) == ["markdown", "spark"] and all(name in help_texts["schema"] for name in formats)


def test_every_page_with_commands_has_a_test_that_runs_them():
    with_commands = {name for name, text in PAGES.items() if re.search(r"^```(sh|sql|cron|yaml|python)$", text, flags=re.M)}
    assert with_commands == {"lake", "stores", "operating"}


def test_the_image_is_built_from_what_is_let_in():
    """What the Dockerfile copies is what .dockerignore lets in, and nobody runs as root."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = {word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == let_in and all((ROOT / path).exists() for path in copied)
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001"]
    assert all(re.fullmatch(r"FROM [a-z]+:\d+\S*( AS build)?", line) for line in lines if line.startswith("FROM "))
