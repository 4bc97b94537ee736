#include "routes/registry/manifest_pushes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "proxy/http/ip_address.h"
#include "routes/oci/freshness.h"
#include "routes/oci/manifest.h"
#include "routes/oci/oci_error.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/references/manifest_content.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;
using store::Digest;

namespace {

constexpr std::string_view kBuildkitCacheConfig = "application/vnd.buildkit.cacheconfig.v0";
// BuildKit's importers read no more than this of a cache's manifest, nor of its config
// (cache/remotecache/import.go).
constexpr uint64_t kBuildkitCacheBytesMax = 1 << 20;

constexpr std::string_view kInsteadOfMoving = "push under another tag, or delete that one first if it may go";

// Whether BuildKit's importers would refuse this cache, and why. They read the manifest first.
std::string unusable_cache(const store::ManifestContent& content) {
  const auto is_config = [](const auto& child) { return child.edge.media_type == kBuildkitCacheConfig; };
  const auto config = std::find_if(content.children.begin(), content.children.end(), is_config);
  if (config == content.children.end()) return {};
  std::string too_long;
  if (content.record.size > kBuildkitCacheBytesMax)
    too_long = "its manifest has " + std::to_string(content.record.size);
  if (config->edge.size > kBuildkitCacheBytesMax) {
    too_long +=
        (too_long.empty() ? "its config has " : " and its config ") + std::to_string(config->edge.size);
  }
  if (too_long.empty()) return {};
  return "no BuildKit imports a cache whose manifest or config is over 1 MiB, and " + too_long + " bytes";
}

// What each of `tags` names.
Result<std::vector<std::optional<Digest>>> named_by(const store::Catalog& catalog,
                                                    const store::RepositoryKey& repository,
                                                    const std::vector<std::string>& tags) {
  std::vector<std::optional<Digest>> named;
  for (const auto& tag : tags) {
    const auto record = catalog.tag(repository, tag, store::Reach::disk);
    if (!record) return failure(record.error());
    named.push_back(*record ? std::optional<Digest>((*record)->digest) : std::nullopt);
  }
  return named;
}

}  // namespace

// Runs on a worker. As Manifests::push(), and tells who wants to know of it.
Result<std::vector<Digest>> ManifestPushes::push(const RegistryParts& parts, const store::RepositoryKey& key,
                                                 const Pushed& pushed, const std::vector<std::string>& tags,
                                                 const ChangingRequest& request,
                                                 store::Capacity::Effort effort) {
  const auto before = named_by(parts.store.catalog(), key, tags);
  if (!before) return failure(before.error());
  auto missing = parts.store.manifests().push(key, pushed.digest, *pushed.bytes, pushed.content, tags,
                                              read_content, effort);
  if (!missing || !missing->empty() || parts.changes == nullptr) return missing;
  RegistryChange change{RegistryChange::Kind::push, key};
  change.after = pushed.digest;
  change.media_type = pushed.content.record.media_type;
  change.size = pushed.bytes->size();
  std::vector<RegistryChange> changes(std::max<size_t>(tags.size(), 1), change);
  for (size_t i = 0; i < tags.size(); ++i) {
    changes[i].tag = tags[i];
    changes[i].before = (*before)[i];
  }
  if (auto noted = parts.changes->note(request, changes); !noted) return failure(noted.error());
  return missing;
}

ManifestPushes::ManifestPushes(const RegistryParts& parts, std::string route,
                               const ManifestBodySettings& bodies, CapacityLine& line)
    : parts_(parts), route_(std::move(route)), bodies_(parts.loop, bodies), line_(line) {}

// Runs on a worker, because hashing and parsing some MiB would hold the loop for too long. `corrupt` if the
// bytes do not have the digest `asked`.
Task<Result<ManifestPushes::Pushed>> ManifestPushes::verify_and_parse(Bytes bytes, std::string content_type,
                                                                      std::optional<Digest> asked) {
  auto job = [bytes, content_type, asked]() -> Result<Pushed> {
    const auto digest = store::digest_of(asked ? asked->algorithm() : store::Algorithm::sha256, *bytes);
    if (asked && digest != *asked)
      return failure(Error::Kind::corrupt, "the manifest is " + digest.text() + ", not " + asked->text());
    auto manifest = read_manifest(*bytes, content_type, digest);
    if (!manifest) return failure(manifest.error());
    return Pushed(digest, bytes, std::move(manifest->content));
  };
  co_return co_await parts_.workers.run(std::move(job));
}

Task<Result<>> ManifestPushes::put(Exchange& exchange, const OciPath& path, RequestContext& context) {
  exchange.at("receiving");
  // Held until the end, because what is stored of it is still in memory.
  auto body = co_await bodies_.receive(exchange);
  if (!body) co_return failure(body.error());
  auto pushed = co_await verify_and_parse(
      body->bytes(), std::string(exchange.request().headers.get("Content-Type")), path.digest);
  if (!pushed && pushed.error().kind == Error::Kind::corrupt) {
    reply_oci(exchange, kWrongDigest, base_headers(context), pushed.error().message, context);
    co_return Result<>();
  }
  if (!pushed) co_return failure(pushed.error());
  exchange.at("storing the manifest");
  pushed->content.client = proxy::IpAddress(exchange.peer().client()).text();
  co_return co_await store_manifest(exchange, path, std::move(*pushed), context);
}

Task<Result<>> ManifestPushes::store_manifest(Exchange& exchange, const OciPath& path, Pushed pushed,
                                              RequestContext& context) {
  // tag= belongs to a push by digest (distribution specification, "Pushing Manifests").
  const auto tags = path.digest ? path.query.tags : std::vector<std::string>(1, path.tag);
  using Effort = store::Capacity::Effort;
  const auto try_push = [parts = parts_, key = key_of(path), pushed, tags,
                         request = ChangingRequest(exchange, context.user)](Effort effort) {
    return push(parts, key, pushed, tags, request, effort);
  };
  auto at_once = [try_push] { return try_push(Effort::none); };
  auto missing = co_await parts_.workers.run(std::move(at_once));
  const auto make_room = [try_push] { return try_push(Effort::make_room); };
  CapacityLine::Place place(line_);
  bool again = !missing && missing.error().kind == Error::Kind::full;
  while (again) {
    place.trying();
    auto job = make_room;  // a copy, because g++ 12 may destroy one that is made inside co_await twice
    missing = co_await parts_.room_makers.run(std::move(job));
    again = false;
    if (!missing) again = co_await place.wait(missing.error());
  }
  if (!missing && missing.error().kind == Error::Kind::conflict) {
    context.refused = "immutable";
    reply_denied(exchange, missing.error().message + "; " + std::string(kInsteadOfMoving), context);
    co_return Result<>();
  }
  if (!missing) co_return failure(missing.error());
  if (!missing->empty()) {
    reply_missing_children(exchange, *missing, context);
    co_return Result<>();
  }
  parts_.manifests.put(key_of(path), pushed.digest,
                       ManifestCache::Entry(pushed.content.record.media_type, pushed.bytes));
  context.pushed_bytes = pushed.bytes->size();
  reply_pushed(exchange, path, pushed, context);
  co_return Result<>();
}

void ManifestPushes::reply_pushed(Exchange& exchange, const OciPath& path, const Pushed& pushed,
                                  const RequestContext& context) {
  auto headers = base_headers(context);
  headers.add("Location", "/v2/" + path.name + "/manifests/" + pushed.digest.text());
  headers.add("Docker-Content-Digest", pushed.digest.text());
  if (pushed.content.record.subject) headers.add("OCI-Subject", pushed.content.record.subject->text());
  if (path.digest) {
    for (const auto& tag : path.query.tags) headers.add("OCI-Tag", tag);
  }
  if (const auto reason = unusable_cache(pushed.content); !reason.empty()) {
    ++unusable_caches_total_;
    headers.add("Warning", stale_warning(reason));
    parts_.log.warning(
        "cache_not_importable",
        {{"route", route_}, {"repository", path.name}, {"reference", path.reference()}, {"reason", reason}});
  }
  exchange.reply(201, std::move(headers), "");
}

}  // namespace breakwater::routes
