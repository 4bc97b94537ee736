"""Tests in a real Chromium: a file of test/page, which asks this scenario by HTTP for what only it can do."""

import http.server
import os
import pathlib
import subprocess
import threading

from .world import BUILD, expect

PAGE_TESTS = pathlib.Path(__file__).resolve().parents[2] / "page"
SCREENSHOTS = BUILD / "page"


class Conductor:
    """Answers `POST /<name>` by calling what has that name in `acts`; its answer is the body."""

    def __init__(self, acts):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers.get("Content-Length", 0))
                said = self.rfile.read(length).decode()
                try:
                    body, status = (acts[self.path[1:]](said) or "").encode(), 200
                except Exception as error:  # the test says it
                    body, status = repr(error).encode(), 500
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def browse(world, test, page, acts=None, **environment):
    """Runs test/page/<test> on the page at `page` (host:port). It leaves its screenshots in build/page."""
    expect(
        (PAGE_TESTS / "node_modules" / "playwright-core").is_dir(),
        "the browser's driver is missing: run `npm ci` in test/page",
    )
    told = {
        **os.environ,
        "PAGE": f"http://{page}",
        "CONDUCTOR": Conductor(acts or {}).url,
        "SHOTS": str(SCREENSHOTS),
        "HOME": str(world.fresh_folder("browser")),
        **environment,
    }
    SCREENSHOTS.mkdir(exist_ok=True)
    ran = subprocess.run(
        ["node", "--test-reporter=spec", PAGE_TESTS / test], env=told, capture_output=True, timeout=800
    )
    print(ran.stdout.decode(errors="replace"))
    expect(
        ran.returncode == 0, f"{test} found something wrong (above); it ended with {ran.returncode}: "
        f"{ran.stderr.decode(errors='replace')[-2000:]}"
    )
