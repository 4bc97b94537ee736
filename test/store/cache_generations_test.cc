// What the pushes of a cache tag have brought, and when that is forgotten.
#include "store/history/cache_generations.h"

#include <stop_token>
#include <string>

#include "store/catalog/catalog_history.h"
#include "store/references/references.h"
#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::store {
namespace {

using std::chrono::hours;
using test::digest_of;
using test::PushedWorld;

struct World : PushedWorld {
  Digest layer(char name, size_t bytes) { return upload(std::string(bytes, name)); }

  GenerationsRecord of(const std::string& tag) {
    const auto record = store->catalog().past().generations(app, tag);
    REQUIRE(record);
    return *record ? **record : GenerationsRecord();
  }
  const GenerationsRecord::Layer* find(const GenerationsRecord& record, const Digest& digest) {
    for (const auto& layer : record.layers) {
      if (layer.digest == digest) return &layer;
    }
    return nullptr;
  }
};

}  // namespace

TEST_CASE("each push of a cache tag says what was new and what was there before") {
  World world;
  const Digest base = world.layer('b', 5000), first = world.layer('1', 700), second = world.layer('2', 900);
  world.push("cache 1", {base, first}, {"main-cache"});
  world.pass(hours(1));
  world.push("cache 22", {base, second}, {"main-cache"});
  REQUIRE(world.open());
  const auto record = world.of("main-cache");
  CHECK(record.pushes == 2);
  REQUIRE(record.generations.size() == 2);
  const auto& newest = record.generations[0];
  CHECK(newest.digest == digest_of("cache 22"));
  CHECK(newest.bytes == 5000 + 900 + 8);
  CHECK(newest.layers == 2);
  CHECK(newest.new_bytes == 900 + 8);
  CHECK(newest.new_layers == 1);
  const auto& older = record.generations[1];
  CHECK(older.new_bytes == 5000 + 700 + 7);
  CHECK(older.new_layers == 2);
  CHECK(newest.at - older.at == hours(1));
  REQUIRE(record.layers.size() == 3);
  CHECK(world.find(record, base)->in == 0b11);
  CHECK(world.find(record, second)->in == 0b01);
  CHECK(world.find(record, first)->in == 0b10);
  CHECK(world.find(record, base)->position == 0);
  CHECK(world.find(record, second)->position == 1);
  CHECK(world.find(record, second)->bytes == 900);
}

TEST_CASE("what another image of the repository brought is not new, nor is anything of the same push again") {
  World world;
  const Digest base = world.layer('b', 5000), own = world.layer('1', 700);
  world.push("image", {base}, {"v1"});
  world.push("cache", {base, own}, {"cache-1"});
  CHECK(world.of("cache-1").generations[0].new_bytes == 700 + 5);
  CHECK(world.of("cache-1").generations[0].new_layers == 1);
  world.push("cache", {base, own}, {"cache-1"});
  const auto again = world.of("cache-1");
  REQUIRE(again.generations.size() == 2);
  CHECK(again.generations[0].new_bytes == 0);
  CHECK(again.generations[0].bytes == again.generations[1].bytes);
  CHECK(world.of("v1").pushes == 0);  // the policy does not call it a cache
}

TEST_CASE("of an index everything below its manifests counts, each digest once") {
  World world;
  const Digest shared = world.layer('s', 4000), own = world.layer('o', 300);
  const Digest amd = world.push("amd64", {shared, own}, {}), arm = world.push("arm", {shared}, {});
  auto content = world.content_of("index", {});
  content.children.push_back({amd, {"manifest", 5, true}});
  content.children.push_back({arm, {"manifest", 3, true}});
  REQUIRE(world.store->manifests().push(world.app, digest_of("index"), "index", content, {"cache"}));
  const auto record = world.of("cache");
  REQUIRE(record.generations.size() == 1);
  CHECK(record.generations[0].bytes == 4000 + 300 + 5 + 5 + 3);
  CHECK(record.generations[0].layers == 2);
  // Two manifests of the same push name it, and no other.
  CHECK(record.generations[0].new_bytes == record.generations[0].bytes);
}

TEST_CASE("so many generations and layers are kept, the newest") {
  World world;
  const Digest base = world.layer('b', 5000);
  for (int i = 0; i < 40; ++i) {
    std::vector<Digest> children{base};
    for (int j = 0; j < 10; ++j)
      children.push_back(world.upload("layer " + std::to_string(i) + " " + std::to_string(j)));
    world.push("cache " + std::to_string(i), children, {"cache"});
  }
  const auto record = world.of("cache");
  CHECK(record.pushes == 40);
  REQUIRE(record.generations.size() == GenerationsRecord::kGenerationsMax);
  CHECK(record.generations[0].digest == digest_of("cache 39"));
  CHECK(record.generations[29].digest == digest_of("cache 10"));
  CHECK(record.layers.size() == GenerationsRecord::kLayersMax);
  CHECK(world.find(record, base)->in == (1U << 30) - 1);
  CHECK(record.layers[0].digest == base);
  CHECK(world.find(record, digest_of("layer 39 3"))->in == 1);
  CHECK(world.find(record, digest_of("layer 10 3")) == nullptr);
}

TEST_CASE("a record goes with its tag, and with its route") {
  World world;
  const Digest base = world.layer('b', 5000);
  const Digest image = world.push("cache", {base}, {"cache-1", "cache-2", "cache-3"});
  CHECK(world.of("cache-1").pushes == 1);
  REQUIRE(world.store->references().delete_tag(world.app, "cache-1"));
  CHECK(world.of("cache-1").pushes == 0);
  CHECK(world.of("cache-2").pushes == 1);
  REQUIRE(world.store->references().delete_manifest(world.app, image));
  CHECK(world.of("cache-2").pushes == 0);
  world.push("cache", {base}, {"cache-1"});
  world.settings.registry_routes = {"other"};
  REQUIRE(world.open());
  REQUIRE(world.store->forget_route("private", std::stop_token()));
  CHECK(world.of("cache-1").pushes == 0);
}

TEST_CASE("an import is noted by the tag or by the digest that it names, and a tag without pushes has none") {
  World world;
  const Digest base = world.layer('b', 5000);
  const Digest cache = world.push("cache", {base}, {"cache-1", "v1"});
  const auto pushed = world.clock.wall();
  world.pass(hours(1));
  const Time now = world.store->clock().now();
  REQUIRE(world.store->generations().note_imports(std::vector<CacheGenerations::Import>{
      {world.app, "cache-1", {}, now, 2}, {world.app, "", cache, now, 3}, {world.app, "v1", {}, now, 1}}));
  CHECK(world.of("cache-1").imports == 5);
  CHECK(world.of("cache-1").imported_at == pushed + hours(1));
  CHECK(world.of("v1").imports == 0);
  world.push("cache 2", {base}, {"cache-1"});
  CHECK(world.of("cache-1").imports == 5);
}

TEST_CASE("of too many records those go whose tags were pushed longest ago, and those of no tag") {
  World world;
  const Digest base = world.layer('b', 5000);
  CacheGenerations small(world.store->parts().catalog, world.store->rules(), world.store->clock(), world.log,
                         2000);
  const auto content = world.content_of("cache", {base});
  for (int i = 0; i < 30; ++i) {
    world.push("cache", {base}, {"cache-" + std::to_string(i)});
    world.pass(hours(1));
  }
  REQUIRE(small.note_push(world.app, digest_of("cache"), content.children, {"cache-of-no-tag"}));
  REQUIRE(small.trim());
  CHECK(world.of("cache-of-no-tag").pushes == 0);
  CHECK(world.of("cache-0").pushes == 0);
  CHECK(world.of("cache-29").pushes == 1);
  uint64_t kept = 0;
  for (int i = 0; i < 30; ++i) kept += world.of("cache-" + std::to_string(i)).pushes;
  CHECK(kept > 5);
  CHECK(kept < 20);
}

}  // namespace breakwater::store
