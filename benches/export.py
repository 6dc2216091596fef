#!/usr/bin/env python3
"""What an export costs: requests for each reading of the API's documents, and wall time against the rate budget.

    cargo build --release && benches/export.py [--records 20000] [--seeds 3] [--no-wall]

Runs the real binary against `callake demo serve` and reads the run's own report. Requests do not depend on the machine; for wall
times the server answers after a set latency and keeps to 60 requests a minute, as the API does. Exits with 1 where a bound is
missed. Needs Python 3.9 and nothing else; takes about eight minutes, six of them for the wall times.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = os.environ.get("CALLAKE_BIN", str(ROOT / "target" / "release" / "callake"))
ACCOUNT, STREAM = "demo-account", "st-00000000-0000-4000-8000-000000000000"
DAY = "2025-09-01"

RATIO_BOUND = 1.15
WALL_BOUND = 1.05

DOCUMENTED = "as documented"
READINGS = {
    DOCUMENTED: [],
    "numResults counts the window": ["--num-results", "total"],
    "limit for each part": ["--limit-scope", "part"],
    "windows filter on ends": ["--window-time", "end"],
    "offset counts records": ["--offset-unit", "records"],
    "records, and ends": ["--offset-unit", "records", "--window-time", "end"],
    "rows of a second shuffled": ["--ties", "shuffled"],
}


def export(folder, serve, rate):
    """Exports the day; gives the run's report and its wall time."""
    port_file, lake = folder / "port", folder / "lake"
    command = [BINARY, "demo", "serve", "--port", "0", "--port-file", port_file, "--days", "1", *serve]
    server = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    try:
        while not (port_file.exists() and port_file.read_text().strip()):
            if server.poll() is not None:
                sys.exit(f"the server ended with {server.returncode}: {' '.join(map(str, command))}")
            time.sleep(0.02)
        host = f"http://127.0.0.1:{port_file.read_text().strip()}"
        command = [BINARY, "export", "--host", host, "--account", ACCOUNT, "--stream", STREAM, "--dest", lake]
        command += ["--from", DAY, "--to", DAY, "--rate", rate]
        started = time.monotonic()
        done = subprocess.run(
            list(map(str, command)), capture_output=True, text=True, env={**os.environ, "CALLAKE_TOKEN": "demo-token"}
        )
        wall = time.monotonic() - started
    finally:
        server.kill()
        server.wait()
    if done.returncode != 0:
        sys.exit(f"the export ended with {done.returncode}:\n{done.stderr}")
    (record,) = (lake / "_callake" / "runs").iterdir()
    return json.loads(record.read_text())["cost"], wall


def run(serve, rate):
    with tempfile.TemporaryDirectory() as folder:
        return export(pathlib.Path(folder), serve, rate)


# As many requests are under way as at 60 a minute and answers after one second, twenty times as fast.
SCALED_RATE, SCALED_LATENCY_MS = 1200, 50


def ratios(records, seeds):
    """Requests over those of full pages, for a day with a quiet night, busy hours, and a third of its records in ten minutes."""
    print(f"{records:,} records of one day, a third of them in ten minutes; seeds 1 to {seeds}; requests / ceil(records / 100)\n")
    print(f"| reading | ratio, mean | worst | requests | pages | past the days | checks | split | looks |\n|{' --- |' * 9}")
    worst = {}
    for name, options in READINGS.items():
        serve = ["--records", records, "--burst", "--rate-limit", 0, "--latency-ms", SCALED_LATENCY_MS, *options]
        runs = [run([*serve, "--seed", seed], SCALED_RATE)[0] for seed in range(1, seeds + 1)]
        assert all(cost["records"] == records for cost in runs), f"{name}: records are missing"
        found = [cost["ratio"] for cost in runs]
        worst[name] = max(found)
        last = runs[-1]
        spent = " | ".join(str(last["spent"][kind]) for kind in ("pages", "past_days", "checks", "split", "looks"))
        print(f"| {name} | {sum(found) / len(found):.3f} | {worst[name]:.3f} | {last['cost']['requests']} | {spent} |", flush=True)
    print("\nThe columns from requests on are those of the last seed.\n")
    return [f"{DOCUMENTED}: ratio {worst[DOCUMENTED]:.3f}"] if records >= 20_000 and worst[DOCUMENTED] > RATIO_BOUND else []


def walls():
    """Wall time over requests × 1 s, at 60 requests a minute."""
    print("60 requests a minute, on both sides\n")
    print(f"| latency | requests | wall s | wall / (requests × 1 s) | refused for the rate |\n|{' --- |' * 5}")
    missed = []
    for latency, records in ((1.0, 10_000), (0.2, 6_000), (2.5, 10_000)):
        cost, wall = run(["--records", records, "--burst", "--latency-ms", int(latency * 1000)], 60)
        requests, refused = cost["cost"]["requests"], cost["cost"]["retries"].get("rate_limited", 0)
        print(f"| {latency} s | {requests} | {wall:.1f} | {wall / requests:.3f} | {refused} |", flush=True)
        if latency <= 1.0 and (wall > WALL_BOUND * requests or refused):
            missed.append(f"latency {latency} s: {wall / requests:.3f} × requests × 1 s, {refused} refused")
        if latency > 1.0 and wall > 0.75 * latency * requests:
            missed.append(f"latency {latency} s: requests do not overlap")
    return missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--no-wall", action="store_true", help="leave out the wall times")
    options = parser.parse_args()
    missed = ratios(options.records, options.seeds)
    if not options.no_wall:
        missed += walls()
    for bound in missed:
        print(f"bound missed: {bound}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
