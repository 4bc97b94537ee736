"""Honest clients, in processes of their own: each does the same small thing at a fixed pace, and every reply
is checked. What is measured of them is how long that takes, quiet and beside an attack."""

import http.client
import json
import multiprocessing
import os
import socket
import tempfile
import threading
import time

from . import images
from .dialogue import Dialogue

SOURCE = "127.0.0.200"  # nobody who attacks comes from there
REPOSITORY, TAG = "library/honest", "1"
BLOB = images.noise("honest", 64 << 10)
CONFIG = b"{}"
MANIFEST = images.Manifest(
    images.MANIFEST,
    {
        "schemaVersion": 2,
        "mediaType": images.MANIFEST,
        "config": {
            "mediaType": images.CONFIG,
            "digest": images.digest_of(CONFIG),
            "size": len(CONFIG),
        },
        "layers": [{"mediaType": images.LAYER, "digest": images.digest_of(BLOB), "size": len(BLOB)}],
    },
)
TIMEOUT_S = 30
TOLD_AGAIN_MAX, AGAIN_PACE_S = 8, 0.02
_WRONG_KEPT = 5  # more of the same says no more
_WITNESS_PACE_S = 0.005


def answer_to(target):
    """What the upstream of the mirror has for them."""
    return {
        "/v2/": (200, "application/json", b"{}"),
        f"/v2/{REPOSITORY}/manifests/{TAG}": (200, MANIFEST.media_type, MANIFEST.bytes),
        f"/v2/{REPOSITORY}/blobs/{images.digest_of(BLOB)}": (200, "application/octet-stream", BLOB),
    }.get(target)


class Wrong(Exception):
    """A reply that an honest client should not have had."""


class TooMany(Wrong):
    """503: there are too many just now."""


class Samples:
    """What one kind of client saw. A client that is kept waiting for longer than its pace stands for those
    who would have come meanwhile: each of them is a sample too, that waited so much less."""

    def __init__(self):
        self.seconds, self.wrong, self.wrong_count, self.told = [], [], 0, 0

    def took(self, seconds, pace_s):
        while seconds > 0:
            self.seconds.append(seconds)
            seconds -= pace_s

    def went_wrong(self, why):
        self.wrong_count += 1
        if len(self.wrong) < _WRONG_KEPT:
            self.wrong.append(why)

    def add_wrong(self, other):
        self.wrong_count += other.wrong_count
        self.told += other.told
        self.wrong = (self.wrong + other.wrong)[:_WRONG_KEPT]

    @property
    def p99_s(self):
        return sorted(self.seconds)[int(0.99 * len(self.seconds))] if self.seconds else TIMEOUT_S

    @property
    def worst_s(self):
        return max(self.seconds, default=TIMEOUT_S)


class _LocalConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        # By its folder: the whole path may be longer than an address of a socket.
        folder = os.open(self._path.parent, os.O_PATH)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


def _expect(reply, status, what):
    if reply.status != status:
        kind = TooMany if reply.status == 503 else Wrong
        raise kind(f"{what}: {reply.status} {reply.body[:200]!r}")


class Clients:
    """What each kind of client does: one function, on a connection of its own."""

    def __init__(self, breakwater, mirror, private):
        addresses = breakwater.addresses
        self._mirror, self._private = addresses[mirror], addresses[private]
        self._metrics = addresses["metrics"]
        self._control = breakwater.data / "control"
        self.folder = breakwater.data.parent  # on the disk of the data folder
        self._pushed = 0
        self._push_lock = threading.Lock()
        # kind: the function, seconds from one to the next, how many clients.
        self.crowd = {"pull": (self.pull, 0.025, 2), "push": (self.push, 0.025, 2)}
        self.probes = {
            "livez": (lambda: self.probe("/livez"), 0.02, 1),
            "readyz": (lambda: self.probe("/readyz"), 0.05, 1),
            "metrics": (lambda: self.probe("/metrics"), 0.05, 1),
            "control": (self.control, 0.05, 1),
            "why": (self.why, 0.05, 1),
        }

    def pull(self):
        dialogue = Dialogue(self._mirror, TIMEOUT_S, SOURCE)
        try:
            reply = dialogue.ask("GET", f"/v2/{REPOSITORY}/manifests/{TAG}", {"Accept": images.ACCEPT})
            _expect(reply, 200, "a manifest")
            if reply.body != MANIFEST.bytes:
                raise Wrong("a manifest of other bytes")
            reply = dialogue.ask("GET", f"/v2/{REPOSITORY}/blobs/{images.digest_of(BLOB)}")
            _expect(reply, 200, "a blob")
            if reply.body != BLOB:
                raise Wrong("a blob of other bytes")
        finally:
            dialogue.close()

    def push(self):
        with self._push_lock:
            self._pushed += 1
            content = f"{os.getpid():05}{self._pushed:05}".encode()
        descriptor = {
            "mediaType": images.CONFIG,
            "digest": images.digest_of(content),
            "size": len(content),
        }
        manifest = images.Manifest(
            images.MANIFEST,
            {"schemaVersion": 2, "mediaType": images.MANIFEST, "config": descriptor, "layers": []},
        )
        dialogue = Dialogue(self._private, TIMEOUT_S, SOURCE)
        try:
            begun = dialogue.begin("team/honest")
            _expect(begun, 202, "the begin of a push")
            done = dialogue.finish(begun.header("Location"), descriptor["digest"], [content])
            _expect(done, 201, "a blob that is pushed")
            done = dialogue.put_manifest("team/honest", TAG, images.MANIFEST, manifest.bytes)
            _expect(done, 201, "a manifest that is pushed")
        finally:
            dialogue.close()

    def probe(self, path):
        dialogue = Dialogue(self._metrics, TIMEOUT_S, SOURCE)
        try:
            _expect(dialogue.ask("GET", path), 200, path)
        finally:
            dialogue.close()

    def control(self):
        """That the socket answers: a question that it does not know costs nothing else."""
        self._ask_control("GET", "/", None, 404)

    def why(self):
        """A verb, which a thread of a lower priority sees to."""
        self._ask_control("GET", f"/api/v1/why?of=team/honest:{TAG}", None, 200)

    def _ask_control(self, method, path, body, status):
        connection = _LocalConnection(self._control)
        try:
            connection.request(method, path, body=body)
            response = connection.getresponse()
            said = response.read()
            if response.status != status:
                raise Wrong(f"{path} of control: {response.status} {said[:200]!r}")
        finally:
            connection.close()


def _act_as_clients_do(act, samples):
    """Every client asks once more when its connection breaks off. When that breaks too, or it is told 503, it
    asks again a little later: that is counted, and what it takes is measured with it."""
    has_broken = False
    for _ in range(TOLD_AGAIN_MAX):
        try:
            return act()
        except (TooMany, OSError, http.client.HTTPException) as refusal:
            is_told = isinstance(refusal, TooMany) or has_broken
            has_broken = True
            if not is_told:
                continue
            samples.told += 1
            time.sleep(AGAIN_PACE_S)
    return act()


def _work(act, pace_s, until, samples):
    due = time.monotonic()
    while due < until:
        begin = time.monotonic()
        try:
            _act_as_clients_do(act, samples)
        except Wrong as wrong:
            samples.went_wrong(str(wrong))
        except (OSError, http.client.HTTPException) as error:
            samples.went_wrong(f"{type(error).__name__}: {error}")
        now = time.monotonic()
        samples.took(now - begin, pace_s)
        due = max(due + pace_s, now)
        if due > now:
            time.sleep(due - now)


def _run(kinds, seconds, pipe):
    """Their own lateness is no fault of the server: they go before the rest, if they may."""
    try:
        os.nice(-4)
    except OSError:
        pass
    until = time.monotonic() + seconds
    found, threads = {}, []
    for kind, (act, pace_s, count) in kinds.items():
        found[kind] = [Samples() for _ in range(count)]
        for samples in found[kind]:
            threads.append(threading.Thread(target=_work, args=(act, pace_s, until, samples), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(json.dumps({kind: [vars(one) for one in several] for kind, several in found.items()}))


def _watch_clock(ended, pauses):
    while not ended.is_set():
        begin = time.monotonic()
        time.sleep(_WITNESS_PACE_S)
        pauses.append(time.monotonic() - begin - _WITNESS_PACE_S)


def _watch_disk(ended, pauses, file):
    """As whoever keeps a log does: the file grows, which its file system has to write down as well."""
    while not ended.is_set():
        begin = time.monotonic()
        os.write(file, b"x" * 4096)
        os.fdatasync(file)
        pauses.append(time.monotonic() - begin)
        time.sleep(_WITNESS_PACE_S)


def _witness(folder, ended, pipe):
    try:
        os.nice(-4)
    except OSError:
        pass
    pauses = [0]
    with tempfile.TemporaryFile(dir=folder) as file:
        threads = [
            threading.Thread(target=_watch_clock, args=(ended, pauses)),
            threading.Thread(target=_watch_disk, args=(ended, pauses, file.fileno())),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    pipe.send(max(pauses))


class Witness:
    """A process that asks nobody, from now on, and writes in `folder`."""

    def __init__(self, folder):
        context = multiprocessing.get_context("fork")
        self._ended = context.Event()
        self._pause, theirs = context.Pipe(duplex=False)
        self._process = context.Process(target=_witness, args=(folder, self._ended, theirs), daemon=True)
        self._process.start()

    def end(self):
        """How long the machine itself kept it waiting at most, for a processor or for the disk."""
        self._ended.set()
        pause_s = self._pause.recv()
        self._process.join()
        return pause_s


def measure(clients, seconds):
    """All kinds at once for so long, and until the last has its reply: {kind: Samples}, and the longest pause
    of the machine meanwhile."""
    context = multiprocessing.get_context("fork")
    pipes = []
    witness = Witness(clients.folder)
    for kinds in (clients.crowd, clients.probes):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(kinds, seconds, theirs), daemon=True)
        process.start()
        theirs.close()
        pipes.append((process, ours))
    merged = {}
    for process, pipe in pipes:
        for kind, several in json.loads(pipe.recv()).items():
            merged[kind] = Samples()
            for one in several:
                merged[kind].seconds += one["seconds"]
                merged[kind].wrong += one["wrong"]
                merged[kind].wrong_count += one["wrong_count"]
                merged[kind].told += one["told"]
        process.join()
    return merged, witness.end()
