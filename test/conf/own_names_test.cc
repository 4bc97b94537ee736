#include "conf/own_names.h"

#include <string>
#include <vector>

#include "conf/part_settings.h"
#include "test/catch.h"

namespace breakwater::conf {
namespace {

using Names = std::vector<std::string>;

TEST_CASE("the machine's names are its own one and those in its lines of /etc/hosts") {
  const std::string file =
      "127.0.0.1 localhost\n"
      "# 10.0.0.9 vm commented\n"
      "127.0.1.1\tvm.example.lan VM  # vm.of.a.comment\n"
      "10.0.0.9 other other.example.lan\n"
      "::1 vm6 vm";
  CHECK(own_names({}, "vm", file) == Names{"vm", "vm.example.lan", "vm6"});
  CHECK(own_names({}, "Other.Example.LAN", file) == Names{"other.example.lan", "other"});
  CHECK(own_names({}, "vm", "") == Names{"vm"});
  CHECK(own_names({}, "", file).empty());
}

TEST_CASE("what is listened on by name and what a registry of ours is called leads here too") {
  Config config;
  auto& route = config.routes.emplace_back();
  route.listen = {ListenAddress::parse("breakwater.lan:5000").value(),
                  ListenAddress::parse("10.0.0.7:5000").value()};
  route.registry.emplace().names = {"registry.example.lan:5050", "vm"};
  config.metrics.listen = {ListenAddress::parse("metrics.lan:5001").value()};
  CHECK(own_names(config, "vm", "") == Names{"vm", "metrics.lan", "breakwater.lan", "registry.example.lan"});
}

TEST_CASE("every listener is told the names that lead here, and whether all clients are held to them") {
  auto config = default_config();
  config.own_names = {"vm"};
  const auto& route = config.routes.front();
  CHECK(router_settings(config, route).hosts.own == Names{"vm"});
  CHECK_FALSE(router_settings(config, route).hosts.named);
  config.hosts.emplace().push_back(proxy::HostPattern::parse("breakwater.internal").value());
  REQUIRE(router_settings(config, route).hosts.named);
  CHECK(router_settings(config, route).hosts.named->front().text() == "breakwater.internal");
}

}  // namespace
}  // namespace breakwater::conf
