// Images as people name them, wherever an operator's verb takes one:
//
//   alpine, alpine:3.20, grafana/loki      Docker Hub's, as clients of it have them
//   ghcr.io/org/app@sha256:…               the registry's own name, with or without a port: any that a route
//                                          mirrors, lists or is called by
//   dockerhub/library/alpine:3.20          a route's name, and what is kept there: as `why` prints it
//   :5050/team/app:1, host.lan:5050/team   the port that a route listens on, at whatever name
//   docker://…, https://…/v2/…             what else is pasted: the scheme is dropped
//
// A route's name goes before Docker Hub's names, and a registry's before both, since it has a dot or a port.
// Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "routes/mirror/registry_name.h"
#include "store/base/digest.h"
#include "store/base/result.h"
#include "store/references/image_pattern.h"

namespace breakwater::routes {

// What names can lead to.
struct RouteDirectory {
  enum class Kind : uint8_t { mirror, registry, any };
  struct Entry {
    std::string name;
    Kind kind = Kind::mirror;
    std::string registry;         // of a mirror, in normal form: "docker.io"
    std::vector<uint16_t> ports;  // that it listens on
    bool is_tls = false;          // that it speaks there
    int64_t fresh_ms = 0;         // of a mirror: for how long it does not ask again about a tag
  };
  std::vector<Entry> routes;
  std::string host = {};          // the name of this machine, for its clients
  RegistryNames registries = {};  // who answers for which registry

  const Entry* find(std::string_view name) const;
};

std::string_view name_of(RouteDirectory::Kind kind);  // "mirror"

struct ImageName {
  std::string route;
  std::string repository;  // as it is kept: "library/alpine", for an `any` route "gcr.io/project/app"
  std::string tag;         // "" if the name has none
  std::optional<store::Digest> digest;

  std::string text() const;  // "dockerhub/library/alpine:3.20"
};

// `invalid` if it is no name, `not_found` if no route answers for its registry; both say what to write.
[[nodiscard]] Result<ImageName> parse_image_name(std::string_view text, const RouteDirectory& directory);

// A repository or a group of them: "ROUTE", "ROUTE/PATTERN", or an image's name without a tag, where * stands
// for any characters.
struct RepositoryPattern {
  std::string route;
  std::string pattern;  // "*" for all of the route
};
[[nodiscard]] Result<RepositoryPattern> parse_repository_pattern(std::string_view text,
                                                                 const RouteDirectory& directory);

// What an operator wants kept or removed: a route, a repository or a tag, each with * for any characters, or
// a digest. A name that neither begins with a route nor with a registry is of `plain_route`, if that is not
// "".
[[nodiscard]] Result<store::ImagePattern> parse_image_pattern(std::string_view text,
                                                              const RouteDirectory& directory,
                                                              const std::string& plain_route);

}  // namespace breakwater::routes
