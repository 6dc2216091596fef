"""What a run says while it is at work, and how it ends when it is told to: through a terminal, and through pipes."""

import json
import re
import signal
import subprocess
import time

import pytest

from conftest import BINARY, run
from terminal import Terminal
from test_export import ACCOUNT, STREAM, Server, environment, keys

DAYS = ("--from", "2025-09-01", "--to", "2025-09-04")
# Answers that take a while, so that there is something to look at.
SLOW = ("--records", "8000", "--days", "4", "--latency-ms", "60")
ENV = environment(CALLAKE_TOKEN="demo-token")

# A busy machine may take longer than the second or two that a stop takes on one that is not.
SOON = 10


def export(server, lake, *arguments):
    return ["export", "--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", lake, *DAYS, "--rate", "60000", *arguments]


def files(lake):
    return {path: path.stat().st_mtime_ns for path in lake.glob("call_details/*/*.parquet")}


def wait_for_a_day(lake, wait=time.sleep):
    end = time.monotonic() + 120
    while not files(lake):
        assert time.monotonic() < end
        wait(0.02)


def test_a_display_on_a_terminal_and_nothing_of_it_afterwards(tmp_path):
    with Server(tmp_path, *SLOW) as server, Terminal(*export(server, tmp_path / "lake"), env=ENV, columns=120, rows=60) as terminal:
        terminal.wait_for(" of 4 days")
        terminal.wait_for(" left")
        first, second = terminal.shown().splitlines()
        assert re.match(r"^[━╸ ]{20} exporting \d of 4 days", first)
        assert re.search(r"[\d,]+ records · [\d,]+ a second · [\d.]+ MB · \d+ windows", second)
        assert terminal.finish() == 0
        shown = terminal.shown()
    assert "exporting" not in shown and "━" not in shown
    assert shown.splitlines()[0].startswith("created "), shown
    assert keys(tmp_path / "lake") and "?25l" not in terminal.written.decode(), "the cursor was never hidden"


def test_the_display_fits_whatever_the_size(tmp_path):
    slow = (*SLOW[:-1], "150")
    with Server(tmp_path, *slow) as server, Terminal(*export(server, tmp_path / "lake"), env=ENV) as terminal:
        terminal.wait_for("windows")
        for columns in (40, 120, 60):
            terminal.resize(columns, 24)
            end = time.monotonic() + 30
            while True:
                # What a terminal makes of lines that it has when it shrinks is its own affair, and frames may be under way that were
                # drawn for the size before; those after them fit.
                terminal.screen.reset()
                terminal.read(0.6)
                lines = terminal.shown().splitlines()
                if len(lines) == 2 and "exporting" in lines[0] and all(len(line) < columns for line in lines):
                    break
                assert time.monotonic() < end, (columns, lines)
        assert terminal.finish() == 0
        assert "exporting" not in terminal.shown()


def test_log_lines_and_the_display_do_not_garble_each_other(tmp_path):
    """Requests that are made again are logged while the display is there: each line is whole, at the start of a line."""
    faults = ("--fault-rate", "0.2", "--fault-kinds", "500")
    with Server(tmp_path, *SLOW, *faults) as server, Terminal(*export(server, tmp_path / "lake", "-v"), env=ENV, columns=200, rows=500) as terminal:
        terminal.wait_for("a server error")
        assert terminal.finish() == 0
        shown = terminal.shown()
    told = [line for line in shown.splitlines() if "again in" in line]
    assert told and all(re.match(r"^\d{4}-\d\d-\d\dT\S+Z  INFO callake::api", line) for line in told), told
    assert "exporting" not in shown


def test_ctrl_c_on_a_terminal_leaves_nothing_behind(tmp_path):
    lake = tmp_path / "lake"
    with Server(tmp_path, *SLOW) as server, Terminal(*export(server, lake), env=ENV, columns=120) as terminal:
        terminal.wait_for(" of 4 days")
        # What a terminal has not read by then is thrown away when Ctrl-C is pressed, half a sequence perhaps.
        wait_for_a_day(lake, terminal.read)
        terminal.press_ctrl_c()
        pressed = time.monotonic()
        assert terminal.finish() == 130
        assert time.monotonic() - pressed < SOON
        shown = terminal.shown()
    assert "━" not in shown and "^C" not in shown and "exporting" not in shown
    assert "error: stopped by Ctrl-C (SIGINT): what was published stays; run the same command again for the rest" in shown.splitlines()


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_an_export_soon_and_the_next_run_does_the_rest(tmp_path, number, code):
    lake = tmp_path / "lake"
    with Server(tmp_path, *SLOW) as server:
        process = subprocess.Popen([BINARY, *map(str, export(server, lake))], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_for_a_day(lake)
        process.send_signal(number)
        sent = time.monotonic()
        out, err = process.communicate(timeout=60)
        assert process.returncode == code and time.monotonic() - sent < SOON, err
        published = files(lake)
        assert 1 <= len(published) < 4, "it was stopped before its end"
        assert err.splitlines()[-1].startswith("error: stopped by ")
        assert all(path.parent.name in out for path in published), "the summary names what was published"
        (record,) = (json.loads(path.read_text()) for path in (lake / "_callake" / "runs").iterdir())
        assert record["exit_code"] == code and len(record["files"]) == len(published)
        # A day that was read may not have been published any more.
        assert 0 < sum(file["rows"] for file in record["files"]) <= record["records"] == sum(day["unique"] for day in record["days"])
        assert json.loads(run("verify", lake, "--json").stdout)["findings"] == [], "nothing half, nothing left over"

        run(*export(server, lake), env=ENV)
        assert keys(lake) == server.keys()
        assert {path: time for path, time in files(lake).items() if path in published} == published, "complete days are left alone"


def test_a_signal_ends_an_export_of_conversations_soon_and_the_next_run_does_the_rest(tmp_path):
    """What was fetched and not published lies in the spool, so that hardly anything is asked for twice."""
    lake = tmp_path / "lake"

    def asked():
        lines = [json.loads(line) for line in server.get("/_demo/requests").splitlines()]
        return [line["path"] for line in lines if "/conversations/" in line["path"]]

    def files():
        return len(list(lake.glob("conversations/*/*.parquet")))

    with Server(tmp_path, "--records", "450", "--latency-ms", "10") as server:
        connection = ["--host", server.url, "--account", ACCOUNT, "--stream", STREAM, "--dest", lake, "--rate", "1500"]
        run("export", *connection, *DAYS, env=ENV)
        command = [BINARY, "conversations", *map(str, connection), "--progress-interval", "1"]
        process = subprocess.Popen(command, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while files() == 0 or len(asked()) < 150:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        sent = time.monotonic()
        out, err = process.communicate(timeout=60)
        assert process.returncode == 143 and time.monotonic() - sent < SOON, err
        assert err.splitlines()[-1].startswith("error: stopped by SIGTERM") and "created " in out
        assert re.search(r"^exporting \d of 3 days.* records", err, flags=re.M), err
        quiet = run("conversations", *connection, "--quiet", "--progress-interval", "1", env=ENV)
        assert quiet.stderr == "" and files() == 3
        assert len(asked()) - len(set(asked())) <= 2, "those that were under way"
        status = json.loads(run("conversations", *connection, "--dry-run", "--json", env=ENV).stdout)
        assert status["due"] == 0 and status["held"] == len(set(asked()))


def test_a_signal_while_the_api_does_not_answer(tmp_path):
    """The wait for an answer, or for the next try, does not keep a run from ending."""
    with Server(tmp_path, "--fault", "1-99=stall") as server:
        process = subprocess.Popen([BINARY, *map(str, export(server, tmp_path / "lake"))], env=ENV, stderr=subprocess.PIPE, text=True)
        while json.loads(server.get("/_demo/stats"))["api"]["requests"] == 0:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        sent = time.monotonic()
        process.communicate(timeout=60)
        assert process.returncode == 143 and time.monotonic() - sent < SOON


def test_a_signal_ends_a_conversion_that_waits_for_input(tmp_path):
    process = subprocess.Popen(
        [BINARY, "convert", "-", "--dest", tmp_path / "lake", "--account", "a"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    )
    process.stdin.write(b'{"sessionId":')
    process.stdin.flush()
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    assert process.wait(60) == 130 and time.monotonic() - sent < SOON
    process.stdin.close()
    assert not files(tmp_path / "lake")


def test_a_signal_ends_a_server_as_it_should_end(tmp_path):
    for number in (signal.SIGINT, signal.SIGTERM):
        with Server(tmp_path) as server:
            server.process.send_signal(number)
            assert server.process.wait(SOON) == 0


def test_lines_of_progress_where_there_is_no_terminal(tmp_path):
    with Server(tmp_path, *SLOW) as server:
        short = run(*export(server, tmp_path / "short"), env=ENV)
        assert "exporting" not in short.stderr, "a short run says nothing"
        done = run(*export(server, tmp_path / "lake", "--progress-interval", "1"), env=ENV)
        lines = done.stderr.splitlines()
        assert lines and all(re.match(r"^exporting \d of 4 days(, .* left)?( · .*)?$", line) for line in lines), done.stderr
        assert "\x1b" not in done.stderr + done.stdout and "exporting" not in done.stdout
        quiet = run(*export(server, tmp_path / "quiet", "--progress-interval", "1", "--quiet"), env=ENV)
        assert quiet.stderr == "" and quiet.stdout


def test_quiet_on_a_terminal(tmp_path):
    with Server(tmp_path, *SLOW) as server, Terminal(*export(server, tmp_path / "lake", "-q"), env=ENV, stdout=subprocess.DEVNULL) as terminal:
        assert terminal.finish() == 0
        assert terminal.written == b""


def test_quiet_still_says_what_went_wrong(tmp_path):
    with Server(tmp_path) as server:
        done = run(*export(server, tmp_path / "lake", "--quiet"), env=environment(CALLAKE_TOKEN="wrong"), code=1)
        assert done.stderr.startswith("error: ")


def test_json_lines(tmp_path):
    faults = ("--fault-rate", "0.1", "--fault-kinds", "500")
    with Server(tmp_path, *SLOW, *faults) as server:
        arguments = ("-v", "--log-format", "json", "--progress-interval", "1")
        run(*export(server, tmp_path / "lake"), env=ENV)
        done = run(*export(server, tmp_path / "lake", "--refresh", *arguments), env=ENV)
        wrong = run(*export(server, tmp_path / "wrong", *arguments), env=environment(CALLAKE_TOKEN="wrong"), code=1)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert all({"timestamp", "level", "target", "message"} <= set(line) for line in lines)
    progress = [line for line in lines if line["message"].startswith("exporting ")]
    assert progress and all(line["steps"] == 4 and line["level"] == "INFO" for line in progress)
    assert any(line["target"] == "callake::api::fetch" for line in lines)
    (error,) = (json.loads(line) for line in wrong.stderr.splitlines())
    assert error["level"] == "ERROR" and error["message"].startswith("error: ")


@pytest.mark.parametrize("variables, is_coloured", [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color(tmp_path, variables, is_coloured):
    faults = ("--fault", "2=500")
    with Server(tmp_path, *faults) as server:
        with Terminal(*export(server, tmp_path / "lake", "-v"), env={**ENV, **variables}, stdout=subprocess.DEVNULL) as terminal:
            assert terminal.finish() == 0
            assert "again in" in terminal.shown()
    assert bool(re.search(rb"\x1b\[[0-9;]*m", terminal.written)) == is_coloured


@pytest.fixture(scope="module")
def many_days(tmp_path_factory):
    """Records of so many days that each command takes longer than it takes until a display is due, and their lake."""
    folder = tmp_path_factory.mktemp("many")
    run("demo", "records", "--records", 1600, "--days", 800, "-o", folder / "records.ndjson")
    run("convert", folder / "records.ndjson", "--dest", folder / "lake", "--account", "demo")
    return folder


@pytest.mark.parametrize(
    "arguments, told",
    [
        (["verify", "lake", "--deep"], "verifying"),
        (["restore", "lake", "-o", "restored"], "restoring"),
        (["snapshot", "lake", "copies"], "copying"),
        (["convert", "records.ndjson", "--dest", "other", "--account", "demo"], "publishing"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_other_commands_show_progress_too(many_days, arguments, told):
    with Terminal(*arguments, env=environment(), stdout=subprocess.DEVNULL, cwd=many_days) as terminal:
        terminal.wait_for(told)
        assert re.search(rf"{told} [\d,]+ of 800 (files|days)", terminal.shown())
        assert terminal.finish() == 0
        assert told not in terminal.shown()
