// Downloads that several repositories want, and who of many may download: the fills of two mirrors that share
// layers.
#include <fstream>

#include "test/catch.h"
#include "test/fakes/mirror_world.h"

namespace breakwater::test {
namespace {

constexpr const char* kAlpine = "library/alpine";
constexpr const char* kApp = "org/app";
constexpr const char* kManifest = "application/vnd.oci.image.manifest.v1+json";

std::string hub_path(const store::Digest& digest) { return FakeRegistry::blob_path(kAlpine, digest); }
std::string ghcr_path(const store::Digest& digest) { return FakeRegistry::blob_path(kApp, digest); }

// The same layer at both registries; a manifest that names it has been pulled from each that is `known`.
struct SharedLayer {
  SharedLayer(MirrorWorld& mirrors, size_t size, uint32_t seed)
      : world(mirrors), content(content_of(size, seed)), digest(world.hub.blob(kAlpine, content)) {
    world.ghcr.blob(kApp, content);
  }
  SharedLayer& known_to_hub(size_t size) {
    name_in(world.hub, kAlpine, size);
    CHECK(world.get("/v2/library/alpine/manifests/latest").status == 200);
    return *this;
  }
  SharedLayer& known_to_ghcr() {
    name_in(world.ghcr, kApp, content.size());
    CHECK(world.get_from_ghcr("/v2/org/app/manifests/latest").status == 200);
    return *this;
  }
  SharedLayer& known_to_both() { return known_to_hub(content.size()).known_to_ghcr(); }

  std::unique_ptr<RawClient> ask(const std::string& target, const std::string& range = "") const {
    auto client = world.connect();
    client->send("GET " + target + " HTTP/1.1\r\nHost: x\r\n" + range + "\r\n");
    return client;
  }
  std::unique_ptr<RawClient> ask_hub(const std::string& range = "") const {
    return ask(hub_path(digest), range);
  }
  std::unique_ptr<RawClient> ask_ghcr() const { return ask(ghcr_path(digest) + "?ns=ghcr.io"); }

  // A client of the hub has the first bytes, and no more come.
  std::unique_ptr<RawClient> begin_and_stall() const {
    world.hub.next(hub_path(digest), Fault::stall(200'000));
    auto client = ask_hub();
    client->receive_head();
    run_until(world.loop, [&] { return world.fills().find(digest)->available() == 200'000; });
    return client;
  }
  void wait_for_source(const char* route, const char* repository) const {
    const store::RepositoryKey key(route, repository);
    run_until(world.loop, [&] {
      const auto* fill = world.fills().find(digest);
      return fill != nullptr && fill->has_source_of(key);
    });
  }
  bool is_whole(RawClient& client) const {
    const auto head = client.receive_head();
    return head.starts_with("HTTP/1.1 200") && client.receive(content.size()) == content;
  }

  MirrorWorld& world;
  std::string content;
  store::Digest digest;

 private:
  void name_in(FakeRegistry& registry, const char* repository, size_t size) const {
    const auto config = registry.blob(repository, "{}");
    registry.manifest(repository, "latest", kManifest, image_of(config, 2, {{digest, size}}));
  }
};

std::string chunked(const std::string& content) {
  std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (size_t at = 0; at < content.size(); at += 50'000) {
    const auto piece = content.substr(at, 50'000);
    char length[16];
    std::snprintf(length, sizeof length, "%zx\r\n", piece.size());
    text += length + piece + "\r\n";
  }
  return text + "0\r\n\r\n";
}

}  // namespace

TEST_CASE("a layer that one upstream never begins to send comes from the other, for the clients of both") {
  MirrorWorld world;
  world.fill_settings.first_byte_wait_ms = 20;
  SharedLayer layer(world, 1 << 20, 1);
  layer.known_to_both();
  world.hub.always(hub_path(layer.digest), Fault::silent());
  auto first = layer.ask_hub();
  run_until(world.loop, [&] { return world.hub.count("GET", hub_path(layer.digest)) == 1; });
  CHECK(world.get_from_ghcr(ghcr_path(layer.digest)).body == layer.content);
  CHECK(layer.is_whole(*first));
  CHECK(world.ghcr.count("GET", ghcr_path(layer.digest)) == 1);
  CHECK(world.hub.count("GET", hub_path(layer.digest)) == 1);
  world.hub.release();
}

TEST_CASE("what another upstream brings is nobody's whose own has not said that it has the blob") {
  MirrorWorld world;
  world.fill_settings.first_byte_wait_ms = 20;
  world.mirror_settings.first_byte_wait_ms = 200;
  SharedLayer layer(world, 1 << 20, 2);
  world.hub.always(hub_path(layer.digest), Fault::silent());
  auto stranger = layer.ask_hub();
  run_until(world.loop, [&] { return world.hub.count("GET", hub_path(layer.digest)) == 1; });
  CHECK(world.get_from_ghcr(ghcr_path(layer.digest)).body == layer.content);
  world.finish_fills();
  CHECK(stranger->receive_head().starts_with("HTTP/1.1 503"));
  CHECK(world.ghcr.count("HEAD", ghcr_path(layer.digest)) == 0);
  world.hub.shut();
  world.hub.open();
  world.hub.always(hub_path(layer.digest), Fault::reply(404));
  run_some_turns(world.loop);
  world.clock().advance(std::chrono::seconds(31));
  CHECK(world.get(hub_path(layer.digest)).status == 404);
  CHECK(world.get_from_ghcr(ghcr_path(layer.digest)).body == layer.content);
  CHECK(world.ghcr.count("HEAD", ghcr_path(layer.digest)) == 0);
}

TEST_CASE("an upstream that was silent a moment ago is asked for the next layer only if no other can be") {
  MirrorWorld world;
  world.fill_settings.first_byte_wait_ms = 20;
  SharedLayer layer(world, 100'000, 26);
  SharedLayer next(world, 1 << 20, 27);
  layer.known_to_both();
  world.hub.always(hub_path(layer.digest), Fault::silent());
  auto first = layer.ask_hub();
  run_until(world.loop, [&] { return world.hub.count("GET", hub_path(layer.digest)) == 1; });
  CHECK(world.get_from_ghcr(ghcr_path(layer.digest)).body == layer.content);
  next.known_to_both();
  world.ghcr.next(ghcr_path(next.digest), Fault::stall(200'000));
  auto second = next.ask_ghcr();
  second->receive_head();
  auto third = next.ask_hub();
  next.wait_for_source("dockerhub", kAlpine);
  world.ghcr.shut();
  world.ghcr.open();
  CHECK(second->receive(next.content.size()) == next.content);
  CHECK(next.is_whole(*third));
  CHECK(world.hub.count("GET", hub_path(next.digest)) == 0);
  world.hub.release();
}

TEST_CASE("an upstream that stalls in the middle hands over to another where it was") {
  MirrorWorld world;
  world.fill_settings.silence_max_ms = 20;
  SharedLayer layer(world, 1 << 20, 3);
  auto first = layer.begin_and_stall();
  CHECK(world.get_from_ghcr(ghcr_path(layer.digest)).body == layer.content);
  CHECK(first->receive(layer.content.size()) == layer.content);
  CHECK(world.ghcr.seen().back().headers.get("Range") == "bytes=200000-");
  world.hub.release();
}

TEST_CASE("an upstream that stalls alone is waited for") {
  MirrorWorld world;
  world.fill_settings.first_byte_wait_ms = world.fill_settings.silence_max_ms = 1;
  SharedLayer layer(world, 1 << 20, 4);
  auto first = layer.begin_and_stall();
  run_some_turns(world.loop);
  world.hub.release();
  CHECK(first->receive(layer.content.size()) == layer.content);
  CHECK(world.hub.count("GET", hub_path(layer.digest)) == 1);
}

TEST_CASE("what one upstream refuses another brings, whatever the refusal, and the clients of both get it") {
  const std::vector<std::pair<std::string, Fault>> faults = {
      {"404", Fault::reply(404)},           {"401", Fault::reply(401)},
      {"403", Fault::reply(403)},           {"429", Fault::reply(429, {{"Retry-After", "60"}})},
      {"500", Fault::reply(500)},           {"a web page", Fault::html()},
      {"another size", Fault::too_few(10)}, {"another range", Fault::wrong_content_range()},
      {"no answer", Fault::hang_up()},
  };
  for (const auto& [name, fault] : faults) {
    INFO(name);
    MirrorWorld world;
    SharedLayer layer(world, 1 << 20, 5);
    layer.known_to_both();
    auto first = layer.begin_and_stall();
    world.ghcr.always(ghcr_path(layer.digest), fault);
    auto second = layer.ask_ghcr();
    layer.wait_for_source("ghcr", kApp);
    world.hub.shut();
    world.hub.open();
    CHECK(first->receive(layer.content.size()) == layer.content);
    CHECK(layer.is_whole(*second));
    CHECK(world.ghcr.count("GET", ghcr_path(layer.digest)) >= 1);
    CHECK(world.hub.seen().back().headers.get("Range") == "bytes=200000-");
  }
}

TEST_CASE(
    "wrong bytes of one upstream are fetched anew from another, and who waits for both gets the right ones") {
  MirrorWorld world;
  SharedLayer layer(world, 30'000, 6);
  layer.known_to_both();
  world.hub.pace();
  world.hub.next(hub_path(layer.digest), Fault::wrong_last_byte());
  auto first = layer.ask_hub();
  run_until(world.loop, [&] { return world.hub.count("GET", hub_path(layer.digest)) == 1; });
  auto second = layer.ask_ghcr();
  layer.wait_for_source("ghcr", kApp);
  world.hub.let(layer.content.size());
  CHECK(layer.is_whole(*first));
  CHECK(layer.is_whole(*second));
  CHECK(world.hub.count("GET", hub_path(layer.digest)) == 1);
  CHECK(world.fills().stats().discarded_total == 1);
}

TEST_CASE("who has begun to read wrong bytes is cut off, although another upstream has the right ones") {
  MirrorWorld world;
  SharedLayer layer(world, 1 << 20, 7);
  layer.known_to_both();
  world.hub.pace();
  world.hub.next(hub_path(layer.digest), Fault::wrong_last_byte());
  auto first = layer.ask_hub();
  world.hub.let(300'000);
  first->receive_head();
  auto second = layer.ask_ghcr();
  layer.wait_for_source("ghcr", kApp);
  world.hub.let(2 * layer.content.size());
  CHECK(first->receive(layer.content.size()).size() < layer.content.size());
  second->receive_to_end();
  CHECK(world.get_from_ghcr(ghcr_path(layer.digest)).body == layer.content);
}

TEST_CASE("a wrong length and a beginning of one upstream are given up where another says what is right") {
  MirrorWorld world;
  SharedLayer layer(world, 30'000, 21);
  layer.known_to_both();
  const auto wrong = "HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n" + layer.content;
  world.hub.always(hub_path(layer.digest), Fault::raw(wrong));
  auto first = layer.ask_hub();
  run_until(world.loop, [&] { return world.hub.count("GET", hub_path(layer.digest)) == 1; });
  auto second = layer.ask_ghcr();
  CHECK(layer.is_whole(*second));
  CHECK(layer.is_whole(*first));
}

TEST_CASE("a wrong length of one upstream does not spoil what another has begun to bring") {
  MirrorWorld world;
  SharedLayer layer(world, 30'000, 22);
  layer.known_to_both();
  world.hub.always(hub_path(layer.digest), Fault::cut(10'000));
  const auto wrong = "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + content_of(20'000, 23);
  world.ghcr.always(ghcr_path(layer.digest), Fault::raw(wrong));
  auto first = layer.ask_hub();
  run_until(world.loop, [&] { return world.hub.count("GET", hub_path(layer.digest)) == 1; });
  auto second = layer.ask_ghcr();
  layer.wait_for_source("ghcr", kApp);
  CHECK(layer.is_whole(*first));
  CHECK(layer.is_whole(*second));
}

TEST_CASE("a client whose upstream does not have the blob is told so, while another's sends it") {
  MirrorWorld world;
  SharedLayer layer(world, 1 << 20, 8);
  auto first = layer.begin_and_stall();
  world.ghcr.always(ghcr_path(layer.digest), Fault::reply(404));
  const auto answer = world.get_from_ghcr(ghcr_path(layer.digest));
  CHECK(answer.status == 404);
  world.hub.release();
  CHECK(first->receive(layer.content.size()) == layer.content);
}

TEST_CASE("when all upstreams have failed each client is told what its own said") {
  MirrorWorld world;
  SharedLayer layer(world, 1 << 20, 9);
  layer.known_to_both();
  world.hub.always(hub_path(layer.digest), Fault::silent());
  world.ghcr.always(ghcr_path(layer.digest), Fault::reply(404));
  auto first = layer.ask_hub();
  run_until(world.loop, [&] { return world.hub.count("GET", hub_path(layer.digest)) == 1; });
  auto second = layer.ask_ghcr();
  layer.wait_for_source("ghcr", kApp);
  world.hub.heal();
  world.hub.always(hub_path(layer.digest), Fault::reply(429, {{"Retry-After", "77"}}));
  world.hub.shut();
  world.hub.open();
  const auto head = first->receive_head();
  CHECK(head.starts_with("HTTP/1.1 429"));
  CHECK(head.find("Retry-After: 77") != std::string::npos);
  CHECK(second->receive_head().starts_with("HTTP/1.1 404"));
}

TEST_CASE("a fill that nobody reads gives way to one that somebody waits for, and is resumed later") {
  MirrorWorld world;
  world.fill_settings.fills_max = 1;
  SharedLayer abandoned(world, 1 << 20, 10);
  SharedLayer wanted(world, 100'000, 11);
  abandoned.begin_and_stall()->reset();
  run_until(world.loop, [&] { return world.fills().stats().followers == 0; });
  CHECK(world.fills().stats().running == 1);
  CHECK(world.get(hub_path(wanted.digest)).body == wanted.content);
  CHECK(world.get(hub_path(abandoned.digest)).body == abandoned.content);
  CHECK(world.hub.seen().back().headers.get("Range") == "bytes=200000-");
  world.hub.release();
}

TEST_CASE("a fill that nobody reads goes on while nobody needs its slot") {
  MirrorWorld world;
  world.fill_settings.fills_max = 1;
  SharedLayer layer(world, 1 << 20, 12);
  auto client = layer.begin_and_stall();
  client->reset();
  run_until(world.loop, [&] { return world.fills().stats().followers == 0; });
  world.hub.release();
  world.finish_fills();
  CHECK(world.holds(layer.digest));
  CHECK(world.hub.count("GET", hub_path(layer.digest)) == 1);
}

TEST_CASE("the queue of fills is bounded, and one that nobody waits for any more leaves it") {
  MirrorWorld world;
  world.fill_settings.fills_max = 1;
  world.fill_settings.queued_per_upstream_max = 1;
  SharedLayer running(world, 1 << 20, 13);
  SharedLayer queued(world, 100'000, 14);
  SharedLayer refused(world, 100'000, 15);
  auto first = running.begin_and_stall();
  auto second = queued.ask_hub();
  run_until(world.loop, [&] { return world.fills().size() == 2; });
  const auto answer = world.get(hub_path(refused.digest));
  CHECK(answer.status == 503);
  CHECK_FALSE(answer.headers.get("Retry-After").empty());
  second->reset();
  run_until(world.loop, [&] { return world.fills().size() == 1; });
  auto third = refused.ask_hub();
  run_until(world.loop, [&] { return world.fills().size() == 2; });
  world.hub.release();
  CHECK(first->receive(running.content.size()) == running.content);
  CHECK(refused.is_whole(*third));
  CHECK(world.hub.count("GET", hub_path(queued.digest)) == 0);
}

TEST_CASE("an upstream that is very slow gives its slot to a fill that waits, and its readers miss nothing") {
  MirrorWorld world;
  world.fill_settings.fills_max = 1;
  world.fill_settings.slow_after_ms = 50;
  SharedLayer slow(world, 1 << 20, 16);
  SharedLayer waiting(world, 100'000, 17);
  auto first = slow.begin_and_stall();
  CHECK(world.get(hub_path(waiting.digest)).body == waiting.content);
  CHECK(first->receive(slow.content.size()) == slow.content);
  CHECK(world.hub.seen().back().headers.get("Range") == "bytes=200000-");
  world.hub.release();
}

TEST_CASE("a manifest that gives a blob a wrong size is overruled by what upstream sends, for every client") {
  for (const uint64_t wrong : {0, 5, 299'999, 1'000'000}) {
    for (const bool told : {true, false}) {
      INFO(wrong << ", upstream tells the size: " << told);
      MirrorWorld world;
      SharedLayer layer(world, 300'000, 18);
      layer.known_to_hub(wrong);
      const auto path = hub_path(layer.digest);
      if (told) {
        CHECK(world.head(path).headers.get("Content-Length") == "300000");
        const auto range = world.get(path, {{"Range", "bytes=-5"}});
        CHECK(range.status == 206);
        CHECK(range.body == layer.content.substr(299'995));
        CHECK(range.headers.get("Content-Range") == "bytes 299995-299999/300000");
      } else {
        // Nobody knows better than the manifest before the end: a reply that is not whole is cut.
        world.hub.always(path, Fault::raw(chunked(layer.content)));
        const auto cut = world.get(path);
        CHECK((cut.status == 0 || cut.body == layer.content));
      }
      world.finish_fills();
      CHECK(world.holds(layer.digest));
      CHECK(world.get(path).body == layer.content);
      CHECK(world.get(path, {{"Range", "bytes=-5"}}).body == layer.content.substr(299'995));
      CHECK(world.head(path).headers.get("Content-Length") == "300000");
    }
  }
}

TEST_CASE("a wrong size in a manifest does not spoil a blob that passes through either") {
  for (const uint64_t wrong : {5'000'000, 6'000'000}) {
    INFO(wrong);
    MirrorWorld world;
    world.files.settings.bytes_max = 2 << 20;
    SharedLayer layer(world, 5'500'000, 19);
    layer.known_to_hub(wrong);
    CHECK(world.get(hub_path(layer.digest)).body == layer.content);
    const auto range = world.get(hub_path(layer.digest), {{"Range", "bytes=-5"}});
    CHECK(range.body == layer.content.substr(layer.content.size() - 5));
  }
}

TEST_CASE(
    "a body that is cut as its Content-Length says is nobody's, although it is not as long as its manifest "
    "says") {
  for (const size_t size : {size_t(1000), size_t(1 << 20)}) {
    INFO(size);
    MirrorWorld world;
    SharedLayer layer(world, size, 20);
    layer.known_to_hub(size);
    world.hub.next(hub_path(layer.digest), Fault::too_few(10));
    CHECK(world.get(hub_path(layer.digest)).status != 200);
    world.finish_fills();
    CHECK_FALSE(world.holds(layer.digest));
    CHECK(world.get(hub_path(layer.digest)).body == layer.content);
  }
}

TEST_CASE("whatever digest a blob's answer names, its bytes decide") {
  for (const char* named : {"", "\"\"", "md5:d41d8cd98f00b204e9800998ecf8427e", "SHA256:ABCD",
                            "sha256:0000000000000000000000000000000000000000000000000000000000000000"}) {
    INFO(named);
    MirrorWorld world;
    SharedLayer layer(world, 100'000, 21);
    world.hub.always(hub_path(layer.digest),
                     Fault::reply(200, {{"Docker-Content-Digest", named}}, layer.content));
    const auto answer = world.get(hub_path(layer.digest));
    CHECK(answer.body == layer.content);
    CHECK(answer.headers.get("Docker-Content-Digest") == layer.digest.text());
  }
}

TEST_CASE("a redirect does not say that an upstream has a blob: what it leads to does") {
  MirrorWorld world;
  SharedLayer layer(world, 100'000, 22);
  CHECK(world.get(hub_path(layer.digest)).body == layer.content);
  world.finish_fills();
  FakeRegistry cdn(world.loop);
  const auto blind = Fault::reply(307, {{"Location", cdn.url() + "/objects/" + layer.digest.hex()}});
  world.ghcr.always(ghcr_path(layer.digest), blind);
  CHECK(world.get_from_ghcr(ghcr_path(layer.digest)).status == 404);
  world.ghcr.heal();
  world.ghcr.redirect_blobs_to(cdn);
  world.clock().advance(std::chrono::seconds(11));
  CHECK(world.get_from_ghcr(ghcr_path(layer.digest)).body == layer.content);
  REQUIRE(cdn.count("GET", FakeRegistry::signed_path(layer.digest)) == 1);
  CHECK(cdn.seen().back().headers.get("Range") == "bytes=0-0");
}

TEST_CASE("a refusal of HEAD is not one of GET") {
  for (const int status : {404, 410, 400, 401, 403, 405, 501}) {
    INFO(status);
    MirrorWorld world;
    SharedLayer layer(world, 50'000, 23);
    world.hub.next(hub_path(layer.digest), Fault::reply(status));
    const auto answer = world.head(hub_path(layer.digest));
    CHECK(answer.status == 200);
    CHECK(answer.headers.get("Content-Length") == "50000");
    CHECK(world.get(hub_path(layer.digest)).body == layer.content);
  }
}

TEST_CASE("what upstream lacks by HEAD and by GET is not found, and not asked for again at once") {
  MirrorWorld world;
  SharedLayer layer(world, 1000, 24);
  const auto missing = digest_of("nobody has this");
  CHECK(world.head(hub_path(missing)).status == 404);
  CHECK(world.hub.count() == 2);
  CHECK(world.head(hub_path(missing)).status == 404);
  CHECK(world.get(hub_path(missing)).status == 404);
  CHECK(world.hub.count() == 2);
}

TEST_CASE("HEAD of a blob whose size nobody tells is a 200 without Content-Length and without a body") {
  MirrorWorld world;
  SharedLayer layer(world, 50'000, 25);
  world.hub.next(hub_path(layer.digest), Fault::reply(200));
  world.hub.next(hub_path(layer.digest), Fault::reply(206, {{"Content-Range", "bytes 0-0/*"}}, "x"));
  auto client = world.connect();
  const auto request = hub_path(layer.digest) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  client->send("HEAD " + request);
  const auto head = client->receive_reply_to_head();
  CHECK(head.starts_with("HTTP/1.1 200"));
  CHECK(head.find("Content-Length") == std::string::npos);
  client->send("GET " + request);
  CHECK(layer.is_whole(*client));
}

}  // namespace breakwater::test
