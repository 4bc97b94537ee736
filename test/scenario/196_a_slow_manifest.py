"""A manifest for which upstream takes longer than its clients wait, without a byte meanwhile: they are told
to come again, who comes joins the one question, and what came is kept. Another upstream answers meanwhile."""

import concurrent.futures
import http.server
import threading
import time

from harness import expect, expect_at_most, http as web, images, scenario
from harness.breakwater import mirror_route

SLOW_S = 33
CLIENTS = 5
MANIFEST = "/v2/team/app/manifests/1"
ASK = {"Accept": images.ACCEPT}


class SlowUpstream:
    """A registry of one manifest that takes its time."""

    def __init__(self, manifest):
        self.asked = []
        upstream = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                upstream.asked.append(self.path)
                time.sleep(SLOW_S)
                self.send_response(200)
                self.send_header("Content-Type", manifest.media_type)
                self.send_header("Content-Length", str(len(manifest.bytes)))
                self.end_headers()
                self.wfile.write(manifest.bytes)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"


def until_it_comes(address):
    """As a client that heeds Retry-After: the answers that it got, and the seconds that it took."""
    statuses, begun = [], time.monotonic()
    while not statuses or statuses[-1].status == 503:
        if statuses:
            expect(statuses[-1].header("Retry-After"), f"come again, but when? {statuses[-1]}")
            time.sleep(int(statuses[-1].header("Retry-After")))
        statuses.append(web.get(address, MANIFEST, ASK))
    return statuses, time.monotonic() - begun


def main(world):
    image = images.single("slow", [1000])
    slow, well = SlowUpstream(image.top), world.registry()
    well.push("team/app", "1", image)
    breakwater = world.breakwater(
        routes=[
            mirror_route("slow", "slow.example", slow.url),
            mirror_route("well", "well.example", well.url),
        ]
    )
    address = breakwater.addresses["slow"]
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        asking = [pool.submit(until_it_comes, address) for _ in range(CLIENTS)]
        reply = web.get(breakwater.addresses["well"], MANIFEST, ASK)
        expect(reply.status == 200 and reply.seconds < 5, f"the other upstream meanwhile: {reply}")
        done = [one.result() for one in asking]
    for replies, seconds in done:
        expect(
            replies[-1].status == 200 and replies[-1].digest == image.top.digest, f"at last: {replies[-1]}"
        )
        expect_at_most(seconds, SLOW_S + 10, "seconds for a client")
    expect(len(slow.asked) == 1, f"{CLIENTS} clients asked upstream {slow.asked}")
    reply = web.get(address, MANIFEST, ASK)
    expect(reply.status == 200 and reply.seconds < 1 and len(slow.asked) == 1, f"afterwards: {reply}")
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
