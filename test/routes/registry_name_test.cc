#include "routes/mirror/registry_name.h"

#include <string>

#include "routes/mirror/mirror.h"
#include "routes/mirror/namespaces.h"
#include "test/catch.h"
#include "test/fakes/host_patterns.h"
#include "test/fakes/mirror_world.h"
#include "test/fakes/recorded_exchange.h"

namespace breakwater::routes {
namespace {

using test::host_patterns;

TEST_CASE("a registry's name has one form, and what is no host and maybe a port is none") {
  struct Row {
    const char* text;
    const char* name;
  };
  const auto row = GENERATE(values<Row>({
      {"ghcr.io", "ghcr.io"},
      {"GHCR.io", "ghcr.io"},
      {"ghcr.io.", "ghcr.io"},
      {"ghcr.io:443", "ghcr.io"},
      {"ghcr.io:0443", "ghcr.io"},
      {"ghcr.io:80", "ghcr.io:80"},
      {"Registry.Example.LAN:5050", "registry.example.lan:5050"},
      {"docker.io", "docker.io"},
      {"Docker.IO:443", "docker.io"},
      {"index.docker.io", "docker.io"},
      {"registry-1.docker.io:443", "docker.io"},
      {"registry-1.docker.io:5000", "registry-1.docker.io:5000"},
      {"auth.docker.io", "auth.docker.io"},
      {"[FD00::0001]:5000", "[fd00::1]:5000"},
      {"10.0.0.7:5000", "10.0.0.7:5000"},
      {"", ""},
      {"ghcr.io/", ""},
      {"ghcr.io/v2", ""},
      {"https://ghcr.io", ""},
      {"me@ghcr.io", ""},
      {"ghcr.io?x", ""},
      {"ghcr.io#x", ""},
      {"ghcr.io:0", ""},
      {"ghcr.io:65536", ""},
      {"*.gcr.io", ""},
      {"a..b", ""},
      {" ghcr.io", ""},
      {"..", ""},
  }));
  INFO(row.text);
  CHECK(normal_registry(row.text).value_or("") == row.name);
}

TEST_CASE("a name leads to the mirror or the registry that has it, else to the first list that names it") {
  RegistryNames names;
  names.routes = {{"docker.io", "dockerhub"}, {"eu.gcr.io", "europe"}, {"registry.lan:5050", "private"}};
  names.any.push_back({"any", host_patterns({"gcr.io", "*.gcr.io", "quay.lan:5000", "docker.io"})});
  names.any.push_back({"other", host_patterns({"*.gcr.io", "*.lan", "*.pkg.dev"})});
  struct Row {
    const char* ns;
    const char* registry;
    const char* route;
    bool by_any;
  };
  const auto row = GENERATE(values<Row>({
      {"docker.io", "docker.io", "dockerhub", false},
      {"INDEX.docker.io:443", "docker.io", "dockerhub", false},
      {"eu.gcr.io", "eu.gcr.io", "europe", false},
      {"us.gcr.io", "us.gcr.io", "any", true},
      {"GCR.io.", "gcr.io", "any", true},
      {"gcr.io:443", "gcr.io", "any", true},
      {"gcr.io:8443", "", "", false},
      {"us.gcr.io:22", "", "", false},
      {"quay.lan:5000", "quay.lan:5000", "any", true},
      {"quay.lan", "quay.lan", "other", true},
      {"registry.lan:5050", "registry.lan:5050", "private", false},
      {"registry.lan:5051", "", "", false},
      {"europe-docker.pkg.dev", "europe-docker.pkg.dev", "other", true},
      {"pkg.dev", "", "", false},
      {"notgcr.io", "", "", false},
      {"ghcr.io", "", "", false},
      {"", "", "", false},
      {"gcr.io/x", "", "", false},
  }));
  INFO(row.ns);
  const auto named = registry_named(names, row.ns);
  CHECK(named.has_value() == (*row.route != '\0'));
  CHECK((named ? named->registry : "") == row.registry);
  CHECK((named ? named->route : "") == row.route);
  CHECK((named && named->by_any) == row.by_any);
}

TEST_CASE("a registry is asked at its own name, and Docker Hub at its API's") {
  CHECK(default_upstream("gcr.io").text() == "https://gcr.io");
  CHECK(default_upstream("registry.lan:5050").text() == "https://registry.lan:5050");
  CHECK(default_upstream("docker.io").text() == "https://registry-1.docker.io");
}

TEST_CASE("a registry named in any spelling is its mirror, on the listener of another's listener") {
  test::MirrorWorld world;
  world.ghcr.manifest("org/app", "1", "application/vnd.oci.image.index.v1+json", test::index_of({}));
  for (const char* ns : {"ghcr.io", "GHCR.io", "ghcr.io:443", "ghcr.io."}) {
    INFO(ns);
    CHECK(world.head("/v2/org/app/manifests/1?ns=" + std::string(ns)).status == 200);
  }
  CHECK(world.head("/v2/org/app/manifests/1?ns=ghcr.io:80").status == 404);
}

TEST_CASE("a listener that mirrors nothing itself says that the registry has to be named") {
  RegistryDirectory directory;
  const Namespaces namespaces(nullptr, {std::make_shared<const RouteAccess>(), "", {}}, &directory);
  const auto chosen = namespaces.choose("");
  REQUIRE_FALSE(chosen);
  CHECK(chosen.error().kind == Error::Kind::not_found);
  CHECK(chosen.error().remedy == "ask with ?ns=, as containerd does");
}

}  // namespace
}  // namespace breakwater::routes
