"""What --json prints, by the keys that the page names, and what --dry-run leaves undone."""

import datetime
import json
import os
import re
import time

import pytest

from conftest import ROOT, run
from test_export import ACCOUNT, DAYS, STREAM, Server, environment, export
from test_sync import requests

PAGE = (ROOT / "docs" / "json.md").read_text()
ENV = environment(CALLAKE_TOKEN="demo-token")


def listed(heading):
    """The paths that a section of the page lists, such as `days[].date`; those that are not always there end with `?`."""
    (section,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, flags=re.S | re.M)
    return {path: optional == "?" for path, optional in re.findall(r"^\| `([\w.\[\]*]+)`(\??) \|", section, flags=re.M)}


def paths(value, path=""):
    """The paths of a JSON value down to its leaves; keys that are data are `*`."""
    free = {"extra.by_pattern", "cost.cost.retries", "days[].cost.retries", "days[].windows[].cost.retries", "conversations.cost.retries"}
    if isinstance(value, dict):
        if path in free:
            return {f"{path}.*"} if value else set()
        return set().union(*(paths(item, f"{path}.{key}" if path else key) for key, item in value.items())) if value else set()
    if isinstance(value, list):
        return set().union(*(paths(item, f"{path}[]") for item in value)) if value else set()
    return {path}


def check(heading, *documents):
    """What is there is listed; what is listed is there, in one document at least; what has no `?`, in all of them."""
    want = listed(heading)
    found = [paths(document) for document in documents]
    assert set().union(*found) - set(want) == set(), "is not on the page"
    lists = {path for path in want if "[]" in path or path.endswith("*")}
    for one in found:
        missing = {path for path, optional in want.items() if not optional and path not in lists} - one
        assert not missing, "is on the page, and not there"
    assert {path for path, optional in want.items() if not optional} - set().union(*found) == set(), "is on the page, and nowhere"


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A lake of two days, and what the runs that wrote it printed."""
    folder = tmp_path_factory.mktemp("outputs")
    with Server(folder, "--fault", "2=500") as server:
        exported = json.loads(export(server, folder / "lake", "--from", "2025-09-01", "--to", "2025-09-02", "--json").stdout)
        failed = json.loads(export(server, folder / "lake", *DAYS, "--json", env=environment(CALLAKE_TOKEN="wrong"), code=1).stdout)
    return folder / "lake", exported, failed


def test_exports_and_syncs(lake, tmp_path):
    _, exported, failed = lake
    check("`export` and `sync`", exported, failed)
    assert exported["exit_code"] == 0 and exported["error"] is None
    assert failed["exit_code"] == 1 and "credentials" in failed["error"]
    (kept,) = [json.loads(path.read_text()) for path in (lake[0] / "_callake" / "runs").glob(f"{exported['id']}.json")]
    assert kept == exported, "the same as is kept in the lake"
    first = datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=1)
    with Server(tmp_path, "--first-day", str(first), "--days", "2", "--records", "200") as server:
        arguments = ["--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", tmp_path / "lake", "--rate", "60000"]
        synced = json.loads(run("sync", *arguments, "--from", first, "--json", env=ENV).stdout)
    assert synced["command"] == "sync"
    check("`export` and `sync`", synced, exported)


def test_conversions(tmp_path, demo_records):
    (tmp_path / "bad.ndjson").write_text('{"sessionId": \n')
    arguments = ["convert", demo_records, tmp_path / "bad.ndjson", "--dest", tmp_path / "lake", "--account", "a", "--keep-going", "--json"]
    check("`convert`", json.loads(run(*arguments, code=3).stdout))


def test_conversations(tmp_path):
    with Server(tmp_path, "--records", "90") as server:
        export(server, tmp_path / "lake")
        arguments = ["conversations", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", tmp_path / "lake", "--rate", "60000", "--json"]
        before, asked = everything(tmp_path / "lake"), requests(server)
        dry = json.loads(run(*arguments, "--limit", "5", "--dry-run", "--metrics-file", tmp_path / "x.prom").stdout)
        check("`conversations --dry-run`", dry)
        assert everything(tmp_path / "lake") == before and requests(server) == asked and not (tmp_path / "x.prom").exists()
        assert dry["due"] == 5 and dry["named"] == dry["due"] + dry["left"]
        metrics = tmp_path / "callake.prom"
        failed = json.loads(run(*arguments, env=environment(CALLAKE_TOKEN="wrong"), code=1).stdout)
        done = json.loads(run(*arguments, "--metrics-file", metrics, env=ENV).stdout)
    check("`conversations`", failed, done)
    assert failed["exit_code"] == 1 and done["exit_code"] == 0
    assert done["records"] == done["conversations"]["found"] == dry["named"]
    labels = f'{{account="{ACCOUNT}",command="conversations"}}'
    for name, value in {"records": done["records"], "requests": done["conversations"]["cost"]["requests"], "days_published": 3}.items():
        assert f"callake_last_run_{name}{labels} {value}\n" in metrics.read_text()
    (kept,) = [json.loads(path.read_text()) for path in (tmp_path / "lake" / "_callake" / "runs").glob(f"{done['id']}.json")]
    assert kept == done, "the same as is kept in the lake"


def test_plans(tmp_path):
    arguments = ["--host", "https://callake.example", "--account", "a", "--stream", "st-1", "--dest", tmp_path / "lake", *DAYS]
    check("`plan`", json.loads(run("plan", *arguments, "--json").stdout))


def test_looks_at_a_lake(lake, tmp_path):
    lake, _, _ = lake
    check("`status`", json.loads(run("status", lake, "--json").stdout), {**json.loads(run("status", lake, "--json").stdout), "problems": ["x"]})
    (tmp_path / "damaged" / "call_details").mkdir(parents=True)
    (tmp_path / "damaged" / "call_details" / "foreign").write_text("x")
    check("`verify`", json.loads(run("verify", lake, "--json").stdout), json.loads(run("verify", tmp_path / "damaged", "--json", code=6).stdout))
    check("`snapshot`", json.loads(run("snapshot", lake, tmp_path / "copies", "--json").stdout))


def leftovers(lake):
    old = time.time() - 3 * 86_400
    (lake / "_callake" / "staging").mkdir(parents=True, exist_ok=True)
    stray = lake / "_callake" / "staging" / "stray"
    stray.write_text("x")
    folder = lake / "_callake" / "staging" / "callake-dead"
    folder.mkdir()
    (folder / "lock").write_text("")
    pages = lake / "_callake" / "spool" / "0123456789abcdef" / "1-2.proven"
    pages.parent.mkdir(parents=True, exist_ok=True)
    pages.write_text("x")
    young = pages.with_name("2-3.proven")
    young.write_text("x")
    for path in (stray, pages, folder / "lock", folder):
        os.utime(path, (old, old))
    return stray, pages, folder


def test_clean(lake):
    lake, _, _ = lake
    stray, pages, folder = leftovers(lake)
    would = json.loads(run("clean", lake, "--dry-run", "--json").stdout)
    assert stray.exists() and pages.exists() and folder.exists()
    assert "would remove 2 left-over files and 1 staging folders" in run("clean", lake, "--dry-run").stdout
    done = json.loads(run("clean", lake, "--json").stdout)
    assert not stray.exists() and not folder.exists()
    assert [path.name for path in pages.parent.iterdir()] == ["2-3.proven"]
    check("`clean`", would, done)
    assert would == {**done, "dry_run": True} and done["staging_folders"] == 1
    assert done["files"] == ["_callake/staging/stray", "_callake/spool/0123456789abcdef/1-2.proven"]


def everything(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_dry_export_is_the_plan_and_does_nothing(lake, tmp_path):
    lake, _, _ = lake
    before = everything(lake)
    with Server(tmp_path) as server:
        arguments = ["--host", server.url, "--account", ACCOUNT, "--stream", STREAM, *DAYS]
        for dest in (lake, tmp_path / "none"):
            dry = run("export", *arguments, "--dest", dest, "--dry-run", "--metrics-file", tmp_path / "x.prom", "--json").stdout
            assert dry == run("plan", *arguments, "--dest", dest, "--json").stdout
        assert [day["date"] for day in json.loads(run("export", *arguments, "--dest", lake, "--dry-run", "--json").stdout)["days"]] == ["2025-09-03"]
        assert requests(server) == 0
    assert everything(lake) == before and sorted(path.name for path in tmp_path.iterdir()) == ["port"]


def test_a_dry_sync_asks_for_what_is_due_and_does_nothing(tmp_path):
    today = datetime.datetime.now(datetime.timezone.utc).date()
    first = today - datetime.timedelta(days=2)
    with Server(tmp_path, "--first-day", str(first), "--days", "3", "--records", "90") as server:
        arguments = ["sync", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", tmp_path / "lake", "--rate", "60000"]
        dry = json.loads(run(*arguments, "--from", first, "--dry-run", "--json").stdout)
        assert [day["date"] for day in dry["days"]] == [str(first + datetime.timedelta(days=n)) for n in range(3)]
        assert not (tmp_path / "lake").exists() and requests(server) == 0
        refused = run(*arguments, "--dry-run", code=2)
        assert "say where to start with --from" in refused.stderr
        run(*arguments, "--from", first, env=ENV)
        before, asked = everything(tmp_path / "lake"), requests(server)
        dry = json.loads(run(*arguments, "--dry-run", "--json").stdout)
        assert [day["date"] for day in dry["days"]][-1] == str(today), "today is open, and due again"
        assert everything(tmp_path / "lake") == before and requests(server) == asked


def test_a_dry_conversion_says_what_it_would_write_and_writes_nothing(tmp_path, demo_records):
    (tmp_path / "bad.ndjson").write_text('{"sessionId": \n')
    arguments = ["convert", demo_records, "--dest", tmp_path / "lake", "--account", "demo"]
    dry = json.loads(run(*arguments, "--dry-run", "--json").stdout)
    rejecting = run(*arguments, tmp_path / "bad.ndjson", "--rejects", tmp_path / "rejects", "--dry-run", code=(0, 3))
    assert "nothing was written" in rejecting.stdout and "bad.ndjson" in rejecting.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.ndjson"]
    real = json.loads(run(*arguments, "--json").stdout)
    assert [file["path"] for file in dry["files"]] == [file["path"] for file in real["files"]]
    assert {file["outcome"] for file in dry["files"]} == {"planned"} and sum(file["rows"] for file in dry["files"]) == 5000
    assert "zone" in run(*arguments, "--zone", "Asia/Tokyo", "--dry-run", code=2).stderr
