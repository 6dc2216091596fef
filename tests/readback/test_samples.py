"""Every leaf of the 13 documented records stands in the Parquet row, and nothing else does.

The script knows the records and the naming rule, and reads the files with pyarrow; it shares nothing with the decoder.
"""

import datetime
import json
import re

import pyarrow.parquet as pq
import pytest

from conftest import SAMPLES

# Where the API runs words together, or spells two fields alike.
NAMES = {
    "customerinfo": "customer_info",
    "userleveltags": "user_level_tags",
    "sessionleveltags": "session_level_tags",
    "workinghours": "working_hours",
    "automationBotIDs": "automation_bot_ids",
    "lastIntentuserInput": "last_intent_user_input",
    "_id": "id",
}
TIMES = re.compile(r"(Time|At|_at|TimeStamp|timestamp)$")
PROVENANCE = {"account_id", "source_endpoint", "fetched_at", "timezone_offset", "extra"}
# The samples were asked for with timeZoneOffset -330.
LOCAL = datetime.timezone(datetime.timedelta(hours=5, minutes=30))


def column(key):
    return NAMES.get(key) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()


def json_leaves(value, path=(), key=""):
    """(path, value) of each leaf; an empty array or object is a leaf."""
    if isinstance(value, dict) and value:
        for name, child in value.items():
            yield from json_leaves(child, (*path, column(name)), name)
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from json_leaves(child, (*path, index), key)
    elif isinstance(value, str) and TIMES.search(key):
        time = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        yield path, (time if time.tzinfo else time.replace(tzinfo=LOCAL)).astimezone(datetime.timezone.utc)
    elif key in ("isVoicemail", "surveyRequired"):
        yield path, {"YES": True, "NO": False}[value]
    else:
        yield path, value


def row_leaves(value, path=()):
    """The same of a row; what is null is absent, a struct of nulls is an empty object."""
    if isinstance(value, dict):
        present = {name: child for name, child in value.items() if child is not None}
        if not present:
            yield path, {}
        for name, child in present.items():
            yield from row_leaves(child, (*path, name))
    elif isinstance(value, list) and value:
        for index, child in enumerate(value):
            yield from row_leaves(child, (*path, index))
    else:
        yield path, value


def records():
    for name in ("call_details_v1.json", "call_details_v2.json"):
        for record in json.loads((SAMPLES / name).read_text())["data"]:
            yield pytest.param(record, id=f"{name}-{record['sessionId']}")


@pytest.fixture(scope="module")
def rows(samples_lake):
    """Rows by session id, each with the day of its path."""
    found = {}
    for file in samples_lake.glob("call_details/*/*.parquet"):
        assert file.name == "sample.parquet"
        for row in pq.ParquetFile(file).read().to_pylist():
            assert row["session_id"] not in found, "a session stands once"
            found[row["session_id"]] = (file.parent.name, row)
    assert len(found) == 13
    return found


@pytest.mark.parametrize("record", list(records()))
def test_every_leaf(rows, record):
    day, row = rows[record["sessionId"]]
    want = dict(json_leaves(record))
    got = dict(row_leaves({name: value for name, value in row.items() if name not in PROVENANCE}))
    assert got == want
    assert day == f"session_date={want['session_start_time',].date()}"
    # The first 8 digits of a session id are its start, in UTC seconds.
    assert int(want["session_start_time",].timestamp()) == int(record["sessionId"][:8], 16)


@pytest.mark.parametrize("record", list(records()))
def test_provenance(rows, record):
    _, row = rows[record["sessionId"]]
    assert row["account_id"] == "sample"
    assert row["timezone_offset"] == -330
    assert row["fetched_at"].tzinfo is not None
    assert row["extra"] == [], "the documented records fit their columns"


def test_days(samples_lake):
    days = sorted(path.name for path in (samples_lake / "call_details").iterdir())
    assert days == ["session_date=2025-09-30", "session_date=2025-10-01", "session_date=2025-11-10"]
