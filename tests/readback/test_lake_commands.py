"""`verify`, `status`, `snapshot`, `restore` and `clean` on a lake that is sound, and on one that is not."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from conftest import BINARY, run


@pytest.fixture
def lake(tmp_path, demo_lake):
    copy = tmp_path / "lake"
    shutil.copytree(demo_lake, copy)
    return copy


def day_file(lake, at=0):
    return sorted(lake.glob("call_details/*/*.parquet"))[at]


def test_a_sound_lake(lake):
    assert "is sound: 5,000 rows in 5 files" in run("verify", lake, "--deep").stdout
    assert json.loads(run("verify", lake, "--json").stdout)["findings"] == []
    assert "2025-09  +++++" in run("status", lake).stdout
    assert "0 left-over files" in run("clean", lake).stdout


def flip(lake):
    file = day_file(lake)
    data = bytearray(file.read_bytes())
    data[5000] ^= 1
    file.write_bytes(data)


def cut(lake):
    file = day_file(lake)
    file.write_bytes(file.read_bytes()[:-100])


def foreign(lake):
    (lake / "call_details" / "notes.txt").write_text("hello")


def foreign_parquet(lake):
    shutil.copy(day_file(lake), lake / "call_details" / "session_date=2025-09-01" / "other.parquet")


def wrong_day(lake):
    other = lake / "call_details" / "session_date=2025-10-01"
    other.mkdir()
    day_file(lake).rename(other / "demo.parquet")


def twice(lake):
    other = lake / "call_details" / "session_date=2025-10-01"
    other.mkdir()
    shutil.copy(day_file(lake), other / "demo.parquet")


def left_over(lake):
    (day_file(lake).parent / "demo.parquet.tmp").write_bytes(b"half")


@pytest.mark.parametrize("damage", [flip, cut, foreign, foreign_parquet, wrong_day, twice, left_over])
def test_every_planted_damage_is_found(lake, damage):
    damage(lake)
    done = run("verify", lake, "--deep", code=6)
    assert "is not sound" in done.stdout
    assert json.loads(run("verify", lake, "--deep", "--json", code=6).stdout)["findings"]


def test_a_snapshot_is_a_lake_with_a_manifest(lake, tmp_path):
    archive = tmp_path / "archive"
    run("snapshot", lake, archive, "--name", "one", "--from", "2025-09-01", "--to", "2025-09-03")
    assert "is sound: 3,000 rows in 3 files" in run("verify", archive / "one", "--deep").stdout
    run("restore", archive / "one", "-o", tmp_path / "a.ndjson")
    run("restore", lake, "-o", tmp_path / "b.ndjson", "--from", "2025-09-01", "--to", "2025-09-03")
    assert (tmp_path / "a.ndjson").read_text() == (tmp_path / "b.ndjson").read_text()
    assert "one" in run("snapshot", lake, archive, "--name", "one", code=2).stderr
    day_file(archive / "one").unlink()
    run("verify", archive / "one", code=6)


def test_restore_keeps_the_old_file_until_the_new_one_is_whole(lake, tmp_path):
    (tmp_path / "out.ndjson").write_text("old")
    run("restore", tmp_path / "nope", "-o", tmp_path / "out.ndjson", code=3)
    cut(lake)
    done = run("restore", lake, "-o", tmp_path / "out.ndjson", code=6)
    assert "session_date=2025-09-01" in done.stderr
    assert (tmp_path / "out.ndjson").read_text() == "old"


def test_what_cannot_be_meant(lake, tmp_path):
    days = ("--from", "2025-09-02", "--to", "2025-09-01")
    for command in (["restore", lake], ["snapshot", lake, tmp_path / "s"]):
        assert "before the first" in run(*command, *days, code=2).stderr
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to(lake)
    within = (f"file://{lake}/below", "other/../lake/below", "no/../lake/a/b", "link/a/b", "lake/../lake")
    for target in ("", lake, lake / "below", *within):
        assert "snapshot" in run("snapshot", lake, target, code=2, cwd=tmp_path).stderr
    assert not (lake / "below").exists() and not (tmp_path / "no").exists()


def test_no_lake_there(tmp_path):
    for command in (["verify"], ["status"], ["restore"], ["clean"]):
        done = run(*command, tmp_path / "nope", code=3)
        assert "there is no lake" in done.stderr and "no such folder" in done.stderr


def test_a_lake_without_days(tmp_path):
    (tmp_path / "empty").mkdir()
    for command, *target in (["verify"], ["status"], ["restore"], ["snapshot", tmp_path / "s"]):
        done = run(command, tmp_path / "empty", *target, code=3)
        assert "it holds no file of" in done.stderr and "sound" not in done.stdout
    assert not (tmp_path / "s").exists(), "a backup of a mistyped path must not look like one"
    (tmp_path / "empty" / "_callake").mkdir()
    assert "no day files" in run("status", tmp_path / "empty").stdout, "a run has opened it"


def test_days_that_are_not_there(lake, tmp_path):
    for command, *more in (["restore", "-o", tmp_path / "out"], ["snapshot", tmp_path / "s"], ["report", "-o", tmp_path / "page"]):
        done = run(command, lake, *more, "--from", "2030-01-01", code=3)
        assert "in the days asked for" in done.stderr
    assert not any((tmp_path / name).exists() for name in ("out", "s", "page"))


def test_a_wrong_clock_makes_no_ages_of_missing_days(tmp_path):
    starts = ["0001-01-01", "2025-09-03", "2025-09-05", "9999-12-31"]
    record = '{"sessionId":"%s","sessionStartTime":"%sT01:02:03"}\n'
    (tmp_path / "a.ndjson").write_text("".join(record % (start, start) for start in starts))
    run("convert", tmp_path / "a.ndjson", "--dest", tmp_path / "lake", "--account", "a")
    (account,) = json.loads(run("status", tmp_path / "lake", "--json").stdout)["accounts"]
    assert [day["day"] for day in account["days"]] == starts
    assert account["missing"] == ["2025-09-04"]
    assert len(run("status", tmp_path / "lake").stdout.splitlines()) < 10
    run("report", tmp_path / "lake", "-o", tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 100_000


def test_a_file_is_no_lake(lake):
    for command in ("verify", "status", "restore"):
        assert "it is a file; name the folder" in run(command, day_file(lake), code=3).stderr


def test_status_names_what_it_could_not_read(lake):
    cut(lake)
    done = run("status", lake, code=6)
    assert "2025-09   ++++" in done.stdout, "the rest is shown"
    assert "session_date=2025-09-01/demo.parquet" in done.stdout and "can't be read as Parquet" in done.stdout
    (problem,) = json.loads(run("status", lake, "--json", code=6).stdout)["problems"]
    assert "session_date=2025-09-01" in problem


@pytest.fixture
def shared_lake(demo_lake):
    """A lake that all users of the machine may read, and a binary that they may run."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        place.chmod(0o755)
        shutil.copytree(demo_lake, place / "lake")
        shutil.copy(BINARY, place / "callake")
        yield place


@pytest.mark.skipif(os.geteuid() != 0, reason="runs as another user")
def test_other_users_need_not_read_what_is_not_published(shared_lake):
    lake = shared_lake / "lake"
    for closed in ("spool/0123", "staging/callake-live"):
        (lake / "_callake" / closed).mkdir(parents=True)
    for closed in ("spool", "staging/callake-live"):
        (lake / "_callake" / closed).chmod(0o700)

    def as_other(*arguments, code=0):
        command = [shared_lake / "callake", *map(str, arguments)]
        done = subprocess.run(command, user=65534, group=65534, extra_groups=[], capture_output=True, text=True, cwd="/")
        assert done.returncode == code, done.stderr
        return done

    assert "is sound: 5,000 rows" in as_other("verify", lake).stdout
    assert "0 left-over files" in as_other("clean", lake).stdout
    assert as_other("report", lake, "-o", "-").stdout.startswith("<!DOCTYPE html>")
    day_file(lake).parent.chmod(0o700)
    for command in ("verify", "status"):
        assert "Permission denied" in as_other(command, lake, code=1).stderr
