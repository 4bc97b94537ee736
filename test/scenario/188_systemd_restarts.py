"""On a machine that systemd has booted, with the units of packaging/ and all cores busy: nobody notices
`systemctl restart`, whatever they do; a mistake costs them time; and `systemctl stop` finishes what runs."""

import os
import time

from harness import expect, http, scenario
from harness.booted import InstalledBreakwater
from harness.breakwater import mirror_route, private_route
from harness.honest import Witness
from harness.restarts import Load, Probe, Upstream, ended, pulling
from harness.world import FULL

RESTARTS = 20 if FULL else 5
APART_S = 1.5
MIRROR, REGISTRY = "127.0.0.1:5000", "127.0.0.1:5050"


def restarts_under_load(world, breakwater, upstream):
    busy = [world.start("busy", ["sh", "-c", "while :; do :; done"]) for _ in range(os.cpu_count())]
    load = Load(world, upstream, MIRROR, REGISTRY, breakwater.metric, cold_s=1.5 * RESTARTS)
    for _ in range(RESTARTS):
        time.sleep(APART_S)
        breakwater.restart()
    load.end(RESTARTS)
    for one in busy:
        one.kill()
    breakwater.expect_nothing_left()


def successor(world, breakwater, upstream):
    """By SIGUSR2, as the README says; then it is the one that is restarted."""
    client, before = pulling(world, upstream, MIRROR, breakwater.metric), breakwater.main_pid()
    breakwater.machine.systemctl("kill", "--kill-whom=main", "--signal=USR2", "breakwater")
    world.wait_until(lambda: breakwater.main_pid() != before, "a successor is the service")
    breakwater.restart()
    ended(client, upstream, "a client during a successor and a restart")


def mistake(world, breakwater, upstream):
    """The restart fails, says why, and is tried again; who was connected is so still."""
    client = pulling(world, upstream, MIRROR, breakwater.metric)
    good = breakwater.config
    breakwater.config = {**good, "bytes_max": "much"}
    breakwater.write_config()
    breakwater.machine.systemctl("restart", "breakwater", check=False)
    expect(breakwater.main_pid() == "0", "it runs with a configuration that is wrong")
    world.wait_until(lambda: "bytes_max: " in breakwater.process.text(), "the journal says why")
    breakwater.config = good
    breakwater.write_config()
    world.wait_until(lambda: breakwater.main_pid() != "0", "it is started again")
    ended(client, upstream, "a client during a restart that failed at first")


def no_store(world, breakwater, upstream):
    """A unit that lets systemd keep nothing: then a restart finishes what runs, as a stop does."""
    client = pulling(world, upstream, MIRROR, breakwater.metric)
    breakwater.set_in_unit("FileDescriptorStoreMax=0")
    breakwater.restart()
    ended(client, upstream, "a client during a restart that keeps nothing")
    expect("not_handed_over" in breakwater.process.text(), "a restart that keeps nothing is not told")
    breakwater.set_in_unit("")


def all_units(world, breakwater, upstream):
    """Its sockets too, which systemd calls a failure because the service has them still: new clients may be
    refused for a moment, those who are connected notice nothing."""
    client = pulling(world, upstream, MIRROR, breakwater.metric)
    breakwater.machine.systemctl("restart", "breakwater.socket", "breakwater.service", check=False)
    state = breakwater.machine.show("breakwater.socket", "ActiveState")
    expect(state == "active", f"after a restart of all units the sockets are {state}")
    ended(client, upstream, "a client during a restart of all units")
    expect(http.get(REGISTRY, "/v2/").status == 200, "after a restart of all units nobody is served")


def no_sockets(world, breakwater, upstream):
    """Without its socket unit the service has bound all addresses itself, and they are kept as well."""
    breakwater.remove_sockets()
    client, probe = pulling(world, upstream, MIRROR, breakwater.metric), Probe(REGISTRY)
    witness = Witness(world.folder)
    breakwater.restart()
    probe.end("clients during a restart without a socket unit", witness.end())
    ended(client, upstream, "a client during a restart without a socket unit")


def stop(world, breakwater, upstream):
    client = pulling(world, upstream, MIRROR, breakwater.metric)
    breakwater.machine.systemctl("stop", "breakwater.service")
    ended(client, upstream, "a client during a stop")
    status = http.get(REGISTRY, "/v2/", timeout_s=30).status
    expect(status == 200, f"after a stop a client that comes starts it again, but is answered {status}")
    breakwater.machine.systemctl("stop", *breakwater.UNITS)
    try:
        http.get(REGISTRY, "/v2/", timeout_s=2)
        expect(False, "after a stop of all units a client is answered")
    except OSError:
        pass


def main(world):
    upstream = Upstream(world)
    breakwater = InstalledBreakwater(
        world,
        routes=[
            mirror_route("dockerhub", "docker.io", upstream.shaper.url, listen=["0.0.0.0:5000"]),
            private_route(listen=["0.0.0.0:5050"]),
        ],
    )
    restarts_under_load(world, breakwater, upstream)
    for one in (successor, mistake, no_store, all_units, stop, no_sockets):
        one(world, breakwater, upstream)


if __name__ == "__main__":
    scenario(main)
