"""The whole server under load, watched by the thread sanitizer: load.py [--seconds N] [--seed N]

All that uses its threads at once: pushes by all methods, mounts, referrers, deletes; pulls through mirrors,
hot and cold, of clients that join one download, stay behind or leave; lists; eviction, collection and the
scrub; the verbs that ask the server, and metrics. Twice: each time the server is told to end in the middle of
it, and then the verbs run that take the folder for themselves. The sanitizer has said nothing.

BREAKWATER_BUILD is the build whose binary is served: build/tsan by default."""

import itertools
import os
import pathlib
import shutil

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("BREAKWATER_BUILD", str(ROOT / "build/tsan"))

import parts  # noqa: F401, E402 - finds the harness
from harness import expect, scenario  # noqa: E402
from parts import content  # noqa: E402
from parts.appliance import Appliance  # noqa: E402
from parts.arguments import arguments  # noqa: E402
from parts.clients import Crew, Member  # noqa: E402
from parts.honest import Joint, Puller, Registrar  # noqa: E402
from parts.hostile import HostileClient  # noqa: E402

ROUNDS = 2
REGISTRARS, PULLERS, OTHERS = 3, 4, 3


class Operator(Member):
    """Asks the server what operators ask, one after the other."""

    def __init__(self, crew, appliance, folder):
        super().__init__(crew, "operator")
        self.appliance, self.folder = appliance, folder
        self.verbs = itertools.cycle((self.back_up, self.plan, self.why, self.forget))

    def round_once(self, chance):
        next(self.verbs)()

    def _verb(self, *arguments):
        self.said.append(" ".join(str(one) for one in arguments))
        status, output = self.appliance.verb(*arguments)
        self.said.append(f"{status}: {output[-1000:]}")
        return status, output

    def back_up(self):
        target = self.folder / "backup"
        shutil.rmtree(target, ignore_errors=True)
        status, output = self._verb("backup", target)
        expect(status == 0 or self.crew.server_is_ending.is_set(), f"backup: {output}")

    def plan(self):
        self._verb("gc", "--dry-run")

    def why(self):
        self._verb("why", "honest/registrar-0-0:a-0")
        self._verb("why", "sha256:" + "0" * 64)

    def forget(self):
        """A route that is not configured, which has nothing."""
        self._verb("forget-route", "gone", "--yes")


def crew_of(appliance, seed, number, folder):
    crew, addresses = Crew(f"{seed} {number}"), appliance.addresses
    joint = Joint("team/", pulls_each=2 * PULLERS)
    members = [
        Registrar(crew, f"registrar-{number}-{one}", f"127.0.1.{one + 1}", addresses["private"])
        for one in range(REGISTRARS)
    ]
    members.append(Puller(crew, "calm", "127.0.1.99", addresses["tame"], Joint(content.CALM, pulls_each=1)))
    shared = {"later": (429, 502, 503), "asks_again": True}
    members += [
        Puller(crew, f"puller-{one}", f"127.0.3.{one + 1}", addresses["tame"], joint, **shared)
        for one in range(PULLERS)
    ]
    members += [
        HostileClient(crew, f"other-{one}", f"127.0.2.{one + 1}", addresses, joint, rate)
        for one, rate in zip(range(OTHERS), (0, 0.1, 0.3))
    ]
    members.append(Operator(crew, appliance, folder))
    crew.start(members)
    return crew


def load(world, appliance, seed, number, seconds):
    """For so long; then the server is told to end while all go on."""
    crew = crew_of(appliance, seed, number, world.fresh_folder("backups"))
    watch = appliance.start_watch(crew)
    crew.stopping.wait(seconds)
    crew.server_is_ending.set()
    watch.join(180)
    if not crew.fault:
        appliance.stop()
    crew.stop()
    crew.say(world)
    appliance.expect_clean_log()
    expect(crew.fault is None, crew.fault)


def verbs_alone(world, appliance):
    """Those that take the folder for themselves."""
    appliance.expect_verified()
    target = world.fresh_folder("layouts")
    # A tag of a hostile client may name what cannot be exported; then the status is 1.
    _, output = appliance.verb("export", "--route", "private", "--to", target)
    world.say(output.splitlines()[-1])
    _, output = appliance.verb("import", "--layout", target, "--route", "private")
    world.say(output.splitlines()[-1])
    appliance.verb("gc", "--dry-run")


def main(world):
    world.say(f"seed {ARGUMENTS.seed}, {ARGUMENTS.seconds} s")
    # Under the sanitizer a busy machine takes many times as long to close everything.
    appliance = Appliance(world, ARGUMENTS.seed, {"drain_timeout": "60s"})
    for number in range(ROUNDS):
        if number > 0:
            appliance.start()
        load(world, appliance, ARGUMENTS.seed, number, ARGUMENTS.seconds / ROUNDS)
        verbs_alone(world, appliance)


if __name__ == "__main__":
    ARGUMENTS = arguments(__doc__, seconds=60)
    scenario(main, rises=False)
