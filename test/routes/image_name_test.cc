#include "routes/ops/image_name.h"

#include "test/catch.h"

namespace breakwater::routes {
namespace {

const std::string kDigest = "sha256:" + std::string(64, 'a');

RouteDirectory directory() {
  RouteDirectory all;
  all.routes = {{"dockerhub", RouteDirectory::Kind::mirror, "docker.io", {5000}},
                {"ghcr", RouteDirectory::Kind::mirror, "ghcr.io", {5010}},
                {"private", RouteDirectory::Kind::registry, "", {5050}},
                {"any", RouteDirectory::Kind::any, "", {5060}}};
  all.registries.routes = {{"docker.io", "dockerhub"}, {"ghcr.io", "ghcr"}, {"registry.lan:5050", "private"}};
  all.registries.any = {
      {"any", {proxy::HostPattern::parse("*.gcr.io").value(), proxy::HostPattern::parse("gcr.io").value()}}};
  return all;
}

std::string named(std::string_view text) {
  const auto name = parse_image_name(text, directory());
  return name ? name->text() : "error: " + name.error().message;
}

TEST_CASE("an image is found by every name that people have for it") {
  const std::pair<std::string, std::string> names[] = {
      {"alpine", "dockerhub/library/alpine"},
      {"alpine:3.20", "dockerhub/library/alpine:3.20"},
      {"grafana/loki:3", "dockerhub/grafana/loki:3"},
      {"docker.io/library/alpine:3.20", "dockerhub/library/alpine:3.20"},
      {"docker.io/alpine", "dockerhub/library/alpine"},
      {"index.docker.io/alpine", "dockerhub/library/alpine"},
      {"registry-1.docker.io:443/grafana/loki", "dockerhub/grafana/loki"},
      {"dockerhub/library/alpine:3.20", "dockerhub/library/alpine:3.20"},
      {"alpine@" + kDigest, "dockerhub/library/alpine@" + kDigest},
      {"ghcr.io/org/app:1@" + kDigest, "ghcr/org/app:1@" + kDigest},
      {"GHCR.io/org/app:1", "ghcr/org/app:1"},
      {"ghcr/org/app:1", "ghcr/org/app:1"},
      {"private/team/app:1", "private/team/app:1"},
      {":5050/team/app:1", "private/team/app:1"},
      {":5050/team/app", "private/team/app"},
      {":5000/alpine:3", "dockerhub/library/alpine:3"},
      {"localhost:5050/team/app:1", "private/team/app:1"},
      {"10.0.0.7:5050/team/app:1", "private/team/app:1"},
      {"registry.lan:5050/team/app:1", "private/team/app:1"},
      {"gcr.io/project/app:2", "any/gcr.io/project/app:2"},
      {"eu.gcr.io/project/app:2", "any/eu.gcr.io/project/app:2"},
      {"docker://alpine:3.20", "dockerhub/library/alpine:3.20"},
      {"https://ghcr.io/v2/org/app", "ghcr/org/app"},
  };
  for (const auto& [given, expected] : names) {
    CAPTURE(given);
    CHECK(named(given) == expected);
  }
}

TEST_CASE("what is no image is told why, and what to write") {
  const std::pair<std::string, std::string> names[] = {
      {"", "there is no repository"},
      {"Alpine", "\"library/Alpine\" is no repository"},
      {"alpine:", "write for example"},
      {"alpine:-x", "its tag is malformed"},
      {"alpine@sha256:12", "its digest is malformed"},
      {"unknown.example/x:1", "the routes are dockerhub, ghcr, private, any"},
      {"host:5999/x:1", "no route answers for the registry \"host:5999\""},
      {"private/", "is no repository"},
  };
  for (const auto& [given, expected] : names) {
    CAPTURE(given, named(given));
    CHECK(named(given).starts_with("error: "));
    CHECK(named(given).find(expected) != std::string::npos);
  }
}

TEST_CASE("a pattern means a route, or repositories of one") {
  const std::pair<std::string, std::string> patterns[] = {
      {"dockerhub", "dockerhub *"},
      {"dockerhub/library/*", "dockerhub library/*"},
      {"docker.io/grafana/*", "dockerhub grafana/*"},
      {"private/team/app", "private team/app"},
      {"ghcr.io/org/app", "ghcr org/app"},
      {"gcr.io/*", "any gcr.io/*"},
      {"alpine", "dockerhub library/alpine"},
      {":5050/ci/*", "private ci/*"},
  };
  for (const auto& [given, expected] : patterns) {
    CAPTURE(given);
    const auto pattern = parse_repository_pattern(given, directory());
    REQUIRE(pattern);
    CHECK(pattern->route + " " + pattern->pattern == expected);
  }
  CHECK_FALSE(parse_repository_pattern("alpine:3", directory()));
  CHECK_FALSE(parse_repository_pattern("unknown.example/*", directory()));
}

}  // namespace
}  // namespace breakwater::routes
