"""What the binary is built from: licences that allow its use everywhere, and nothing from outside the registry."""

import json
import re
import subprocess

import pytest

from conftest import ROOT

ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "OpenSSL", "Unicode-3.0", "Unlicense", "Zlib",
}


@pytest.fixture(scope="module")
def packages():
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [package for package in json.loads(done.stdout)["packages"] if package["name"] != "callake"]


def permits(expression):
    """Whether an SPDX expression can be met by allowed licences alone: `AND` binds closer than `OR`."""
    expression = expression.replace("/", " OR ")
    while "(" in expression:
        inner = re.search(r"\(([^()]*)\)", expression)
        expression = expression.replace(inner[0], "MIT" if permits(inner[1]) else "refused")
    alternatives = [part.split(" AND ") for part in expression.split(" OR ")]
    return any(all(licence.strip() in ALLOWED for licence in licences) for licences in alternatives)


def test_licences(packages):
    assert len(packages) > 100
    refused = {p["name"]: p["license"] for p in packages if not p["license"] or not permits(p["license"])}
    assert refused == {}


def test_permits():
    assert permits("MIT/Apache-2.0") and permits("(MIT OR GPL-3.0) AND Unicode-3.0")
    assert not permits("GPL-3.0") and not permits("MIT AND GPL-3.0")


def test_sources(packages):
    odd = [p["name"] for p in packages if not (p["source"] or "").startswith("registry+")]
    assert odd == []
