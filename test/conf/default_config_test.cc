#include <string>
#include <vector>

#include "conf/config.h"
#include "conf/describe.h"
#include "test/catch.h"

using namespace breakwater::conf;

TEST_CASE("without a file the mirrors, the private registry and the metrics are on loopback") {
  struct Expected {
    std::string name, listen, registry, upstream;
  };
  const std::vector<Expected> kRoutes = {
      {"dockerhub", "127.0.0.1:5000", "docker.io", "https://registry-1.docker.io"},
      {"ghcr", "127.0.0.1:5010", "ghcr.io", "https://ghcr.io"},
      {"quay", "127.0.0.1:5020", "quay.io", "https://quay.io"},
      {"k8s", "127.0.0.1:5030", "registry.k8s.io", "https://registry.k8s.io"},
      {"kyverno", "127.0.0.1:5040", "reg.kyverno.io", "https://reg.kyverno.io"},
  };
  const auto config = default_config();
  REQUIRE(config.routes.size() == kRoutes.size() + 2);
  for (size_t i = 0; i < kRoutes.size(); ++i) {
    const auto& route = config.routes[i];
    CHECK(route.name == kRoutes[i].name);
    REQUIRE(route.listen.size() == 1);
    CHECK(route.listen.front().text() == kRoutes[i].listen);
    REQUIRE(route.mirror);
    CHECK(route.mirror->registry == kRoutes[i].registry);
    CHECK(route.mirror->upstreams[0].upstream.text() == kRoutes[i].upstream);
    CHECK(route.mirror->upstreams[0].name == kRoutes[i].name);
  }
  const auto& own = config.routes[kRoutes.size()];
  CHECK(own.name == "private");
  REQUIRE(own.listen.size() == 1);
  CHECK(own.listen.front().text() == "127.0.0.1:5050");
  CHECK(own.registry);
  CHECK_FALSE(own.mirror);
  CHECK(own.bytes_max == 100ULL << 30);
  const auto& any = config.routes.back();
  CHECK(any.name == "any");
  REQUIRE(any.listen.size() == 1);
  CHECK(any.listen.front().text() == "127.0.0.1:5060");
  REQUIRE(any.any);
  CHECK(any.any->registries.size() == 10);
  REQUIRE(config.metrics.listen.size() == 1);
  CHECK(config.metrics.listen.front().text() == "127.0.0.1:5001");
}

TEST_CASE("what would run names each listener and bound, and no secret") {
  auto config = default_config();
  config.bytes_max = 55ULL << 30;
  config.routes[0].bytes_max = 20ULL << 30;
  config.routes[5].registry->names = {"registry.lan:5050"};
  config.routes[0].mirror->upstreams[0].credentials = breakwater::proxy::Credentials("me", "s3cret");
  config.routes[1].mirror->repositories = {{"org/*", "team/*"}, {"*/crypto*"}};
  config.routes[2].mirror->min_age_ms = 72LL * 3'600'000;
  config.routes[6].any->repositories.deny = {"gcr.io/evil/*"};
  config.own_names = {"vm"};
  CHECK(describe(config).find(
            "hosts: addresses, localhost, vm, for browsers; other clients may use any name") !=
        std::string::npos);
  config.hosts.emplace().push_back(breakwater::proxy::HostPattern::parse("*.lan").value());
  const auto text = describe(config);
  CHECK(
      text.find("ghcr.io at https://ghcr.io, only repositories org/*, team/*, no repositories */crypto*, ") !=
      std::string::npos);
  CHECK(text.find("mirror of quay.io at https://quay.io, tags move after 3d, ") != std::string::npos);
  CHECK(text.find("registry.access.redhat.com, no repositories gcr.io/evil/*, ") != std::string::npos);
  CHECK(text.find("hosts: addresses, localhost, vm, *.lan, for every client") != std::string::npos);
  CHECK(text.find("the whole store at most 55GiB") != std::string::npos);
  CHECK(text.find("route dockerhub on 127.0.0.1:5000: mirror of docker.io at https://registry-1.docker.io as "
                  "me, at most 20GiB") != std::string::npos);
  CHECK(text.find("route private on 127.0.0.1:5050: registry called registry.lan:5050 with delete, leases of "
                  "1h, uploads kept for 7d, "
                  "cache tags *cache*, at most 100GiB") != std::string::npos);
  CHECK(
      text.find("route any on 127.0.0.1:5060: mirror of any registry of mcr.microsoft.com, gcr.io, *.gcr.io, "
                "*.pkg.dev, public.ecr.aws") != std::string::npos);
  CHECK(text.find("metrics on 127.0.0.1:5001") != std::string::npos);
  CHECK(text.find("page on 127.0.0.1:8080") != std::string::npos);
  CHECK(text.find("scrub of 8MiB a second, pauses of 10m") != std::string::npos);
  CHECK(text.find("s3cret") == std::string::npos);
}
