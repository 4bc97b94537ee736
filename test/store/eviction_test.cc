#include "store/capacity/eviction.h"

#include "test/catch.h"

namespace breakwater::store {
namespace {

using Kind = EvictionCandidate::Kind;

EvictionCandidate candidate(Kind kind, const char* route, uint64_t bytes, int64_t used_at,
                            bool pinned = false) {
  return {kind, route, bytes, Time(std::chrono::milliseconds(used_at)), pinned};
}

using Chosen = std::vector<size_t>;

TEST_CASE("nothing goes when nothing is needed") {
  const std::vector candidates = {candidate(Kind::blob, "a", 10, 1)};
  CHECK(choose_evictions(candidates, "a", {0, 0}).empty());
}

TEST_CASE("the least recently used goes first, and no more than is needed") {
  const std::vector candidates = {candidate(Kind::blob, "a", 10, 3), candidate(Kind::blob, "a", 10, 1),
                                  candidate(Kind::blob, "a", 10, 2)};
  CHECK(choose_evictions(candidates, "a", {0, 10}) == Chosen{1});
  CHECK(choose_evictions(candidates, "a", {0, 11}) == Chosen{1, 2});
}

TEST_CASE("partials go before blobs and blobs before manifests, however old") {
  const std::vector candidates = {candidate(Kind::manifest, "a", 10, 1), candidate(Kind::blob, "a", 10, 2),
                                  candidate(Kind::partial, "a", 10, 3)};
  CHECK(choose_evictions(candidates, "a", {0, 30}) == Chosen{2, 1, 0});
}

TEST_CASE("a route that is short gives up its own; a store that is short takes from all, oldest first") {
  const std::vector candidates = {candidate(Kind::blob, "b", 10, 1), candidate(Kind::blob, "a", 10, 2),
                                  candidate(Kind::blob, "a", 10, 3)};
  CHECK(choose_evictions(candidates, "a", {10, 0}) == Chosen{1});
  CHECK(choose_evictions(candidates, "a", {0, 10}) == Chosen{0});
  CHECK(choose_evictions(candidates, "a", {10, 10}) == Chosen{1});
  CHECK(choose_evictions(candidates, "a", {10, 20}) == Chosen{1, 0});
}

TEST_CASE("what is pinned stays") {
  const std::vector candidates = {candidate(Kind::blob, "a", 10, 1, true), candidate(Kind::blob, "a", 10, 2)};
  CHECK(choose_evictions(candidates, "a", {10, 10}) == Chosen{1});
}

TEST_CASE("when not enough can go, nothing goes") {
  const std::vector candidates = {candidate(Kind::blob, "a", 10, 1), candidate(Kind::blob, "b", 100, 2)};
  CHECK(choose_evictions(candidates, "a", {11, 0}).empty());
  CHECK(choose_evictions(candidates, "a", {0, 111}).empty());
  CHECK(choose_evictions({}, "a", {1, 1}).empty());
}

}  // namespace
}  // namespace breakwater::store
