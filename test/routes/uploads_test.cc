// Upload sessions outlive the connections and the processes that work on them, and end when nobody wants them
// any more.
#include <array>

#include "store/blobs/blobs.h"
#include "store/blobs/parts.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_queues.h"
#include "store/files/files.h"
#include "test/catch.h"
#include "test/fakes/registry_world.h"

namespace breakwater::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kRepository = "team/app";

proxy::Headers chunk(size_t first, size_t last) {
  return {{"Content-Range", std::to_string(first) + "-" + std::to_string(last)}};
}

// Bytes that a session says it has.
size_t received(RegistryWorld& world, const std::string& location) {
  const auto status = world.get(location);
  CHECK(status.status == 204);
  const auto range = std::string(status["Range"]);
  return range == "0-0" ? 0 : std::stoul(range.substr(2)) + 1;
}

// Sends the rest of `content` behind what the session has, and ends it.
void go_on(RegistryWorld& world, const std::string& location, const std::string& content) {
  const auto digest = digest_of(content);
  CHECK(world.put(with_digest(location, digest), content.substr(received(world, location))).status == 201);
  CHECK((world.get(blob_path(kRepository, digest)).body == content));
}

// The places of a request at which its client may go.
constexpr size_t kCuts = 7;
std::array<size_t, kCuts> cuts_of(const std::string& request) {
  const size_t body = request.find("\r\n\r\n") + 4;
  return {
      10, body - 1, body, body + 2, body + (request.size() - body) / 2, request.size() - 1, request.size()};
}

enum class Farewell { leave, reset };

// A client sends the first `cut` bytes and is gone.
void send_and_go(RegistryWorld& world, const std::string& request, size_t cut, Farewell farewell) {
  auto client = world.connect();
  client->send(std::string_view(request).substr(0, cut));
  client->deliver();
  farewell == Farewell::leave ? client->leave() : client->reset();
  world.settle();
  CHECK(world.requests_running() == 0);
  CHECK(world.buffered_bytes() == 0);
}

}  // namespace

TEST_CASE("open uploads are told with who began them, when, and how much has come") {
  RegistryWorld world;
  const auto location = world.begin_upload(kRepository);
  const auto begun_at = world.store().clock().now();
  CHECK(world.registry().open_uploads(10).empty());
  world.clock().advance(seconds(5));
  CHECK(world.patch(location, "0123456789").status == 202);
  const auto told = world.registry().open_uploads(10);
  REQUIRE(told.size() == 1);
  CHECK(told[0].repository.repository == kRepository);
  CHECK(location.find(told[0].id) != std::string::npos);
  CHECK(told[0].received == 10);
  CHECK(told[0].begun_at <= begun_at);
  CHECK(begun_at - told[0].begun_at < seconds(5));
  CHECK(told[0].client == "127.0.0.1");
  for (int i = 0; i < 5; ++i) CHECK(world.patch(world.begin_upload(kRepository), "x").status == 202);
  CHECK(world.registry().open_uploads(4).size() == 4);
  world.clock().advance(hours(1));
  world.sweep();
  CHECK(world.registry().open_uploads(10).empty());
}

TEST_CASE("an upload goes on after a restart where it was") {
  const auto algorithm = GENERATE(store::Algorithm::sha256, store::Algorithm::sha512);
  RegistryWorld world;
  const auto content = content_of(300'000, 1);
  const auto digest = store::digest_of(algorithm, content);
  const auto location = world.begin_upload(
      kRepository, algorithm == store::Algorithm::sha512 ? "?digest-algorithm=sha512" : "");
  world.stop();
  CHECK(received(world, location) == 0);
  CHECK(world.patch(location, content.substr(0, 100'000), chunk(0, 99'999)).status == 202);
  world.stop();
  CHECK(received(world, location) == 100'000);
  CHECK(world.patch(location, content.substr(100'000, 100'000), chunk(100'000, 199'999)).status == 202);
  world.stop();
  CHECK(world.put(with_digest(location, digest), content.substr(200'000)).status == 201);
  CHECK((world.get(blob_path(kRepository, digest)).body == content));
}

TEST_CASE("an upload goes on after a restart in the middle of a chunk") {
  RegistryWorld world;
  const auto content = content_of(500'000, 2);
  const auto location = world.begin_upload(kRepository);
  auto client = world.connect();
  client->send(request_text("PATCH", location, {}, content).substr(0, 250'000));
  run_until(world.loop, [&] { return world.store().parts().files.receiving_bytes() >= 100'000; });
  world.stop();
  CHECK(received(world, location) >= 100'000);
  go_on(world, location, content);
}

TEST_CASE("what was answered outlives the process") {
  RegistryWorld world;
  const auto content = content_of(200'000, 3);
  const auto image = world.push_image(kRepository, "latest", 3);
  const auto blob = world.push_blob(kRepository, content);
  const auto location = world.begin_upload(kRepository);
  CHECK(world.patch(location, content.substr(0, 50'000)).status == 202);
  world.crash();
  CHECK(world.head(manifest_path(kRepository, "latest"))["Docker-Content-Digest"] == image.digest.text());
  CHECK((world.get(blob_path(kRepository, blob.digest)).body == content));
  CHECK(received(world, location) == 50'000);
  CHECK(world.put(with_digest(location, blob.digest), content.substr(50'000)).status == 201);
}

TEST_CASE("a client that is gone leaves a session that goes on, whenever it goes and however it sent") {
  const auto farewell = GENERATE(Farewell::leave, Farewell::reset);
  const bool streamed = GENERATE(false, true);
  RegistryWorld world;
  const auto content = content_of(300'000, 4);
  for (size_t place = 0; place < kCuts; ++place) {
    const auto location = world.begin_upload(kRepository);
    const auto request =
        streamed ? request_text("PATCH", location, {{"Transfer-Encoding", "chunked"}}, chunked(content))
                 : request_text("PATCH", location, {}, content);
    CAPTURE(place, streamed);
    send_and_go(world, request, cuts_of(request)[place], farewell);
    go_on(world, location, content);
  }
}

TEST_CASE("a client that is gone from the closing PUT leaves a session that goes on, or the blob") {
  const auto farewell = GENERATE(Farewell::leave, Farewell::reset);
  RegistryWorld world;
  for (size_t place = 0; place < kCuts; ++place) {
    const auto content = content_of(300'000, static_cast<uint32_t>(50 + place));
    const auto location = world.begin_upload(kRepository);
    const auto request = request_text("PUT", with_digest(location, digest_of(content)), {}, content);
    CAPTURE(place);
    send_and_go(world, request, cuts_of(request)[place], farewell);
    if (world.head(blob_path(kRepository, digest_of(content))).status == 404) go_on(world, location, content);
    CHECK((world.get(blob_path(kRepository, digest_of(content))).body == content));
    CHECK(world.get(location).status == 404);
  }
  CHECK(world.partial_files() == 0);
}

// BuildKit does so where a proxy in between answered for us.
TEST_CASE("a closing PUT that broke off may be sent again whole, or its rest") {
  const auto farewell = GENERATE(Farewell::leave, Farewell::reset);
  const bool has_patch = GENERATE(false, true);
  RegistryWorld world;
  for (size_t place = 0; place < kCuts; ++place) {
    const auto content = content_of(300'000, static_cast<uint32_t>(80 + place));
    const auto location = world.begin_upload(kRepository);
    const size_t before = has_patch ? 100'000 : 0;
    if (has_patch) CHECK(world.patch(location, content.substr(0, before)).status == 202);
    const auto target = with_digest(location, digest_of(content));
    const auto request = request_text("PUT", target, {}, content.substr(before));
    CAPTURE(place, has_patch);
    for (int times = 0; times < 2; ++times) send_and_go(world, request, cuts_of(request)[place], farewell);
    CHECK(world.put(target, content.substr(before)).status == 201);
    CHECK((world.get(blob_path(kRepository, digest_of(content))).body == content));
  }
  CHECK(world.partial_files() == 0);
}

TEST_CASE("a client that is gone from a push in one request leaves nothing, or the blob") {
  const auto farewell = GENERATE(Farewell::leave, Farewell::reset);
  RegistryWorld world;
  for (size_t place = 0; place < kCuts; ++place) {
    const auto content = content_of(300'000, static_cast<uint32_t>(60 + place));
    const auto request =
        request_text("POST", with_digest(uploads_path(kRepository), digest_of(content)), {}, content);
    CAPTURE(place);
    send_and_go(world, request, cuts_of(request)[place], farewell);
    const auto pulled = world.get(blob_path(kRepository, digest_of(content)));
    CHECK((pulled.status == 404 || pulled.body == content));
    CHECK(world.partial_files() == 0);
    CHECK(world.store().catalog().queues().upload_ids()->empty());
    CHECK(world.store().budget().whole().reserved == 0);
  }
}

TEST_CASE("a client that is gone from a manifest leaves nothing, or the manifest with its tag") {
  const auto farewell = GENERATE(Farewell::leave, Farewell::reset);
  RegistryWorld world;
  const auto text = world.made_image(kRepository, 5).text();
  const auto request = request_text("PUT", manifest_path(kRepository, "latest"),
                                    {{"Content-Type", std::string(routes::kOciManifest)}}, text);
  for (const size_t cut : cuts_of(request)) {
    CAPTURE(cut);
    send_and_go(world, request, cut, farewell);
    const auto by_tag = world.get(manifest_path(kRepository, "latest"));
    const auto by_digest = world.get(manifest_path(kRepository, digest_of(text).text()));
    CHECK(by_tag.status == by_digest.status);
    CHECK((by_tag.status == 404 || by_tag.body == text));
    if (cut < request.size()) CHECK(by_tag.status == 404);
    CHECK(world.partial_files() == 0);
  }
}

TEST_CASE("a client that is gone from a pull leaves nothing") {
  RegistryWorld world;
  const auto blob = world.push_blob(kRepository, content_of(8 << 20, 6));
  auto client = world.connect(4096);
  client->send(request_text("GET", blob_path(kRepository, blob.digest)));
  CHECK(client->receive(20'000).size() == 20'000);
  client->leave();
  world.settle();
  CHECK(world.requests_running() == 0);
}

TEST_CASE("a session that nobody touches for a week is gone, with its bytes") {
  RegistryWorld world;
  const auto old = world.begin_upload(kRepository);
  const auto kept = world.begin_upload(kRepository);
  const auto never_used = world.begin_upload(kRepository);
  CHECK(world.patch(old, content_of(100'000, 7)).status == 202);
  CHECK(world.patch(kept, content_of(1'000, 8)).status == 202);
  world.clock().advance(hours(167));
  world.sweep();
  CHECK(received(world, kept) == 1000);
  world.clock().advance(hours(1));
  world.sweep();
  CHECK(world.get(old).says("BLOB_UPLOAD_UNKNOWN"));
  CHECK(world.get(never_used).says("BLOB_UPLOAD_UNKNOWN"));
  CHECK(received(world, kept) == 1000);
  CHECK(world.partial_files() == 1);
  world.clock().advance(hours(168));
  world.stop();
  world.sweep();
  CHECK(world.partial_files() == 0);
  CHECK(world.store().budget().of("private").taken() == 0);
  CHECK(world.store().catalog().queues().upload_ids()->empty());
}

TEST_CASE("an upload that is being received does not expire under its client") {
  RegistryWorld world;
  const auto content = content_of(1000, 9);
  const auto location = world.begin_upload(kRepository);
  auto client = world.connect();
  const auto request = request_text("PUT", with_digest(location, digest_of(content)), {}, content);
  client->send(std::string_view(request).substr(0, request.size() - 500));
  client->deliver();
  world.clock().advance(hours(500));
  world.sweep();
  client->send(std::string_view(request).substr(request.size() - 500));
  CHECK(reply_of(client->receive_reply()).status == 201);
}

TEST_CASE("the file of an idle session is closed and what it reserved beyond its bytes is given back") {
  RegistryWorld world;
  const auto content = content_of(100'000, 10);
  const auto location = world.begin_upload(kRepository);
  CHECK(world.patch_streamed(location, content.substr(0, 60'000)).status == 202);
  CHECK(world.registry().push_stats().uploads_open == 1);
  CHECK(world.store().budget().whole().reserved > 0);
  world.clock().advance(seconds(61));
  world.sweep();
  CHECK(world.registry().push_stats().uploads_open == 0);
  CHECK(world.store().budget().whole().reserved == 0);
  CHECK(world.store().budget().of("private").taken() == store::on_disk(60'000));
  go_on(world, location, content);
}

TEST_CASE("one request at a time works on a session: the next one waits for the one before") {
  RegistryWorld world;
  const auto content = content_of(2000, 11);
  const auto location = world.begin_upload(kRepository);
  auto first = world.connect(), second = world.connect();
  const auto request = request_text("PATCH", location, chunk(0, 999), content.substr(0, 1000));
  first->send(std::string_view(request).substr(0, request.size() - 500));
  first->deliver();
  second->send(request_text("PATCH", location, chunk(1000, 1999), content.substr(1000)));
  second->deliver();
  CHECK(second->received() == 0);
  first->send(std::string_view(request).substr(request.size() - 500));
  CHECK(reply_of(first->receive_reply())["Range"] == "0-999");
  CHECK(reply_of(second->receive_reply())["Range"] == "0-1999");
  go_on(world, location, content);
}

TEST_CASE("a client that takes up its upload again need not wait for the connection that it lost") {
  RegistryWorld world;
  world.settings.uploads.takeover_wait_ms = 30'000;
  const auto content = content_of(100'000, 12);
  const auto location = world.begin_upload(kRepository);
  auto lost = world.connect(), next = world.connect();
  lost->send(request_text("PATCH", location, {}, content).substr(0, 50'000));
  lost->deliver();
  while (received(world, location) == 0) continue;
  next->send(request_text("PUT", with_digest(location, digest_of(content)), chunk(0, 99'999), content));
  next->deliver();
  lost->reset();
  const auto refused = reply_of(next->receive_reply());
  CHECK(refused.status == 416);
  CHECK(refused["Location"] == location);
  go_on(world, location, content);
}

TEST_CASE("who waits too long for a session that another works on is told to come again, never 4xx") {
  RegistryWorld world;
  world.settings.uploads.takeover_wait_ms = 10;
  const auto content = content_of(1000, 13);
  const auto location = world.begin_upload(kRepository);
  auto first = world.connect();
  const auto request = request_text("PUT", with_digest(location, digest_of(content)), {}, content);
  first->send(std::string_view(request).substr(0, request.size() - 500));
  first->deliver();
  for (const auto& reply :
       {world.patch(location, "x"), world.put(with_digest(location, digest_of(content)), content),
        world.remove(location)}) {
    CHECK(reply.status == 503);
    CHECK(reply.has("Retry-After"));
  }
  CHECK(world.get(location).status == 204);
  first->send(std::string_view(request).substr(request.size() - 500));
  CHECK(reply_of(first->receive_reply()).status == 201);
}

TEST_CASE(
    "reading a body pauses while the disk is behind, and no more than a few pieces of it are in memory") {
  RegistryWorld world;
  const auto content = content_of(8 << 20, 14);
  const auto location = world.begin_upload(kRepository);
  auto client = world.connect();
  client->send(request_text("PUT", with_digest(location, digest_of(content)), {}, content));
  uint64_t buffered_max = 0;
  run_until(world.loop, [&] {
    buffered_max = std::max(buffered_max, world.buffered_bytes());
    return client->received() > 0;
  });
  CHECK(reply_of(client->receive_reply()).status == 201);
  CHECK(buffered_max <= 2 << 20);
}

TEST_CASE("what a client's uploads have in memory is within its share, on its way to the disk too") {
  RegistryWorld world;
  world.client_limits.buffer_bytes_max = 1 << 20;
  const auto content = content_of(4 << 20, 16);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 12; ++i) {
    const auto location = world.begin_upload(kRepository);
    clients.push_back(world.connect());
    clients.back()->send(request_text("PUT", with_digest(location, digest_of(content)), {}, content));
  }
  uint64_t buffered_max = 0;
  for (const auto& client : clients) {
    run_until(world.loop, [&] {
      buffered_max = std::max(buffered_max, world.buffered_bytes());
      return client->received() > 0;
    });
    CHECK(reply_of(client->receive_reply()).status == 201);
  }
  // A piece counts twice for the moment in which it goes from the request to the disk.
  CHECK(buffered_max <= 2 << 20);
}

TEST_CASE("uploads share the limit of buffered bytes: with room for one piece, many still end") {
  RegistryWorld world;
  world.buffer_bytes_max = 256 << 10;
  const auto content = content_of(2 << 20, 15);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(world.connect());
    clients.back()->send(
        request_text("PUT", with_digest(world.begin_upload(kRepository), digest_of(content)), {}, content));
  }
  for (const auto& client : clients) CHECK(reply_of(client->receive_reply()).status == 201);
}

TEST_CASE(
    "a disk that fails while an upload is written is 503, and the session goes on when it works again") {
  RegistryWorld world;
  const auto content = content_of(100'000, 16);
  const auto location = world.begin_upload(kRepository);
  CHECK(world.patch(location, content.substr(0, 10'000)).status == 202);
  world.files.disk.fail_each(FaultyDisk::Operation::write);
  CHECK(world.patch(location, content.substr(10'000, 40'000)).status == 503);
  world.files.disk.heal();
  go_on(world, location, content);
}

TEST_CASE("of the sessions that nobody goes on with only the last ones keep their files open") {
  RegistryWorld world;
  world.settings.uploads.idle_open_max = 2;
  const auto content = content_of(20'000, 17);
  std::vector<std::string> locations;
  for (int i = 0; i < 5; ++i) {
    locations.push_back(world.begin_upload(kRepository));
    CHECK(world.patch(locations.back(), content.substr(0, 10'000)).status == 202);
    CHECK(world.registry().push_stats().uploads_open <= 3);
  }
  for (const auto& location : locations) go_on(world, location, content);
}

TEST_CASE("files of sessions that many left at once are closed too, but for the last ones") {
  RegistryWorld world;
  world.settings.uploads.idle_open_max = 2;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(world.connect());
    clients.back()->send(
        request_text("PATCH", world.begin_upload(kRepository), {}, content_of(1000, 18)).substr(0, 900));
    clients.back()->deliver();
  }
  run_until(world.loop, [&] { return world.registry().push_stats().uploads_open == clients.size(); });
  clients.clear();
  world.settle();
  CHECK(world.registry().push_stats().uploads_open == 2);
  CHECK(world.partial_files() == 12);
}

TEST_CASE("a client that works on as many uploads as it may have is told to come later") {
  const auto again = GENERATE(as<std::string>(), "", "one ends", "a minute passes");
  RegistryWorld world;
  world.settings.uploads.per_client = 3;
  const auto content = content_of(1000, 19);
  for (uint32_t i = 0; i < 5; ++i) world.push_blob(kRepository, content_of(100, i));
  std::vector<std::string> locations;
  for (int i = 0; i < 3; ++i) locations.push_back(world.begin_upload(kRepository));
  if (again == "one ends") CHECK(world.remove(locations[1]).status == 204);
  if (again == "a minute passes") world.clock().advance(seconds(60));
  const auto monolithic = with_digest(uploads_path(kRepository), digest_of(content));
  for (const auto& reply : {world.post(monolithic, content), world.post(uploads_path(kRepository))}) {
    CHECK(reply.status == (again.empty() ? 429 : reply.has("Docker-Upload-UUID") ? 202 : 201));
    if (!again.empty()) continue;
    CHECK(reply["Retry-After"] == "10");
    CHECK(reply.says("TOOMANYREQUESTS"));
  }
  CHECK((world.metrics().find(R"(reason="client_uploads")") != std::string::npos) == again.empty());
  // Whoever has begun goes on.
  go_on(world, locations[0], content);
}

TEST_CASE("an upload too many takes the place of the one that was not touched for longest") {
  const bool is_restarted = GENERATE(false, true);
  RegistryWorld world;
  world.settings.uploads.uploads_max = 3;
  const auto content = content_of(1000, 20);
  std::vector<std::string> locations;
  for (int i = 0; i < 3; ++i) {
    locations.push_back(world.begin_upload(kRepository));
    CHECK(world.patch(locations.back(), content.substr(0, 500)).status == 202);
    world.clock().advance(seconds(1));
  }
  const auto refused = world.post(uploads_path(kRepository));
  CHECK(refused.status == 429);
  CHECK(refused["Retry-After"] == "10");
  CHECK(world.metrics().find(R"(reason="uploads")") != std::string::npos);
  if (is_restarted) world.stop();
  world.clock().advance(seconds(60));
  CHECK(world.patch(locations[0], content.substr(500, 100)).status == 202);
  locations.push_back(world.begin_upload(kRepository));
  CHECK(world.log().count("upload_replaced") == 1);
  CHECK(world.get(locations[1]).status == 404);
  CHECK(world.partial_files() == 2);
  for (const size_t i : {0, 2, 3}) go_on(world, locations[i], content);
}

TEST_CASE("requests that wait for a session work on it in the order in which they came") {
  RegistryWorld world;
  const auto content = content_of(2000, 21);
  const auto location = world.begin_upload(kRepository);
  auto first = world.connect(), second = world.connect(), third = world.connect();
  const auto request = request_text("PATCH", location, {}, content.substr(0, 1000));
  first->send(std::string_view(request).substr(0, request.size() - 1));
  first->deliver();
  second->send(request_text("PATCH", location, {}, content.substr(1000, 500)));
  second->deliver();
  third->send(request_text("PATCH", location, {}, content.substr(1500)));
  third->deliver();
  first->send(std::string_view(request).substr(request.size() - 1));
  CHECK(reply_of(first->receive_reply())["Range"] == "0-999");
  CHECK(reply_of(second->receive_reply())["Range"] == "0-1499");
  CHECK(reply_of(third->receive_reply())["Range"] == "0-1999");
  go_on(world, location, content);
}

TEST_CASE("a body that comes too slowly is 408, and its upload goes on with what came") {
  RegistryWorld world;
  world.server_settings.body_rate_min_bytes = 1 << 20;
  world.server_settings.body_rate_time_ms = 20;
  const auto content = content_of(100'000, 22);
  const auto location = world.begin_upload(kRepository);
  const auto manifest = manifest_path(kRepository, "latest");
  for (const auto& request : {request_text("PATCH", location, {}, content),
                              request_text("PUT", with_digest(location, digest_of(content)), {}, content),
                              request_text("PUT", manifest, {}, content)}) {
    auto client = world.connect();
    client->send(std::string_view(request).substr(0, request.size() - 99'990));
    const auto refused = reply_of(client->receive_to_end());
    CHECK(refused.status == 408);
    CHECK(refused["Connection"] == "close");
    CHECK(refused.body.find("less than 1048576 bytes a second over 20 ms") != std::string::npos);
  }
  CHECK(received(world, location) == 20);
}

}  // namespace breakwater::test
