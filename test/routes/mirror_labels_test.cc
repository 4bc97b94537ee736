// What upstream says about a body does not overrule the digest that the body has.
#include <string>

#include "test/catch.h"
#include "test/fakes/gzipped.h"
#include "test/fakes/mirror_world.h"
#include "test/fakes/registry_world.h"

namespace breakwater::routes {
namespace {

using test::encoded;
using test::FakeRegistry;
using test::Fault;
using test::MirrorWorld;

constexpr const char* kAlpine = "library/alpine";
constexpr const char* kImageType = "application/vnd.oci.image.manifest.v1+json";

Fault sent_as(const char* field, const char* value, std::string body) {
  return Fault::reply(200, {{field, value}}, std::move(body));
}

TEST_CASE("a blob is served whatever web page its headers say that it is") {
  MirrorWorld world;
  const std::string bytes = test::content_of(300'000, 7);
  const auto layer = world.hub.blob(kAlpine, bytes);
  const auto path = FakeRegistry::blob_path(kAlpine, layer);
  world.hub.always(path, sent_as("Content-Type", "text/html; charset=utf-8", bytes));
  CHECK(world.get(path).body == bytes);
}

TEST_CASE("a web page in place of a tag, a list or a blob's size is refused") {
  MirrorWorld world;
  const auto layer = store::digest_of(store::Algorithm::sha256, "layer");
  for (const std::string& path :
       {FakeRegistry::manifest_path(kAlpine, "1"), std::string("/v2/library/alpine/tags/list"),
        FakeRegistry::blob_path(kAlpine, layer)}) {
    INFO(path);
    world.hub.always(path, Fault::html());
    world.hub.answer(path, test::Canned{200, {{"Content-Type", "text/html"}}, "<html>Log in</html>"});
    CHECK(world.head(path).status != 200);
    CHECK(world.get(path).status != 200);
  }
}

TEST_CASE("a blob, a manifest and a list that come encoded are served decoded") {
  MirrorWorld world;
  const std::string bytes = test::content_of(300'000, 7);
  const auto layer = FakeRegistry::blob_path(kAlpine, world.hub.blob(kAlpine, bytes));
  world.hub.always(layer, sent_as("Content-Encoding", "gzip", encoded(bytes)));
  CHECK(world.get(layer).body == bytes);

  const std::string image = test::image_of(store::digest_of(store::Algorithm::sha256, "{}"), 2, {});
  const auto tag = FakeRegistry::manifest_path(kAlpine, "1");
  world.hub.always(
      tag, Fault::reply(200, {{"Content-Encoding", "x-gzip"}, {"Content-Type", kImageType}}, encoded(image)));
  CHECK(world.get(tag).body == image);

  const std::string list = "/v2/library/alpine/tags/list";
  world.hub.answer(
      list, test::Canned{200, {{"Content-Encoding", "gzip"}}, encoded(R"({"name":"x","tags":["1"]})")});
  CHECK(world.get(list).body.find("\"1\"") != std::string::npos);
}

TEST_CASE("a layer that is a gzip file is served as it is, although storage labels it so") {
  MirrorWorld world;
  const std::string layer = encoded(test::content_of(300'000, 7));
  const auto digest = world.hub.blob(kAlpine, layer);
  const auto config = world.hub.blob(kAlpine, "{}");
  world.hub.manifest(kAlpine, "1", kImageType, test::image_of(config, 2, {{digest, layer.size()}}));
  const auto path = FakeRegistry::blob_path(kAlpine, digest);
  world.hub.always(path, sent_as("Content-Encoding", "gzip", layer));
  CHECK(world.get(FakeRegistry::manifest_path(kAlpine, "1")).status == 200);
  CHECK(world.get(path).body == layer);
}

TEST_CASE("a layer that is a gzip file is served as it is in the end, although nothing tells its size") {
  MirrorWorld world;
  const std::string layer = encoded(test::content_of(300'000, 7));
  const auto digest = world.hub.blob(kAlpine, layer);
  const auto path = FakeRegistry::blob_path(kAlpine, digest);
  world.hub.always(path, sent_as("Content-Encoding", "gzip", layer));
  (void)world.get(path);  // may have been sent decoded bytes, and is cut off then
  world.finish_fills();
  CHECK(world.get(path).body == layer);
  CHECK(world.hub.count("GET", path) == 2);
}

TEST_CASE("an upstream that sends nothing with 200 is asked no more often than any that fails") {
  MirrorWorld world;
  const auto digest = world.hub.blob(kAlpine, "the layer");
  const auto path = FakeRegistry::blob_path(kAlpine, digest);
  world.hub.always(path, Fault::reply(200));
  CHECK(world.get(path).status >= 500);
  world.finish_fills();
  CHECK(world.hub.count("GET", path) <= 5);
}

TEST_CASE("one portal of two sources spoils no layer for the other") {
  MirrorWorld world;
  const std::string bytes = test::content_of(300'000, 7);
  const auto digest = world.ghcr.blob("org/app", bytes);
  const auto path = FakeRegistry::blob_path(kAlpine, digest);
  world.hub.always(path, sent_as("Content-Type", "text/html", "<html>" + std::string(3'000, ' ')));
  (void)world.get(path);
  CHECK(world.get("/v2/org/app/blobs/" + digest.text() + "?ns=ghcr.io").body == bytes);
}

TEST_CASE("the length that an answer told which brought nothing binds no other") {
  MirrorWorld world;
  const std::string bytes = test::content_of(300'000, 7);
  const auto path = FakeRegistry::blob_path(kAlpine, world.hub.blob(kAlpine, bytes));
  world.hub.next(path, Fault::raw("HTTP/1.1 200 OK\r\nContent-Length: 5120\r\n\r\n"));
  CHECK(world.get(path).body == bytes);
}

TEST_CASE("an upstream that tells no length takes room as its bytes come") {
  MirrorWorld world;
  world.files.settings.route_bytes_max["dockerhub"] = 1 << 20;
  const std::string bytes = test::content_of(300'000, 7);
  const auto digest = world.hub.blob(kAlpine, bytes);
  const auto path = FakeRegistry::blob_path(kAlpine, digest);
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  world.hub.always(path, Fault::raw(head + test::chunked(bytes)));
  CHECK(world.get(path).body == bytes);
  world.finish_fills();
  CHECK(world.holds(digest));
}

TEST_CASE("a body that does not end when it is decoded is given up before it costs others their room") {
  MirrorWorld world;
  world.files.settings.bytes_max = 40 << 20;
  world.fill_settings.growth_bytes = 1 << 20;
  const auto other = world.hub.blob(kAlpine, test::content_of(300'000, 7));
  CHECK(world.get(FakeRegistry::blob_path(kAlpine, other)).status == 200);
  world.finish_fills();
  world.clock().advance(std::chrono::hours(1));
  const auto layer = world.hub.blob(kAlpine, "the layer");
  const auto config = world.hub.blob(kAlpine, "{}");
  world.hub.manifest(kAlpine, "1", kImageType, test::image_of(config, 2, {{layer, 9}}));
  const auto path = FakeRegistry::blob_path(kAlpine, layer);
  world.hub.always(path, sent_as("Content-Encoding", "gzip", encoded(std::string(50'000'000, 'x'))));
  CHECK(world.get(FakeRegistry::manifest_path(kAlpine, "1")).status == 200);
  CHECK(world.get(path).status != 200);
  world.finish_fills();
  CHECK(world.holds(other));
}

}  // namespace
}  // namespace breakwater::routes
