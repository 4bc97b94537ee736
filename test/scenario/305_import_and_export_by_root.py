"""Root imports into a folder of the service's user, and exports from it: what is made there is the user's,
nobody else reads it, and the exit status and the last line say what was left out."""

import json
import os
import pathlib
import shutil
import stat
import subprocess

from harness import expect, images, scenario
from harness.breakwater import BINARY
from harness.pushes import held
from harness.registry import push

USER, GROUP = 4711, 4712


def run(registry, data, verb, *arguments):
    done = subprocess.run(
        [str(one) for one in (BINARY, verb, *arguments, "--config", registry.config_file, "--data", data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=120,
        umask=0o022,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def expect_ended(ended, status, last):
    code, said, errors = ended
    lines = said.splitlines() or [""]
    expect(code == status and last in lines[-1], f"{code}, not {status}, or not {last!r}: {said}{errors}")


def everything_in(folder):
    yield folder
    yield from pathlib.Path(folder).rglob("*")


def expect_of_user(data):
    for path in everything_in(data):
        found = path.lstat()
        expect(
            (found.st_uid, found.st_gid) == (USER, GROUP),
            f"{path} belongs to {found.st_uid}:{found.st_gid}",
        )
        is_ours = path != data and found.st_nlink == 1 or stat.S_ISDIR(found.st_mode) and path != data
        expect(not (is_ours and found.st_mode & 0o007), f"{path} is open to all: {oct(found.st_mode)}")


def main(world):
    registry = world.private_registry()
    push(registry.address, "team/app", "1", images.single("one", [70_000]))
    push(registry.address, "team/app", "2", images.single("two", [70_000]))
    wanted = held(registry.address, "team/app", "1").blobs
    registry.stop()
    out = world.fresh_folder("out") / "layouts"
    expect_ended(
        run(registry, registry.data, "export", "--route", "private", "--to", out), 0, "left out: 0"
    )
    for path in everything_in(out):
        expect(not path.lstat().st_mode & 0o007, f"{path} is open to all")

    data = world.fresh_folder("theirs") / "data"
    data.mkdir()
    os.chown(data, USER, GROUP)
    into = ("import", "--layout", out, "--route", "private")
    for verb in (into, ("verify",), ("gc",), ("export", "--route", "private", "--to", out)):
        code, _, errors = run(registry, data, *verb)
        expect(code == 2 and "is no data folder" in errors, f"{verb} of an empty folder: {code} {errors}")
    expect(not list(data.iterdir()), f"a verb has made something: {list(data.iterdir())}")
    expect_ended(run(registry, data, *into, "--init"), 0, "left out: nothing")
    expect_of_user(data)
    expect_ended(run(registry, data, *into), 0, "left out: nothing")
    # One that is not there belongs to who has the place.
    new = data.parent / "place" / "new"
    new.parent.mkdir()
    os.chown(new.parent, USER, GROUP)
    expect_ended(run(registry, new, *into, "--init"), 0, "left out: nothing")
    expect_of_user(new)
    whole = world.fresh_folder("backup") / "whole"
    for line in (
        "ls",
        "du",
        "why team/app:1",
        "gc",
        "pin private/team/app:1",
        "pins",
        "unpin private/team/app:1",
        "uploads",
        "saved",
        "cache",
        "rm private/team/app:2",
        "verify",
        f"backup {whole}",
    ):
        verb = line.split()
        code, said, errors = run(registry, new, *verb)
        expect(code == 0, f"{verb}: {code} {said}{errors}")
        expect(str(new) in errors, f"{verb} does not say which folder: {errors}")
        expect_of_user(new)
    (data / "lock").unlink()
    expect_ended(run(registry, data, "verify"), 0, "0 broken")
    expect_of_user(data)
    back = world.fresh_folder("back") / "layouts"
    expect_ended(run(registry, data, "export", "--route", "private", "--to", back), 0, "left out: 0")
    expect_of_user(data)

    layout = out / "team/app"
    index = json.loads((layout / "index.json").read_text())
    index["manifests"] = index["manifests"][:1]
    del index["manifests"][0]["annotations"]
    (layout / "index.json").write_text(json.dumps(index))
    one = ("import", "--layout", layout, "--route", "private", "--repository", "other/app")
    expect_ended(run(registry, data, *one), 1, "left out: 1")
    expect_ended(run(registry, data, *one, "--tag", "named"), 0, "left out: nothing")
    (layout / "index.json").write_text('{"manifests":[')
    expect_ended(run(registry, data, *one), 1, "left out: 1")
    (layout / "index.json").unlink()
    os.mkfifo(layout / "index.json")
    expect_ended(run(registry, data, *one), 1, "left out: 1")

    shutil.rmtree(registry.data)
    shutil.copytree(data, registry.data)
    registry.start()
    expect(held(registry.address, "other/app", "named").blobs == wanted, "another image came back")
    registry.stop()


if __name__ == "__main__":
    scenario(main)
