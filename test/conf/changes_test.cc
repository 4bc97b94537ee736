#include "conf/changes.h"

#include "test/catch.h"

namespace breakwater::conf {
namespace {

using Lines = std::vector<std::string>;

TEST_CASE("what differs between two configurations is told by key, routes by their names") {
  const std::string before = R"({
    "bytes_max": "1GiB",  // a comment is no difference
    "routes": [{"name": "a", "allow": ["10.0.0.0/8"]}, {"name": "b", "registry": {"lease": "1h"}}]
  })";
  const std::string after = R"({
    "routes": [{"name": "c"}, {"name": "b", "registry": {"lease": "2h", "delete": false}}],
    "bytes_max": "1GiB", "workers": 4, "log": {"level": "debug"}
  })";
  CHECK(changes_between(before, after) ==
        Lines({"routes[a]: removed", "routes[b].registry.lease: \"1h\" -> \"2h\"",
               "routes[b].registry.delete: not set -> false", "routes[c]: added", "log: added",
               "workers: not set -> 4"}));
}

TEST_CASE("the order of routes is no difference, and neither is nothing") {
  CHECK(changes_between(R"({"routes": [{"name": "a"}, {"name": "b"}]})",
                        R"({"routes": [{"name": "b"}, {"name": "a"}]})")
            .empty());
  CHECK(changes_between("", "").empty());
  CHECK(changes_between("", R"({"workers": 4})") == Lines({"workers: not set -> 4"}));
}

TEST_CASE("a list without names is told whole") {
  CHECK(changes_between(R"({"hosts": ["a"]})", R"({"hosts": ["a", "b"]})") ==
        Lines({"hosts: [\"a\"] -> [\"a\",\"b\"]"}));
}

}  // namespace
}  // namespace breakwater::conf
