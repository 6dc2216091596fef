"""Help, completions and manual pages, as a shell's user meets them."""

import re
import shutil
import subprocess

import pytest

from conftest import run
from test_export import environment


def commands():
    """All commands by their words, those of `demo` too."""
    found = [()]
    for words in found:
        listed = run(*words, "--help").stdout.partition("\nCommands:\n")[2].split("\n\n")[0]
        found += [(*words, name) for name in re.findall(r"^  ([a-z]+)", listed, flags=re.M)]
    return found[1:]


def test_help_fits_a_terminal_of_80_columns():
    names = commands()
    assert ("demo", "serve") in names and len(names) > 12
    for words in names:
        narrow, wide = (run(*words, "--help", env=environment(COLUMNS=columns)).stdout for columns in ("80", "200"))
        # The usage line is never wrapped.
        long = [line for line in narrow.splitlines() if len(line) > 80 and not line.startswith("Usage:")]
        assert not long, (words, long)
        # An example is not wrapped, so that it can be copied; prose is not broken twice.
        examples = wide[wide.index("Examples:") :]
        assert examples in narrow, words


@pytest.mark.parametrize("shell", ["bash", "elvish", "fish", "powershell", "zsh"])
def test_completions(shell, tmp_path):
    text = run("completions", shell).stdout
    assert "timezone-offset" in text and "snapshot" in text
    if shell in ("bash", "zsh", "fish") and shutil.which(shell):
        (tmp_path / "callake").write_text(text)
        subprocess.run([shell, "-n", tmp_path / "callake"], check=True)


def test_bash_completes_commands_and_options(tmp_path):
    (tmp_path / "callake").write_text(run("completions", "bash").stdout)
    ask = 'source "$1"; COMP_WORDS=(callake $2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _callake callake "${COMP_WORDS[-1]}"; echo "${COMPREPLY[*]}"'
    for typed, offered in (("exp", "export"), ("sync --look", "--lookback"), ("demo ser", "serve")):
        done = subprocess.run(["bash", "-c", ask, "bash", tmp_path / "callake", typed], capture_output=True, text=True, check=True)
        assert done.stdout.split() == [offered]


def test_an_unknown_shell():
    assert "bash" in run("completions", "tcsh", code=2).stderr


def test_manual_pages(tmp_path):
    run("man", tmp_path / "man1")
    pages = {path.name for path in (tmp_path / "man1").iterdir()}
    assert pages == {"callake.1"} | {f"callake-{'-'.join(words)}.1" for words in commands()}
    sync = (tmp_path / "man1" / "callake-sync.1").read_text()
    assert r"\-\-lookback" in sync and r"CALLAKE_HOST" in sync.replace("\\", "")
    if shutil.which("man"):
        for page in sorted(pages):
            done = subprocess.run(["man", "--warnings", "-l", tmp_path / "man1" / page], capture_output=True, text=True)
            assert done.returncode == 0 and not done.stderr, (page, done.stderr)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    assert "create folder" in run("man", tmp_path / "file" / "man1", code=1).stderr
