"""Options from variables and from the configuration file, through the real binary."""

import json
import re
import signal
import stat
import subprocess
import time

import duckdb
import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import BINARY, ROOT, run
from test_export import ACCOUNT, DAYS, STREAM, Server, environment, export, keys
from test_sync import requests

OPERATING = (ROOT / "docs" / "operating.md").read_text()


def test_options_from_variables(tmp_path):
    with Server(tmp_path) as server:
        variables = {
            "CALLAKE_HOST": server.url, "CALLAKE_ACCOUNT": ACCOUNT, "CALLAKE_STREAM": STREAM, "CALLAKE_DEST": str(tmp_path / "lake"),
            "CALLAKE_TOKEN": "demo-token", "CALLAKE_FROM": "2025-09-01", "CALLAKE_TO": "2025-09-03", "CALLAKE_RATE": "60000",
            "CALLAKE_ENDPOINT": "v1", "CALLAKE_VERIFY": "yes", "CALLAKE_REFRESH": "0", "CALLAKE_QUIET": "1", "CALLAKE_JSON": "true",
        }
        report = json.loads(run("export", env=environment(**variables)).stdout)
        assert keys(tmp_path / "lake") == server.keys() and report["command"] == "export"
        again = run("export", "--rate", "59999", env=environment(**variables))
        assert again.stderr == "" and json.loads(again.stdout)["cost"]["cost"]["requests"] == 0
        wrong = run("export", env=environment(**{**variables, "CALLAKE_RATE": "0"}), code=2)
        assert "invalid value '0' for '--rate <N>'" in wrong.stderr


def test_a_demo_does_not_take_the_variables_of_real_runs(tmp_path):
    env = environment(CALLAKE_DEST=str(tmp_path / "real"), CALLAKE_ACCOUNT="real", CALLAKE_DEMO_RECORDS="7")
    out = run("demo", "records", "-o", "-", env=env, cwd=tmp_path).stdout
    assert len(out.splitlines()) == 7
    assert run("demo", "records", "-o", "-", "--records", 3, env=env).stdout.count("\n") == 3


def test_help_shows_no_values(tmp_path):
    secret = "a-value-that-help-must-not-show"
    names = set(re.findall(r"\[env: (CALLAKE_\w+)\]", run("demo", "serve", "--help").stdout + run("export", "--help").stdout))
    assert {"CALLAKE_DEMO_TOKEN", "CALLAKE_DEMO_APP_SECRET", "CALLAKE_TOKEN_FILE", "CALLAKE_RATE"} <= names
    env = environment(**{name: secret for name in names})
    assert secret not in run("demo", "serve", "--help", env=env).stdout + run("export", "--help", env=env).stdout


@pytest.fixture
def two_accounts(tmp_path):
    """A configuration for two accounts of two servers, as the operating page shows it."""
    (example,) = re.findall(r"^```toml\n(.*?)^```", OPERATING, flags=re.S | re.M)
    for name in ("emea", "apac"):
        (tmp_path / name).mkdir()
    with Server(tmp_path / "emea", "--account", "67654be356840f366e79aaaa") as emea, Server(tmp_path / "apac", "--account", "apac", "--seed", "9") as apac:
        for name, server in (("emea", emea), ("apac", apac)):
            assert f"https://{name}.example.com" in example
            example = example.replace(f"https://{name}.example.com", server.url)
        example = example.replace('"s3://lakes/calls"', '"lake"').replace("rate = 30", "rate = 60000").replace("st-…", STREAM)
        config = tmp_path / "callake.toml"
        config.write_text(example)
        (tmp_path / "apac-token").write_text("demo-token")
        yield config, emea, apac


def test_several_accounts(tmp_path, two_accounts):
    config, emea, apac = two_accounts
    env = environment(EMEA_TOKEN="demo-token", CALLAKE_CONFIG=str(config))
    done = run("export", *DAYS, "--metrics-file", "callake.prom", env=env, cwd=tmp_path)
    assert [line for line in done.stderr.splitlines() if line.startswith("account ")] == ["account emea: done", "account apac: done"]
    for account, server in (("67654be356840f366e79aaaa", emea), ("apac", apac)):
        sql = f"select session_id, coalesce(conversation_id, '') from read_parquet('{tmp_path}/lake/*/*/{account}.parquet') order by all"
        assert duckdb.sql(sql).fetchall() == server.keys()
    assert {sample.labels["account"] for family in metrics(tmp_path / "callake.prom") for sample in family.samples} == {"67654be356840f366e79aaaa", "apac"}

    before = requests(emea), requests(apac)
    run("export", *DAYS, "--refresh", "--account", "apac", env=env, cwd=tmp_path)
    assert requests(emea) == before[0] and requests(apac) > before[1]
    assert json.loads(run("status", "--json", env=env, cwd=tmp_path).stdout)["lake"] == "lake"


def test_conversations_of_several_accounts(tmp_path, two_accounts):
    config, _, _ = two_accounts
    env = environment(EMEA_TOKEN="demo-token", CALLAKE_CONFIG=str(config), CALLAKE_LIMIT="7", CALLAKE_WHERE="channel=Voice")
    run("export", *DAYS, env=env, cwd=tmp_path)
    done = run("conversations", env=env, cwd=tmp_path)
    assert [line for line in done.stderr.splitlines() if line.startswith("account ")] == ["account emea: done", "account apac: done"]
    sql = f"""select account_id, count(*), count(distinct channel) from read_parquet('{tmp_path}/lake/call_details/*/*.parquet')
        where channel = 'Voice' and conversation_id in (select conversation_id from read_parquet('{tmp_path}/lake/conversations/*/*.parquet'))
        group by all order by all"""
    assert duckdb.sql(sql).fetchall() == [("67654be356840f366e79aaaa", 7, 1), ("apac", 7, 1)]


def test_the_worst_of_several_accounts_counts(tmp_path, two_accounts):
    config, _, apac = two_accounts
    env = environment(EMEA_TOKEN="wrong")
    done = run("export", *DAYS, "--config", config, env=env, cwd=tmp_path, code=1)
    lines = [line for line in done.stderr.splitlines() if "account " in line]
    assert lines[0].startswith("error: account emea: ") and lines[1] == "account apac: done"
    assert keys(tmp_path / "lake") == apac.keys(), "the others are read all the same"
    missing = run("export", *DAYS, "--config", config, env=environment(), cwd=tmp_path, code=1)
    assert "EMEA_TOKEN is not set" in missing.stderr


def test_a_signal_stops_the_accounts_that_are_still_to_come(tmp_path):
    (tmp_path / "callake.toml").write_text(
        "".join(f'[accounts.{name}]\nhost = "{{}}"\nstream = "{STREAM}"\n' for name in (ACCOUNT, "second"))
    )
    with Server(tmp_path, "--fault", "1-99=stall") as server:
        config = tmp_path / "callake.toml"
        config.write_text(config.read_text().replace("{}", server.url))
        arguments = ["export", "--config", config, "--dest", tmp_path / "lake", *DAYS]
        process = subprocess.Popen([BINARY, *map(str, arguments)], env=environment(CALLAKE_TOKEN="demo-token"), stderr=subprocess.PIPE, text=True)
        while requests(server) == 0:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 143 and requests(server) == 1
        assert err.startswith(f"error: account {ACCOUNT}: stopped by SIGTERM") and "second" not in err


def test_flags_and_how_lines_are_written_from_the_file(tmp_path, demo_records):
    (tmp_path / "callake.toml").write_text('quiet = true\nlog_format = "json"\ndry_run = true\ndest = "lake"\n')
    arguments = ["convert", demo_records, "--account", "a", "--config", "callake.toml"]
    done = run(*arguments, cwd=tmp_path, env=environment())
    assert done.stderr == "" and "nothing was written" in done.stdout
    failed = run(*arguments, "no-such-file", cwd=tmp_path, env=environment(), code=3)
    assert json.loads(failed.stderr)["level"] == "ERROR"


def test_an_argument_beats_a_variable_beats_the_file(tmp_path):
    (tmp_path / "callake.toml").write_text('host = "http://127.0.0.1:1"\nfrom = 2025-09-01\nrecords_per_day = 100\n')
    arguments = ["plan", "--config", tmp_path / "callake.toml", "--account", "a", "--stream", "st-1", "--dest", tmp_path / "lake", "--to", "2025-09-01", "--json"]
    records = lambda *more, **variables: json.loads(run(*arguments, *more, env=environment(**variables)).stdout)["records"]
    assert records() == 100
    assert records(CALLAKE_RECORDS_PER_DAY="200") == 200
    assert records("--records-per-day", "300", CALLAKE_RECORDS_PER_DAY="200") == 300


def test_a_wrong_variable_is_named(tmp_path):
    arguments = ["sync", "--host", "https://h", "--account", "a", "--stream", "st-1", "--dest", tmp_path / "lake"]
    done = run(*arguments, env=environment(CALLAKE_RATE="0"), code=2)
    assert "invalid value '0' for '--rate" in done.stderr and "the value stands in the variable CALLAKE_RATE" in done.stderr
    done = run(*arguments, "--rate", "0", env=environment(CALLAKE_RATE="1"), code=2)
    assert "invalid value '0' for '--rate" in done.stderr and "variable" not in done.stderr


@pytest.mark.parametrize(
    "text, problem",
    [
        ("rates = 3", "callake.toml:1: there is no key rates; there are: accounts, account, "),
        ('\n\n[accounts.emea]\ntoken = "s3cret"', "callake.toml:4: token does not belong in a file"),
        ("rate = 0", "callake.toml:1: invalid value '0' for 'rate': 0 is not in 1..=60000"),
        ("rate = ", "callake.toml:1: "),
    ],
)
def test_what_is_wrong_in_the_file(tmp_path, text, problem):
    (tmp_path / "callake.toml").write_text(text)
    done = run("sync", "--config", "callake.toml", cwd=tmp_path, env=environment(), code=2)
    assert done.stderr.startswith(f"error: {problem}") and "s3cret" not in done.stderr
    assert run("sync", "--config", "none.toml", cwd=tmp_path, env=environment(), code=2).stderr.startswith("error: none.toml: No such file")


def metrics(path):
    return list(text_string_to_metric_families(path.read_text()))


def values(path):
    return {sample.name: sample.value for family in metrics(path) for sample in family.samples}


def test_metrics(tmp_path):
    file = tmp_path / "callake.prom"
    with Server(tmp_path, "--fault", "3=500") as server:
        report = json.loads(export(server, tmp_path / "lake", *DAYS, "--metrics-file", file, "--json").stdout)
        found = values(file)
        assert all(sample.labels == {"account": ACCOUNT, "command": "export"} for family in metrics(file) for sample in family.samples)
        assert all(family.type == "gauge" and family.documentation for family in metrics(file))
        cost = report["cost"]["cost"]
        assert found["callake_last_run_requests"] == cost["requests"] and found["callake_last_run_bytes"] == cost["bytes"]
        assert found["callake_last_run_records"] == report["cost"]["rows"] >= 1500
        assert found["callake_last_run_retries"] == sum(cost["retries"].values()) == 1
        assert (found["callake_last_run_days_published"], found["callake_last_run_days_incomplete"]) == (3, 0)
        assert found["callake_last_run_exit_code"] == 0 and 0 < found["callake_last_run_duration_seconds"] < 300
        success = found["callake_last_success_timestamp_seconds"]
        assert success == found["callake_last_run_timestamp_seconds"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o644, "the collector is another user"

        export(server, tmp_path / "lake", *DAYS, "--refresh", "--metrics-file", file, env=environment(CALLAKE_TOKEN="wrong"), code=1)
        failed = values(file)
        assert failed["callake_last_run_exit_code"] == 1 and failed["callake_last_success_timestamp_seconds"] == success
        assert failed["callake_last_run_timestamp_seconds"] > success
    listed = set(re.findall(r"^\| `(callake_\w+)` \|", OPERATING, flags=re.M))
    assert listed == set(found)
    assert [path.name for path in tmp_path.glob("*prom*")] == ["callake.prom"]


def test_a_metrics_file_that_cannot_be_written(tmp_path, demo_records):
    arguments = ["convert", demo_records, "--dest", tmp_path / "lake", "--account", "a", "--metrics-file", tmp_path / "no" / "callake.prom"]
    assert "error: write the metrics file " in run(*arguments, env=environment(), code=1).stderr
