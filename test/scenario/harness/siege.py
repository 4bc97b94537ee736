"""A Breakwater under attack: honest clients beside it are measured while nothing happens, then beside one
attack after the other, and each is a row of a table. What was promised to them is judged at the end, so that
one run tells all that does not hold."""

import threading
import time

from . import honest, images
from .attacks import Attack
from .breakwater import mirror_route, private_route
from .upstream import MadeUpstream
from .world import FULL, expect

MIRROR, PRIVATE = "mirror", "private"
P99_MAX_S = {
    "pull": 0.25,
    "push": 0.25,
    "livez": 0.1,
    "readyz": 0.1,
    "metrics": 0.1,
    "control": 0.1,
    "why": 2,
}
CALM_S = 60
AGAIN_MAX, LITTLE_TIMES = 2, 4
TIMES_QUIET_MAX = 3  # where that is more: of pulls and pushes
TOLD_PART_MAX = 0.1
AT_HEALTH = {"livez", "readyz", "metrics"}
RSS_MAX = 256 * images.MEBI
WINDOW_S = 10 if FULL else 2
_COUNTED = ("breakwater_refused_total", "breakwater_connections_refused_total")


class _Descriptors(threading.Thread):
    """The most that a process had open, by looking all the time."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self._process, self._ended, self.most = process, threading.Event(), 0

    def run(self):
        while not self._ended.wait(0.1):
            self.most = max(self.most, self._process.descriptors())

    def end(self):
        self._ended.set()
        self.join()
        return self.most


class Siege:
    """Routes are a mirror of an upstream that is made up (`answer_to`, beside what the honest ask for) and a
    registry of its own. `descriptors`: the process may have no more."""

    def __init__(
        self, world, answer_to=lambda target: None, descriptors=None, mirror=None, private=None, **more
    ):
        world.measure()
        self.world = world
        self.upstream = MadeUpstream(world, lambda target: answer_to(target) or honest.answer_to(target))
        self.descriptors = descriptors
        self.breakwater = world.breakwater(
            routes=[
                mirror_route(MIRROR, "docker.io", self.upstream.url, **{"fresh": "1h", **(mirror or {})}),
                private_route(PRIVATE, **(private or {})),
            ],
            prefix=["prlimit", f"--nofile={descriptors}:{descriptors}"] if descriptors else (),
            settings=more,
        )
        self.mirror = self.breakwater.addresses[MIRROR]
        self.private = self.breakwater.addresses[PRIVATE]
        self.metrics = self.breakwater.addresses["metrics"]
        self._clients = honest.Clients(self.breakwater, MIRROR, PRIVATE)
        self._complaints = []
        self._has_few_descriptors = bool(descriptors)
        self._quiet = None

    def quiet(self):
        """Measured once, when all that the attacks need is there."""
        self._clients.pull()
        self._clients.push()
        self.world.say(
            f"{'p99 (worst) in ms':44}" + "".join(f"{kind:>14}" for kind in P99_MAX_S) + "  RSS MiB  files"
        )
        self.breakwater.process.forget_rss_peak()
        found, _ = honest.measure(self._clients, WINDOW_S)
        self._say("quiet", found, 0, "")
        for kind, samples in found.items():
            expect(not samples.wrong_count, f"quiet: {kind} went wrong: {samples.wrong}")
        self._quiet = found

    def beside(self, name, address, sources, connections, act, receive_buffer=None, during=None):
        """Measures beside that attack (attacks.py), and looks by `during` while it goes on. What came of it:
        {status or `cut`: how often}."""
        if self._quiet is None:
            self.quiet()
        before = self._refused()
        self.breakwater.process.forget_rss_peak()
        files = _Descriptors(self.breakwater.process)
        files.start()
        attack = Attack(self.world, address, sources, connections, act, receive_buffer)
        attack.wait_going_on()
        found = self._measure()
        if during:
            during()
        tally = attack.stop()
        most = files.end()
        refused = {
            reason: int(count - before.get(reason, 0))
            for reason, count in self._refused().items()
            if count > before.get(reason, 0)
        }
        self._say(name, found, most, f"  {_briefly(tally)} refused {_briefly(refused)}")
        few = set(self._clients.crowd if self._has_few_descriptors else ())
        if address == self.metrics:
            few |= AT_HEALTH
        self._judge(name, found, few)
        self._wait_calm(name)
        return tally

    def end(self, *others):
        """Says what did not hold, here and in these, and stops them."""
        sieges = (self, *others)
        complaints = [one for siege in sieges for one in siege._complaints]
        expect(not complaints, "\n  ".join(["promised to all, and not held:", *complaints]))
        for siege in sieges:
            siege.breakwater.stop()

    def expect(self, holds, what):
        """Like expect(), at the end."""
        if not holds:
            self._complaints.append(what)

    def _measure(self):
        """What an attack does, it does all the time; what else happens on this machine passes: what took a
        little too long is measured again beside the same attack, and so is what took longer while the machine
        itself kept somebody waiting for most of that time. A reply that is wrong once is wrong."""
        found, pause_s = self._window()
        for _ in range(AGAIN_MAX):
            late = {kind: one.p99_s / self._p99_max_s(kind) for kind, one in found.items()}
            worst = max(late, key=late.get)
            is_the_machine = pause_s >= found[worst].p99_s / 2
            if late[worst] <= 1 or (late[worst] > LITTLE_TIMES and not is_the_machine):
                break
            self.world.say(
                f"{worst}: {1000 * found[worst].p99_s:.0f} ms, while the machine itself took"
                f" {1000 * pause_s:.0f} ms; once more"
            )
            again, pause_s = self._window()
            for kind, samples in again.items():
                samples.add_wrong(found[kind])
                if samples.p99_s > found[kind].p99_s:
                    samples.seconds = found[kind].seconds
            found = again
        return found

    def _window(self):
        """What was measured, and the longest that the machine itself may have kept anybody waiting: somebody
        who asks nobody, or the server's loop for a processor."""
        waited_s = self.breakwater.process.processor_wait_s()
        found, pause_s = honest.measure(self._clients, WINDOW_S)
        return found, max(pause_s, self.breakwater.process.processor_wait_s() - waited_s)

    def _p99_max_s(self, kind):
        if self._quiet and kind in ("pull", "push"):
            return max(TIMES_QUIET_MAX * self._quiet[kind].p99_s, P99_MAX_S[kind])
        return P99_MAX_S[kind]

    def _refused(self):
        found = {}
        for name, value in self.breakwater.metrics().items():
            if name.startswith(_COUNTED):
                reason = name.partition('reason="')[2].partition('"')[0] or "connections"
                found[reason] = found.get(reason, 0) + value
        return found

    def _wait_calm(self, name):
        """Nobody works for long for clients that are gone; and the next attack is measured for itself."""
        begin = time.monotonic()
        self.world.wait_until(
            lambda: self.breakwater.metric("breakwater_requests_running") <= 1,
            f"{name}: requests are over",
            300,
            0.1,
        )
        seconds = time.monotonic() - begin
        self.expect(seconds <= CALM_S, f"{name}: requests were over {seconds:.0f} s after all had left")

    def _say(self, name, found, files, more):
        cells = "".join(
            f"{1000 * one.p99_s:7.0f} ({1000 * one.worst_s:4.0f})"
            for one in (found[kind] for kind in P99_MAX_S)
        )
        rss = self.breakwater.process.rss_peak_bytes() / images.MEBI
        self.world.say(f"{name:44}{cells}{rss:9.0f}{files:7}{more}")

    def _judge(self, name, found, few):
        """`few`: what is asked at ports of few places, all of them attacked. There an honest client may
        be told now and then to come again; elsewhere never."""
        for kind, samples in found.items():
            told_max = TOLD_PART_MAX * len(samples.seconds) if kind in few else 0
            self.expect(
                samples.told <= told_max,
                f"{name}: {samples.told} of {len(samples.seconds)} of {kind} were told to come again",
            )
            bar_s = self._p99_max_s(kind)
            self.expect(
                samples.p99_s <= bar_s,
                f"{name}: p99 of {kind}: {1000 * samples.p99_s:.0f} ms, but at most {1000 * bar_s:.0f}",
            )
            if FULL and kind == "livez":
                self.expect(samples.worst_s <= bar_s, f"{name}: /livez took {1000 * samples.worst_s:.0f} ms")
            self.expect(
                not samples.wrong_count,
                f"{name}: {samples.wrong_count} of {kind} went wrong: {samples.wrong[:2]}",
            )
        rss = self.breakwater.process.rss_peak_bytes()
        self.expect(rss <= RSS_MAX, f"{name}: {rss / images.MEBI:.0f} MiB of RSS")


def _briefly(counts):
    return " ".join(f"{what} {count}" for what, count in sorted(counts.items())) or "-"
