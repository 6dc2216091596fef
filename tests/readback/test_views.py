"""The printed SQL views, run by DuckDB and by Spark: rows and measures computed by hand from the documented records.

Spark needs Java and `pip install pyspark`; its tests are skipped without.
"""

import datetime
import json
import os
import shutil
import sys

import duckdb
import pytest

from conftest import run

VIEWS = ["sessions", "queue_entries", "agent_segments", "non_responding_agents", "consultations", "tags"]
MEASURES = ["channel_measures", "queue_measures", "handle_measures"]


def duckdb_session():
    session = duckdb.connect()
    session.sql("set timezone = 'UTC'")
    return session


def spark_session():
    sql = pytest.importorskip("pyspark.sql")
    if not shutil.which("java"):
        pytest.skip("no Java")
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    return builder.config("spark.sql.shuffle.partitions", "1").config("spark.sql.session.timeZone", "UTC").getOrCreate()


@pytest.fixture(scope="module", params=["duckdb", "spark"])
def query(request):
    """Rows of a query after the views of a lake were made; both engines take them with `sql`."""
    session = {"duckdb": duckdb_session, "spark": spark_session}[request.param]()
    made = []

    def rows(lake, text):
        if made != [lake]:
            for statement in statements(request.param, lake):
                session.sql(statement)
            made[:] = [lake]
        answer = session.sql(text)
        return [tuple(row) for row in (answer.fetchall() if request.param == "duckdb" else answer.collect())]

    yield rows
    session.close() if request.param == "duckdb" else session.stop()


def statements(engine, lake):
    text = run("schema", "--views", engine, "--lake", lake).stdout
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return [statement for statement in "\n".join(lines).split(";") if statement.strip()]


def day(text):
    return datetime.date.fromisoformat(text)


SEPTEMBER, OCTOBER, NOVEMBER = day("2025-09-30"), day("2025-10-01"), day("2025-11-10")
QUEUE = "Default Queue"


def test_rows_of_the_samples(query, samples_lake):
    counts = {view: query(samples_lake, f"select count(*) from {view}")[0][0] for view in VIEWS}
    assert counts == {
        "sessions": 13,
        "queue_entries": 7,
        "agent_segments": 6,
        "non_responding_agents": 2,
        "consultations": 2,
        "tags": 18,
    }
    # v1 has the direction inside the customer; six of its seven records are inbound.
    directions = query(samples_lake, "select direction, count(*) from sessions group by direction order by 2")
    assert directions == [("Outbound", 1), (None, 3), ("Inbound", 9)]


def test_segments_of_the_samples(query, samples_lake):
    """Wait: accepted less entered; pick-up: accepted less assigned; handle: interaction and after-call work."""
    entries = """select queue_wait_seconds, callback_opted, queue_entry_number, is_abandoned from queue_entries
        where answered_time is not null and enter_time is not null order by enter_time"""
    assert query(samples_lake, entries) == [
        (37, True, 1, False),
        (9, False, 1, False),
        (47, True, 1, False),
        (22, False, 1, False),  # answered by the inline segment after it
        (5, False, 1, False),
    ]
    segments = """select segment_role, queue_name, pick_up_seconds, talk_seconds, hold_seconds, handle_seconds
        from agent_segments order by assigned_at"""
    assert query(samples_lake, segments) == [
        ("responding", QUEUE, 12, 70, 0, 73),
        ("responding", QUEUE, 4, 49, 0, 53),
        ("responding", None, 1, 32, 0, 50),  # outbound: no queue
        ("responding", QUEUE, 25, 36, 0, 40),
        ("inline", QUEUE, 3, 15, 0, 47),
        ("responding", QUEUE, 4, 36, 0, 43),
    ]
    consultations = "select name, consultation_seconds from consultations order by assigned_at"
    assert query(samples_lake, consultations) == [("Jane Doe", 13), ("+919550xxxxx", 11)]
    offers = "select name, non_response_event, offer_number from non_responding_agents order by assigned_at"
    assert query(samples_lake, offers) == [("John", None, 1), ("John Doe", "Supervisor Reassigned", 1)]
    tags = "select tag_scope, name, count(*) from tags group by tag_scope, name order by name"
    assert query(samples_lake, tags) == [
        ("session", "audioCodesCallDisconnect", 5),
        ("session", "callerNumber", 5),
        ("session", "voiceAgentTransferStart", 3),
        ("session", "welcomeMessageTwilio", 5),
    ]


def test_measures_of_the_samples(query, samples_lake):
    channels = """select session_date, channel, sessions, contained, containment_rate, offered, abandoned, abandon_rate
        from channel_measures order by session_date, channel"""
    assert rounded(query(samples_lake, channels)) == [
        (SEPTEMBER, "Voice", 7, 2, 0.286, 4, 1, 0.25),
        (SEPTEMBER, "Web/Mobile Client", 3, 3, 1, 0, 0, None),
        (OCTOBER, "Voice", 1, 0, 0, 1, 0, 0),
        (OCTOBER, "Web/Mobile Client", 1, 0, 0, 1, 0, 0),
        (NOVEMBER, "Web/Mobile Client", 1, 0, 0, 1, 0, 0),
    ]
    # The two callbacks (37 and 47 seconds) wait, and do not count for the speed of answer.
    queues = """select session_date, queue_name, sum(offered), sum(answered), sum(abandoned), sum(queue_wait_seconds),
        sum(speed_of_answer_count), sum(speed_of_answer_seconds)
        from queue_measures group by session_date, queue_name order by session_date"""
    assert query(samples_lake, queues) == [
        (SEPTEMBER, QUEUE, 3, 2, 0, 46, 1, 9),
        (OCTOBER, QUEUE, 2, 2, 0, 69, 1, 22),
        (NOVEMBER, QUEUE, 1, 1, 0, 5, 1, 5),
    ]
    handled = """select session_date, queue_name, sum(closed), sum(handle_seconds), sum(picked_up), sum(pick_up_seconds)
        from handle_measures group by session_date, queue_name order by session_date, queue_name nulls first"""
    assert query(samples_lake, handled) == [
        (SEPTEMBER, None, 1, 50, 1, 1),
        (SEPTEMBER, QUEUE, 3, 126, 2, 16),
        (OCTOBER, QUEUE, 2, 87, 2, 28),
        (NOVEMBER, QUEUE, 1, 43, 1, 4),
    ]


START = datetime.datetime(2025, 9, 1, 10)


def at(seconds):
    return (START + datetime.timedelta(seconds=seconds)).isoformat()


def session(number, **fields):
    clock = int(START.replace(tzinfo=datetime.timezone.utc).timestamp())
    known = {"sessionId": f"{clock:08x}{number:016x}", "conversationId": f"c-{number}", "channel": "Voice"}
    times = {"sessionStartTime": at(0), "sessionEndTime": at(900)}
    return {**known, **times, "Direction": "Inbound", "finalStatus": "CLOSED", **fields}


def entry(queue, entered, **fields):
    return {"destinationType": "QueueEntry", "queueId": queue.lower(), "queueName": queue, "EnterTime": at(entered), **fields}


def agent(assigned, accepted, talk_and_hold, after_call_work, **fields):
    times = {"assignedAt": at(assigned), "acceptedTime": at(accepted)}
    durations = {"interactionDuration": talk_and_hold, "afterCallWorkDuration": after_call_work}
    return {"destinationType": "AgentSegment", "agentId": "a-1", **times, **durations, **fields}


@pytest.fixture(scope="module")
def cases_lake(tmp_path_factory):
    """What the documented records do not show: abandonment in a queue, voicemail, two queues, hold, and a copy."""
    folder = tmp_path_factory.mktemp("cases")
    records = [
        session(1, finalStatus="USER ABANDONED", destinations=[entry("Sales", 0)]),
        session(2, destinations=[
            entry("Sales", 0),
            entry("Support", 60, respondingAgent=agent(65, 70, 100, 10, holdDuration=30)),
            agent(170, 175, 20, 0),
        ]),
        session(3, isVoicemail="YES", destinations=[entry("Sales", 0, respondingAgent=agent(499, 500, 1, 0))]),
        session(4, destinations=[entry("Sales", 0, respondingAgent=agent(10, 20, 40, 5))]),
        session(5, channel="AgentAssistV2", finalStatus="BotResolved", sessionEndTime=at(0)),
        {"sessionId": "no clock", "channel": "Unknown"},
    ]
    (folder / "cases.json").write_text(json.dumps(records))
    run("convert", folder / "cases.json", "--dest", folder / "a lake's", "--account", "cases")
    return folder / "a lake's"


def test_measures_of_other_cases(query, cases_lake):
    day = START.date()
    channels = "select session_date, channel, sessions, contained, offered, abandoned from channel_measures order by channel"
    assert query(cases_lake, channels) == [(None, "Unknown", 1, 0, 0, 0), (day, "Voice", 4, 0, 4, 1)]
    queues = """select queue_name, offered, answered, abandoned, abandon_rate, average_queue_wait_seconds,
        speed_of_answer_count, average_speed_of_answer_seconds from queue_measures order by queue_name"""
    assert rounded(query(cases_lake, queues)) == [
        ("Sales", 4, 2, 1, 0.25, 260, 1, 20),
        ("Support", 1, 1, 0, 0, 10, 0, None),
    ]
    handled = """select queue_name, closed, talk_seconds, hold_seconds, after_call_work_seconds, handle_seconds,
        average_handle_seconds, picked_up, average_pick_up_seconds from handle_measures order by queue_name"""
    assert rounded(query(cases_lake, handled)) == [
        ("Sales", 3, 41, 0, 5, 46, 15.333, 2, 5.5),
        ("Support", 1, 90, 30, 10, 130, 130, 2, 5),
    ]


def test_demo_lake_is_consistent(query, demo_lake):
    """What can be said of any lake: no session is counted twice, and no view loses a row of another."""
    (sums,) = query(demo_lake, "select sum(sessions), (select count(*) from sessions where not is_agent_assist_copy) from channel_measures")
    assert sums[0] == sums[1] > 4000
    (sums,) = query(demo_lake, """select (select count(*) from queue_entries)
        + (select count(*) from agent_segments where segment_role = 'inline'), (select count(*) from destinations)""")
    assert sums[0] == sums[1] > 1000
    for measure in MEASURES:
        assert query(demo_lake, f"select * from {measure}")


def test_columns_are_named_once(samples_lake):
    connection = duckdb_session()
    for statement in statements("duckdb", samples_lake):
        connection.sql(statement)
    for view in VIEWS:
        names = [row[0] for row in connection.sql(f"describe {view}").fetchall()]
        assert len(names) == len({name.split(":")[0] for name in names}), view


def rounded(rows):
    return [tuple(cell if cell is None or isinstance(cell, (str, datetime.date)) else round(float(cell), 3) for cell in row) for row in rows]
