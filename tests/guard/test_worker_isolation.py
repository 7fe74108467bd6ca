"""Workers of a real run, in bubblewrap: the ways round that no reader of command lines can see are shut as well."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import pytest

from foundry_contracts.models.formats_worker import WorkerResult
from foundry_contracts.tables import LOOP_SIGNAL_INFO
from foundry_contracts.vocabulary import LoopSignal, Outcome
from foundry_mcp import bubblewrap
from foundry_mcp.bubblewrap import Grounds, worker_problem
from foundry_mcp.supervisor.isolation import grounds_of, server_environ, watched_places
from foundry_mcp.supervisor.progress_json import JsonLines
from foundry_mcp.supervisor.run import run_sync
from foundry_mcp.supervisor.worker import Worker
from tests.driving import Json, check, task
from tests.outside import user_config
from tests.supervisor.lab import SUCCEED, Lab
from tests.supervisor.test_worker import a_task

PROBLEM = worker_problem()
isolated = pytest.mark.skipif(PROBLEM is not None, reason=f"no bubblewrap on this machine: {PROBLEM}")

# Try something, and say what came of it.
TRY = """
import base64, glob, shutil, subprocess
def tried(what):
    try:
        return repr(what())
    except Exception as error:
        return type(error).__name__
def shell(line):
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    return "done" if done.returncode == 0 else "refused"
"""
STATE = 'os.environ["XDG_STATE_HOME"] + "/foundry-mcp"'


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path)
    (lab.workspace / "foundry-mcp.toml").write_text("")
    user_config(tmp_path, "")
    hooks = lab.workspace / ".git" / "hooks"
    hooks.mkdir(parents=True)
    (lab.workspace / ".git" / "config").write_text("")
    agent = lab.workspace / ".claude"
    agent.mkdir()
    (agent / "settings.json").write_text("{}")
    return lab


def said_by(lab: Lab, code: str) -> str:
    """Run a spec with a worker, and give what the worker found out."""
    lab.plan("tried", [task("a")])
    note = lab.folder / "workspace" / "said"
    result = lab.run("tried", f"{TRY}pathlib.Path('said').write_text(str({code}))\nanswer(outcome='success')\n")
    assert result.last.loop_signal is LoopSignal.SPEC_COMPLETE
    return note.read_text()


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@isolated
@pytest.mark.parametrize(
    "code",
    [
        f"tried(lambda: glob.glob({STATE} + '/**', recursive=True)[1:])",
        f"tried(lambda: os.listdir({STATE}))",
    ],
)
def test_a_worker_sees_nothing_of_the_store_and_the_keys(lab: Lab, code: str) -> None:
    assert said_by(lab, code) == "[]"


@isolated
@pytest.mark.parametrize(
    "line",
    [
        'rm -rf "$XDG_STATE_HOME/foundry-mcp"',
        'echo x > "$XDG_STATE_HOME/foundry-mcp/x"',
        'mv "$XDG_STATE_HOME" "$XDG_STATE_HOME.old"',
        'mv "$XDG_STATE_HOME/foundry-mcp" "$XDG_STATE_HOME/other"',
        'cat "$XDG_STATE_HOME"/foundry-mcp/*/keys/mac.secret',
        'ln -s "$XDG_STATE_HOME/foundry-mcp" here && cat here/*/keys/mac.secret',
        'umount "$XDG_STATE_HOME/foundry-mcp"',
        'unshare -Urm umount "$XDG_STATE_HOME/foundry-mcp"',
        "echo x > specs/active/tried.json",
        "echo x > specs/new.json",
        "rm -rf specs",
        "mv specs old",
        'mv "$PWD" "$PWD.old"',
        "ln -s specs plans && echo x > plans/new.json",
        "ln specs/active/tried.json linked && echo x > linked",
        "mount -o remount,rw specs",
        "chmod u+w specs/active && touch specs/active/x",
        "sed -i s/a/b/ specs/active/tried.json",
        "dd if=/dev/zero of=specs/active/tried.json count=1",
        "echo x > foundry-mcp.toml",
        "rm foundry-mcp.toml",
        "mv foundry-mcp.toml other",
        'echo x > "$XDG_CONFIG_HOME/foundry-mcp/config.toml"',
        'mv "$XDG_CONFIG_HOME" "$XDG_CONFIG_HOME.old"',
        "echo x > .claude/settings.json",
        "mv .claude .other",
        "echo x > .git/hooks/pre-commit",
        "echo x > .git/config",
        "mv .git other",
        f"echo x > {sys.prefix}/x",
        # The one below the project's own environment: a server's next start would run what stands there.
        f"test -w {sysconfig.get_path('stdlib')}",
        f"test -w {os.path.realpath(sys.executable)}",
    ],
)
def test_what_a_worker_must_not_change_it_cannot(lab: Lab, line: str) -> None:
    before = snapshot(lab.folder / "config"), snapshot(lab.workspace / ".git"), snapshot(lab.workspace / ".claude")
    assert said_by(lab, f"shell({line!r})") == "refused"
    assert before == (
        snapshot(lab.folder / "config"),
        snapshot(lab.workspace / ".git"),
        snapshot(lab.workspace / ".claude"),
    )
    assert (lab.workspace / "foundry-mcp.toml").read_text() == ""


@isolated
def test_python_that_hides_its_words_writes_no_spec(lab: Lab) -> None:
    hidden = base64.b64encode(b"open('specs/active/tried.json', 'w').write('{}')").decode()
    code = (
        f"shell({sys.executable + ' -c ' + chr(34) + f'import base64; exec(base64.b64decode({hidden!r}))' + chr(34)!r})"
    )
    assert said_by(lab, code) == "refused"


@isolated
def test_a_worker_sees_no_process_but_its_own_and_nothing_of_the_server(lab: Lab) -> None:
    own = "[n for n in os.listdir('/proc') if n.isdigit() and b'serve' in open(f'/proc/{n}/cmdline','rb').read()]"
    assert said_by(lab, own) == "[]"
    assert said_by(Lab(lab.folder / "second"), f"tried(lambda: open('/proc/{os.getpid()}/environ').read())") in (
        "FileNotFoundError"
    )


@isolated
def test_the_store_is_not_reached_through_the_root_of_a_process(lab: Lab) -> None:
    code = f"glob.glob('/proc/[0-9]*/root' + {STATE} + '/*')"
    assert said_by(lab, code) == "[]"


@isolated
def test_a_worker_does_its_work_in_the_workspace_and_speaks_to_the_network(lab: Lab) -> None:
    work = "mkdir -p src && echo x > src/a && mv src/a src/b && cat src/b specs/active/tried.json foundry-mcp.toml"
    assert said_by(lab, f"shell({work!r})") == "done"
    assert (lab.workspace / "src" / "b").read_text() == "x\n"
    second = Lab(lab.folder / "second")
    code = "__import__('socket').create_server(('127.0.0.1', 0)).getsockname()[0]"
    assert said_by(second, code) == "127.0.0.1"


@isolated
def test_a_guarded_file_that_was_not_there_and_is_made_fails_the_step(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.plan("made", [task("a")])
    result = lab.run("made", "pathlib.Path('foundry-mcp.toml').write_text('x')\nanswer(outcome='success')")
    assert result.last.loop_signal is not LoopSignal.SPEC_COMPLETE
    assert any("foundry-mcp.toml, which is not its own" in str(step.note) for step in result.last.steps)


@isolated
def test_a_run_stops_for_a_person_where_a_worker_made_settings_that_loosen_the_next(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.plan("loosened", [task("a"), task("b")])
    code = """
settings = pathlib.Path(os.environ["XDG_CONFIG_HOME"], "foundry-mcp", "config.toml")
if not settings.exists():
    settings.parent.mkdir(parents=True)
    settings.write_text('[security]\\nworker_isolation = "off"\\n')
answer(outcome="success")
"""
    result = lab.run("loosened", code)
    assert [step.outcome for step in result.last.steps] == [Outcome.FAILURE]
    assert result.exit_code == LOOP_SIGNAL_INFO[LoopSignal.PAUSED_NEEDS_ATTENTION].exit_code
    assert "foundry-mcp, which is not its own. Look at it" in lab.packet()["message"]


@isolated
def test_a_link_to_the_store_that_is_made_to_lead_elsewhere_fails_the_step(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to("elsewhere")
    lab.plan("moved", [task("a")])
    code = "link = os.environ['XDG_STATE_HOME']\nos.unlink(link)\nos.mkdir(link)\nanswer(outcome='success')"
    settings = lab.settings(code)
    worker = Worker(
        settings.worker,
        lab.workspace,
        timeout_s=20,
        environ=settings.environ,
        stderr=io.StringIO(),
        grounds=grounds_of(settings),
        watched=watched_places(settings),
    )
    result = asyncio.run(worker.work(a_task(lab.workspace)))
    assert result.outcome is Outcome.FAILURE
    assert "state/foundry-mcp, which is not its own" in str(result.note)


def a_worker(workspace: Path, code: str, *, timeout_s: float = 20, read_only: tuple[Path, ...] = ()) -> WorkerResult:
    """Run one isolated worker by itself."""
    words = (
        sys.executable,
        "-c",
        "import json, os, pathlib, signal, sys\nanswer = lambda **r: print(json.dumps(r))\n" + code,
    )
    worker = Worker(
        words,
        workspace,
        timeout_s=timeout_s,
        environ=os.environ,
        stderr=io.StringIO(),
        grounds=Grounds(workspace, read_only),
    )
    return asyncio.run(worker.work(a_task(workspace)))


WRITE = "pathlib.Path('written').write_text('x')\npathlib.Path(os.devnull).write_text('x')\nanswer(outcome='success')"


@isolated
def test_sockets_of_terminals_stay_hidden_where_the_workspace_lies_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmux-7").mkdir()
    (tmp_path / "tmux-7" / "default").touch()
    (tmp_path / "workspace").mkdir()
    monkeypatch.setattr(bubblewrap, "_TERMINALS", (f"{tmp_path}/tmux-*",))
    result = a_worker(tmp_path / "workspace", "answer(outcome='success', note=str(os.listdir('../tmux-7')))")
    assert result.note == "[]"


@isolated
@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no shared memory on this machine")
def test_a_workspace_in_shared_memory_is_worked_in_beside_devices_of_its_own() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        beside = Path(folder) / "beside"
        beside.mkdir()
        (Path(folder) / "workspace").mkdir()
        assert a_worker(Path(folder) / "workspace", WRITE).outcome is Outcome.SUCCESS
        assert (Path(folder) / "workspace" / "written").read_text() == "x"
        result = a_worker(Path(folder) / "workspace", "answer(outcome='success', note=str(os.listdir('..')))")
        assert result.note == "['workspace']"


@isolated
def test_a_workspace_below_what_may_only_be_read_is_worked_in(tmp_path: Path) -> None:
    (tmp_path / "outer" / "workspace" / "specs").mkdir(parents=True)
    workspace = tmp_path / "outer" / "workspace"
    read_only = (workspace / "specs", tmp_path / "outer")
    assert a_worker(workspace, WRITE, read_only=read_only).outcome is Outcome.SUCCESS
    for path in ("specs/x", "../x"):
        result = a_worker(workspace, f"pathlib.Path({path!r}).touch()", read_only=read_only)
        assert "Read-only file system" in str(result.note)


@isolated
def test_the_whole_disk_as_a_workspace_is_held_to_what_may_only_be_read(tmp_path: Path) -> None:
    code = f"assert os.getcwd() == '/'\npathlib.Path('{tmp_path}/x').touch()"
    assert "Read-only file system" in str(a_worker(Path("/"), code, read_only=(tmp_path,)).note)


@isolated
def test_an_isolated_worker_that_is_stopped_has_its_last_words(tmp_path: Path) -> None:
    code = "signal.signal(signal.SIGTERM, lambda *_: (pathlib.Path('last').touch(), sys.exit(0)))\nsignal.pause()"
    result = a_worker(tmp_path, code, timeout_s=1)
    assert result.note == "The worker ran longer than 1 s and was stopped."
    assert (tmp_path / "last").exists()


@isolated
def test_how_an_isolated_worker_ended_is_told_as_of_any_other(tmp_path: Path) -> None:
    assert str(a_worker(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)").note).startswith(
        "The worker was ended by signal 9."
    )
    assert str(a_worker(tmp_path, "answer(outcome='success'); sys.exit(3)").note).startswith(
        "The worker exited with 3."
    )
    assert a_worker(tmp_path, "answer(outcome='success')").outcome is Outcome.SUCCESS


@isolated
def test_what_an_isolated_worker_leaves_in_a_session_of_its_own_ends_with_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alive")
    reading = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    code = """
held = os.open("alive", os.O_WRONLY)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for descriptor in (0, 1, 2):
            os.close(descriptor)
        signal.pause()
    os._exit(0)
answer(outcome="success")
"""
    assert a_worker(tmp_path, code).outcome is Outcome.SUCCESS
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if os.read(reading, 1) == b"":
                break
        except BlockingIOError:
            continue
    else:
        pytest.fail("what the worker left behind is alive")
    os.close(reading)


def told(lab: Lab, spec_id: str) -> list[Json]:
    """Run a spec and give the lines of its progress."""
    out = io.StringIO()
    run_sync(spec_id, lab.settings(SUCCEED), JsonLines(out))
    return [json.loads(line) for line in out.getvalue().splitlines()]


def stated(lab: Lab) -> Json:
    """Run a spec with a check, and give what its receipt states."""
    lab.plan("stated", [task("a"), check("b", command="true")])
    session = lab.run("stated").last.session
    assert session is not None
    words = ["receipts", "show", session.session_id, "--decoded", "--workspace", str(lab.workspace)]
    done = subprocess.run(
        [sys.executable, "-m", "foundry_mcp.cli.main", *words],
        env=lab.environ(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    predicates: list[Json] = [statement["predicate"] for statement in json.loads(done.stdout)]
    (found,) = (predicate for predicate in predicates if "exit_code" in predicate)
    return found


@isolated
def test_a_receipt_says_what_kept_the_key_from_command_and_workers(lab: Lab) -> None:
    assert stated(lab)["signer_isolation"] == "bubblewrap"


def test_a_receipt_says_none_where_workers_see_the_key(lab: Lab) -> None:
    lab.unisolated()
    assert stated(lab)["signer_isolation"] == "none"


@isolated
def test_a_receipt_says_none_where_the_command_itself_sees_the_key(lab: Lab) -> None:
    user_config(lab.folder, '[verification]\nsandbox = "process_group"\n')
    assert stated(lab)["signer_isolation"] == "none"


@isolated
def test_nobody_can_claim_isolation_that_the_run_does_not_have(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bubblewrap, "program", lambda name: f"/no/such/{name}")
    bubblewrap.worker_problem.cache_clear()
    try:
        environ = lab.environ(FOUNDRY_MCP_SIGNER_ISOLATION="bubblewrap")
        claimed = server_environ(lab.settings(SUCCEED, environ=environ))
    finally:
        bubblewrap.worker_problem.cache_clear()
    assert "FOUNDRY_MCP_SIGNER_ISOLATION" not in claimed


@isolated
def test_a_run_says_that_its_workers_are_isolated(lab: Lab) -> None:
    lab.plan("said", [task("a")])
    line = next(line for line in told(lab, "said") if line["kind"] == "worker_isolation")
    assert line == {"kind": "worker_isolation", "asked": "auto", "isolated": True, "warning": ""}


def test_a_run_without_isolation_warns_and_goes_on(lab: Lab) -> None:
    lab.unisolated()
    lab.plan("said", [task("a")])
    lines = told(lab, "said")
    line = next(line for line in lines if line["kind"] == "worker_isolation")
    assert (line["isolated"], "security.worker_isolation is off" in line["warning"]) == (False, True)
    assert lines[-1]["loop_signal"] == LoopSignal.SPEC_COMPLETE


@pytest.mark.parametrize(("asked", "goes_on"), [("auto", True), ("required", False)])
def test_where_bubblewrap_does_not_work_a_run_goes_on_unless_it_is_required(
    lab: Lab, asked: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bubblewrap, "program", lambda name: f"/no/such/{name}")
    bubblewrap.worker_problem.cache_clear()
    try:
        user_config(lab.folder, f'[security]\nworker_isolation = "{asked}"\n')
        lab.plan("said", [task("a")])
        result = lab.run("said")
    finally:
        bubblewrap.worker_problem.cache_clear()
    assert (result.last.loop_signal is LoopSignal.SPEC_COMPLETE) is goes_on
    if not goes_on:
        assert result.last.steps == ()
        assert "Workers are not isolated" in lab.packet()["message"]
