"""Likely mistakes, made through the real binary: what is said, with which exit code, and that it names the remedy.

What is said stands in tests/rendered/mistakes.md; `CALLAKE_SNAPSHOT=write` writes that page anew, for a look at its diff. The
page docs/troubleshooting.md is held against it.
"""

import concurrent.futures
import contextlib
import dataclasses
import gzip
import http.server
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading

import pyarrow.parquet as pq
import pytest

from conftest import ROOT, SAMPLES, run
from test_doctor import Unconditional
from test_export import ACCOUNT, APP_ID, STREAM, Server, environment
from test_s3 import KEYS, guarded_store  # noqa: F401 (a fixture)

SNAPSHOT = ROOT / "tests" / "rendered" / "mistakes.md"
DAY = ("--from", "2025-09-01", "--to", "2025-09-01")
TOKEN = {"CALLAKE_TOKEN": "demo-token"}
SAMPLE = SAMPLES / "call_details_v2.json"
IS_ROOT = os.geteuid() == 0
BINARY = os.environ.get("CALLAKE_BIN", str(ROOT / "target" / "debug" / "callake"))


@dataclasses.dataclass
class Mistake:
    """A command line, what is different about the world, and what has to be said."""

    name: str
    command: tuple
    code: int
    #: The part of the message that says what to do.
    remedy: str
    #: Options of the demo server, or None where none is asked.
    server: tuple | None = None
    env: dict = dataclasses.field(default_factory=dict)
    #: Makes what the command needs in the folder that it runs in.
    setup: object = None
    #: Runs as a user who may not write everywhere.
    is_guest: bool = False


def export(*options):
    """An export of a day, with the options in place of those of the same name."""
    known = {"--host": "HOST", "--account": ACCOUNT, "--stream": STREAM, "--dest": "lake", "--rate": "60000", **dict(zip(DAY[::2], DAY[1::2]))}
    known.update(zip(options[::2], options[1::2]))
    return ("export", *(word for pair in known.items() for word in pair))


def convert(*inputs, dest="lake", offset="-330"):
    return ("convert", *inputs, "--dest", dest, "--account", "a", "--timezone-offset", offset)


def api(name, code, remedy, *options, server=(), env=TOKEN, setup=None):
    return Mistake(name, export(*options), code, remedy, server=server, env=env, setup=setup)


def local(name, command, code, remedy, **more):
    return Mistake(name, command, code, remedy, **more)


def write(name, text=""):
    def setup(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return setup


def lake(*options):
    def setup(folder):
        run("convert", SAMPLE, "--dest", folder / "lake", "--account", "a", "--timezone-offset", "-330", *options)

    return setup


def day_file(folder):
    return sorted(folder.glob("lake/call_details/*/a.parquet"))[0]


def flipped(folder):
    """A digit of a file's checksum, so that its rows still decode."""
    lake()(folder)
    file = day_file(folder)
    data = bytearray(file.read_bytes())
    data[data.index(b"callake.sha256") + 30] ^= 1
    file.write_bytes(data)


def damaged(folder):
    lake()(folder)
    file = day_file(folder)
    file.write_bytes(file.read_bytes()[:-100])


def foreign(folder):
    lake()(folder)
    file = day_file(folder)
    pq.write_table(pq.read_table(file, partitioning=None).replace_schema_metadata(None), file)


def stray(folder):
    lake()(folder)
    (folder / "lake" / "call_details" / "notes.txt").write_text("hello")


def of_another_version(folder):
    """The day's file as a callake of another major version would leave it."""
    lake()(folder)
    file = day_file(folder)
    written = pq.ParquetFile(file)
    metadata = {**written.metadata.metadata, b"callake.schema_version": b"2.0", b"callake.tool": b"callake 9.0.0"}
    metadata.pop(b"ARROW:schema", None)
    with pq.ParquetWriter(folder / "other", written.schema_arrow.with_metadata(None)) as writer:
        writer.write_table(written.read().replace_schema_metadata(None))
        writer.add_key_value_metadata(metadata)
    (folder / "other").rename(file)


def folder_of_another(folder):
    (folder / "theirs").mkdir(mode=0o755)


def secret_input(folder):
    write("in.json", "[]")(folder)
    (folder / "in.json").chmod(0o000)
    (folder / "lake").mkdir()
    (folder / "lake").chmod(0o777)


def empty_folder(folder):
    (folder / "responses").mkdir()


def cut_gzip(folder):
    write("in.json.gz", gzip.compress(SAMPLE.read_bytes())[:-100])(folder)


@contextlib.contextmanager
def small_disk(folder):
    """A disk that takes less than a day's file, where this user may mount one."""
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", disk]
    is_mounted = IS_ROOT and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", disk], check=True)


MISTAKES = [
    # Credentials and host
    api("no token", 1, "set CALLAKE_TOKEN, or CALLAKE_APP_ID and CALLAKE_APP_SECRET, or use --token-file FILE", env={}),
    api("an app id without its secret", 1, "set both", env={"CALLAKE_APP_ID": APP_ID}),
    api("a token file that is not there", 1, "check the path", "--token-file", "nowhere", env={}),
    api("a token file that is empty", 1, "write the token alone into it", "--token-file", "token", env={}, setup=write("token")),
    api("a wrong token", 1, "check the token", env={"CALLAKE_TOKEN": "s3cret"}),
    api("an expired token", 1, "check the token", server=("--fault", "1-9=401-revoked")),
    api("a token without the scope", 1, "and its scope", server=("--fault", "1-9=403")),
    api("a token of two lines", 2, "is it one line?", env={"CALLAKE_TOKEN": "one\ntwo"}),
    api("another account", 2, "check --account", "--account", "other"),
    api("another stream", 2, "--stream", "--stream", "st-other"),
    api("a host that nobody knows", 4, "check --host", "--host", "https://callake.invalid", server=None),
    api("a port that nobody listens on", 4, "callake doctor", "--host", "CLOSED", server=None),
    api("plain http to another machine", 2, "write https", "--host", "http://platform.example.com", server=None),
    api("a host with a path", 2, "write the origin alone", "--host", "https://platform.example.com/agentassist", server=None),
    api("a host with a password", 2, "credentials have settings of their own", "--host", "https://me:s3cret@platform.example.com", server=None),
    api("a host that shows web pages", 4, "check that --host is the API's", server=("--fault", "1-99=html")),
    api("a host that leads elsewhere", 2, "check --host", server=("--fault", "1-9=redirect")),
    # Met twice in a row, the limit would be waited for, a minute each time.
    api("a limit that others use up", 4, "lower --rate", server=("--fault", "1-9=500", "--fault", "10-99=429-seconds")),
    # Days and times
    api("days reversed", 2, "--from is the first day, --to the last", "--from", "2025-09-02", server=None),
    api("a day of the future", 2, "name a day up to today", "--from", "2999-01-01", "--to", "2999-01-02", server=None),
    api("a day that is none", 2, "want a day such as 2025-09-30", "--from", "2025-09-31", server=None),
    api("a day the other way round", 2, "want a day such as 2025-09-30", "--from", "30/09/2025", server=None),
    api("a zone by its abbreviation", 2, "want a name as in the IANA database", "--zone", "IST", server=None),
    api("another zone than the account's", 1, "pass --timezone-offset -330", server=("--fixed-offset", "-330")),
    api("an offset of hours", 2, "India is -330", "--timezone-offset", "5.5", server=None),
    local("responses of another zone", convert(SAMPLE, offset="0"), 0, "--timezone-offset -330 fits"),
    local("a sync without a beginning", ("sync", *export()[1:-4]), 2, "say where to start with --from", server=(), env=TOKEN),
    # Command line
    local("a token as an argument", ("export", "--token", "x"), 2, "try '--help'"),
    local("a command without its options", ("convert",), 2, "--dest <DEST>"),
    local("a command that is none", ("exprot",), 2, "'export'"),
    api("an endpoint that is none", 2, "possible values: v1, v2, interaction-details", "--endpoint", "v3", server=None),
    api("an account that can't be a file name", 2, "letters, digits", "--account", "a/b", server=None),
    api("too little memory", 2, "want 128MB or more", "--memory", "1MB", server=None),
    api("a spool that is a file", 1, "name a folder", "--spool", "spool", setup=write("spool")),
    # Lake and store
    local("a file in place of a lake", convert(SAMPLE, dest="file"), 1, "name a folder", setup=write("file")),
    local("a folder of somebody else", convert("in.json", dest="theirs/lake"), 1, "check who owns it", setup=lambda folder: (folder_of_another(folder), write("in.json", "{}")(folder)), is_guest=True),
    local("a full disk", convert(SAMPLE, dest="disk/lake"), 1, "make room", setup=small_disk),
    local("no lake there", ("status", "lkae"), 3, "check the path"),
    local("a file of a lake in place of the lake", ("status", "lake/notes"), 3, "name the folder above its tables", setup=write("lake/notes")),
    local("a lake without days", ("restore", "."), 3, "check the path, or the bucket and prefix"),
    local("a lake of another zone", (*convert(SAMPLE), "--zone", "Asia/Kolkata"), 2, "run with --zone UTC", setup=lake()),
    local("a lake of another major version", convert(SAMPLE), 2, "use the version of callake that wrote it", setup=of_another_version),
    local("a damaged lake", ("restore", "lake"), 6, "restore it from a copy, or move it away", setup=damaged),
    local("a damaged lake, merged into", convert(SAMPLE), 6, "restore it from a copy, or move it away", setup=damaged),
    local("a flipped bit that may still decode", ("restore", "lake"), 6, "restore it from a copy, or move it away", setup=flipped),
    local("days that the lake has not", ("restore", "lake", "--from", "2030-01-01"), 3, "callake status shows the days", setup=lake()),
    local("a file of another program", convert(SAMPLE), 6, "move it out of the lake", setup=foreign),
    local("a stray file in the lake", ("verify", "lake"), 6, "move it out of the lake", setup=stray),
    local("a snapshot into the lake", ("snapshot", "lake", "lake/copies"), 2, "name a place outside of it", setup=lake()),
    local("a scheme that is no store", ("status", "ftp://host/lake"), 2, "want a path, file://, s3://bucket/prefix, gs:// or az://"),
    local("a query in a lake's URL", ("status", "s3://lakes/x?sig=1"), 2, "leave it out"),
    local("a password in an endpoint's URL", ("status", "s3://lakes/x", "--endpoint-url", "http://a:b@localhost"), 2, "leave them out"),
    local("a prefix without a lake", ("status", "s3://lakes/typo", "--endpoint-url", "STORE"), 3, "check the path, or the bucket and prefix", env={"AS": "writer"}),
    local("a key without its secret", ("status", "s3://lakes/x"), 2, "check the store's environment variables", env={"AWS_ACCESS_KEY_ID": "x"}),
    local("a bucket that is missing", (*convert(SAMPLE, dest="s3://nowhere/x"), "--endpoint-url", "STORE"), 1, "check its name", env={"AS": "writer"}),
    local("a key that the store does not know", ("status", "s3://lakes/x", "--endpoint-url", "STORE"), 1, "check AWS_ACCESS_KEY_ID", env={"AWS_ACCESS_KEY_ID": "AKIAWRONG"}),
    local("a secret of another key", ("status", "s3://lakes/x", "--endpoint-url", "STORE"), 1, "check AWS_SECRET_ACCESS_KEY", env={"AS": "writer", "AWS_SECRET_ACCESS_KEY": "wrong"}),
    local("a key that may only read", (*convert(SAMPLE, dest="s3://lakes/x"), "--endpoint-url", "STORE"), 1, "s3:PutObject", env={"AS": "reader"}),
    local("a store without conditional puts", (*convert(SAMPLE, dest="s3://lakes/x"), "--endpoint-url", "UNCONDITIONAL"), 2, "--single-writer", env=KEYS),
    # Input
    local("an input that is not there", convert("nowhere.json"), 3, "check the path"),
    local("a pattern that matches nothing", convert("*.jsonl"), 3, "check the pattern"),
    local("a folder without input", convert("responses"), 3, "name the files", setup=empty_folder),
    local("an input that may not be read", convert("in.json"), 3, "mend or leave out the input", setup=secret_input, is_guest=True),
    local("an input that is not JSON", convert("in.csv"), 3, "--keep-going or --rejects FILE", setup=write("in.csv", "session;start\n1;2\n")),
    local("an input that is cut off", convert("in.json.gz"), 3, "--keep-going or --rejects FILE", setup=cut_gzip),
    local("a zip archive", convert("in.zip"), 3, "unpack it", setup=write("in.zip", b"PK\x03\x04rest")),
    local("a Parquet file", convert("in.parquet"), 3, "restore", setup=write("in.parquet", b"PAR1rest")),
    local("rejects over an earlier run's", (*convert(SAMPLE), "--rejects", "bad"), 2, "name another one", setup=write("bad", "old")),
    local("a record that does not fit, with --strict", (*convert("in.json"), "--strict"), 3, "leave --strict out", setup=write("in.json", '{"sessionId": 7}')),
    # Output
    local("an output in a folder that is not there", ("restore", "lake", "-o", "nowhere/out.ndjson"), 1, "check the path", setup=lake()),
    local("an output on a full disk", ("restore", "lake", "-o", "/dev/full"), 1, "make room", setup=lake()),
    local("a port that is taken", ("demo", "serve", "--port", "TAKEN"), 1, "name another one with --port"),
    local("a shell that is none", ("completions", "tcsh"), 2, "bash"),
]


@pytest.fixture(scope="module")
def unconditional():
    store = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Unconditional)
    threading.Thread(target=store.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{store.server_port}"
    store.shutdown()


@pytest.fixture(scope="module")
def guest_binary(tmp_path_factory):
    """The binary where everybody may run it."""
    folder = tmp_path_factory.mktemp("guest")
    for above in (folder, *folder.parents[:2]):
        above.chmod(0o755)
    try:
        os.link(BINARY, folder / "callake")
    except OSError:
        shutil.copy(BINARY, folder / "callake")
    return folder / "callake"


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory, unconditional, guest_binary, guarded_store):  # noqa: F811
    """What was said of each mistake that is asked for, once it is: those that wait for a host run beside each other."""
    params = [getattr(getattr(item, "callspec", None), "params", {}) for item in request.session.items]
    asked = [mistake for mistake in (of.get("mistake") for of in params) if isinstance(mistake, Mistake)]
    endpoint, writer, reader = guarded_store
    world = World({"UNCONDITIONAL": unconditional, "STORE": endpoint}, {"writer": writer, "reader": reader}, guest_binary)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        started = {mistake.name: pool.submit(world.make, mistake, tmp_path_factory.mktemp("mistake")) for mistake in asked}
        yield started
    if os.environ.get("CALLAKE_SNAPSHOT") == "write":
        said = sections() if SNAPSHOT.exists() else {}
        said.update((name, made.result()[2]) for name, made in started.items() if made.result())
        kept = [f"\n## {mistake.name}\n\n{said[mistake.name]}" for mistake in MISTAKES if mistake.name in said]
        head = "# Likely mistakes, and what callake says\n\nWritten by tests/readback/test_mistakes.py.\n"
        SNAPSHOT.write_text(head + "".join(kept))


def sections():
    parts = re.split(r"^## (.*)\n\n", SNAPSHOT.read_text(), flags=re.M)[1:]
    return {name: text.rstrip("\n") + "\n" for name, text in zip(parts[::2], parts[1::2])}


@dataclasses.dataclass
class World:
    """Where mistakes are made."""

    places: dict
    users: dict
    guest_binary: pathlib.Path

    def make(self, mistake, folder):
        """The exit code, the message, and both as a section of the snapshot; None where it can't be made here."""
        with contextlib.ExitStack() as stack:
            places = dict(self.places)
            if mistake.server is not None:
                server_folder = folder.parent / f"{folder.name}-server"
                server_folder.mkdir()
                places["HOST"] = stack.enter_context(Server(server_folder, *mistake.server)).url
            closed, taken = (stack.enter_context(socket.socket()) for _ in range(2))
            for port in (closed, taken):
                port.bind(("127.0.0.1", 0))
            taken.listen()
            places["CLOSED"] = f"https://127.0.0.1:{closed.getsockname()[1]}"
            places["TAKEN"] = str(taken.getsockname()[1])
            if mistake.setup is small_disk:
                if not stack.enter_context(small_disk(folder)):
                    return None
            elif mistake.setup:
                mistake.setup(folder)
            folder.chmod(0o755)
            done = self.run(mistake, folder, [places.get(word, str(word)) for word in mistake.command])
        # What `verify` found. Of other commands it names the days that were done beside the one that failed, as chance has it.
        found = done.stdout if mistake.command[0] == "verify" else ""
        message = normalized(done.stderr + found, folder)
        words = (str(word).replace(str(SAMPLE), SAMPLE.name) for word in mistake.command)
        section = f"```\n$ {' '.join(['callake', *words])}\n{message.rstrip()}\n```\n\nExit code {done.returncode}\n"
        return done.returncode, message, section

    def run(self, mistake, folder, words):
        env = dict(mistake.env)
        if "STORE" in mistake.command:
            env = {**KEYS, **self.users.get(env.pop("AS", None), {}), **env}
        binary, guest = (self.guest_binary, {"user": 65534}) if mistake.is_guest and IS_ROOT else (BINARY, {})
        # The display of a wait is as long as chance has it.
        env = environment(**env, COLUMNS="120", HOME=str(folder), CALLAKE_PROGRESS_INTERVAL="0")
        return subprocess.run([binary, *words], capture_output=True, text=True, cwd=folder, env=env, timeout=300, **guest)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name.replace(" ", "-"))
def test_the_message_names_the_remedy(mistake, outcomes):
    made = outcomes[mistake.name].result()
    if made is None:
        pytest.skip("it takes a user who may mount")
    code, message, section = made
    assert code == mistake.code, message
    assert mistake.remedy in message
    assert "s3cret" not in message and "panicked" not in message
    if os.environ.get("CALLAKE_SNAPSHOT") != "write":
        assert section == sections()[mistake.name]


def normalized(text, folder):
    """Without what differs from run to run: places, ports, ids and times."""
    for pattern, stands_for in [
        (re.escape(f"{folder}/"), ""),
        (re.escape(str(folder)), "."),
        (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
        (r"\bport \d+", "port PORT"),
        (r"_callake/(staging|probes|runs)/[^\s:;,)\"]+", r"_callake/\1/…"),
        (r"/tmp/callake-\w+(/[\w.-]+)?", "/tmp/callake-…"),
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z +WARN .*\n", ""),
        (r"session_date=[\d-]+", "session_date=DAY"),
        (r"[\d,]+ bytes", "SOME bytes"),
        (r"<RequestId>.*?</RequestId>", ""),
        (r"callake \d+\.\d+\.\d+", "callake VERSION"),
        (r"/\.tmp\w+", "/…"),
        (r"spool/[0-9a-f]{16}", "spool/…"),
        (r" +$", ""),
    ]:
        text = re.sub(pattern, stands_for, text, flags=re.M)
    return text


def test_the_list_is_long_and_the_snapshot_holds_nothing_else():
    names = [mistake.name for mistake in MISTAKES]
    assert len(names) == len(set(names)) > 50
    assert list(sections()) == names


def test_the_page_tells_what_to_do_about_each():
    """Each mistake's message is one of docs/troubleshooting.md; those of the command line come with help."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    rows = [row.split(" | ")[0] for row in page.splitlines() if row.startswith("| `")]
    messages = [code for row in rows for code in re.findall(r"`([^`]+)`", row)]
    patterns = [".*".join(re.escape(piece.strip()) for piece in message.split("…")) for message in messages]
    explained = {name: any(re.search(pattern, text, flags=re.S) for pattern in patterns) for name, text in sections().items()}
    unknown = [name for name, text in sections().items() if not explained[name] and "try '--help'" not in text]
    assert unknown == []


def test_eight_days_are_no_mistake(tmp_path):
    """The API takes windows of seven days at most; a range of days is asked for in as many as it takes."""
    with Server(tmp_path, "--days", "8", "--records", "400") as server:
        words = [server.url if word == "HOST" else word for word in export("--to", "2025-09-08")]
        done = run(*words, env=environment(**TOKEN), cwd=tmp_path)
    assert "400 records of 8 days" in done.stdout
