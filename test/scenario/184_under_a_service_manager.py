"""What systemd gives and hears: sockets that it has bound, by address; when it is ready, how it is, that it
is alive, that it reloads, that another process is the service now, and that it ends."""

import os
import re
import signal
import socket
import sys
import time

from harness import expect, http, scenario
from harness.breakwater import Breakwater, private_route

# Stands in for systemd: binds what a socket unit names, hands it over as descriptors 3 and following.
ACTIVATE = """
import os, socket, sys
addresses, command = sys.argv[1].split(","), sys.argv[2:]
for number, address in enumerate(addresses):
    host, _, port = address.rpartition(":")
    one = socket.create_server((host, int(port)))
    os.dup2(one.fileno(), 3 + number + 10)
    one.close()
for number in range(len(addresses)):
    os.dup2(3 + number + 10, 3 + number)
    os.close(3 + number + 10)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(addresses)), WATCHDOG_PID=str(os.getpid()))
os.execv(command[0], command)
"""
WATCHDOG_S = 5


class Manager:
    """Hears what a service says."""

    def __init__(self, world):
        self.path = world.run_folder("manager") / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._socket.settimeout(0.01)
        self.heard = []

    def hear(self):
        try:
            while True:
                self.heard.append(self._socket.recv(4096).decode())
        except TimeoutError:
            return self.heard

    def wait_for(self, world, pattern):
        return world.wait_until(
            lambda: next((found for one in self.hear() if (found := re.search(pattern, one))), None),
            f"systemd hears {pattern}; it has heard {self.heard}",
        )


def main(world):
    manager = Manager(world)
    first, second, unwanted = (world.free_port() for _ in range(3))
    # In no order of the configuration.
    addresses = [f"127.0.0.1:{port}" for port in (unwanted, second, first)]
    breakwater = Breakwater(
        world,
        routes=[
            private_route("first", listen=[f"127.0.0.1:{first}"]),
            private_route("second", listen=[f"127.0.0.1:{second}"]),
            private_route("own"),  # no socket was made for it
        ],
        prefix=[sys.executable, "-c", ACTIVATE, ",".join(addresses)],
        environment={"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": str(WATCHDOG_S * 1_000_000)},
    )
    for name in ("first", "second", "own"):
        status = http.get(breakwater.addresses[name], "/v2/").status
        expect(status == 200, f"the route {name} answers {status}")
    breakwater.wait_event(
        lambda event: event.get("event") == "listener_closed" and str(unwanted) in event["address"],
        "a socket that no route wants is named",
    )
    try:
        socket.create_connection(("127.0.0.1", unwanted), 2).close()
        expect(False, "a socket that no route wants is not closed")
    except OSError:
        pass
    manager.wait_for(world, r"^READY=1\nSTATUS=3 routes; 0 downloads, 0 uploads$")
    for _ in range(2):
        manager.heard.clear()
        begin = time.monotonic()
        manager.wait_for(world, r"^WATCHDOG=1$")
        expect(time.monotonic() - begin < WATCHDOG_S, "it says too seldom that it is alive")

    manager.heard.clear()
    expect(breakwater.reload(), "a reload failed")
    manager.wait_for(world, r"^RELOADING=1\nMONOTONIC_USEC=\d+\n")
    manager.wait_for(world, r"^READY=1\n")

    manager.heard.clear()
    before = breakwater.process.pid
    os.kill(before, signal.SIGUSR2)
    successor = int(manager.wait_for(world, r"^MAINPID=(\d+)$").group(1))
    expect(successor != before, "the service is said to be the process that it was")
    expect(breakwater.process.wait() == 0, "the process whose place was taken did not end well")
    status = http.get(breakwater.addresses["first"], "/v2/").status
    expect(status == 200, f"after SIGUSR2 the route answers {status}")
    manager.heard.clear()
    manager.wait_for(world, r"^WATCHDOG=1$")
    os.kill(successor, signal.SIGTERM)
    manager.wait_for(world, r"^STOPPING=1\n")
    # Not only its sockets: the data folder is its own until the end.
    world.wait_until(lambda: has_ended(successor), "it ends")
    expect(refuses(breakwater), "a process that has ended is connected to")

    # Where a restart can leave nothing with the service manager, what runs is finished, as for a stop.
    breakwater.start()
    manager.path.unlink()
    os.kill(breakwater.process.pid, signal.SIGINT)
    breakwater.wait_stopped()
    said = [event["event"] for event in breakwater.events() if "event" in event]
    expect("not_handed_over" in said and "draining" in said, f"a restart that is none: {said}")


def has_ended(pid):
    """Also if nobody has taken note of it yet."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def refuses(breakwater):
    try:
        http.get(breakwater.addresses["first"], "/v2/", timeout_s=2)
        return False
    except OSError:
        return True


if __name__ == "__main__":
    scenario(main)
