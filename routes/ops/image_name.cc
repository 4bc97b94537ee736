#include "routes/ops/image_name.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "routes/oci/oci_path.h"

namespace breakwater::routes {
namespace {

constexpr std::string_view kDockerHub = "docker.io";
constexpr std::array<std::string_view, 5> kSchemes = {"docker://", "https://", "http://", "oci://",
                                                      "docker-image://"};

// A name that is split at its slashes, tag and digest: "<host>/<path>:<tag>@<digest>".
struct Pieces {
  std::string_view path;  // with the host, if there is one
  std::optional<std::string_view> tag;
  std::optional<std::string_view> digest;
};

std::string_view without_scheme(std::string_view text) {
  for (const auto scheme : kSchemes) {
    if (text.starts_with(scheme)) return text.substr(scheme.size());
  }
  return text;
}

Pieces split(std::string_view text) {
  Pieces pieces;
  pieces.path = without_scheme(text);
  if (const size_t at = pieces.path.find('@'); at != std::string_view::npos) {
    pieces.digest = pieces.path.substr(at + 1);
    pieces.path = pieces.path.substr(0, at);
  }
  // A colon before the last slash is that of a port. So is one of a name that begins with it.
  const size_t slash = pieces.path.rfind('/');
  const size_t colon = pieces.path.rfind(':');
  const bool is_tag =
      colon != std::string_view::npos && colon > 0 && (slash == std::string_view::npos || colon > slash);
  if (is_tag) {
    pieces.tag = pieces.path.substr(colon + 1);
    pieces.path = pieces.path.substr(0, colon);
  }
  return pieces;
}

// As Docker tells a registry from a first part of a repository's name.
bool is_host(std::string_view first) {
  return first.find_first_of(".:") != std::string_view::npos || first == "localhost";
}

std::optional<uint16_t> port_of(std::string_view host) {
  const size_t colon = host.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  uint16_t port = 0;
  const char* end = host.data() + host.size();
  const auto parsed = std::from_chars(host.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end || port == 0) return std::nullopt;
  return port;
}

const RouteDirectory::Entry* listening_on(const RouteDirectory& directory, uint16_t port) {
  for (const auto& route : directory.routes) {
    if (std::find(route.ports.begin(), route.ports.end(), port) != route.ports.end()) return &route;
  }
  return nullptr;
}

std::string routes_of(const RouteDirectory& directory) {
  std::string text;
  for (const auto& route : directory.routes) text += (text.empty() ? "" : ", ") + route.name;
  return text;
}

tl::unexpected<Error> nobody_for(std::string_view registry, const RouteDirectory& directory) {
  return failure(Error::Kind::not_found, "no route answers for the registry \"" + std::string(registry) +
                                             "\"; the routes are " + routes_of(directory));
}

// What a route has of it, by the rest of its name.
struct Place {
  std::string route;
  std::string repository;
};

Result<Place> place_at(std::string_view host, std::string_view rest, const RouteDirectory& directory) {
  if (const auto named = registry_named(directory.registries, host)) {
    if (named->by_any) return Place{named->route, named->registry + "/" + std::string(rest)};
    const auto* route = directory.find(named->route);
    if (route != nullptr) return Place{route->name, whole_name(route->registry, rest)};
  }
  const auto port = port_of(host);
  const auto* route = port ? listening_on(directory, *port) : nullptr;
  if (route == nullptr) return nobody_for(host, directory);
  return Place{route->name, whole_name(route->registry, rest)};
}

Result<Place> place_of(std::string_view path, const RouteDirectory& directory,
                       const std::string& plain_route = "") {
  const size_t slash = path.find('/');
  const auto first = path.substr(0, slash);
  const auto rest = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
  // https://host/v2/name, as it is copied from a log.
  constexpr std::string_view kApi = "v2/";
  if (!rest.empty() && is_host(first))
    return place_at(first, rest.starts_with(kApi) ? rest.substr(kApi.size()) : rest, directory);
  const auto* route = rest.empty() ? nullptr : directory.find(first);
  if (route != nullptr) return Place{route->name, std::string(rest)};
  if (!plain_route.empty()) return Place{plain_route, std::string(path)};
  return place_at(kDockerHub, path, directory);
}

tl::unexpected<Error> no_name(std::string_view text, const std::string& why) {
  constexpr size_t kQuotedMax = 200;
  return failure(Error::Kind::invalid,
                 "\"" + std::string(text.substr(0, kQuotedMax)) + "\" is no image: " + why +
                     "; write for example alpine:3.20, ghcr.io/org/app:1, ROUTE/repository:tag");
}

bool is_pattern(std::string_view text) { return text.find('*') != std::string_view::npos; }

}  // namespace

const RouteDirectory::Entry* RouteDirectory::find(std::string_view name) const {
  const auto found =
      std::find_if(routes.begin(), routes.end(), [name](const Entry& route) { return route.name == name; });
  return found == routes.end() ? nullptr : &*found;
}

std::string_view name_of(RouteDirectory::Kind kind) {
  switch (kind) {
    case RouteDirectory::Kind::mirror: return "mirror";
    case RouteDirectory::Kind::registry: return "registry";
    case RouteDirectory::Kind::any: break;
  }
  return "any";
}

std::string ImageName::text() const {
  std::string text = route + "/" + repository;
  if (!tag.empty()) text += ":" + tag;
  if (digest) text += "@" + digest->text();
  return text;
}

Result<ImageName> parse_image_name(std::string_view text, const RouteDirectory& directory) {
  const Pieces pieces = split(text);
  if (pieces.path.empty()) return no_name(text, "there is no repository");
  const auto place = place_of(pieces.path, directory);
  if (!place) return failure(place.error());
  ImageName name{place->route, place->repository, std::string(pieces.tag.value_or("")), std::nullopt};
  if (!is_oci_name(name.repository)) return no_name(text, "\"" + name.repository + "\" is no repository");
  if (pieces.tag && !is_oci_tag(*pieces.tag)) return no_name(text, "its tag is malformed");
  if (!pieces.digest) return name;
  auto digest = store::Digest::parse(*pieces.digest);
  if (!digest) return no_name(text, "its digest is malformed");
  name.digest = *digest;
  return name;
}

Result<RepositoryPattern> parse_repository_pattern(std::string_view text, const RouteDirectory& directory) {
  if (directory.find(text) != nullptr) return RepositoryPattern{std::string(text), "*"};
  if (!is_pattern(text)) {
    const auto name = parse_image_name(text, directory);
    if (!name) return failure(name.error());
    if (!name->tag.empty() || name->digest) return no_name(text, "a repository has no tag here");
    return RepositoryPattern{name->route, name->repository};
  }
  auto place = place_of(without_scheme(text), directory);
  if (!place) return failure(place.error());
  return RepositoryPattern{std::move(place->route), std::move(place->repository)};
}

Result<store::ImagePattern> parse_image_pattern(std::string_view text, const RouteDirectory& directory,
                                                const std::string& plain_route) {
  const Pieces pieces = split(text);
  if (pieces.path.empty()) return no_name(text, "there is no repository");
  store::ImagePattern what;
  if (directory.find(pieces.path) != nullptr) {
    what.route = pieces.path;
    what.repository = "*";
  } else {
    auto place = place_of(pieces.path, directory, plain_route);
    if (!place) return failure(place.error());
    what.route = std::move(place->route);
    what.repository = std::move(place->repository);
  }
  if (!is_pattern(what.repository) && !is_oci_name(what.repository))
    return no_name(text, "\"" + what.repository + "\" is no repository");
  what.tag = pieces.tag.value_or("");
  if (pieces.tag && !is_pattern(what.tag) && !is_oci_tag(what.tag))
    return no_name(text, "its tag is malformed");
  if (!pieces.digest) return what;
  auto digest = store::Digest::parse(*pieces.digest);
  if (!digest) return no_name(text, "its digest is malformed");
  what.digest = *digest;
  return what;
}

}  // namespace breakwater::routes
