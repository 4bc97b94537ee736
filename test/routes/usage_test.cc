// What `du` says, as programs read it.
#include "routes/ops/usage.h"

#include <nlohmann/json.hpp>
#include <stop_token>

#include "test/catch.h"
#include "test/fakes/pushed_world.h"

namespace breakwater::routes {
namespace {

using test::PushedWorld;

uint64_t sum(const nlohmann::ordered_json& rows, const char* field) {
  uint64_t bytes = 0;
  for (const auto& row : rows) bytes += row.at(field).get<uint64_t>();
  return bytes;
}

}  // namespace

TEST_CASE("of a tag du says what it has alone and what it shares, and deleting it frees what it said") {
  PushedWorld world;
  const auto shared = world.upload(std::string(9000, 's')), own = world.upload(std::string(5000, 'o'));
  const auto elsewhere = world.upload(std::string(7000, 'e'), world.app);
  REQUIRE(world.put(world.other, std::string(7000, 'e')));
  const auto others = world.content_of("three", {elsewhere});
  REQUIRE(world.store->manifests().push(world.other, test::digest_of("three"), "three", others, {"3"}));
  world.push("one", {shared, own, elsewhere}, {"1"});
  world.push("two", {shared}, {"2", "also-2"});
  const auto answer = usage_by_tag(*world.store, {world.app}, {});
  REQUIRE(answer);
  const auto& tags = answer->at("tags");
  REQUIRE(tags.size() == 3);
  CHECK(tags.at(0).at("tag") == "1");
  CHECK(tags.at(0).at("bytes") == 12288 + 8192 + 8192 + 4096);
  CHECK(tags.at(0).at("unique_bytes") == 8192 + 4096);
  CHECK(tags.at(0).at("shared_bytes") == 12288 + 8192);
  CHECK(tags.at(0).at("freed_bytes") == 8192 + 4096);
  for (const size_t i : {1, 2}) {
    CHECK(tags.at(i).at("bytes") == 12288 + 4096);
    CHECK(tags.at(i).at("unique_bytes") == 0);  // two tags have it
    CHECK(tags.at(i).at("freed_bytes") == 0);
  }
  CHECK_FALSE(answer->contains("last"));
  const auto page = usage_by_tag(*world.store, {world.app, "1", 1}, {});
  CHECK(page->at("tags").at(0).at("tag") == "2");
  CHECK(page->at("last") == "2");
  CHECK(usage_by_tag(*world.store, {{"private", "nothing"}}, {}).error().kind == Error::Kind::not_found);

  const auto freed = tags.at(0).at("freed_bytes").get<uint64_t>();
  const uint64_t before = world.store->budget().whole().stored;
  REQUIRE(world.store->references().delete_tag(world.app, "1"));
  world.pass(std::chrono::hours(2000));
  world.collect();
  CHECK(before - world.store->budget().whole().stored == freed);
}

TEST_CASE("the rows of du add up to its total, by route and by repository, also those that are left out") {
  PushedWorld world;
  REQUIRE(world.put({"dockerhub", "library/alpine"}, std::string(9000, 'a')));
  REQUIRE(world.put({"ghcr", "org/app"}, std::string(9000, 'a')));
  for (int i = 0; i < 5; ++i)
    REQUIRE(world.put({"ghcr", "org/" + std::to_string(i)}, std::string(5000, static_cast<char>('0' + i))));
  world.push("image", {world.upload(std::string(60000, 'l'))}, {"latest"});
  const auto by_route = usage(*world.store, {}, {});
  REQUIRE(by_route);
  const auto rest = [](const nlohmann::ordered_json& answer) {
    return answer.at("trash_bytes").get<uint64_t>() + answer.at("catalog_bytes").get<uint64_t>() +
           answer.at("other_bytes").get<uint64_t>() + answer.at("unattributed_bytes").get<uint64_t>();
  };
  const auto& routes = by_route->at("routes");
  CHECK(sum(routes, "paid_bytes") + sum(routes, "incoming_bytes") + rest(*by_route) ==
        by_route->at("total_bytes").get<uint64_t>());
  CHECK(routes.at(0).at("route") == "private");
  CHECK(routes.at(0).at("kind") == "registry");

  UsageQuestion question;
  question.by = UsageQuestion::By::repository;
  question.rows_max = 3;
  const auto by_repository = usage(*world.store, question, {});
  REQUIRE(by_repository);
  CHECK(by_repository->at("repositories").size() == 3);
  CHECK(by_repository->at("left_out").at("repositories") == 5);
  CHECK(sum(by_repository->at("repositories"), "unique_bytes") +
            by_repository->at("left_out").at("unique_bytes").get<uint64_t>() +
            by_repository->at("shared_bytes").get<uint64_t>() +
            by_repository->at("unheld_bytes").get<uint64_t>() ==
        by_repository->at("blobs_bytes").get<uint64_t>());
}

TEST_CASE("du that is stopped says so") {
  PushedWorld world;
  std::stop_source stop;
  stop.request_stop();
  CHECK(usage(*world.store, {}, stop.get_token()).error().kind == Error::Kind::conflict);
}

}  // namespace breakwater::routes
