#include "routes/mirror/negative_cache.h"

#include <chrono>
#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

constexpr store::Time::duration kLifetime = std::chrono::seconds(10);

TEST_CASE("what upstream does not have is believed for as long as it was said to be") {
  NegativeCache cache;
  const store::Time now(std::chrono::seconds(100));
  cache.put("a@1", Error(Error::Kind::not_found, "no a", 0), now, kLifetime);
  CHECK(cache.find("a@1", now)->message == "no a");
  CHECK_FALSE(cache.find("a@2", now));
  CHECK_FALSE(cache.find("a@1", now + kLifetime));
}

TEST_CASE("a key or a message that a client can make as long as it likes is not kept in memory") {
  NegativeCache cache;
  const store::Time now(std::chrono::seconds(100));
  const std::string query = "a?last=" + std::string(8'000, 'x');
  cache.put(query, Error(Error::Kind::not_found, "no a", 0), now, kLifetime);
  CHECK_FALSE(cache.find(query, now));
  cache.put("a@1", Error(Error::Kind::not_found, std::string(8'000, 'x'), 0), now, kLifetime);
  CHECK_FALSE(cache.find("a@1", now));
}

}  // namespace
}  // namespace breakwater::routes
