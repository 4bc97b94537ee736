#include "routes/oci/json_bounds.h"

#include <string>

#include "test/catch.h"

namespace breakwater::routes {
namespace {

TEST_CASE("JSON is bounded in depth and in number of values") {
  CHECK(json_within_bounds(std::string(kJsonDepthMax, '[')));
  CHECK_FALSE(json_within_bounds(std::string(kJsonDepthMax + 1, '[')));
  CHECK_FALSE(
      json_within_bounds(std::string(kJsonDepthMax / 2 + 1, '[') + std::string(kJsonDepthMax / 2, '{')));
  CHECK_FALSE(json_within_bounds(std::string(kJsonValuesMax, ',')));
  CHECK(json_within_bounds(std::string(kJsonValuesMax - 1, ',')));
}

TEST_CASE("brackets and commas within strings do not count") {
  CHECK(json_within_bounds("\"" + std::string(1000, '[') + "\""));
  CHECK(json_within_bounds("\"\\\"" + std::string(1000, '{') + "\""));
  CHECK_FALSE(json_within_bounds("\"\\\\\"" + std::string(1000, '{')));
  CHECK(json_within_bounds("\"unfinished" + std::string(1000, '{')));
  CHECK(json_within_bounds("\"\\"));
}

}  // namespace
}  // namespace breakwater::routes
