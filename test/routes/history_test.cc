// What is counted of requests, and that it comes to the store whole, and once.
#include "routes/ops/history.h"

#include <optional>
#include <string>
#include <vector>

#include "proxy/loop/workers.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_history.h"
#include "store/catalog/store_clock.h"
#include "test/catch.h"
#include "test/fakes/recorded_exchange.h"
#include "test/fakes/run.h"
#include "test/fakes/store_world.h"

namespace breakwater::routes {
namespace {

using std::chrono::hours;
using store::HeavyKind;
using store::TrafficCounts;
using store::TrafficRing;

struct World : test::StoreWorld {
  World() { REQUIRE(open()); }
  void begin() { history.emplace(loop, *store, log); }

  struct Asked {
    std::string method = "GET";
    std::string route = "dockerhub";
    std::string repository = "library/alpine";
    std::string reference = "3.20";
    int status = 200;
    CacheResult cache = CacheResult::hit;
    size_t bytes = 100;
    uint64_t pushed_bytes = 0;
    uint64_t reused_bytes = 0;
  };
  void count(const Asked& asked, int times = 1) {
    if (!history) begin();
    const std::string target = "/v2/" + asked.repository + "/manifests/" + asked.reference;
    test::RecordedExchange exchange(asked.method, target);
    exchange.reply(asked.status, {}, std::string(asked.bytes, 'x'));
    RequestContext context;
    context.route = asked.route;
    context.repository = asked.repository;
    if (auto path = parse_oci_path(target)) context.path = *path;
    context.cache = asked.cache;
    context.pushed_bytes = asked.pushed_bytes;
    context.reused_bytes = asked.reused_bytes;
    for (int i = 0; i < times; ++i)
      history->count(history->of(asked.route), {exchange, context, asked.status, 0.1, loop.now()});
  }
  Result<> flush() { return test::run(loop, history->flush(workers)); }

  TrafficCounts counts(const std::string& route = "dockerhub") {
    TrafficCounts sum;
    REQUIRE(store->traffic().read(TrafficRing::minutes, store->clock().now() - hours(1),
                                  [&](const auto& of, const auto& record) {
                                    if (of == route) sum += record.counts;
                                  }));
    return sum;
  }
  const store::HeavyHitter* find(HeavyKind kind, const std::string& key) {
    day = store->traffic().heaviest(kind, store->clock().now()).value();
    for (const auto& entry : day.by_requests.entries) {
      if (entry.key == key) return &entry;
    }
    return nullptr;
  }

  proxy::Loop loop;
  proxy::Workers workers{loop, 1};
  store::HeavyRecord day;
  std::optional<History> history;
};

std::string key_of(const std::string& route, const std::string& repository) {
  return route + '\0' + repository;
}

}  // namespace

TEST_CASE("a request is counted by how it ended and by what its answer came from") {
  World world;
  world.count({.cache = CacheResult::hit, .bytes = 1});
  world.count({.cache = CacheResult::miss, .bytes = 2});
  world.count({.cache = CacheResult::follow, .bytes = 4});
  world.count({.cache = CacheResult::stale, .bytes = 8});
  world.count({.cache = CacheResult::revalidated, .bytes = 16});
  world.count({.cache = CacheResult::pass, .bytes = 32});
  world.count({.status = 404, .cache = CacheResult::none, .bytes = 64});
  world.count({.status = 403, .cache = CacheResult::none, .bytes = 128});
  world.count({.status = 499, .cache = CacheResult::miss, .bytes = 0});
  world.count({.status = 502, .cache = CacheResult::none, .bytes = 256});
  world.history->count_upstream(world.history->of("dockerhub"), "library/alpine", 1000);
  REQUIRE(world.flush());
  const auto counts = world.counts();
  CHECK(counts.requests == 10);
  CHECK(counts.bytes_sent == 511);
  CHECK(counts.hits == 1);
  CHECK(counts.misses == 2);
  CHECK(counts.follows == 1);
  CHECK(counts.stale == 1);
  CHECK(counts.revalidated == 1);
  CHECK(counts.passed == 1);
  CHECK(counts.bytes_from_store == 1 + 8 + 16);
  CHECK(counts.not_found == 1);
  CHECK(counts.refused == 2);
  CHECK(counts.errors == 1);
  CHECK(counts.asked == 7);
  CHECK(counts.asked_bytes == 127);
  CHECK(counts.upstream_requests == 1);
  CHECK(counts.upstream_bytes == 1000);
  const auto* repository = world.find(HeavyKind::repositories, key_of("dockerhub", "library/alpine"));
  REQUIRE(repository);
  CHECK(repository->load == store::Load{7, 127, 1, 1000});
  const auto* client = world.find(HeavyKind::clients, "127.0.0.1");
  REQUIRE(client);
  CHECK(client->load == store::Load{10, 511, 0, 0});
}

TEST_CASE("of a registry what was pushed and what was not uploaded counts, and nothing as saved upstream") {
  World world;
  world.count({.method = "PUT", .route = "private", .status = 201, .pushed_bytes = 700});
  world.count({.method = "HEAD", .route = "private", .reused_bytes = 5000});
  REQUIRE(world.flush());
  const auto counts = world.counts("private");
  CHECK(counts.pushed_bytes == 700);
  CHECK(counts.reused_bytes == 5000);
  CHECK(counts.asked == 0);
  CHECK(counts.asked_bytes == 0);
}

TEST_CASE("what was counted is written once, and what cannot be written is written later") {
  World world;
  world.count({}, 3);
  REQUIRE(world.flush());
  REQUIRE(world.flush());
  CHECK(world.counts().requests == 3);
  world.count({}, 4);
  world.disk.stop();
  CHECK_FALSE(world.flush());
  world.count({}, 5);
  CHECK_FALSE(world.flush());
  world.disk.start_again();
  CHECK(world.flush());
  CHECK(world.counts().requests == 12);
  // Counted in the last minute of a process that stops in order.
  world.count({}, 6);
  REQUIRE(world.history->save());
  REQUIRE(world.history->save());
  world.history.reset();
  REQUIRE(world.open());
  CHECK(world.counts().requests == 18);
}

TEST_CASE("a process that is killed loses what it has not written, and nothing else") {
  World world;
  world.count({}, 3);
  REQUIRE(world.flush());
  world.count({}, 4);
  world.history.reset();
  world.crash();
  REQUIRE(world.open());
  world.count({}, 5);
  REQUIRE(world.flush());
  CHECK(world.counts().requests == 8);
}

TEST_CASE("of more names in a minute than there are places for, the heaviest are known") {
  World world;
  for (int i = 0; i < 4000; ++i) {
    world.count({.repository = "r" + std::to_string(i)});
    if (i % 10 == 0) world.count({.repository = "heavy"}, 3);
  }
  REQUIRE(world.flush());
  const auto* heavy = world.find(HeavyKind::repositories, key_of("dockerhub", "heavy"));
  REQUIRE(heavy);
  CHECK(heavy->weight >= 1200);
  CHECK(heavy->weight - heavy->error <= 1200);
  CHECK(world.day.by_requests.entries.size() == 100);
  CHECK(world.day.by_requests.floor <= 5200 / 101);
  CHECK(world.counts().requests == 5200);
}

TEST_CASE("routes beyond the bound share a history, and a repository is known by its own route") {
  World world;
  const int routes = static_cast<int>(store::TrafficHistory::kRoutesMax) + 5;
  for (int i = 0; i < routes; ++i) world.count({.route = "route" + std::to_string(i)});
  world.count({.route = "route0"});
  REQUIRE(world.flush());
  CHECK(world.counts("route0").requests == 2);
  CHECK(world.counts("").requests == 5);
  CHECK(world.find(HeavyKind::repositories, key_of("route" + std::to_string(routes - 1), "library/alpine")));
}

TEST_CASE("a manifest of a cache tag that is fetched counts as an import, by tag and by digest") {
  World world;
  const store::RepositoryKey app{"private", "team/app"};
  REQUIRE(world.put(app, "cache"));
  store::ManifestContent content;
  content.record.size = 5;
  const auto digest = test::digest_of("cache");
  REQUIRE(world.store->manifests().push(app, digest, "cache", content, {"main-cache"}));
  World::Asked asked{.route = "private", .repository = app.repository, .reference = "main-cache"};
  world.count(asked, 2);
  asked.method = "HEAD";  // by somebody who is about to push
  world.count(asked);
  asked.method = "GET";
  asked.reference = digest.text();
  world.count(asked);
  asked.status = 404;
  world.count(asked);
  REQUIRE(world.flush());
  const auto record = world.store->catalog().past().generations(app, "main-cache");
  REQUIRE(record);
  REQUIRE(*record);
  CHECK((*record)->imports == 3);
  CHECK((*record)->imported_at == world.clock.wall());
}

}  // namespace breakwater::routes
