#include <algorithm>
#include <fstream>

#include "test/catch.h"
#include "test/fakes/mirror_world.h"

namespace breakwater::test {
namespace {

constexpr const char* kRepository = "library/alpine";

std::string blob_target(const store::Digest& digest, const std::string& repository = kRepository) {
  return "/v2/" + repository + "/blobs/" + digest.text();
}
std::string hub_path(const store::Digest& digest) { return FakeRegistry::blob_path(kRepository, digest); }

size_t downloads(const MirrorWorld& world, const store::Digest& digest) {
  return world.hub.count("GET", hub_path(digest));
}

// What clients see of an answer that must not be believed: an error, or a body cut short.
bool is_whole(const Answer& answer) { return answer.status == 200; }

// A fill that has sent its first bytes and goes on by let(); the client that reads it.
auto begin_fill(MirrorWorld& world, const store::Digest& layer) {
  world.hub.pace();
  auto reader = world.connect();
  reader->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  world.hub.let(200'000);
  reader->receive_head();
  return reader;
}

}  // namespace

TEST_CASE("a cold blob is fetched once, and the second time comes from the store") {
  MirrorWorld world;
  const auto content = content_of(3 << 20, 1);
  const auto layer = world.hub.blob(kRepository, content);
  const auto cold = world.get(blob_target(layer));
  CHECK(cold.status == 200);
  CHECK(cold.body == content);
  CHECK(cold.headers.get("Docker-Content-Digest") == layer.text());
  CHECK(cold.headers.get("ETag") == '"' + layer.text() + '"');
  CHECK(cold.headers.get("Accept-Ranges") == "bytes");
  CHECK(cold.headers.get("X-Content-Type-Options") == "nosniff");
  world.finish_fills();
  CHECK(world.get(blob_target(layer)).body == content);
  CHECK(world.hub.count() == 1);
  CHECK(world.store().budget().whole().reserved == 0);
}

TEST_CASE("a fill says who reads it, since when, and what of it was there before") {
  MirrorWorld world;
  const auto content = content_of(3 << 20, 1);
  const auto layer = world.hub.blob(kRepository, content);
  auto reader = begin_fill(world, layer);
  auto other = world.connect();
  other->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  other->receive_head();
  const auto told = world.fills().in_progress(10);
  REQUIRE(told.size() == 1);
  CHECK(told[0].followers == 2);
  CHECK(told[0].clients == std::vector<std::string>{"127.0.0.1"});
  CHECK(told[0].clients_count == 1);
  CHECK(told[0].age >= proxy::Millis(0));
  CHECK(told[0].resumed_from == 0);
  other->reset();
  reader->reset();
  run_until(world.loop, [&] { return world.fills().in_progress(1)[0].followers == 0; });
  CHECK(world.fills().in_progress(10)[0].clients.empty());
  CHECK(world.fills().in_progress(10)[0].clients_count == 0);
  const uint64_t before = world.fills().in_progress(10)[0].available;
  world.stop();
  world.start();
  world.hub.pace();
  auto again = world.connect();
  again->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  world.hub.let(200'000);
  again->receive_head();
  CHECK(world.fills().in_progress(10)[0].resumed_from >= before);
}

TEST_CASE("an empty blob and a small one are served like any other") {
  MirrorWorld world;
  for (const size_t size : {size_t(0), size_t(1), size_t(70'000)}) {
    const auto content = content_of(size, 2);
    const auto layer = world.hub.blob(kRepository, content);
    const auto cold = world.get(blob_target(layer));
    CHECK(cold.status == 200);
    CHECK(cold.body == content);
    world.finish_fills();
    const auto warm = world.get(blob_target(layer));
    CHECK(warm.status == 200);
    CHECK(warm.body == content);
    CHECK(downloads(world, layer) == 1);
  }
}

TEST_CASE("fifty clients asking for one blob cause one download, and all stream while it runs") {
  MirrorWorld world;
  const auto content = content_of(4 << 20, 3);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.pace();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 50; ++i) {
    clients.push_back(world.connect());
    clients.back()->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  world.hub.let(1 << 20);
  for (auto& client : clients) {
    client->receive_head();
    CHECK(client->receive(100'000) == content.substr(0, 100'000));  // upstream has not sent the rest yet
  }
  world.hub.let(content.size());
  for (auto& client : clients) CHECK(client->receive(content.size() - 100'000) == content.substr(100'000));
  CHECK(downloads(world, layer) == 1);
  CHECK(world.hub.body_bytes_sent() == content.size());
  world.finish_fills();
  clients.clear();
  run_until(world.loop, [&] { return world.fills().stats().followers == 0; });
}

TEST_CASE("a slow reader and one that leaves change nothing for the others, and the fill is finished") {
  MirrorWorld world;
  const auto content = content_of(8 << 20, 4);
  const auto layer = world.hub.blob(kRepository, content);
  const auto request = "GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  auto slow = world.connect(4096);
  slow->send(request);
  auto leaver = world.connect();
  leaver->send(request);
  leaver->receive_head();
  leaver->receive(content.size() / 10);
  leaver->reset();
  CHECK(world.get(blob_target(layer)).body == content);
  slow->receive_head();
  CHECK(slow->receive(content.size()) == content);
  CHECK(downloads(world, layer) == 1);
}

TEST_CASE("a fill that nobody reads any more is finished and stored") {
  MirrorWorld world;
  const auto content = content_of(2 << 20, 5);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.pace();
  auto client = world.connect();
  client->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  world.hub.let(300'000);
  client->receive_head();
  client->receive(100'000);
  client->leave();
  run_some_turns(world.loop);
  world.hub.let(content.size());
  world.finish_fills();
  CHECK(world.holds(layer));
  CHECK(world.get(blob_target(layer)).body == content);
  CHECK(downloads(world, layer) == 1);
}

TEST_CASE("a broken transfer goes on with Range and no client notices") {
  MirrorWorld world;
  const auto content = content_of(3 << 20, 6);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.next(hub_path(layer), Fault::cut(content.size() * 37 / 100));
  world.hub.next(hub_path(layer), Fault::cut(content.size() / 4));
  const auto answer = world.get(blob_target(layer));
  CHECK(answer.body == content);
  REQUIRE(downloads(world, layer) == 3);
  CHECK(world.hub.seen()[1].headers.get("Range").starts_with("bytes="));
  CHECK(world.fills().stats().resumes_total == 2);
}

TEST_CASE("an upstream that ignores Range on resume sends all again and is skipped through") {
  MirrorWorld world;
  const auto content = content_of(1 << 20, 7);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.next(hub_path(layer), Fault::cut(500'000));
  world.hub.next(hub_path(layer), Fault::ignore_range());
  CHECK(world.get(blob_target(layer)).body == content);
}

TEST_CASE("a presigned URL that expired and a token that was revoked do not end a fill") {
  MirrorWorld world;
  FakeRegistry cdn(world.loop);
  FakeRegistry auth(world.loop);
  world.hub.redirect_blobs_to(cdn);
  world.hub.ask_for_token(auth, "registry.docker.io");
  const auto content = content_of(2 << 20, 8);
  const auto layer = world.hub.blob(kRepository, content);
  cdn.next(FakeRegistry::signed_path(layer), Fault::cut(700'000));
  cdn.next(FakeRegistry::signed_path(layer), Fault::reply(403, {}, "<Error>expired</Error>"));
  world.hub.revoke_tokens();
  const auto answer = world.get(blob_target(layer));
  CHECK(answer.body == content);
  CHECK(world.hub.signed_urls() + cdn.signed_urls() >= 2);
  for (const auto& seen : cdn.seen()) CHECK(seen.headers.find("Authorization") == nullptr);
  CHECK_FALSE(world.files.log.contains("signature"));
}

TEST_CASE("a stalled upstream is given up after the stall timeout and the fill goes on") {
  MirrorWorld world;
  world.http_client_settings.stall_timeout_ms = 100;
  const auto content = content_of(1 << 20, 9);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.next(hub_path(layer), Fault::stall(400'000));
  CHECK(world.get(blob_target(layer)).body == content);
  CHECK(downloads(world, layer) == 2);
}

TEST_CASE("no client completes a wrong body, nothing of it is stored, and the next request is fetched anew") {
  const std::vector<std::pair<std::string, Fault>> faults = {
      {"a wrong last byte", Fault::wrong_last_byte()},
      {"too few bytes", Fault::too_few(10)},
      {"too many bytes", Fault::too_many(10)},
      {"a web page with 200", Fault::html()},
      {"206 where 200 was due", Fault::partial_unasked()},
  };
  for (const auto& [name, fault] : faults) {
    for (const size_t size : {size_t(1000), size_t(1 << 20)}) {
      INFO(name << ", " << size << " bytes");
      MirrorWorld world;
      const auto content = content_of(size, 10);
      const auto layer = world.hub.blob(kRepository, content);
      world.hub.next(hub_path(layer), fault);
      const auto answer = world.get(blob_target(layer));
      CHECK_FALSE(is_whole(answer));
      world.finish_fills();
      CHECK_FALSE(world.holds(layer));
      CHECK(std::filesystem::is_empty(world.files.folder.path() / "data" / "incoming"));
      CHECK(world.get(blob_target(layer)).body == content);
      world.finish_fills();
      CHECK(world.store().budget().whole().reserved == 0);
    }
  }
}

TEST_CASE("a wrong Content-Range on resume never reaches a client") {
  MirrorWorld world;
  const auto content = content_of(1 << 20, 11);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.next(hub_path(layer), Fault::cut(300'000));
  world.hub.always(hub_path(layer), Fault::wrong_content_range());
  CHECK_FALSE(is_whole(world.get(blob_target(layer))));
  world.finish_fills();
  CHECK_FALSE(world.holds(layer));
  world.hub.heal();
  CHECK(world.get(blob_target(layer)).body == content);
}

TEST_CASE("a blob that upstream does not have is not found, and upstream is not asked again at once") {
  MirrorWorld world;
  const auto missing = digest_of("nobody has this");
  for (int i = 0; i < 5; ++i) {
    const auto answer = world.get(blob_target(missing));
    CHECK(answer.status == 404);
    CHECK(answer.body.find("BLOB_UNKNOWN") != std::string::npos);
  }
  CHECK(world.hub.count() == 1);
  world.clock().advance(std::chrono::seconds(11));
  CHECK(world.get(blob_target(missing)).status == 404);
  CHECK(world.hub.count() == 2);
}

TEST_CASE(
    "a blob held for one repository is served to another only when upstream says so, and is not downloaded "
    "again") {
  MirrorWorld world;
  const auto content = content_of(200'000, 12);
  const auto layer = world.hub.blob(kRepository, content);
  CHECK(world.get(blob_target(layer)).body == content);
  world.finish_fills();
  CHECK(world.get(blob_target(layer, "other/image")).status == 404);
  world.hub.blob("third/image", content);
  CHECK(world.get(blob_target(layer, "third/image")).body == content);
  CHECK(world.hub.count("HEAD", FakeRegistry::blob_path("third/image", layer)) == 1);
  CHECK(world.hub.count("GET", FakeRegistry::blob_path("third/image", layer)) == 0);
  CHECK(world.get(blob_target(layer, "third/image")).body == content);
  CHECK(world.hub.count("HEAD", FakeRegistry::blob_path("third/image", layer)) == 1);
  world.ghcr.blob("org/app", content);
  CHECK(world.get_from_ghcr(blob_target(layer, "org/app")).body == content);
  CHECK(world.ghcr.count("GET", FakeRegistry::blob_path("org/app", layer)) == 0);
}

TEST_CASE("twenty open ranges on a cold blob, each left after its share, cause one transfer") {
  MirrorWorld world;
  constexpr size_t kShare = 400'000;
  const auto content = content_of(20 * kShare, 13);
  const auto layer = world.hub.blob(kRepository, content);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (size_t i = 0; i < 20; ++i) {
    clients.push_back(world.connect());
    clients.back()->send("GET " + blob_target(layer) +
                         " HTTP/1.1\r\nHost: x\r\nRange: bytes=" + std::to_string(i * kShare) + "-\r\n\r\n");
  }
  for (size_t i = 0; i < 20; ++i) {
    const auto head = clients[i]->receive_head();
    CHECK(head.starts_with("HTTP/1.1 206 "));
    const auto range = "bytes " + std::to_string(i * kShare) + "-" + std::to_string(content.size() - 1) +
                       "/" + std::to_string(content.size());
    CHECK(head.find("Content-Range: " + range + "\r\n") != std::string::npos);
    CHECK(clients[i]->receive(kShare) == content.substr(i * kShare, kShare));
    clients[i]->reset();
  }
  world.finish_fills();
  CHECK(world.hub.count() == 1);
  CHECK(world.hub.body_bytes_sent() == content.size());
}

TEST_CASE("a resume on a blob in progress is a 206 to the real end") {
  MirrorWorld world;
  const auto content = content_of(2 << 20, 14);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.pace();
  auto first = world.connect();
  first->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  world.hub.let(500'000);
  first->receive_head();
  auto resumed = world.connect();
  resumed->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\nRange: bytes=300000-\r\n\r\n");
  const auto head = resumed->receive_head();
  CHECK(head.find("Content-Range: bytes 300000-2097151/2097152\r\n") != std::string::npos);
  world.hub.let(content.size());
  CHECK(resumed->receive(content.size() - 300'000) == content.substr(300'000));
}

TEST_CASE("ranges of a stored blob: one, a suffix, several, none") {
  MirrorWorld world;
  const auto content = content_of(10'000, 15);
  const auto layer = world.hub.blob(kRepository, content);
  world.get(blob_target(layer));
  world.finish_fills();
  const auto single = world.get(blob_target(layer), {{"Range", "bytes=10-19"}});
  CHECK(single.status == 206);
  CHECK(single.body == content.substr(10, 10));
  CHECK(world.get(blob_target(layer), {{"Range", "bytes=-5"}}).body == content.substr(9'995));
  const auto several = world.get(blob_target(layer), {{"Range", "bytes=0-1,100-101"}});
  CHECK(several.status == 206);
  CHECK(several.headers.get("Content-Type").starts_with("multipart/byteranges; boundary="));
  CHECK(several.body.find(content.substr(100, 2)) != std::string::npos);
  const auto none = world.get(blob_target(layer), {{"Range", "bytes=10000-"}});
  CHECK(none.status == 416);
  CHECK(none.headers.get("Content-Range") == "bytes */10000");
  CHECK(world.get(blob_target(layer), {{"If-None-Match", '"' + layer.text() + '"'}}).status == 304);
}

TEST_CASE("HEAD of a blob that is not held asks upstream and downloads nothing") {
  MirrorWorld world;
  const auto content = content_of(50'000, 16);
  const auto layer = world.hub.blob(kRepository, content);
  const auto answer = world.head(blob_target(layer));
  CHECK(answer.status == 200);
  CHECK(answer.headers.get("Content-Length") == "50000");
  CHECK(world.hub.count("GET", hub_path(layer)) == 0);
  CHECK_FALSE(world.holds(layer));
}

TEST_CASE("HEAD learns the size although upstream's HEAD is no help") {
  struct Row {
    int status;
    std::string what;
  };
  const auto row = GENERATE(
      values<Row>({{405, "no HEAD"}, {501, "no HEAD"}, {403, "signed for GET alone"}, {200, "no length"}}));
  CAPTURE(row.status, row.what);
  MirrorWorld world;
  const auto content = content_of(50'000, 17);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.next(hub_path(layer), Fault::reply(row.status, {}, ""));
  const auto answer = world.head(blob_target(layer));
  CHECK(answer.status == 200);
  CHECK(answer.headers.get("Content-Length") == "50000");
  CHECK(world.get(blob_target(layer)).body == content);
  world.finish_fills();
  world.hub.blob("third/image", content);
  world.hub.next(FakeRegistry::blob_path("third/image", layer), Fault::reply(row.status, {}, ""));
  CHECK(world.get(blob_target(layer, "third/image")).body == content);
}

TEST_CASE("HEAD learns the size although upstream only redirects") {
  MirrorWorld world;
  FakeRegistry cdn(world.loop);
  world.hub.redirect_blobs_to(cdn);
  const auto layer = world.hub.blob(kRepository, content_of(50'000, 17));
  const auto answer = world.head(blob_target(layer));
  CHECK(answer.status == 200);
  CHECK(answer.headers.get("Content-Length") == "50000");
  CHECK(cdn.body_bytes_sent() <= 1);
}

TEST_CASE("HEAD waits no longer for storage that hangs than for anything else, and many cause one question") {
  MirrorWorld world;
  world.mirror_settings.first_byte_wait_ms = 100;
  FakeRegistry cdn(world.loop);
  world.hub.redirect_blobs_to(cdn);
  const auto layer = world.hub.blob(kRepository, content_of(50'000, 17));
  cdn.always(FakeRegistry::signed_path(layer), Fault::silent());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(world.connect());
    clients.back()->send("HEAD " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  for (const auto& client : clients) CHECK(client->receive_reply_to_head().substr(0, 12) == "HTTP/1.1 503");
  CHECK(cdn.count() == 1);
  cdn.heal();
  cdn.release();
  run_some_turns(world.loop);
}

TEST_CASE("when there is no room a blob passes through whole and is not stored") {
  MirrorWorld world;
  world.files.settings.bytes_max = 2 << 20;
  const auto content = content_of(4 << 20, 18);
  const auto layer = world.hub.blob(kRepository, content);
  CHECK(world.get(blob_target(layer)).body == content);
  CHECK(world.get(blob_target(layer), {{"Range", "bytes=1000-1999"}}).body == content.substr(1000, 1000));
  world.finish_fills();
  CHECK_FALSE(world.holds(layer));
  CHECK(world.store().budget().whole().reserved == 0);
}

TEST_CASE("a wrong body that passes through is not completed either, and a broken one is resumed") {
  MirrorWorld world;
  world.files.settings.bytes_max = 2 << 20;
  const auto content = content_of(4 << 20, 19);
  const auto layer = world.hub.blob(kRepository, content);
  // The fill's own attempt, which finds no room.
  world.hub.next(hub_path(layer), Fault(Fault::Kind::too_few, 0));
  world.hub.next(hub_path(layer), Fault::wrong_last_byte());
  CHECK_FALSE(is_whole(world.get(blob_target(layer))));
  world.hub.heal();
  world.hub.next(hub_path(layer), Fault(Fault::Kind::too_few, 0));
  world.hub.next(hub_path(layer), Fault::cut(1 << 20));
  CHECK(world.get(blob_target(layer)).body == content);
}

TEST_CASE("a disk that fills up in the middle of a fill is not the client's trouble") {
  MirrorWorld world;
  world.start();
  const auto content = content_of(4 << 20, 20);
  const auto layer = world.hub.blob(kRepository, content);
  world.files.disk.full_after(1 << 20);
  CHECK(world.get(blob_target(layer)).body == content);
  world.files.disk.heal();
  world.finish_fills();
  CHECK_FALSE(world.holds(layer));
  CHECK(world.get(blob_target(layer)).body == content);
  world.finish_fills();
  CHECK(world.holds(layer));
}

TEST_CASE("a closed range far ahead of its fill comes straight from upstream") {
  MirrorWorld world;
  world.mirror_settings.far_ahead_bytes = 1 << 20;
  const auto content = content_of(6 << 20, 21);
  const auto layer = world.hub.blob(kRepository, content);
  auto reader = begin_fill(world, layer);
  auto ahead = world.connect();
  ahead->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\nRange: bytes=5000000-5000999\r\n\r\n");
  run_until(world.loop, [&] { return downloads(world, layer) == 2; });
  world.hub.let(content.size() + 1000);
  const auto head = ahead->receive_head();
  CHECK(head.starts_with("HTTP/1.1 206 "));
  CHECK(ahead->receive(1000) == content.substr(5'000'000, 1000));
  CHECK(reader->receive(content.size()) == content);
}

TEST_CASE(
    "a closed range far ahead of its fill is whole whatever upstream answers to it: asked again, then "
    "brought by the fill") {
  const std::vector<std::tuple<std::string, Fault, size_t>> faults = {
      {"503", Fault::reply(503), 3},
      {"429", Fault::reply(429, {{"Retry-After", "60"}}), 2},
      {"a cut", Fault::cut(100'000), 3},
      {"a shorter range",
       Fault::reply(206, {{"Content-Range", "bytes 5000000-5000009/6291456"}},
                    content_of(6 << 20, 21).substr(5'000'000, 10)),
       3},
      {"all of it", Fault::ignore_range(), 3},
      {"403", Fault::reply(403), 2},
  };
  for (const auto& [name, fault, requests] : faults) {
    INFO(name);
    MirrorWorld world;
    world.mirror_settings.far_ahead_bytes = 1 << 20;
    const auto content = content_of(6 << 20, 21);
    const auto layer = world.hub.blob(kRepository, content);
    auto reader = begin_fill(world, layer);
    world.hub.next(hub_path(layer), fault);
    auto ahead = world.connect();
    ahead->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\nRange: bytes=5000000-5299999\r\n\r\n");
    run_until(world.loop, [&] { return downloads(world, layer) == 2; });
    world.hub.let(600'000);  // the fill is far from there still
    run_until(world.loop, [&, due = requests] { return downloads(world, layer) == due; });
    world.hub.let(2 * content.size());
    CHECK(ahead->receive_head().starts_with("HTTP/1.1 206 "));
    CHECK(ahead->receive(300'000) == content.substr(5'000'000, 300'000));
    CHECK(downloads(world, layer) == requests);
    CHECK(reader->receive(content.size()) == content);
  }
}

TEST_CASE("a signed URL that has expired under a range far ahead is asked for again") {
  MirrorWorld world;
  FakeRegistry cdn(world.loop);
  world.hub.redirect_blobs_to(cdn);
  world.mirror_settings.far_ahead_bytes = 1 << 20;
  const auto content = content_of(6 << 20, 30);
  const auto layer = world.hub.blob(kRepository, content);
  cdn.pace();
  auto reader = world.connect();
  reader->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  cdn.let(200'000);
  reader->receive_head();
  cdn.next(FakeRegistry::signed_path(layer), Fault::reply(403));
  auto ahead = world.connect();
  ahead->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\nRange: bytes=5000000-5000999\r\n\r\n");
  run_until(world.loop, [&] { return cdn.count("GET", FakeRegistry::signed_path(layer)) == 3; });
  cdn.let(2 * content.size());
  CHECK(ahead->receive_head().starts_with("HTTP/1.1 206 "));
  CHECK(ahead->receive(1000) == content.substr(5'000'000, 1000));
  const auto& seen = world.hub.seen();
  CHECK(std::count_if(seen.begin(), seen.end(), [](const Seen& request) {
          return request.headers.get("Range") == "bytes=5000000-5000999";
        }) == 2);
}

TEST_CASE(
    "a range that passes through is resumed where it broke, and an error before its first byte is a status") {
  MirrorWorld world;
  world.files.settings.bytes_max = 2 << 20;
  const auto content = content_of(4 << 20, 31);
  const auto layer = world.hub.blob(kRepository, content);
  const proxy::Headers range = {{"Range", "bytes=1000-800999"}};
  // The fill's own attempt, which finds no room.
  world.hub.next(hub_path(layer), Fault(Fault::Kind::too_few, 0));
  world.hub.next(hub_path(layer), Fault::cut(300'000));
  world.hub.next(hub_path(layer), Fault::reply(503));
  CHECK(world.get(blob_target(layer), range).body == content.substr(1000, 800'000));
  CHECK(world.hub.seen().back().headers.get("Range") == "bytes=301000-800999");
  world.hub.next(hub_path(layer), Fault(Fault::Kind::too_few, 0));
  world.hub.always(hub_path(layer), Fault::reply(206, {{"Content-Range", "bytes 7-9/4194304"}}, "abc"));
  CHECK(world.get(blob_target(layer), range).status == 502);
}

TEST_CASE(
    "a range that passes through is taken out of what upstream sends, be it all or more than was asked for") {
  MirrorWorld world;
  world.files.settings.bytes_max = 2 << 20;
  const auto content = content_of(4 << 20, 34);
  const auto layer = world.hub.blob(kRepository, content);
  const auto asked = [&](const char* range, const Fault& fault) {
    // The fill's own attempt, which finds no room.
    world.hub.next(hub_path(layer), Fault(Fault::Kind::too_few, 0));
    world.hub.next(hub_path(layer), fault);
    return world.get(blob_target(layer), {{"Range", range}});
  };
  CHECK(asked("bytes=0-", Fault::ignore_range()).body == content);
  CHECK(asked("bytes=1000-", Fault::ignore_range()).body == content.substr(1000));
  CHECK(asked("bytes=-5", Fault::ignore_range()).body == content.substr(content.size() - 5));
  const auto middle = asked("bytes=100-2000000", Fault::ignore_range());
  CHECK(middle.status == 206);
  CHECK(middle.headers.get("Content-Range") == "bytes 100-2000000/4194304");
  CHECK(middle.body == content.substr(100, 1'999'901));
  const auto longer =
      Fault::reply(206, {{"Content-Range", "bytes 100-4194303/4194304"}}, content.substr(100));
  CHECK(asked("bytes=100-2000000", longer).body == content.substr(100, 1'999'901));
}

TEST_CASE("a range that is the whole blob is not completed either when what passes through is wrong") {
  MirrorWorld world;
  world.files.settings.bytes_max = 2 << 20;
  const auto layer = world.hub.blob(kRepository, content_of(4 << 20, 35));
  for (const char* range : {"bytes=0-", "bytes=0-4194303", "bytes=-4194304"}) {
    INFO(range);
    world.hub.next(hub_path(layer), Fault(Fault::Kind::too_few, 0));
    world.hub.next(hub_path(layer), Fault::wrong_last_byte());
    CHECK_FALSE(is_whole(world.get(blob_target(layer), {{"Range", range}})));
  }
}

TEST_CASE("nobody waits for a range that does not come while the fill has it") {
  MirrorWorld world;
  world.mirror_settings.far_ahead_bytes = 1 << 20;
  const auto content = content_of(6 << 20, 36);
  const auto layer = world.hub.blob(kRepository, content);
  auto reader = begin_fill(world, layer);
  world.hub.next(hub_path(layer), Fault::stall(1000));
  auto ahead = world.connect();
  ahead->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\nRange: bytes=5000000-5299999\r\n\r\n");
  run_until(world.loop, [&] { return downloads(world, layer) == 2; });
  world.hub.let(2 * content.size());
  CHECK(ahead->receive_head().starts_with("HTTP/1.1 206 "));
  CHECK(ahead->receive(300'000) == content.substr(5'000'000, 300'000));
  CHECK(downloads(world, layer) == 2);
  world.hub.release();
}

TEST_CASE("an upstream that stays silent when there is no room is an error in time") {
  MirrorWorld world;
  world.files.settings.bytes_max = 2 << 20;
  world.pass_through_settings.first_byte_wait_ms = 50;
  const auto layer = world.hub.blob(kRepository, content_of(4 << 20, 37));
  for (const char* range : {"", "bytes=1000-1999"}) {
    INFO(range);
    world.hub.next(hub_path(layer), Fault(Fault::Kind::too_few, 0));
    world.hub.next(hub_path(layer), Fault::silent());
    const proxy::Headers headers = {{"Range", range}};
    CHECK(world.get(blob_target(layer), *range == '\0' ? proxy::Headers() : headers).status == 503);
    world.hub.release();
  }
}

TEST_CASE("a manifest that gives a blob a wrong size does not spoil it for the others of its repository") {
  for (const uint64_t wrong : {0, 5, 1'000'000}) {
    INFO(wrong);
    MirrorWorld world;
    const auto content = content_of(300'000, 38);
    const auto layer = world.hub.blob(kRepository, content);
    const auto config = world.hub.blob(kRepository, "{}");
    const std::string type = "application/vnd.oci.image.manifest.v1+json";
    world.hub.manifest(kRepository, "bad", type, image_of(config, 2, {{layer, wrong}}));
    world.hub.manifest(kRepository, "good", type, image_of(config, 2, {{layer, content.size()}}));
    world.hub.manifest(kRepository, "bad-too", type, image_of(config, 2, {{layer, wrong + 1}}));
    for (const char* tag : {"bad", "good", "bad-too"})
      CHECK(world.get("/v2/library/alpine/manifests/" + std::string(tag)).status == 200);
    CHECK(world.head(blob_target(layer)).headers.get("Content-Length") == "300000");
    CHECK(world.get(blob_target(layer)).body == content);
    world.finish_fills();
    CHECK(world.holds(layer));
  }
}

TEST_CASE("an upstream that does not begin to send is an error in time, not a head without a body") {
  MirrorWorld world;
  world.mirror_settings.first_byte_wait_ms = 50;
  const auto layer_bytes = content_of(300'000, 28);
  const auto layer = world.hub.blob(kRepository, layer_bytes);
  const auto image = image_of(world.hub.blob(kRepository, "{}"), 2, {{layer, layer_bytes.size()}});
  world.hub.manifest(kRepository, "3.20", "application/vnd.oci.image.manifest.v1+json", image);
  world.get("/v2/library/alpine/manifests/3.20");  // so that the size is known
  world.hub.next(hub_path(layer), Fault::silent());
  CHECK(world.get(blob_target(layer)).status == 503);
  world.hub.release();
  world.finish_fills();
}

TEST_CASE(
    "an upstream that does not begin to send is an error in time although nobody knows the size, for two "
    "repositories as for one") {
  MirrorWorld world;
  world.mirror_settings.first_byte_wait_ms = 50;
  const auto content = content_of(300'000, 32);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.blob("other/image", content);
  world.hub.next(hub_path(layer), Fault::silent());
  CHECK(world.get(blob_target(layer)).status == 503);
  CHECK(world.get(blob_target(layer, "other/image")).status == 503);
  world.hub.release();
  CHECK(world.get(blob_target(layer)).body == content);
}

TEST_CASE("a client whose wait ends while the fill waits out a 429 is told so, and for how long") {
  for (const bool sized : {true, false}) {
    INFO("size known: " << sized);
    MirrorWorld world;
    world.mirror_settings.first_byte_wait_ms = 50;
    const auto content = content_of(300'000, 33);
    const auto layer = world.hub.blob(kRepository, content);
    const auto image = image_of(world.hub.blob(kRepository, "{}"), 2, {{layer, content.size()}});
    world.hub.manifest(kRepository, "3.20", "application/vnd.oci.image.manifest.v1+json", image);
    if (sized) world.get("/v2/library/alpine/manifests/3.20");
    world.hub.next(hub_path(layer), Fault::reply(429, {{"Retry-After", "8"}}));
    const auto answer = world.get(blob_target(layer));
    CHECK(answer.status == 429);
    CHECK(answer.headers.get("Retry-After") == "8");
  }
}

TEST_CASE("a closed range far into a blob that upstream does not have is not found") {
  MirrorWorld world;
  world.mirror_settings.far_ahead_bytes = 1000;
  const auto layer = digest_of("nobody has this layer");
  const auto image = image_of(world.hub.blob(kRepository, "{}"), 2, {{layer, 300'000}});
  world.hub.manifest(kRepository, "3.20", "application/vnd.oci.image.manifest.v1+json", image);
  world.get("/v2/library/alpine/manifests/3.20");
  CHECK(world.get(blob_target(layer), {{"Range", "bytes=200000-200009"}}).status == 404);
}

TEST_CASE("a blob that upstream refuses is not asked for again at once") {
  MirrorWorld world;
  const auto refused = digest_of("secret");
  world.hub.always(hub_path(refused), Fault::reply(403));
  for (int i = 0; i < 5; ++i) CHECK(world.get(blob_target(refused)).status == 404);
  CHECK(world.hub.count() == 1);
}

TEST_CASE("a blob whose fill ends while upstream is asked for another repository is not downloaded again") {
  MirrorWorld world;
  const auto content = content_of(400'000, 29);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.blob("other/image", content);
  world.hub.pace();
  auto first = world.connect();
  first->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  world.hub.let(100'000);
  run_until(world.loop,
            [&] { return world.fills().find(layer) != nullptr && world.fills().find(layer)->begun(); });
  world.hub.next(FakeRegistry::blob_path("other/image", layer), Fault::silent());
  auto second = world.connect();
  second->send("GET " + blob_target(layer, "other/image") + " HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(world.loop,
            [&] { return world.hub.count("HEAD", FakeRegistry::blob_path("other/image", layer)) == 1; });
  world.hub.let(content.size());
  world.finish_fills();
  world.hub.release();
  second->receive_head();
  CHECK(second->receive(content.size()) == content);
  CHECK(downloads(world, layer) == 1);
  CHECK(world.hub.count("GET", FakeRegistry::blob_path("other/image", layer)) == 0);
}

TEST_CASE("after a restart a fill goes on where it was") {
  MirrorWorld world;
  const auto content = content_of(3 << 20, 22);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.pace();
  auto client = world.connect();
  client->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  world.hub.let(1 << 20);
  client->receive_head();
  client->receive(500'000);
  client.reset();
  world.stop();
  world.hub.let(10 << 20);
  CHECK(world.get(blob_target(layer)).body == content);
  const auto range = std::string(world.hub.seen().back().headers.get("Range"));
  REQUIRE(range.starts_with("bytes="));
  CHECK(std::stoul(range.substr(6)) >= 500'000);
}

TEST_CASE(
    "a partial file that was complete when the process died is verified and served, whatever body the 416 "
    "announces") {
  MirrorWorld world;
  const auto content = content_of(200'000, 25);
  const auto layer = world.hub.blob(kRepository, content);
  const auto incoming = world.files.folder.path() / "data" / "incoming";
  std::filesystem::create_directories(incoming);
  std::ofstream(incoming / ("fill-sha256-" + layer.hex()), std::ios::binary) << content;
  world.hub.next(hub_path(layer),
                 Fault::reply(416, {{"Content-Range", "bytes */200000"}}, std::string(200'000, 'x')));
  CHECK(world.get(blob_target(layer)).body == content);
  world.finish_fills();
  CHECK(world.holds(layer));
  CHECK(world.hub.count() == 1);
}

TEST_CASE("a partial file longer than the blob is thrown away and the next request is fetched anew") {
  MirrorWorld world;
  const auto content = content_of(200'000, 26);
  const auto layer = world.hub.blob(kRepository, content);
  const auto incoming = world.files.folder.path() / "data" / "incoming";
  std::filesystem::create_directories(incoming);
  std::ofstream(incoming / ("fill-sha256-" + layer.hex()), std::ios::binary) << content << "and more";
  world.get(blob_target(layer));
  world.finish_fills();
  CHECK(world.get(blob_target(layer)).body == content);
}

TEST_CASE("what an earlier fill left is nobody's before upstream has answered") {
  MirrorWorld world;
  const auto content = content_of(1 << 20, 28);
  const auto layer = world.hub.blob(kRepository, content);
  const auto incoming = world.files.folder.path() / "data" / "incoming";
  std::filesystem::create_directories(incoming);
  std::ofstream(incoming / ("fill-sha256-" + layer.hex()), std::ios::binary) << content.substr(0, 300'000);
  const auto foreign = world.get(blob_target(layer, "other/image"));
  CHECK(foreign.status == 404);
  CHECK(foreign.body.find("BLOB_UNKNOWN") != std::string::npos);
  world.hub.always(hub_path(layer), Fault::reply(403));
  CHECK(world.get(blob_target(layer)).status == 404);
  world.hub.heal();
  world.clock().advance(std::chrono::seconds(11));
  CHECK(world.get(blob_target(layer)).body == content);
  CHECK(std::string(world.hub.seen().back().headers.get("Range")) == "bytes=300000-");
}

TEST_CASE("a transfer that has begun outlives a registry that is away for longer than a few attempts take") {
  MirrorWorld world;
  world.fill_settings.retry.patience_ms = 60'000;
  const auto content = content_of(1 << 20, 29);
  const auto layer = world.hub.blob(kRepository, content);
  world.hub.next(hub_path(layer), Fault::cut(300'000));
  for (int i = 0; i < 9; ++i) world.hub.next(hub_path(layer), Fault::cut(0));
  CHECK(world.get(blob_target(layer)).body == content);
  CHECK(world.hub.body_bytes_sent() == content.size());
}

TEST_CASE("an upstream that hangs with all the transfers there may be does not keep another's waiting") {
  MirrorWorld world;
  world.fill_settings.fills_max = 2;
  const auto wanted = content_of(200'000, 30);
  const auto elsewhere = world.ghcr.blob("org/app", wanted);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (uint32_t i = 0; i < 3; ++i) {
    const auto layer = world.hub.blob(kRepository, content_of(300'000, 31 + i));
    world.hub.always(hub_path(layer), Fault::stall(100'000));
    clients.push_back(world.connect());
    clients.back()->send("GET " + blob_target(layer) + " HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  for (int i = 0; i < 2; ++i) clients[static_cast<size_t>(i)]->receive_head();
  CHECK(world.fills().stats().running == 2);
  CHECK(world.get_from_ghcr(blob_target(elsewhere, "org/app")).body == wanted);
  CHECK(world.fills().stats().running >= 2);
}

TEST_CASE("a signed URL of the registry's own form that has expired is asked for again") {
  MirrorWorld world;
  const auto content = content_of(300'000, 27);
  const auto layer = world.hub.blob(kRepository, content);
  world.ghcr.blob(kRepository, content);
  const auto redirect =
      Fault::reply(307, {{"Location", world.ghcr.url() + hub_path(layer) + "?signature=s3cret"}});
  world.hub.always(hub_path(layer), redirect);
  world.ghcr.next(hub_path(layer), Fault::reply(403, {}, "expired"));
  CHECK(world.get(blob_target(layer)).body == content);
  CHECK(world.ghcr.count("GET", hub_path(layer)) == 2);
  CHECK_FALSE(world.files.log.contains("s3cret"));
}

TEST_CASE("while cold blobs are read from a slow disk the loop does not wait") {
  MirrorWorld world;
  const auto content = content_of(3 << 20, 23);
  const auto layer = world.hub.blob(kRepository, content);
  world.get(blob_target(layer));
  world.finish_fills();
  world.files.disk.forget_residency();
  world.files.disk.delay_reads(std::chrono::milliseconds(300));
  world.take_lag_seconds();
  CHECK(world.get(blob_target(layer)).body == content);
  CHECK(world.files.disk.count(FaultyDisk::Operation::read_ahead) >= 3);
  CHECK(world.take_lag_seconds() < 0.3);
}

TEST_CASE("a truncated or emptied blob file is fetched again, never served short") {
  MirrorWorld world;
  const auto content = content_of(300'000, 24);
  const auto layer = world.hub.blob(kRepository, content);
  for (const uintmax_t size : {uintmax_t(0), uintmax_t(1000)}) {
    world.get(blob_target(layer));
    world.finish_fills();
    world.stop();
    std::filesystem::resize_file(
        world.files.folder.path() / "data" / "blobs" / "sha256" / layer.hex().substr(0, 2) / layer.hex(),
        size);
    CHECK(world.get(blob_target(layer)).body == content);
    world.finish_fills();
  }
  CHECK(downloads(world, layer) == 3);
}

}  // namespace breakwater::test
