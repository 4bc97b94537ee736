// The route that mirrors whatever registry a client names by `?ns=`.
#include <string>

#include "routes/oci/media_type.h"
#include "store/catalog/catalog.h"
#include "test/catch.h"
#include "test/fakes/mirror_world.h"

namespace breakwater::test {
namespace {

std::string at(const std::string& path, const std::string& ns) { return "/v2/" + path + "?ns=" + ns; }

}  // namespace

TEST_CASE(
    "a registry of the list is mirrored, on any listener, and its repositories are kept under its name") {
  MirrorWorld world;
  world.any_registries = {"gcr.io", "*.pkg.dev"};
  const auto layer = world.other.blob("org/app", "the layer");
  const auto bytes = image_of(layer, 9, {});
  const auto digest = world.other.manifest("org/app", "1", std::string(routes::kOciManifest), bytes);
  for (const char* ns : {"gcr.io", "GCR.io:443", "europe-docker.pkg.dev"}) {
    CAPTURE(ns);
    const auto answer = world.get(at("org/app/manifests/1", ns));
    CHECK(answer.status == 200);
    CHECK(answer.body == bytes);
    CHECK(answer.headers.get("OCI-Namespace") == ns);
    CHECK(world.get(at("org/app/blobs/" + layer.text(), ns)).body == "the layer");
  }
  world.finish_fills();
  CHECK(*world.store().catalog().repositories("any", "", 10) ==
        std::vector<std::string>{"europe-docker.pkg.dev/org/app", "gcr.io/org/app"});
  CHECK(world.other.count("GET", FakeRegistry::manifest_path("org/app", "1")) == 2);
  CHECK(world.other.count("GET", FakeRegistry::blob_path("org/app", layer)) == 1);
  world.other.shut();
  CHECK(world.get(at("org/app/manifests/" + digest.text(), "gcr.io")).body == bytes);
}

TEST_CASE("the lists of a registry that a client names have its own repository's name") {
  MirrorWorld world;
  world.any_registries = {"gcr.io"};
  world.other.answer("/v2/org/app/tags/list", Canned(200, {{"Content-Type", "application/json"}},
                                                     R"({"name":"org/app","tags":["1","2"]})"));
  CHECK(world.get(at("org/app/tags/list", "gcr.io")).body == R"({"name":"org/app","tags":["1","2"]})");
}

TEST_CASE("a registry that no route names is asked nothing, and not found") {
  MirrorWorld world;
  world.any_registries = {"gcr.io", "*.pkg.dev"};
  for (const char* ns : {"pkg.dev", "gcr.io.evil.example", "gcr.io:8443", "127.0.0.1:22", "a/b"}) {
    CAPTURE(ns);
    CHECK(world.get(at("org/app/manifests/1", ns)).status == 404);
  }
  CHECK(world.other.count() == 0);
  CHECK(world.hub.count() == 0);
}

TEST_CASE("two registries with a repository of one name are apart, also from Docker Hub's") {
  MirrorWorld world;
  world.any_registries = {"gcr.io", "lscr.io"};
  const auto type = std::string(routes::kOciManifest);
  const auto ours = image_of(digest_of("a"), 1, {}), theirs = image_of(digest_of("b"), 1, {});
  world.hub.manifest("org/app", "1", type, ours);
  world.other.manifest("org/app", "1", type, theirs);
  CHECK(world.get("/v2/org/app/manifests/1").body == ours);
  CHECK(world.get(at("org/app/manifests/1", "gcr.io")).body == theirs);
  CHECK(world.get(at("org/app/manifests/1", "index.docker.io")).body == ours);
  world.other.shut();
  CHECK(world.get(at("org/app/manifests/1", "lscr.io")).status == 503);
}

TEST_CASE("clients can name so many registries of a pattern, and leave those of the list their place") {
  MirrorWorld world;
  world.any_registries = {"gcr.io", "*.pkg.dev"};
  world.other.manifest("org/app", "1", std::string(routes::kOciManifest), image_of(digest_of("a"), 1, {}));
  int refused = 0;
  for (int i = 0; i < 260; ++i) {
    const auto status = world.get(at("org/app/manifests/1", "r" + std::to_string(i) + ".pkg.dev")).status;
    refused += status == 503 ? 1 : 0;
  }
  CHECK(refused == 260 - 256);
  CHECK(world.get(at("org/app/manifests/1", "gcr.io")).status == 200);
}

}  // namespace breakwater::test
