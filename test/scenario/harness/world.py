"""The world of one scenario: its folder, its processes, its end."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import traceback

from .process import Process, ProcessError
from .secrets import Secrets

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("BREAKWATER_BUILD", ROOT / "build"))
FULL = os.environ.get("BREAKWATER_FULL") == "1"
INSIDE = "BREAKWATER_SCENARIO_INSIDE"


class Failure(Exception):
    """What was promised did not happen."""


def expect(condition, message):
    if not condition:
        raise Failure(message)


def expect_at_most(value, limit, what):
    expect(value <= limit, f"{what}: {value:.4g}, but at most {limit:.4g} is promised")


class World:
    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.secrets = Secrets()
        self._endings = []
        self._count = 0

    # --- folders, ports, processes

    def fresh_folder(self, name):
        self._count += 1
        folder = self.folder / f"{self._count:02}-{name}"
        folder.mkdir(parents=True)
        return folder

    def run_folder(self, name):
        """For sockets and the like, whose paths must be short: in a /run that only this scenario sees, gone
        with it."""
        self._count += 1
        folder = pathlib.Path(f"/run/{self._count:02}-{name}")
        folder.mkdir()
        return folder

    def own_tree(self, path):
        """What is changed below `path` from now on is this scenario's alone, and gone with it."""
        folder = self.fresh_folder("own" + path.replace("/", "-"))
        for name in ("upper", "work"):
            folder.joinpath(name).mkdir()
        layers = f"lowerdir={path},upperdir={folder}/upper,workdir={folder}/work"
        self.run("mount", "-t", "overlay", "overlay", "-o", layers, path)

    def free_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def start(self, name, arguments, **settings):
        self._count += 1
        log = self.folder / f"{self._count:02}-{name}.log"
        process = Process(name, arguments, log, **settings)
        self.processes.append(process)
        return process

    def run(self, *arguments, timeout_s=120, env=None, check=True):
        """Runs a command to its end; its output. An error with all it said if it fails."""
        environment = dict(os.environ)
        environment.update(env or {})
        done = subprocess.run(
            [str(one) for one in arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            env=environment,
        )
        output = done.stdout.decode("utf-8", "replace")
        self.secrets.heed(arguments, output)
        if check and done.returncode != 0:
            raise Failure(
                f"{' '.join(str(one) for one in arguments)} ended with {done.returncode}:\n{output}"
            )
        return output

    def measure(self):
        """What is started from now on goes before the rest of this machine: it is measured."""
        try:
            os.nice(-15)
        except OSError:
            pass  # then the rest of the machine disturbs it

    def at_end(self, function):
        self._endings.append(function)

    def wait_until(self, condition, what, timeout_s=15, every_s=0.02):
        deadline = time.monotonic() + timeout_s
        while True:
            value = condition()
            if value:
                return value
            expect(time.monotonic() < deadline, f"{what}: not within {timeout_s} s")
            time.sleep(every_s)

    def say(self, text):
        print(text, flush=True)

    def expect_no_secret_told(self):
        """In all that Breakwater has said so far."""
        told = sorted(set(self.secrets.found(one for one in self.processes if one.name == "breakwater")))
        expect(not told, "secrets are told: " + "; ".join(told))

    def end(self):
        for function in reversed(self._endings):
            try:
                function()
            except (OSError, ProcessError, Failure) as error:
                print(f"at the end: {error}", flush=True)
        for process in reversed(self.processes):
            process.kill()

    # --- the parts; imported here, for they use this module

    def registry(self, **settings):
        from .registry import Registry

        return Registry(self, **settings)

    def shaper(self, to, rate=0):
        from .tools import Shaper

        return Shaper(self, to, rate)

    def breakwater(self, **settings):
        from .breakwater import Breakwater

        return Breakwater(self, **settings)

    def private_registry(self, **settings):
        """A Breakwater whose only route is a registry of its own."""
        from .breakwater import Breakwater, private_route

        return Breakwater(self, routes=[private_route(**settings)])


def _enter_namespaces():
    """Runs this program again, in namespaces of its own; does not return."""
    environment = dict(os.environ)
    environment[INSIDE] = "1"
    os.execvpe(
        "unshare",
        [
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--",
            sys.executable,
            *sys.argv,
        ],
        environment,
    )


def _rise():
    """To the usual priority: what test/run runs beside scenarios only computes, at a lower one."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    except OSError:
        pass  # then all are equal


def _folder_of(name):
    base = pathlib.Path(os.environ.get("BREAKWATER_SCENARIO_FOLDER", BUILD / "scenario"))
    folder = base / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _explain(world):
    print("--- the last lines of each log", flush=True)
    for process in world.processes:
        print(f"[{process.name}, pid {process.pid}] {process.log}\n{process.tail(8)}", flush=True)


def scenario(function, rises=True):
    """Runs `function(world)` and ends this program: 0 if it returned, 1 with the reason if not. The folder is
    kept after a failure. Unless it `rises`, it keeps the priority that it was given."""
    if os.environ.get(INSIDE) != "1":
        if os.geteuid() != 0:
            sys.exit("the scenarios need root: they make namespaces and start container engines")
        _enter_namespaces()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for folder in ("/run", "/dev/shm"):  # podman keeps its locks in the second
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=True)
    if rises:
        _rise()
    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        os.environ.pop(proxy, None)
    name = pathlib.Path(sys.argv[0]).stem
    world = World(_folder_of(name))
    failed = False
    begin = time.monotonic()
    try:
        function(world)
        world.expect_no_secret_told()
    except (Failure, ProcessError) as failure:
        failed = True
        print(f"FAILED: {failure}", flush=True)
        _explain(world)
    except Exception:  # a fault of the scenario itself
        failed = True
        traceback.print_exc()
        _explain(world)
    finally:
        world.end()
    if not failed:
        shutil.rmtree(world.folder, ignore_errors=True)
        print(f"{name}: ok, {time.monotonic() - begin:.1f} s", flush=True)
    sys.stdout.flush()
    os._exit(1 if failed else 0)  # threads of test servers need not end first
