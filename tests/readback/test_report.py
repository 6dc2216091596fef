"""`report`: a page that is whole in itself, and whose figures are those that DuckDB computes with the printed views."""

import datetime
import html.parser
import json
import math
import os
import re
import shutil
import subprocess

import duckdb
import pytest

from conftest import run
from test_export import Server, environment, export
from test_s3 import KEYS, moto
from test_views import cases_lake, duckdb_session, statements  # noqa: F401 (a fixture)

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(html.parser.HTMLParser):
    """A page's tags, checked to be closed in order, and its tables by id: rows of cells by column."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.tables, self.days, self.titles = [], [], {}, {}, []
        self.table = self.cell = None
        self.feed(text)
        self.close()
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.table = self.tables[attributes["id"]] = []
            self.columns = []
        if tag == "tr":
            self.row = []
        if tag in ("th", "td"):
            self.cell, self.value = "", attributes.get("data-value")
        if tag == "g" and "data-day" in attributes:
            self.days[attributes["data-day"]] = attributes["class"].split()[-1]

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag in ("th", "td"):
            self.row.append(float(self.value) if self.value is not None else self.cell)
            self.cell = None
        if tag == "tr" and "thead" in self.open:
            self.columns = self.row
        elif tag == "tr":
            self.table.append(dict(zip(self.columns, self.row, strict=True)))

    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data
        if self.open[-1:] == ["title"]:
            self.titles.append(data)


def report(lake, *options, code=0, **more):
    text = run("report", lake, "-o", "-", *options, code=code, **more).stdout
    return Page(text), text


def views(lake):
    session = duckdb_session()
    for statement in statements("duckdb", lake):
        session.sql(statement)
    return session


def rows(page, table, *columns):
    return [tuple(row[column] for column in columns) for row in page.tables[table]]


def is_close(found, wanted):
    """The same rows, in any order; a dash is no value."""
    plain = lambda row: tuple("–" if cell is None else float(cell) if isinstance(cell, (int, float)) else cell for cell in row)
    key = lambda row: [(isinstance(cell, float), cell if isinstance(cell, str) else "", cell if isinstance(cell, float) else 0) for cell in row]
    found, wanted = sorted(map(plain, found), key=key), sorted(map(plain, wanted), key=key)
    same = lambda one, other: math.isclose(one, other, rel_tol=1e-9) if isinstance(one, float) and isinstance(other, float) else one == other
    assert len(found) == len(wanted), (found, wanted)
    for one, other in zip(found, wanted):
        assert all(map(same, one, other)), (one, other)


@pytest.fixture(params=["demo", "samples", "cases"])
def lake(request, demo_lake, samples_lake, cases_lake):  # noqa: F811
    return {"demo": demo_lake, "samples": samples_lake, "cases": cases_lake}[request.param]


def test_figures_are_those_of_the_views(lake):
    page, _ = report(lake)
    sql = views(lake).sql

    days = "select coalesce(session_date::text, '(no day)'), coalesce(channel, '(no channel)'), count(*) from sessions group by all"
    is_close(rows(page, "days", "Day", "Channel", "Records"), sql(days).fetchall())

    channels = """select coalesce(channel, '(no channel)'), sum(sessions), sum(contained), sum(contained) / sum(sessions),
        sum(offered), sum(abandoned), sum(abandoned) / nullif(sum(offered), 0) from channel_measures group by channel"""
    columns = ("Channel", "Sessions", "Contained", "Containment", "Offered to agents", "Abandoned", "Abandon rate")
    is_close(rows(page, "channels", *columns), sql(channels).fetchall())

    queues = """
        with named as (select queue_id, max(queue_name) as name from (
            select queue_id, queue_name from queue_measures union select queue_id, queue_name from handle_measures
        ) where queue_id is not null group by queue_id),
        entries as (select queue_id, queue_name, sum(offered) as offered, sum(answered) as answered, sum(abandoned) as abandoned,
            sum(speed_of_answer_seconds) / nullif(sum(speed_of_answer_count), 0) as speed from queue_measures group by all),
        work as (select queue_id, queue_name, sum(closed) as closed, sum(handle_seconds) / nullif(sum(closed), 0) as handle
            from handle_measures group by all)
        select coalesce(queue_name, name || ' (by id)', queue_id, '(no queue)'), coalesce(offered, 0), coalesce(answered, 0),
            coalesce(abandoned, 0), abandoned / offered, speed, coalesce(closed, 0), handle
        from entries full join work on entries.queue_id is not distinct from work.queue_id
            and entries.queue_name is not distinct from work.queue_name
        left join named on named.queue_id = coalesce(entries.queue_id, work.queue_id)"""
    # Both sides of the full join have the two columns.
    queues = queues.replace("coalesce(queue_name, name", "coalesce(entries.queue_name, work.queue_name, name")
    queues = queues.replace("' (by id)', queue_id", "' (by id)', entries.queue_id, work.queue_id")
    columns = (
        "Queue", "Offered", "Answered", "Abandoned", "Abandon rate", "Average speed of answer", "Closed", "Average handle time",
    )
    is_close(rows(page, "queues", *columns), sql(queues).fetchall())


def test_what_went_to_extra_is_shown_by_masked_pattern(tmp_path):
    records = [
        {"sessionId": "a", "metaInfo": {"+49 170 1234567": "x", "loyalty": 1}, "destinations": [{"queuePosition": 3}]},
        {"sessionId": "b", "jane.doe@example.com": 1, "destinations": [{}, {"queuePosition": 4}]},
    ]
    (tmp_path / "in.json").write_text(json.dumps(records))
    run("convert", tmp_path / "in.json", "--dest", tmp_path / "lake", "--account", "a")
    page, text = report(tmp_path / "lake")
    found = dict(rows(page, "extra", "Place in the record", "Values"))
    assert found == {"/metaInfo/(masked)": 1, "/metaInfo/loyalty": 1, "/(masked)": 1, "/destinations/*/queuePosition": 2}
    assert "1234567" not in text and "jane" not in text


def test_extra_of_the_demo_is_counted_whole(demo_lake):
    page, _ = report(demo_lake)
    sql = f"select sum(len(map_keys(extra))) from read_parquet('{demo_lake}/call_details/**/*.parquet')"
    assert sum(row["Values"] for row in page.tables["extra"]) == duckdb.sql(sql).fetchone()[0] > 50


def test_no_personal_value_is_on_the_page(demo_lake):
    _, text = report(demo_lake)
    personal = [
        "customer_info.customer_phone", "customer_info.customer_email", "user_id", "channel_specific_user_id",
        "unnest(destinations).responding_agent.email", "unnest(destinations).responding_agent.name", "unnest(session_level_tags).value",
    ]
    known = {"Voice", "Inbound", "Outbound"}
    for column in personal:
        sql = f"select distinct {column} from read_parquet('{demo_lake}/call_details/**/*.parquet')"
        values = {value for (value,) in duckdb.sql(sql).fetchall() if value and len(value) > 6} - known
        assert len(values) > 5, column
        assert [value for value in values if value in text] == [], column


def test_the_page_is_whole_in_itself(demo_lake):
    page, text = report(demo_lake)
    assert text.startswith("<!DOCTYPE html>")
    leading = {"src", "href", "srcset", "action", "data", "poster", "xlink:href", "background", "cite", "ping"}
    assert [(tag, found) for tag, attributes in page.tags if (found := leading & attributes.keys())] == []
    assert not {"script", "link", "iframe", "object", "embed", "img", "base", "form"} & {tag for tag, _ in page.tags}
    assert not re.search(r"url\(|@import|https?://|//\w", text)
    policy = [attributes["content"] for _, attributes in page.tags if attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_nothing_out_of_a_record_becomes_markup(tmp_path):
    record = {"sessionId": "a", "channel": "<script>alert(1)</script>", "</td><b>": 1, "destinations": [{"queueName": "\"><img src=x>"}]}
    (tmp_path / "in.json").write_text(json.dumps(record))
    run("convert", tmp_path / "in.json", "--dest", tmp_path / "lake", "--account", "a")
    page, _ = report(tmp_path / "lake")
    assert not {"script", "img"} & {tag for tag, _ in page.tags}
    assert page.tables["days"][0]["Channel"] == "<script>alert(1)</script>"
    assert page.tables["queues"][0]["Queue"] == '"><img src=x>'
    # In a pointer of RFC 6901 a slash is ~1.
    assert page.tables["extra"][0]["Place in the record"] == "/<~1td><b>"


def test_coverage_files_and_runs(tmp_path):
    """Days closed, read in part of the range, from files and missing, as `status` and the reports of runs have them."""
    first = datetime.date(2025, 9, 1)
    with Server(tmp_path, "--first-day", str(first), "--days", "4") as server:
        export(server, tmp_path / "lake", "--from", "2025-09-01", "--to", "2025-09-01")
        export(server, tmp_path / "lake", "--from", "2025-09-03", "--to", "2025-09-03")
    page, _ = report(tmp_path / "lake")
    (account,) = json.loads(run("status", tmp_path / "lake", "--json").stdout)["accounts"]
    wanted = {day["day"]: day["coverage"] for day in account["days"]}
    assert page.days == wanted | dict.fromkeys(account["missing"], "missing")
    assert set(page.days.values()) == {"closed", "missing"}

    sizes = sorted(path.stat().st_size for path in tmp_path.glob("lake/call_details/*/*.parquet"))
    (files,) = page.tables["files"]
    assert [files[column] for column in ("Files", "Size", "Smallest", "Largest")] == [2, sum(sizes), sizes[0], sizes[-1]]

    kept = [json.loads(path.read_text()) for path in sorted((tmp_path / "lake" / "_callake" / "runs").iterdir(), reverse=True)]
    found = rows(page, "runs", "Command", "Records", "Requests", "Files written", "Outcome")
    assert found == [("export", run["cost"]["records"], run["cost"]["cost"]["requests"], 1, "done") for run in kept]
    assert len(found) == 2

    with Server(tmp_path, "--fault", "1-9=403") as server:
        export(server, tmp_path / "lake", "--from", "2025-09-02", "--to", "2025-09-02", code=1)
    page, _ = report(tmp_path / "lake")
    assert page.tables["runs"][0]["Outcome"].startswith("failed (1): ask for records")


def test_a_range_of_days(demo_lake):
    page, _ = report(demo_lake, "--from", "2025-09-02", "--to", "2025-09-03")
    assert set(page.days) == {"2025-09-02", "2025-09-03"} == {row["Day"] for row in page.tables["days"]}
    assert page.tables["files"][0]["Files"] == 2


def test_several_accounts_are_told_apart(tmp_path, demo_records):
    for account in ("one", "two"):
        run("convert", demo_records, "--dest", tmp_path / "lake", "--account", account)
    page, text = report(tmp_path / "lake")
    assert [row["Account"] for row in page.tables["files"]] == ["one", "two"] and text.count('<div class="months">') == 2
    by_account = [{row["Queue"]: row["Offered"] for row in page.tables["queues"] if row["Queue"].endswith(f"({name})")} for name in ("one", "two")]
    assert by_account[0] and list(by_account[0].values()) == list(by_account[1].values())


def test_a_damaged_file_is_named_and_the_rest_is_shown(tmp_path, demo_lake):
    shutil.copytree(demo_lake, tmp_path / "lake")
    first, second, *_ = sorted(tmp_path.glob("lake/call_details/*/*.parquet"))
    first.write_bytes(first.read_bytes()[:-100])
    data = bytearray(second.read_bytes())
    data[4 : len(data) // 2] = bytes(len(data) // 2 - 4)
    second.write_bytes(data)
    page, text = report(tmp_path / "lake", code=6)
    assert "session_date=2025-09-01/demo.parquet can&#39;t be read as Parquet" in text
    assert "session_date=2025-09-02/demo.parquet can&#39;t be read to its end" in text
    assert {"2025-09-03", "2025-09-04", "2025-09-05"} <= {row["Day"] for row in page.tables["days"]}


def test_the_old_page_stays_until_the_new_one_is_whole(tmp_path, demo_lake):
    (tmp_path / "page.html").write_text("old")
    run("report", tmp_path / "nowhere", "-o", tmp_path / "page.html", code=3)
    assert (tmp_path / "page.html").read_text() == "old"
    done = run("report", demo_lake, cwd=tmp_path)
    assert done.stdout == "" and "wrote report.html" in done.stderr
    run("report", demo_lake, "-o", tmp_path / "page.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "report.html"]
    Page((tmp_path / "page.html").read_text())


def test_a_lake_without_days(tmp_path):
    (tmp_path / "lake").mkdir()
    assert "it holds no file of" in run("report", tmp_path / "lake", code=3).stderr
    assert "before the first" in run("report", tmp_path / "lake", "--from", "2025-09-02", "--to", "2025-09-01", code=2).stderr


def test_a_lake_in_a_store(demo_lake, demo_records):
    with moto() as endpoint:
        env = {**environment(), **KEYS}
        lake = ("s3://lakes/x", "--endpoint-url", endpoint)
        run("convert", demo_records, "--dest", *lake, "--account", "demo", env=env)
        page, _ = report(*lake, env=env)
    local, _ = report(demo_lake)
    for table in ("days", "channels", "queues", "extra"):
        assert page.tables[table] == local.tables[table]
    assert len(page.tables["runs"]) == 1


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium")
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_a_browser_shows_it_without_scrolling_sideways(tmp_path, demo_lake, width):
    _, text = report(demo_lake)
    frame = f'<iframe id="page" width="{width}" height="800" srcdoc="{text.replace("&", "&amp;").replace(chr(34), "&quot;")}"></iframe>'
    measure = "const of = document.getElementById('page').contentDocument.documentElement; document.title = [of.scrollWidth, of.clientWidth]"
    (tmp_path / "frame.html").write_text(f'<meta charset="utf-8">{frame}<script>onload = () => {{ {measure} }}</script>')
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1600,900", "--dump-dom"]
    done = subprocess.run([*browser, f"file://{tmp_path}/frame.html"], capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": str(tmp_path)})
    shown, wide = map(int, re.search(r"<title>(\d+),(\d+)</title>", done.stdout).groups())
    assert shown <= wide and wide > width - 40
