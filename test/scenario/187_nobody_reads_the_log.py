"""stderr is a pipe that nobody reads any more: requests are answered, and SIGTERM ends the process in the
time that the drain may take and two seconds, in an orderly way."""

import time

from harness import expect, http, scenario
from harness.breakwater import private_route
from harness.registry import push_blob

LINES = 3000  # more than a pipe holds
DRAIN_S = 20
# Runs the command with a stderr of which the first lines are read and no others.
UNREAD = """
mkfifo "$0"
(exec 3<"$0"; sed -u '/listening route=metrics/q' <&3 >&2; exec sleep 1000) &
exec "$@" 2>"$0"
"""


def main(world):
    pipe = world.fresh_folder("pipe") / "stderr"
    breakwater = world.breakwater(
        routes=[private_route()],
        prefix=["sh", "-c", UNREAD, pipe],
        settings={"drain_timeout": f"{DRAIN_S}s", "log": {"level": "info", "format": "text"}},
    )
    address = breakwater.address
    digest = push_blob(address, "team/app", b"a layer")
    for number in range(LINES):
        reply = http.get(address, f"/v2/team/app/blobs/{digest}")
        expect(reply.status == 200, f"request {number} while nobody reads the log: {reply}")
    begin = time.monotonic()
    breakwater.process.terminate()
    status = breakwater.process.wait(30)
    took = time.monotonic() - begin
    expect(status == 0, f"it ended with {status}")
    expect(took < DRAIN_S + 2, f"it took {took:.1f} s to end")
    expect((breakwater.data / "clean").exists(), "the stop was not a clean one")


if __name__ == "__main__":
    scenario(main)
