// What `ls` says of routes, repositories, tags and one image.
#include "routes/ops/listing.h"

#include <nlohmann/json.hpp>

#include "store/references/image_pattern.h"
#include "store/references/references.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::routes {
namespace {

using store::Digest;
using store::RepositoryKey;
using test::digest_of;
using test::PushedWorld;

const RepositoryKey kAlpine{"dockerhub", "library/alpine"};

std::string descriptor(const Digest& digest, const std::string& more = "") {
  return R"({"digest": ")" + digest.text() + "\"" + more + "}";
}

// A mirror's image for two platforms, of which only one was fetched, with a layer that is not here.
struct ListedWorld : PushedWorld {
  const std::string config = "config", layer = std::string(9000, 'l');
  std::string image, index;
  Digest absent = digest_of("a layer that nobody asked for"), other = digest_of("another platform");

  ListedWorld() {
    REQUIRE(put(kAlpine, config));
    REQUIRE(put(kAlpine, layer));
    image = R"({"config": )" + descriptor(digest_of(config)) + R"(, "layers": [)" +
            descriptor(digest_of(layer)) + "," + descriptor(absent) + "]}";
    index = R"({"manifests": [)" +
            descriptor(digest_of(image),
                       R"(, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"})") +
            "," + descriptor(other) + "]}";
    auto content = content_of(image, {digest_of(config), digest_of(layer), absent});
    content.children[2].edge.size = 50'000;
    mirror(image, content, "");
    content = content_of(index, {digest_of(image), other});
    for (auto& child : content.children) child.edge.is_manifest = true;
    content.children[1].edge.size = 700;
    mirror(index, content, "3.20");
    content = content_of("signature", {});
    content.record.subject = digest_of(index);
    content.record.artifact_type = "application/signature";
    content.referrer_descriptor = "{}";
    mirror("signature", content, "");
  }
  void mirror(const std::string& text, const store::ManifestContent& content, const std::string& tag) {
    REQUIRE(
        store->manifests().put(kAlpine, digest_of(text), text, content, tag, store::Durability::buffered));
  }
  uint64_t here_bytes() const { return config.size() + layer.size() + image.size() + index.size(); }
};

}  // namespace

TEST_CASE("an image is listed as a tree with true sizes, which are here and which are not") {
  ListedWorld world;
  const auto tree = image_tree(*world.store, kAlpine, "3.20");
  REQUIRE(tree);
  CHECK(tree->at("image") == "dockerhub/library/alpine:3.20");
  CHECK(tree->at("here_bytes") == world.here_bytes());
  CHECK(tree->at("bytes") == world.here_bytes() + 50'700);
  CHECK(tree->at("missing") == 2);
  CHECK(tree->at("at_least") == true);
  const auto& root = tree->at("tree");
  CHECK(root.at("kind") == "index");
  REQUIRE(root.at("children").size() == 2);
  for (const auto& platform : root.at("children")) {
    CHECK(platform.at("kind") == "manifest");
    const bool is_fetched = platform.at("digest") == digest_of(world.image).text();
    CHECK(platform.at("here") == is_fetched);
    if (!is_fetched) continue;
    CHECK(platform.at("platform") == "linux/arm64/v8");
    REQUIRE(platform.at("children").size() == 3);
    for (const auto& child : platform.at("children")) {
      const bool is_config = child.at("digest") == digest_of(world.config).text();
      CHECK(child.at("kind") == (is_config ? "config" : "layer"));
      CHECK(child.at("here") == (child.at("digest") != world.absent.text()));
    }
  }
  CHECK(tree->at("referrers").at(0).at("artifact_type") == "application/signature");
  CHECK(image_tree(*world.store, kAlpine, digest_of(world.image).text())->at("tree").at("kind") ==
        "manifest");
  CHECK(image_tree(*world.store, kAlpine, "4").error().kind == Error::Kind::not_found);
}

TEST_CASE("a layer that two platforms share counts once in the size of their index") {
  PushedWorld world;
  const Digest layer = world.upload(std::string(9000, 'l'));
  const Digest amd64 = world.push("amd64", {layer}, {}), arm64 = world.push("arm64", {layer}, {});
  world.push("index", {amd64, arm64}, {"1"});
  const auto tags = list_tags(*world.store, world.app, {});
  REQUIRE(tags);
  CHECK(tags->at("tags").at(0).at("bytes") == 9000 + 5 + 5 + 5);
  CHECK(tags->at("tags").at(0).at("missing") == 0);
  CHECK_FALSE(tags->at("tags").at(0).contains("checked_at"));
}

TEST_CASE("routes, repositories and tags are listed in pages, and a pin is told") {
  ListedWorld world;
  for (const char* tag : {"a", "b", "c"}) world.push(tag, {}, {tag});
  REQUIRE(world.store->references().pin({"dockerhub", "library/alpine", "3.20"}));
  bool has_hub = false;
  const auto routes = list_routes(*world.store);
  for (const auto& route : routes.at("routes")) {
    CHECK(route.at("route") != "");
    if (route.at("route") == "dockerhub") has_hub = route.at("kind") == "mirror";
  }
  CHECK(has_hub);
  const auto names = list_repositories(*world.store, "private", {});
  REQUIRE(names);
  CHECK(names->at("repositories").at(0).at("repository") == "team/app");
  CHECK(names->at("repositories").at(0).at("tags") == 3);
  CHECK_FALSE(names->contains("last"));
  const auto page = list_tags(*world.store, world.app, {"a", 1});
  REQUIRE(page);
  CHECK(page->at("tags").size() == 1);
  CHECK(page->at("tags").at(0).at("tag") == "b");
  CHECK(page->at("last") == "b");
  const auto pinned = list_tags(*world.store, kAlpine, {});
  REQUIRE(pinned);
  CHECK(pinned->at("tags").at(0).at("pinned") == true);
  CHECK(pinned->at("tags").at(0).contains("checked_at"));
  CHECK(list_tags(*world.store, {"private", "nothing"}, {}).error().kind == Error::Kind::not_found);
  CHECK(list_repositories(*world.store, "nothing", {}).error().kind == Error::Kind::not_found);
}

}  // namespace breakwater::routes
