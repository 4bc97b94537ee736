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
