#include "conf/listeners.h"

#include <map>
#include <string>
#include <vector>

#include "test/catch.h"

using namespace breakwater::conf;
using breakwater::Error;
using breakwater::Result;
using breakwater::proxy::IpAddress;

namespace {

// Knows "two.lan" and "one.lan".
Result<std::vector<IpAddress>> resolve(const std::string& name) {
  std::vector<IpAddress> addresses;
  if (name == "two.lan" || name == "one.lan") addresses.push_back(*IpAddress::parse("10.0.0.1"));
  if (name == "two.lan") addresses.push_back(*IpAddress::parse("fd00::1"));
  if (addresses.empty()) return breakwater::failure(Error::Kind::not_found, "the name cannot be resolved");
  return addresses;
}

Config listening_on(std::vector<std::string> route, const std::string& metrics) {
  auto config = default_config();
  config.routes.resize(1);
  config.routes[0].listen.clear();
  for (const auto& address : route) config.routes[0].listen.push_back(ListenAddress::parse(address).value());
  config.metrics.listen.assign(1, ListenAddress::parse(metrics).value());
  return config;
}

std::vector<std::string> errors_of(const Config& config) {
  const auto resolved = resolve_listeners(config, resolve);
  return resolved ? std::vector<std::string>() : resolved.error().lines;
}

}  // namespace

TEST_CASE("a name to listen on stands for every address that it resolves to") {
  const auto config =
      resolve_listeners(listening_on({"two.lan:5000", "127.0.0.1:5000"}, "one.lan:0"), resolve);
  REQUIRE(config);
  REQUIRE(config->routes[0].listen.size() == 3);
  CHECK(config->routes[0].listen[0].text() == "10.0.0.1:5000");
  CHECK(config->routes[0].listen[1].text() == "[fd00::1]:5000");
  CHECK(config->routes[0].listen[2].text() == "127.0.0.1:5000");
  REQUIRE(config->metrics.listen.size() == 1);
  CHECK(config->metrics.listen[0].text() == "10.0.0.1:0");
}

TEST_CASE("a name that cannot be resolved is a mistake of the setting that has it") {
  CHECK(
      errors_of(listening_on({"no.lan:5000"}, "none.lan:5001")) ==
      std::vector<std::string>{
          "routes[0].listen: \"no.lan:5000\": the name cannot be resolved; write an address of this machine, "
          "such as \"127.0.0.1:5000\"",
          "metrics.listen: \"none.lan:5001\": the name cannot be resolved; write an address of this machine, "
          "such as \"127.0.0.1:5000\""});
}

TEST_CASE("names that turn out to be one address collide") {
  CHECK(errors_of(listening_on({"two.lan:5000"}, "one.lan:5000")) ==
        std::vector<std::string>{"metrics.listen: address \"10.0.0.1:5000\" is taken by routes[0].listen"});
  CHECK(errors_of(listening_on({"two.lan:5000"}, "0.0.0.0:5000")).size() == 1);
  CHECK(errors_of(listening_on({"two.lan:5000"}, "one.lan:5001")).empty());
}

TEST_CASE("the system knows localhost, and does not know what cannot be a name") {
  const auto addresses = resolve_by_system("localhost");
  REQUIRE(addresses);
  REQUIRE_FALSE(addresses->empty());
  for (const auto& address : *addresses)
    CHECK((address == IpAddress::parse("127.0.0.1") || address == IpAddress::parse("::1")));
  CHECK_FALSE(resolve_by_system("a..b"));
}
