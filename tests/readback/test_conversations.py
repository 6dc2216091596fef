"""The conversations table: converted, exported, joined with call details, and read back by other engines.

`CALLAKE_KILLS=10` makes the killed export the long one: 2,000 conversations.
"""

import collections
import datetime
import json
import os
import random
import re
import shutil
import signal
import subprocess
import urllib.request

import duckdb
import pyarrow.parquet as pq
import pytest

from conftest import ROOT, SAMPLES, run
from test_export import ACCOUNT, STREAM, Server, environment, export
from test_s3 import KEYS, store  # noqa: F401 (a fixture)
from test_samples import PROVENANCE, json_leaves, row_leaves

SAMPLE = json.loads((SAMPLES / "conversation.json").read_text())
# Root keys whose columns are not their names in snake_case.
ROOT_NAMES = {"_id": "conversationId", "accountId": "conversationAccountId", "__v": "documentVersion"}


def connection(server, lake, rate="60000"):
    return ["--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", str(lake), "--rate", rate]


def conversations(server, lake, *arguments, code=0, rate="60000", env=None):
    env = env or environment(CALLAKE_TOKEN="demo-token")
    return run("conversations", *connection(server, lake, rate), *arguments, code=code, env=env)


def table(lake, name="conversations"):
    return f"read_parquet('{lake}/{name}/**/*.parquet', hive_partitioning = true)"


def named(lake):
    """Ids that the lake's call details name."""
    sql = f"select distinct conversation_id from {table(lake, 'call_details')} where conversation_id is not null order by all"
    return [row[0] for row in duckdb.sql(sql).fetchall()]


def held(lake):
    return [row[0] for row in duckdb.sql(f"select conversation_id from {table(lake)} order by all").fetchall()]


def asked(server):
    """Ids of the conversations that the server was asked for, each as often as it was."""
    requests = [json.loads(line) for line in server.get("/_demo/requests").splitlines()]
    return sorted(request["path"].rsplit("/", 1)[1] for request in requests if "/conversations/" in request["path"])


def records(path):
    """The records of a file of lines, in the order of their keys."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(found, key=lambda record: record.get("sessionId") or record["_id"])


def fetch(server, conversation):
    url = f"{server.url}/agentassist/api/v1/public/{STREAM}/conversations/{conversation}"
    request = urllib.request.Request(url, headers={"auth": "demo-token", "accountId": ACCOUNT, "iId": STREAM})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def findings(lake, code=0):
    return {finding["kind"] for finding in json.loads(run("verify", lake, "--deep", "--json", code=code).stdout)["findings"]}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A server, and the lake of all call details and conversations that it has; not to be written to."""
    folder = tmp_path_factory.mktemp("conversations")
    with Server(folder, "--records", "900") as server:
        export(server, folder / "lake")
        before = len(asked(server))
        conversations(server, folder / "lake", "--verify")
        assert before == 0
        yield server, folder / "lake"


# The documented conversation


@pytest.fixture(scope="module")
def sample_row(tmp_path_factory):
    lake = tmp_path_factory.mktemp("sample") / "lake"
    run("convert", SAMPLES / "conversation.json", "--dest", lake, "--account", "sample", "--strict", "--verify")
    (file,) = lake.glob("conversations/*/*.parquet")
    (row,) = pq.ParquetFile(file).read().to_pylist()
    return file, row


def test_every_leaf_of_the_documented_conversation(sample_row):
    file, row = sample_row
    record = {ROOT_NAMES.get(key, key): value for key, value in SAMPLE.items()}
    # Its shape is not documented, so the column has the JSON text.
    record["dispositions"] = {**record["dispositions"], "dispositionSets": "null"}
    got = dict(row_leaves({name: value for name, value in row.items() if name not in PROVENANCE}))
    assert got == dict(json_leaves(record))
    assert len(got) > 100 and row["extra"] == []
    assert (file.parent.name, file.name) == ("session_date=2023-05-22", "sample.parquet")
    assert row["timestamp_value"] == row["start_time"].timestamp() * 1000


def test_duckdb_reads_the_documented_conversation(sample_row):
    file, _ = sample_row
    sql = f"""select conversation_id, source_endpoint, call_details_state, participants[1].name, transfer_details[1].transferred_to[1].type,
                     queues[2].type, dispositions.status, user_info.agent_transfer_config.assist_events.start_event.is_enabled,
                     agent_desktop_meta.pages_visited[1].timespent, epoch_ms(start_time), user_info.identities[1].type
              from read_parquet('{file}')"""
    assert duckdb.sql(sql).fetchall() == [
        ("c-3c04346-e522-4c53-9e03-c9566d859aad", "conversations", None, "John Doe", "QUEUE", "TRANSFERRED", "DROP-OFF", True, 350312.351, 1684731305351, "mapped")
    ]


# Conversion


def test_both_kinds_in_one_input_are_told_apart(tmp_path, exported):
    server, lake = exported
    run("restore", lake, "-o", tmp_path / "calls.ndjson")
    run("restore", lake, "--table", "conversations", "-o", tmp_path / "conversations.ndjson")
    lines = [line for name in ("calls", "conversations") for line in (tmp_path / f"{name}.ndjson").read_text().splitlines()]
    random.Random(5).shuffle(lines)
    page = json.dumps({"numResults": 10, "data": [json.loads(line) for line in lines[:10]]})
    (tmp_path / "mixed.ndjson").write_text("\n".join([page, *lines[10:]]))
    done = run("convert", tmp_path / "mixed.ndjson", "--dest", tmp_path / "lake", "--account", ACCOUNT, "--verify")
    assert f"read {len(lines):,} records from 1 input;" in done.stdout
    for name in ("call_details", "conversations"):
        run("restore", tmp_path / "lake", "--table", name, "-o", tmp_path / "again.ndjson")
        original = tmp_path / ("calls.ndjson" if name == "call_details" else "conversations.ndjson")
        assert records(tmp_path / "again.ndjson") == records(original)
    endpoints = f"select distinct source_endpoint from {table(tmp_path / 'lake')}"
    assert duckdb.sql(endpoints).fetchall() == [("conversations",)]


def test_a_table_that_is_named_takes_all(tmp_path):
    inputs = [SAMPLES / "conversation.json", SAMPLES / "call_details_v2.json"]
    run("convert", *inputs, "--dest", tmp_path / "lake", "--account", "a", "--table", "conversations")
    assert not (tmp_path / "lake" / "call_details").exists()
    calls = len(json.loads((SAMPLES / "call_details_v2.json").read_text())["data"])
    assert duckdb.sql(f"select count(*), count(conversation_id) from {table(tmp_path / 'lake')}").fetchone() == (calls + 1, 1)


def test_the_demo_writes_conversations_too(tmp_path):
    run("demo", "records", "--records", "300", "--flavour", "conversations", "-o", tmp_path / "c.ndjson")
    done = run("convert", tmp_path / "c.ndjson", "--dest", tmp_path / "lake", "--account", "a", "--table", "conversations", "--verify")
    count = len((tmp_path / "c.ndjson").read_text().splitlines())
    assert 100 < count < 300 and f"read {count} records" in done.stdout
    assert len(held(tmp_path / "lake")) == count


# Export


def test_all_conversations_that_call_details_name(exported):
    server, lake = exported
    assert held(lake) == named(lake) and len(named(lake)) > 400
    assert asked(server) == named(lake), "each was asked for once"
    sql = f"select distinct account_id, source_endpoint, timezone_offset, call_details_state is null from {table(lake)}"
    assert duckdb.sql(sql).fetchall() == [(ACCOUNT, "conversations", 0, False)]
    (reports,) = lake.glob("_callake/runs/*-conversations-*.json")
    report = json.loads(reports.read_text())["conversations"]
    assert (report["named"], report["due"], report["found"], report["not_found"]) == (len(named(lake)),) * 3 + (0,)
    assert report["cost"]["requests"] == len(named(lake))


def test_what_is_held_is_not_asked_for_again(exported):
    server, lake = exported
    before = asked(server)
    files = {path: path.read_bytes() for path in lake.glob("conversations/*/*.parquet")}
    done = conversations(server, lake)
    assert f"ask for 0 conversations of 0 days, one request each: 0 s at 60000 a minute; {len(before)} are held" in done.stderr
    assert asked(server) == before
    assert {path: path.read_bytes() for path in lake.glob("conversations/*/*.parquet")} == files


def test_restored_conversations_are_the_servers(tmp_path, exported):
    server, lake = exported
    run("restore", lake, "--table", "conversations", "-o", tmp_path / "restored.ndjson")
    restored = [json.loads(line) for line in (tmp_path / "restored.ndjson").read_text().splitlines()]
    assert [record["_id"] for record in sorted(restored, key=lambda record: record["_id"])] == named(lake)
    with Server(tmp_path, "--records", "900") as same:
        for record in restored[::7]:
            assert record == fetch(same, record["_id"])


def test_both_tables_join(exported):
    """Ids, customers, queues and agents of a conversation are those of its call details."""
    _, lake = exported
    sql = f"""
        with calls as (
            select conversation_id, session_id, user_id, session_date, session_start_time,
                   list_filter(list_transform(destinations, d -> d.queue_id), q -> q is not null) as entered,
                   list_filter(list_transform(destinations, d -> coalesce(d.responding_agent.agent_id, d.agent_id)), a -> a is not null) as answering
            from {table(lake, 'call_details')}
            where conversation_id is not null
        )
        select count(*),
               count(*) filter (where calls.session_id = c.bot_session_id),
               count(*) filter (where calls.user_id = c.user_id),
               count(*) filter (where calls.session_date = c.session_date and epoch(date_trunc('second', c.start_time)) = epoch(session_start_time)),
               count(*) filter (where entered is null or entered = list_transform(c.queues, q -> q.id)),
               count(*) filter (where entered is null or answering = list_transform(c.participants, p -> p.agent_id)),
               count(*) filter (where len(answering) > 1),
               count(*) filter (where len(c.transfer_details) > 0)
        from calls join {table(lake)} c using (conversation_id)"""
    joined = duckdb.sql(sql).fetchone()
    count = len(named(lake))
    assert joined[:6] == (count,) * 6
    assert joined[6] > 10 and joined[7] > 10


def test_duckdb_types_are_the_printed_ones(exported):
    _, lake = exported
    connection = duckdb.connect()
    connection.execute(run("schema", "conversations", "--format", "duckdb").stdout)
    printed = connection.execute("describe conversations").fetchall()
    described = duckdb.sql(f"describe select * from {table(lake)}").fetchall()
    assert [row[:2] for row in described] == [row[:2] for row in printed]


@pytest.mark.parametrize("view, column", [("participants", "participants"), ("transfers", "transfer_details"), ("queues", "queues")])
def test_views_have_a_row_an_element(exported, view, column):
    _, lake = exported
    session = duckdb.connect()
    session.sql(run("schema", "conversations", "--views", "duckdb", "--lake", lake).stdout)
    (rows, numbers) = session.sql(f"select count(*), max({view[:-1]}_number) from conversation_{view}").fetchone()
    assert rows == duckdb.sql(f"select sum(len({column})) from {table(lake)}").fetchone()[0] > 0
    assert numbers == duckdb.sql(f"select max(len({column})) from {table(lake)}").fetchone()[0]


def test_the_plan_says_how_long_it_takes(tmp_path, exported):
    server, lake = exported
    run("snapshot", lake, tmp_path, "--name", "copy")
    for file in (tmp_path / "copy" / "conversations").rglob("*.parquet"):
        file.unlink()
    before = asked(server)
    done = conversations(server, tmp_path / "copy", "--dry-run", rate="60", env=environment())
    seconds = len(named(lake)) * 1.02
    assert done.stdout == f"ask for {len(named(lake))} conversations of 3 days, one request each: {seconds // 60:.0f} min {round(seconds) % 60} s at 60 a minute\n"
    assert asked(server) == before


@pytest.mark.parametrize(
    "conditions, sql",
    [
        (["final_status=USER ABANDONED"], "final_status = 'USER ABANDONED'"),
        (["queue=Billing"], "list_contains([d.queue_name for d in destinations], 'Billing')"),
        (["queue=Billing", "queue=Sales"], "list_has_any([d.queue_name for d in destinations], ['Billing', 'Sales'])"),
        (["direction=Outbound", "channel=Voice"], "coalesce(direction, customer_info.direction) = 'Outbound' and channel = 'Voice'"),
        (["disposition=Resolved"], "list_contains(dispositions, 'Resolved')"),
    ],
)
def test_conditions_select_by_call_details(tmp_path, exported, conditions, sql):
    server, lake = exported
    columns = {column: value for column, value in (condition.split("=") for condition in conditions)}
    values = {
        "queue": f"select distinct unnest([d.queue_name for d in destinations]) from {table(lake, 'call_details')}",
        "disposition": f"select distinct unnest(dispositions) from {table(lake, 'call_details')}",
    }
    for column, query in values.items():
        if column in columns:
            found = sorted(row[0] for row in duckdb.sql(query).fetchall() if row[0])
            # The data's own values in place of these.
            sql = sql.replace("Billing", found[0]).replace("Sales", found[-1]).replace("Resolved", found[0])
            conditions = [c.replace("Billing", found[0]).replace("Sales", found[-1]).replace("Resolved", found[0]) for c in conditions]
    where = f"select distinct conversation_id from {table(lake, 'call_details')} where conversation_id is not null and {sql} order by all"
    want = [row[0] for row in duckdb.sql(where).fetchall()]
    assert 0 < len(want) < len(named(lake)), "the condition selects some"
    run("snapshot", lake, tmp_path, "--name", "copy")
    for file in (tmp_path / "copy" / "conversations").rglob("*.parquet"):
        file.unlink()
    options = [word for condition in conditions for word in ("--where", condition)]
    conversations(server, tmp_path / "copy", *options)
    assert held(tmp_path / "copy") == want


def test_an_unknown_condition_is_refused(tmp_path):
    done = run("conversations", "--where", "team=x", code=2)
    assert "no field \"team\" to select by; there are: channel, direction, final_status" in done.stderr


def test_a_limit_leaves_the_others_for_later(tmp_path):
    with Server(tmp_path, "--records", "300") as server:
        lake = tmp_path / "lake"
        export(server, lake)
        conversations(server, lake, "--limit", "40")
        first = held(lake)
        assert len(first) == 40 and set(first) < set(named(lake))
        (account,) = [of for of in json.loads(run("status", lake, "--json").stdout)["accounts"] if of["table"] == "conversations"]
        assert {"partial"} <= {day["coverage"] for day in account["days"]} <= {"closed", "partial"}
        done = conversations(server, lake, "--limit", "40")
        assert f"40 are held as their call details are; {len(named(lake)) - 80} are left for later by --limit" in done.stderr
        assert len(held(lake)) == 80
        conversations(server, lake)
        assert held(lake) == named(lake) and asked(server) == named(lake)
        days = json.loads(run("status", lake, "--json").stdout)["accounts"][1]["days"]
        assert [day["coverage"] for day in days][-1] == "closed"


def test_a_day_is_not_read_before_its_conversations_of_other_days_are_there(tmp_path):
    with Server(tmp_path, "--records", "300") as server:
        export(server, tmp_path / "all")
        records = [json.loads(line) for line in run("restore", tmp_path / "all").stdout.splitlines()]
        of_the_second = [
            record for record in records
            if str(record.get("sessionStartTime")).startswith("2025-09-02T1") and record.get("conversationId")
        ]
        moved, other = of_the_second[:2]
        moved["sessionStartTime"] = moved["sessionStartTime"].replace("2025-09-02", "2025-09-01")
        (tmp_path / "two.ndjson").write_text("\n".join(map(json.dumps, (moved, other))))
        lake = tmp_path / "lake"
        run("convert", tmp_path / "two.ndjson", "--dest", lake, "--account", ACCOUNT)
        conversations(server, lake, "--from", "2025-09-02")
        file = lake / "conversations" / "session_date=2025-09-02" / f"{ACCOUNT}.parquet"
        whole = file.read_bytes()
        # Its rows can be read, and nothing is merged with them.
        digit = whole.index(b"callake.sha256") + 30
        file.write_bytes(whole[:digit] + bytes([whole[digit] ^ 1]) + whole[digit + 1:])
        assert "has other bytes than were written" in conversations(server, lake, "--to", "2025-09-01", code=6).stderr
        assert not (lake / "conversations" / "session_date=2025-09-01").exists()
        file.write_bytes(whole)
        conversations(server, lake, "--to", "2025-09-01")
        assert held(lake) == named(lake)


def test_days_narrow_what_is_asked_for(tmp_path):
    with Server(tmp_path, "--records", "300") as server:
        export(server, tmp_path / "lake")
        conversations(server, tmp_path / "lake", "--from", "2025-09-02", "--to", "2025-09-02")
        days = duckdb.sql(f"select distinct session_date::text from {table(tmp_path / 'lake')}").fetchall()
        assert days == [("2025-09-02",)]
        done = conversations(server, tmp_path / "lake", "--from", "2026-01-01", code=3)
        assert f"holds no file of call_details of account {ACCOUNT} in the days asked for" in done.stderr
        conversations(server, tmp_path / "lake", "--from", "2025-09-02", "--to", "2025-09-01", code=2)


def test_conversations_that_are_not_there_are_noted_and_not_asked_for_again(tmp_path):
    with Server(tmp_path, "--records", "300", "--missing-conversations", "0.2") as server:
        lake = tmp_path / "lake"
        export(server, lake)
        done = conversations(server, lake)
        assert asked(server) == named(lake)
        missing = sorted(set(named(lake)) - set(held(lake)))
        assert 10 < len(missing) < 100
        assert f"{len(held(lake))} of them came and {len(missing)} were not found" in done.stdout
        footers = [json.loads(pq.ParquetFile(file).metadata.metadata[b"callake.facts"]) for file in lake.glob("conversations/*/*.parquet")]
        assert sorted(asked["id"] for facts in footers for asked in facts["not_found"]) == missing
        done = conversations(server, lake)
        assert f"{len(missing)} were asked for before and not found" in done.stderr
        assert asked(server) == named(lake)
        assert findings(lake) == set()


def test_only_conversations_whose_call_details_changed_are_asked_for_again(tmp_path):
    with Server(tmp_path, "--records", "300", "--missing-conversations", "0.2") as server:
        lake = tmp_path / "lake"
        export(server, lake)
        conversations(server, lake)
        before = collections.Counter(asked(server))
        missing = sorted(set(named(lake)) - set(held(lake)))
        run("restore", lake, "--from", "2025-09-02", "--to", "2025-09-02", "-o", tmp_path / "day.ndjson")
        records = [json.loads(line) for line in (tmp_path / "day.ndjson").read_text().splitlines()]
        here = [record["conversationId"] for record in records if "conversationId" in record]
        changed = {next(id for id in here if id not in missing), next(id for id in here if id in missing)}
        for record in records:
            if record.get("conversationId") in changed:
                record["dispositions"] = ["edited later"]
            record["userId"] = record["userId"] + "x"  # says nothing of the conversation
        later = tmp_path / "later.ndjson"
        later.write_text("\n".join(map(json.dumps, records)))
        # All rows of the day are newer than their conversations now.
        run("convert", later, "--dest", lake, "--account", ACCOUNT, "--endpoint", "v2")
        conversations(server, lake)
        assert set(collections.Counter(asked(server)) - before) == changed
        after = asked(server)
        conversations(server, lake)
        assert asked(server) == after, "the answers are as new as the call details"


def test_converted_conversations_are_held(tmp_path):
    """Saved answers that are newer than the call details need not be asked for."""
    with Server(tmp_path, "--records", "300") as server:
        lake = tmp_path / "lake"
        export(server, lake)
        saved = [fetch(server, id) for id in named(lake)[:20]]
        before = asked(server)
        (tmp_path / "saved.json").write_text(json.dumps(saved))
        run("convert", tmp_path / "saved.json", "--dest", lake, "--account", ACCOUNT)
        conversations(server, lake)
        assert len(asked(server)) - len(before) == len(named(lake)) - 20
        assert held(lake) == named(lake)


def test_faults_are_retried(tmp_path):
    with Server(tmp_path, "--records", "150") as server:
        export(server, tmp_path / "lake")
        want = named(tmp_path / "lake")
    faults = ["500", "429", "reset", "short-body", "html", "empty"]
    options = ["--fault-rate", "0.2", "--fault-kinds", ",".join(known_faults(faults)), "--fault-retry-after", "0", "--minute-ms", "10"]
    with Server(tmp_path, "--records", "150", *options) as server:
        done = conversations(server, tmp_path / "lake")
        assert held(tmp_path / "lake") == want
        assert "retried" in done.stdout


def known_faults(wanted):
    """Those of these kinds that the server knows, without ones that wait for a minute."""
    listed = run("demo", "serve", "--help").stdout
    return [kind for kind in wanted if re.search(rf"\b{re.escape(kind)}\b", listed) and kind != "429"]


def test_what_came_before_an_error_is_kept(tmp_path):
    with Server(tmp_path, "--records", "300") as server:
        lake = tmp_path / "lake"
        export(server, lake)
        want = named(lake)
    with Server(tmp_path, "--records", "300", "--fault", "60-1000=403") as server:
        done = conversations(server, lake, code=1)
        assert "status 403" in done.stderr and "59 of them came" in done.stdout
        first = held(lake)
        assert len(first) == 59
        days = json.loads(run("status", lake, "--json").stdout)["accounts"][1]["days"]
        assert days[-1]["coverage"] == "partial", "the last of them is not complete"
    with Server(tmp_path, "--records", "300") as server:
        conversations(server, lake)
        assert held(lake) == want and asked(server) == sorted(set(want) - set(first))


def test_refused_credentials(tmp_path, exported):
    server, lake = exported
    run("snapshot", lake, tmp_path, "--name", "copy")
    for file in (tmp_path / "copy" / "conversations").rglob("*.parquet"):
        file.unlink()
    done = conversations(server, tmp_path / "copy", code=1, env=environment(CALLAKE_TOKEN="s3cret-wrong"))
    assert "refused the credentials" in done.stderr and "s3cret-wrong" not in done.stderr
    assert not list((tmp_path / "copy" / "conversations").rglob("*.parquet"))


def test_killed_runs_go_on_where_they_were(tmp_path):
    """Each conversation is there once, and a kill costs at most those that were under way."""
    kills = int(os.environ.get("CALLAKE_KILLS", "3"))
    is_long = kills >= 10
    records, lives = ("3000", (2, 9)) if is_long else ("450", (0.6, 2.5))
    binary = os.environ.get("CALLAKE_BIN", str(ROOT / "target" / "debug" / "callake"))
    dice = random.Random(11)
    with Server(tmp_path, "--records", records, "--latency-ms", "10") as server:
        lake = tmp_path / "lake"
        export(server, lake)
        assert len(named(lake)) >= (2000 if is_long else 250)
        # As at the API's own rate, an answer is there before the next is asked for; two requests at most are under way.
        command = [binary, "conversations", *connection(server, lake, "1500")]
        for _ in range(kills):
            process = subprocess.Popen(command, env=environment(CALLAKE_TOKEN="demo-token"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                process.wait(dice.uniform(*lives))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
        begun = len(asked(server))
        conversations(server, lake)
        assert held(lake) == named(lake)
        twice = len(asked(server)) - len(named(lake))
        print(f"{len(named(lake))} conversations, {kills} kills after {begun} requests: {twice} asked for twice")
        assert set(asked(server)) == set(named(lake)) and 0 < begun
        assert twice <= 2 * kills
        assert findings(lake, code=(0, 6)) <= {"left-over"}
        assert not list((lake / "_callake" / "spool").rglob("*.conversation")), "what is published is kept nowhere else"


def test_in_an_object_store_only_the_columns_asked_for_are_read(tmp_path, store, demo_records):  # noqa: F811
    """The same through ranged reads of objects."""
    env = environment(CALLAKE_TOKEN="demo-token", **KEYS)
    with Server(tmp_path, "--records", "200") as server:
        lake = "s3://lakes/conversations"
        arguments = ["--endpoint-url", store]
        run("export", *connection(server, lake), *arguments, "--from", "2025-09-01", "--to", "2025-09-03", env=env)
        run("conversations", *connection(server, lake), *arguments, "--limit", "30", env=env)
        done = run("conversations", *connection(server, lake), *arguments, env=env)
        assert "30 are held as their call details are" in done.stderr
        ids = asked(server)
        run("restore", lake, *arguments, "--table", "conversations", "-o", tmp_path / "restored.ndjson", env=env)
        records = [json.loads(line) for line in (tmp_path / "restored.ndjson").read_text().splitlines()]
        assert sorted(record["_id"] for record in records) == ids == sorted(set(ids)) and len(ids) > 100


# Looking after both tables


def test_commands_cover_both_tables(tmp_path, exported):
    server, lake = exported
    assert findings(lake) == set()
    accounts = json.loads(run("status", lake, "--json").stdout)["accounts"]
    assert [(account["table"], len(account["days"])) for account in accounts] == [("call_details", 3), ("conversations", 3)]
    for account in accounts:
        assert {day["coverage"] for day in account["days"]} == {"closed"}
    run("snapshot", lake, tmp_path, "--name", "copy")
    assert held(tmp_path / "copy") == held(lake)
    assert findings(tmp_path / "copy") == set()
    assert "0 left-over files" in run("clean", lake).stdout


def test_damage_to_conversations_is_found(tmp_path, exported):
    _, lake = exported
    run("snapshot", lake, tmp_path, "--name", "copy")
    # A snapshot's own manifest would tell too.
    shutil.rmtree(tmp_path / "copy" / "_callake")
    first, second, *_ = sorted((tmp_path / "copy" / "conversations").rglob("*.parquet"))
    second.write_bytes(first.read_bytes())
    data = bytearray(first.read_bytes())
    data[5000] ^= 1
    first.write_bytes(data)
    found = json.loads(run("verify", tmp_path / "copy", "--deep", "--json", code=6).stdout)["findings"]
    assert len({finding["path"] for finding in found}) == 2
    assert all(finding["path"].startswith("conversations/") for finding in found)


def test_undated_and_unnamed_conversations_are_kept(tmp_path):
    records = [{"_id": "c-1"}, {"participants": []}, {"_id": "c-2", "startTime": "soon"}]
    (tmp_path / "odd.json").write_text(json.dumps(records))
    run("convert", tmp_path / "odd.json", "--dest", tmp_path / "lake", "--account", "a", "--verify")
    rows = duckdb.sql(f"select conversation_id, session_date from {table(tmp_path / 'lake')} order by all").fetchall()
    assert rows == [("c-1", None), ("c-2", None), (None, None)]
    assert findings(tmp_path / "lake") == set()
