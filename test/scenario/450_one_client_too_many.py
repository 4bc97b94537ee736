"""One client that asks for too much is told so, with Retry-After, and upstream is spared; another client that
asks for the same things a moment later has its answers."""

import time

from harness import expect, expect_at_most, honest, http, images, scenario
from harness.attacks import holds, one_client, pipelines_once, reads_nothing, request
from harness.dialogue import Dialogue
from harness.siege import Siege

NAMES = 9000
MISSES_PER_MINUTE = 600
CONNECTIONS_OF_ONE = 256
LARGE = images.noise("large", 16 * images.MEBI)
LARGE_PATH = f"/v2/library/large/blobs/{images.digest_of(LARGE)}"


def answer_to(target):
    if target == LARGE_PATH:
        return 200, "application/octet-stream", LARGE
    if target.startswith("/v2/library/there/manifests/"):
        return 200, honest.MANIFEST.media_type, honest.MANIFEST.bytes
    return None


def ask_as(source, address, path):
    dialogue = Dialogue(address, source=source)
    try:
        return dialogue.ask("GET", path)
    finally:
        dialogue.close()


def expect_told(siege, reply, what):
    """That there are too many, and when to come back."""
    siege.expect(reply.status == 429, f"{what}: {reply}")
    after = reply.header("Retry-After")
    siege.expect(bool(after) and 1 <= int(after) <= 60, f"{what}: Retry-After {after}")
    siege.expect(b"TOOMANYREQUESTS" in reply.body, f"{what}: {reply.body}")


def names(siege):
    """Names that do not exist, by one client: its questions upstream are counted, and nobody else's."""
    [source] = one_client()
    begin = time.monotonic()
    requests = (request(f"/v2/library/none-{number}/manifests/1") for number in range(NAMES))
    tally = siege.beside(f"{NAMES} names, of one", siege.mirror, [source], 8, pipelines_once(requests))
    # One of these at least comes before the client has a question again.
    paths = [f"/v2/library/none-more-{number}/manifests/1" for number in range(50)]
    more = [ask_as(source, siege.mirror, path) for path in paths]
    told = next((reply for reply in more if reply.status == 429), more[-1])
    asked, seconds = siege.upstream.asked("/none-"), time.monotonic() - begin
    bound = MISSES_PER_MINUTE * (1 + seconds / 60)
    siege.world.say(f"{NAMES} names in {seconds:.0f} s: {asked} requests upstream, {tally}")
    siege.expect(asked <= bound, f"{NAMES} names made {asked} requests upstream, and not {bound:.0f}")
    siege.expect(tally.get("429"), f"{NAMES} names: nobody was told that they are too many: {tally}")
    expect_told(siege, told, "one name more")
    stored = ask_as(source, siege.mirror, "/v2/library/honest/manifests/1")
    siege.expect(stored.status == 200, f"what is here already, for who asked for too much: {stored}")
    for number in range(50):
        reply = ask_as("127.0.0.201", siege.mirror, f"/v2/library/there/manifests/{number}")
        siege.expect(reply.status == 200, f"another client, another name: {reply}")
        reply = ask_as("127.0.0.201", siege.mirror, f"/v2/library/none-{number}/manifests/1")
        siege.expect(reply.status == 404, f"another client, a name that is not there: {reply}")


def main(world):
    siege = Siege(world, answer_to)
    reply = http.get(siege.mirror, LARGE_PATH)
    expect(reply.status == 200 and reply.body == LARGE, f"the large blob: {reply.status}")

    tally = siege.beside("300 connections, of one", siege.mirror, one_client(), 300, holds(request("/v2/")))
    refused = tally.get("429", 0) + tally.get("cut", 0)
    siege.expect(tally.get("429") and refused >= 300 - CONNECTIONS_OF_ONE, f"300 connections: {tally}")
    large = reads_nothing([request(LARGE_PATH)])
    running = []
    tally = siege.beside(
        "200 requests at once, of one",
        siege.mirror,
        one_client(),
        200,
        large,
        receive_buffer=4096,
        during=lambda: running.append(siege.breakwater.metric("breakwater_requests_running")),
    )
    expect_at_most(max(running), 200 + 20, "requests at once")
    names(siege)
    refused = siege.breakwater.metric("breakwater_refused_total") or 0
    siege.expect(refused > 0, "what was refused is not counted in breakwater_refused_total")
    siege.end()


if __name__ == "__main__":
    scenario(main)
