"""The rules of the house that a machine can check. `tidy.py RULE` says each offence on one line and ends with
1 if there is any.

A rule is a function that yields offences; its first line of prose is what ctest calls it. `tidy.py --list`
names them.
"""

import ast
import pathlib
import re
import sys

import co_await_braces

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test" / "scenario"))
from harness import documents  # noqa: E402

SAMPLES = pathlib.Path(__file__).resolve().parent / "samples"

# What each folder may include.
LAYERS = {
    "store": {"store"},
    "proxy": {"proxy", "store"},
    "routes": {"routes", "proxy", "store"},
    "conf": {"conf", "routes", "proxy", "store"},
    "test": {"test", "conf", "routes", "proxy", "store"},
}

# The rooms of each layer, from the lowest up: a room includes itself and those below it, none that shares
# its step. What lies in no room stands above all of its layer's.
ROOMS = {
    "store": [
        {"base"},
        {"files"},
        {"catalog"},
        {"references", "capacity", "access"},
        {"history"},
        {"blobs"},
        {"upkeep"},
    ],
    "proxy": [{"loop"}, {"http"}, {"clients", "stream"}, {"server", "upstream"}, {"fill"}],
    "routes": [{"oci"}, {"access"}, {"signatures"}, {"mirror", "registry", "transfer"}, {"ops"}],
}

# Who may include each library's headers, beside test/.
LIBRARIES = {
    "event2": {
        "proxy/loop/deadline.cc",
        "proxy/http/http_parser.cc",
        "proxy/server/http_server.cc",
        "proxy/loop/loop.cc",
        "proxy/server/socket.cc",
        "proxy/loop/unix_signals.cc",
        "proxy/upstream/curl_multi.cc",
    },
    "curl": {"proxy/upstream/curl_multi.h", "proxy/upstream/http_client.cc", "proxy/http/url.cc"},
    "boost": {"proxy/http/http_parser.cc"},
    "zlib": {"proxy/upstream/content_decoder.cc"},
    "rocksdb": {
        "store/catalog/batch_impl.h",
        "store/catalog/catalog.cc",
        "store/catalog/catalog_events.cc",
        "store/catalog/catalog_state.cc",
        "store/catalog/database.cc",
        "store/catalog/database.h",
        "store/catalog/disk_file_system.cc",
        "store/catalog/disk_file_system.h",
    },
    "libpsl": {"proxy/http/host_name.cc"},
    "openssl": {
        "store/base/digest.cc",
        "store/base/hmac.cc",
        "store/base/secret.cc",
        "proxy/stream/tls_files.cc",
        "proxy/stream/tls_stream.cc",
        "proxy/upstream/ca_file.cc",
        "proxy/upstream/registry_rules.cc",
        "routes/access/jwks.cc",
        "routes/access/openssl.h",
        "routes/oci/schema1.cc",
        "routes/signatures/signature_key.cc",
    },
    "crypt": {"routes/access/password_hash.cc"},
    "spdlog": {"store/base/log.cc"},
    "fmt": {"store/base/log.cc"},
    "tl": {"store/base/result.h", "routes/oci/oci_path.h"},
    "prometheus": {"routes/ops/metrics.cc"},
    "CLI": {"conf/options.cc"},
    "systemd": {"conf/service_manager.cc"},
    "nlohmann": {
        "store/base/log.cc",
        "proxy/upstream/token_answer.cc",
        "proxy/upstream/upstream_words.cc",
        "routes/access/jose.cc",
        "routes/access/jose.h",
        "routes/access/jwks.cc",
        "routes/access/jwt.cc",
        "routes/access/passes.cc",
        "routes/transfer/image_layout.cc",
        "routes/transfer/index_json.cc",
        "routes/signatures/cosign.cc",
        "routes/signatures/signature_layers.cc",
        "routes/oci/manifest.cc",
        "routes/oci/oci_error.cc",
        "routes/oci/referrers_filter.cc",
        "routes/oci/schema1.cc",
        "routes/oci/tag_list.cc",
        "routes/ops/gc_plan.cc",
        "routes/ops/gc_plan.h",
        "routes/ops/image_config.h",
        "routes/ops/image_tree.cc",
        "routes/ops/image_tree.h",
        "routes/ops/listing.cc",
        "routes/ops/listing.h",
        "routes/ops/operation.h",
        "routes/ops/pin_list.cc",
        "routes/ops/pin_list.h",
        "routes/ops/removals.cc",
        "routes/ops/removals.h",
        "routes/ops/token_list.cc",
        "routes/ops/token_list.h",
        "routes/ops/upload_list.cc",
        "routes/ops/upload_list.h",
        "routes/ops/usage.cc",
        "routes/ops/usage.h",
        "conf/auditing.cc",
        "conf/changes.cc",
        "routes/ops/audit.cc",
        "routes/ops/caches.cc",
        "routes/ops/caches.h",
        "routes/ops/document.cc",
        "routes/ops/document.h",
        "routes/ops/event_stream.cc",
        "routes/ops/notification.cc",
        "routes/ops/request_log.cc",
        "routes/ops/request_log.h",
        "routes/ops/savings.cc",
        "routes/ops/savings.h",
        "routes/ops/search.cc",
        "routes/ops/search.h",
        "conf/config.cc",
        "conf/hand_over.cc",
        "conf/image_lists.cc",
        "conf/json_object.cc",
        "conf/json_object.h",
        "conf/json_text.cc",
        "conf/json_text.h",
    },
}

TOP_LEVEL = {
    *LAYERS,
    "packaging",
    "CMakeLists.txt",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
}
IGNORED = {"build", "data", "compile_commands.json"}


def sources(*folders, suffixes=(".h", ".cc")):
    for folder in folders or LAYERS:
        for path in sorted((TOP / folder).rglob("*")):
            if path.suffix in suffixes and SAMPLES not in path.parents and path.is_file():
                yield path


def name_of(path):
    return path.relative_to(TOP).as_posix()


def includes(path):
    """(line number, header, whether in quotes) for each include."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found.group(2), found.group(1) == '"'


def includes_point_down():
    """includes point down: conf, routes, proxy, store"""
    for path in sources():
        allowed = LAYERS[name_of(path).split("/")[0]]
        for number, header, quoted in includes(path):
            folder = header.split("/")[0]
            if quoted and folder not in allowed:
                yield f"{name_of(path)}:{number}: may not include {header}"
            elif quoted and not (TOP / header).is_file():
                yield f"{name_of(path)}:{number}: {header} is no path from the top"
            elif not quoted and folder in LAYERS and "/" in header:
                yield f"{name_of(path)}:{number}: our own {header} belongs in quotes"


def room_of(layer, path):
    """The step of its room in its layer, and the room; above all of them if it lies in none."""
    parts = path.split("/")
    for step, rooms in enumerate(ROOMS.get(layer, [])):
        if len(parts) > 2 and parts[1] in rooms:
            return step, parts[1]
    return len(ROOMS.get(layer, [])), None


def rooms_point_down():
    """a room includes only itself and what stands below it"""
    for path in sources(*ROOMS):
        name = name_of(path)
        layer = name.split("/")[0]
        step, room = room_of(layer, name)
        if room is None and name.count("/") > 1:
            yield f"{name}:1: {name.split('/')[1]} is no room of {layer}/"
        for number, header, quoted in includes(path):
            if not quoted or header.split("/")[0] != layer:
                continue
            its_step, its_room = room_of(layer, header)
            if its_step > step or (its_step == step and its_room != room):
                yield f"{name}:{number}: may not include {header}"


def libraries_stay_wrapped():
    """each library is included only by the files that wrap it"""
    for path in sources("store", "proxy", "routes", "conf"):
        for number, header, quoted in includes(path):
            library = header.split("/")[0].removesuffix(".h") if not quoted else None
            if library in LIBRARIES and name_of(path) not in LIBRARIES[library]:
                yield (
                    f"{name_of(path)}:{number}: {header} may be included only by"
                    f" {', '.join(sorted(LIBRARIES[library]))}"
                )
    for path in sources("test"):
        for number, header, quoted in includes(path):
            if header.startswith("catch2/") and name_of(path) not in {"test/catch.h", "test/main.cc"}:
                yield f"{name_of(path)}:{number}: include test/catch.h instead of {header}"


def only_store_writes_the_catalog():
    """nothing outside of store/ builds a batch of the catalog, or knows RocksDB's side of it"""
    for path in sources("proxy", "routes", "conf"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r"\bBatch\b|store/catalog/(batch|batch_impl|database|disk_file_system)\.h", line):
                yield f"{name_of(path)}:{number}: ask References, Blobs or Partials"


def lines_are_short():
    """a line of code has at most 110 columns"""
    for path in sources(suffixes=(".h", ".cc", ".py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if len(line) > 110 and 'R"(' not in line:  # quoted as it is on the wire
                yield f"{name_of(path)}:{number}: {len(line)} columns"


def no_brace_in_co_await():
    """no brace stands inside a co_await expression, and no lambda is copied there"""
    for path in sources():
        for number in co_await_braces.offences(path.read_text()):
            yield f"{name_of(path)}:{number}: name the temporary on the line above and move it in"


def the_scanner_knows_braces():
    """the scanner for co_await finds what it should and nothing else"""
    for sample in ("good.cc", "bad.cc"):
        source = (SAMPLES / sample).read_text()
        marked = {number for number, line in enumerate(source.splitlines(), 1) if line.endswith("// bad")}
        found = set(co_await_braces.offences(source))
        for number in sorted(marked ^ found):
            yield f"{sample}:{number}: {'missed' if number in marked else 'a false alarm'}"


def nothing_is_left_to_do():
    """no file says that it is unfinished"""
    markers = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    for path in sources(*LAYERS, "packaging", suffixes=(".h", ".cc", ".py", ".sh", ".txt", ".json")):
        if path == pathlib.Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if markers.search(line):
                yield f"{name_of(path)}:{number}: {line.strip()}"


def unit_tests_do_not_sleep():
    """no unit test sleeps"""
    sleeps = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|(?<![.\w>])sleep\(")
    for path in sources("test", suffixes=(".cc",)):
        if not path.name.endswith("_test.cc"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if sleeps.search(line):
                yield f"{name_of(path)}:{number}: wait for a Signal, a FakeClock or a scripted peer"


def headers_open_with_prose():
    """every header opens with prose"""
    for path in sources(suffixes=(".h",)):
        first = path.read_text().split("\n", 1)[0]
        if not re.match(r"// \S+ \S+", first):
            yield f"{name_of(path)}:1: say what this is before the first line of code"


# Where code names an event of the log: in a call of Log, and what the scrub finds.
LOG_CALL = re.compile(
    r"\blog(?:_|\(\))?(?:\.|->)"
    r"(?:(?:info|warning|error|debug)\(|write\(\s*[^;{]*?Level::\w+,|write\(level,)([^;{]*?),"
    r"|\b(?:hand_over\(Level::\w+, line_of\(|found\([^;]*?, )(\"\w+\")"
)


def logged_events():
    """Each with a place where it is written."""
    events = {}
    for path in sources("store", "proxy", "routes", "conf", suffixes=(".cc",)):
        for call in LOG_CALL.finditer(path.read_text()):
            for event in re.findall(r'"([^"]+)"', call.group(1) or call.group(2)):
                events.setdefault(event, name_of(path))
    return events


def events_are_explained():
    """every event of the log has a name in snake_case, and a row in the table of them"""
    table = "packaging/docs/log.md"
    section = (TOP / table).read_text().partition("## The log: every event")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \|$", section, re.M)
    events = logged_events()
    for event, place in sorted(events.items()):
        if not re.fullmatch(r"[a-z]+(_[a-z]+)*", event):
            yield f"{place}: \"{event}\" is not in snake_case"
        if event not in explained:
            yield f"{place}: \"{event}\" is missing in {table}, \"The log: every event\""
    for event in explained:
        if event not in events:
            yield f"{table}: nothing writes the event \"{event}\""
    if explained != sorted(explained):
        yield f"{table}: the events are not in alphabetical order"


# Where code names a metric: in a call of MetricsSink, and of prometheus-cpp.
METRIC = re.compile(r'(?:\b(?:counter|gauge)\(|\.Name\()\s*"(breakwater_\w+)"')
# What report_bound() adds to the name that it is given.
BOUND = re.compile(r'report_bound\(sink, "(breakwater_\w+)"')


def metrics_are_explained():
    """every metric has a line in the list of them"""
    text = (TOP / "packaging/docs/metrics.md").read_text()
    explained = re.findall(r"^- `(breakwater_\w+)`: ", text, re.M)
    metrics = {}
    for path in sources("store", "proxy", "routes", "conf", suffixes=(".cc",)):
        source = path.read_text()
        names = METRIC.findall(source)
        for name in BOUND.findall(source):
            names += [f"{name}_{what}" for what in ("bytes", "reserved_bytes", "bytes_max")]
        metrics.update(dict.fromkeys(names, name_of(path)))
    for name, place in sorted(metrics.items()):
        if name not in explained:
            yield f"{place}: {name} is missing in packaging/docs/metrics.md"
    for name in explained:
        if name not in metrics:
            yield f"packaging/docs/metrics.md: nothing exports {name}"


def documents_are_narrow():
    """a line of a document has at most 110 columns, unless it is a row of a table"""
    for document in [*documents.names(), "CONTRIBUTING.md"]:
        for number, line in enumerate((TOP / document).read_text().splitlines(), 1):
            if len(line) > 110 and not line.startswith("|"):
                yield f"{document}:{number}: {len(line)} columns"


def blocks_asked_for(path):
    """(document, heading) of each call of documents.blocks() in that file; a name stands for a constant."""
    tree = ast.parse(path.read_text())
    constants = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = [one.id for one in node.targets if isinstance(one, ast.Name)]
            constants.update(dict.fromkeys(names, node.value.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "blocks":
            yield tuple(
                one.value if isinstance(one, ast.Constant) else constants.get(getattr(one, "id", None))
                for one in node.args
            )


def documents_are_run():
    """every block of code in a document is taken by a test, by the heading above it"""
    asked = {}
    for path in sources("test", suffixes=(".py",)):
        asked.update(dict.fromkeys(blocks_asked_for(path), name_of(path)))
    there = {
        (document, heading)
        for document in documents.names()
        for heading, lines in documents.sections((TOP / document).read_text())
        if documents.blocks_of(lines)
    }
    for document, heading in sorted(there - asked.keys()):
        yield f'{document}: no test runs what stands below "{heading}"'
    for (document, heading), place in sorted(asked.items(), key=str):
        if (document, heading) not in there:
            yield f'{place}: there is no block of code in {document} below "{heading}"'


def the_top_level_is_small():
    """the top level holds the six folders and what belongs beside them"""
    for path in sorted(TOP.iterdir()):
        name = path.name
        if name in TOP_LEVEL or name in IGNORED or name.startswith((".", "build-")):
            continue
        yield f"{name}: does not belong here"


RULES = {
    rule.__name__: rule
    for rule in (
        includes_point_down,
        rooms_point_down,
        libraries_stay_wrapped,
        only_store_writes_the_catalog,
        lines_are_short,
        no_brace_in_co_await,
        the_scanner_knows_braces,
        nothing_is_left_to_do,
        unit_tests_do_not_sleep,
        headers_open_with_prose,
        events_are_explained,
        metrics_are_explained,
        documents_are_narrow,
        documents_are_run,
        the_top_level_is_small,
    )
}


def main(arguments):
    if arguments == ["--list"]:
        for name, rule in RULES.items():
            print(f"{name}|{rule.__doc__}")
        return 0
    if len(arguments) != 1 or arguments[0] not in RULES:
        print(__doc__, file=sys.stderr)
        return 2
    found = list(RULES[arguments[0]]())
    print("\n".join(found) or "none")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
