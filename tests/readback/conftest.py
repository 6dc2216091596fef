"""The real binary, run as a user would run it."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "tests" / "samples"
BINARY = os.environ.get("CALLAKE_BIN", str(ROOT / "target" / "debug" / "callake"))


def run(*arguments, code=0, **options):
    """Runs the binary; fails with both streams where the exit code is another one, or none of those wanted."""
    options.setdefault("timeout", 300)
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, **options)
    assert done.returncode in (code if isinstance(code, tuple) else (code,)), (
        f"callake {' '.join(map(str, arguments))}: exit code {done.returncode}, want {code}\n"
        f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
    )
    return done


@pytest.fixture(scope="session")
def samples_lake(tmp_path_factory):
    """The lake of the documented sample records, which were asked for at UTC+05:30."""
    lake = tmp_path_factory.mktemp("samples") / "lake"
    inputs = [SAMPLES / "call_details_v1.json", SAMPLES / "call_details_v2.json"]
    run("convert", *inputs, "--dest", lake, "--account", "sample", "--timezone-offset", "-330")
    return lake


@pytest.fixture(scope="session")
def demo_records(tmp_path_factory):
    """Generated records of every shape, as NDJSON."""
    path = tmp_path_factory.mktemp("demo") / "records.ndjson"
    run("demo", "records", "--records", 5000, "--days", 5, "--seed", 7, "-o", path)
    return path


@pytest.fixture(scope="session")
def demo_lake(tmp_path_factory, demo_records):
    """The lake of the generated records."""
    lake = tmp_path_factory.mktemp("lake") / "lake"
    run("convert", demo_records, "--dest", lake, "--account", "demo")
    return lake
