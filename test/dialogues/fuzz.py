"""Fuzzes whole dialogues with a sanitized server: fuzz.py [--seconds N] [--seed N]

Clients that push, pull, list, mount and delete change, cut, double, slow down and leave their requests;
upstreams do so with their answers. Beside them honest clients see every byte right. In the end the server is
alive, has nothing left of all that, ends as it should, and its folder is verified; the sanitizers have said
nothing. A seed gives the same dialogues again, though not in the same order with each other.

BREAKWATER_BUILD is the build whose binary is served: build/asan by default."""

import os
import pathlib
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("BREAKWATER_BUILD", str(ROOT / "build/asan"))

import parts  # noqa: F401, E402 - finds the harness
from harness import scenario  # noqa: E402
from harness.world import Failure  # noqa: E402
from parts import content  # noqa: E402
from parts.appliance import Appliance  # noqa: E402
from parts.arguments import arguments  # noqa: E402
from parts.clients import Crew  # noqa: E402
from parts.honest import Joint, Puller, Registrar  # noqa: E402
from parts.hostile import HostileClient  # noqa: E402

HOSTILE = 8
MUTATION_RATES = (0.4, 0.4, 0.2, 0.05)
SAID_MAX = 1000  # letters of a request or reply


def crew_of(appliance, seed):
    crew, joint = Crew(seed), Joint("team/", pulls_each=6)
    addresses = appliance.addresses
    members = [
        Registrar(crew, f"registrar-{one}", f"127.0.1.{one + 1}", addresses["private"]) for one in range(2)
    ]
    calm = Joint(content.CALM, pulls_each=2)  # has its blobs for itself
    members.append(Puller(crew, "puller-0", "127.0.1.8", addresses["tame"], calm))
    # This one shares downloads with mirrors of wild upstreams: it may be cut off where they were wrong, and
    # is served when it asks again.
    shared = {"later": (429, 502, 503), "asks_again": True}
    members.append(Puller(crew, "puller-1", "127.0.1.9", addresses["tame"], joint, **shared))
    for one in range(HOSTILE):
        rate = MUTATION_RATES[one % len(MUTATION_RATES)]
        members.append(HostileClient(crew, f"hostile-{one}", f"127.0.2.{one + 1}", addresses, joint, rate))
    crew.start(members)
    return crew


def main(world):
    world.say(f"seed {ARGUMENTS.seed}, {ARGUMENTS.seconds} s")
    appliance = Appliance(world, ARGUMENTS.seed)
    crew = crew_of(appliance, ARGUMENTS.seed)
    watch = appliance.start_watch(crew)
    crew.stopping.wait(ARGUMENTS.seconds)
    crew.stop()
    watch.join(180)
    crew.say(world)
    if crew.fault:
        say_last(world, appliance, crew)
        raise Failure(crew.fault)
    ending = time.monotonic()
    appliance.expect_nothing_left(crew.locations)
    world.say(f"nothing left after {time.monotonic() - ending:.1f} s")
    appliance.stop()
    world.say(f"ended after {time.monotonic() - ending:.1f} s")
    appliance.expect_clean_log()
    appliance.expect_verified()
    world.say(f"verified after {time.monotonic() - ending:.1f} s")


def say_last(world, appliance, crew):
    """What all were doing: a fault may be another's."""
    for member in crew.members:
        world.say(f"--- the last of {member.name}:")
        for line in member.said:
            world.say(line[:SAID_MAX])
    for upstream in appliance.upstreams:
        world.say(f"--- the last of {upstream.name}: {upstream.recent}")


if __name__ == "__main__":
    ARGUMENTS = arguments(__doc__, seconds=120)
    scenario(main, rises=False)
