#include "routes/registry/registry_reads.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "routes/oci/blob_reply.h"
#include "routes/oci/manifest_reply.h"
#include "routes/oci/media_type.h"
#include "routes/oci/oci_error.h"
#include "routes/oci/referrers_filter.h"
#include "routes/oci/tag_list.h"
#include "store/blobs/blobs.h"
#include "store/blobs/manifests.h"
#include "store/catalog/catalog.h"
#include "store/references/leases.h"
#include "store/references/references.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;

namespace {

constexpr size_t kPageMax = 10'000;  // names on one page, whatever the client asks for
// What is read for one page of referrers, whether or not it is on it: within the 4 MiB that clients accept as
// a manifest, and a bounded time of a worker.
constexpr uint64_t kReferrersBytesMax = 3 << 20;
constexpr size_t kReferrersAtOnce = 256;  // records read together
constexpr uint64_t kReferrersAtOnceBytes = 256 << 10;

size_t page_size(const OciQuery& query) {
  return static_cast<size_t>(std::min<uint64_t>(query.n.value_or(kPageMax), kPageMax));
}

bool would_block(const Error& error) { return error.kind == Error::Kind::would_block; }

// Damage in our own store is our fault (500). `corrupt` would blame an upstream (502) that a registry does
// not have.
Error as_ours(Error error) {
  if (error.kind == Error::Kind::corrupt) error.kind = Error::Kind::internal;
  return error;
}

// The link to the next page, or "". `names` was read with one more than `limit`, which tells whether there is
// one.
std::string take_next_link(std::vector<std::string>& names, size_t limit, const std::string& path) {
  if (names.size() <= limit) return {};
  names.resize(limit);
  return limit == 0 ? std::string() : next_page_link(path, limit, names.back(), "");
}

// A page of a list as it is sent. Made on a worker, because it may be long.
struct ListPage {
  std::string body;
  std::string link;  // to the next page, or ""
};

void reply_list(Exchange& exchange, proxy::Headers headers, std::string_view type, ListPage page) {
  headers.add("Content-Type", std::string(type));
  if (!page.link.empty()) headers.add("Link", std::move(page.link));
  exchange.reply(200, std::move(headers), std::make_shared<const std::string>(std::move(page.body)));
}

struct ReferrersQuery {
  RepositoryKey key;
  Digest subject;
  std::optional<Digest> last;
  std::string artifact_type;
};

// A page of the descriptors that the query asks for. It may have none, and a link: then those that were
// looked at for it were of other types. May block: it scans the catalog.
Result<ListPage> referrers_page(const store::Catalog& catalog, const ReferrersQuery& query,
                                const std::string& path) {
  std::vector<store::NamedReferrer> listed;
  ListPage page;
  uint64_t bytes = 0;
  size_t looked_at = 0;
  auto last = query.last;
  for (bool ended = false; !ended && page.link.empty();) {
    auto some = catalog.referrers(query.key, query.subject, last, kReferrersAtOnce, kReferrersAtOnceBytes);
    if (!some) return failure(some.error());
    ended = some->empty();
    for (auto& referrer : *some) {
      auto& record = referrer.record;
      const bool is_listed = query.artifact_type.empty() || record.artifact_type == query.artifact_type;
      bytes += record.descriptor.size() + (is_listed ? record.whole_bytes : 0);
      if ((bytes > kReferrersBytesMax || looked_at == kPageMax) && last != query.last) {
        page.link = next_referrers_link(path, *last, query.artifact_type);
        break;
      }
      ++looked_at;
      last = referrer.digest;
      if (!is_listed) continue;
      auto whole = catalog.whole_descriptor(query.key, query.subject, referrer);
      if (!whole) return failure(whole.error());
      record.descriptor = *std::move(whole);
      listed.push_back(std::move(referrer));
    }
  }
  page.body = referrers_index(listed);
  return page;
}

}  // namespace

// --- manifests

Task<Result<>> RegistryReads::manifest(Exchange& exchange, const OciPath& path, RequestContext& context) {
  exchange.at("manifest");
  auto held = co_await lease(exchange, path);
  if (!held) co_return failure(as_ours(held.error()));
  auto manifest = co_await read(exchange, key_of(path), *held);
  if (!manifest) co_return failure(as_ours(manifest.error()));
  co_return co_await reply_manifest(exchange, context, *std::move(manifest), parts_.replies,
                                    parts_.clock.now());
}

Task<Result<store::References::LeasedManifest>> RegistryReads::lease(const Exchange& exchange,
                                                                     const OciPath& path) {
  const bool is_probe = exchange.request().method == "HEAD" && !path.digest;
  const auto kind = is_probe ? store::Leases::Kind::probe : store::Leases::Kind::read;
  auto ask = [&store = parts_.store, key = key_of(path), digest = path.digest, tag = path.tag,
              kind](store::Reach reach) {
    return digest ? store.references().lease_manifest(key, *digest, reach, kind)
                  : store.references().lease_tag(key, tag, reach, kind);
  };
  auto held = ask(store::Reach::memory);
  if (held || !would_block(held.error())) co_return held;
  auto job = [ask] { return ask(store::Reach::disk); };
  co_return co_await parts_.readers.run(std::move(job));
}

// Call this only for a manifest that the store has just confirmed: the memory cache may still have manifests
// that were removed. A long one is read when there is room for it.
Task<Result<ServedManifest>> RegistryReads::read(const Exchange& exchange, RepositoryKey key,
                                                 store::References::LeasedManifest held) {
  ServedManifest manifest(held.digest, held.record.media_type, nullptr, CacheResult::hit, std::nullopt,
                          std::string());
  auto entry = parts_.manifests.find(key, held.digest);
  if (!entry) {
    auto place = co_await parts_.replies.reserve(held.record.size);
    if (!place) co_return failure(place.error());
    manifest.place = *std::move(place);
    entry = parts_.manifests.find(key, held.digest);
  }
  if (!entry) {
    auto job = [&store = parts_.store, key, digest = held.digest] {
      return store.manifests().bytes(key, digest);
    };
    const auto kind = manifest.place ? proxy::JobOf::Kind::lengthy : proxy::JobOf::Kind::brief;
    const proxy::JobOf of(kind, exchange.peer().key());
    auto bytes = co_await parts_.readers.run(of, std::move(job));
    if (!bytes) co_return failure(bytes.error());
    // Somebody else may have read it meanwhile.
    entry = parts_.manifests.find(key, held.digest);
    if (!entry) {
      entry.emplace(held.record.media_type, std::make_shared<const std::string>(*std::move(bytes)));
      parts_.manifests.put(key, held.digest, *entry);
    }
  }
  manifest.bytes = entry->bytes;
  co_return manifest;
}

// --- blobs

Task<Result<>> RegistryReads::blob(Exchange& exchange, const OciPath& path, RequestContext& context) {
  const auto key = key_of(path);
  const auto digest = *path.digest;
  // A HEAD gets the longer lease: a client that pushes relies on the answer until its manifest arrives. A GET
  // has the file open and needs no more.
  const auto kind =
      exchange.request().method == "HEAD" ? store::Leases::Kind::read : store::Leases::Kind::probe;
  auto blob = parts_.store.blobs().lease(key, digest, store::Reach::memory, kind);
  if (!blob && would_block(blob.error())) {
    exchange.at("blob");
    auto job = [&store = parts_.store, key, digest, kind] {
      return store.blobs().lease(key, digest, store::Reach::disk, kind);
    };
    blob = co_await parts_.readers.run(std::move(job));
  }
  if (!blob) co_return failure(as_ours(blob.error()));
  context.cache = CacheResult::hit;
  exchange.at("sending");
  StoredBlob source(*blob);
  co_return co_await send_blob(exchange, context, digest, blob->size, source);
}

// --- lists

Task<Result<>> RegistryReads::tags(Exchange& exchange, const OciPath& path, RequestContext& context) {
  const auto limit = page_size(path.query);
  auto job = [&catalog = parts_.store.catalog(), key = key_of(path), name = path.name, last = path.query.last,
              limit]() -> Result<ListPage> {
    auto exists = catalog.has_manifests(key);
    if (!exists) return failure(exists.error());
    if (!*exists) return failure(Error::Kind::not_found, "no repository " + key.repository);
    auto found = catalog.tags(key, last, limit + 1);
    if (!found) return failure(found.error());
    std::vector<std::string> names;
    names.reserve(found->size());
    for (auto& tag : *found) names.push_back(std::move(tag.tag));
    ListPage page;
    page.link = take_next_link(names, limit, "/v2/" + name + "/tags/list");
    page.body = tag_list_json(name, names);
    return page;
  };
  auto page = co_await parts_.readers.run(std::move(job));
  if (!page) co_return failure(page.error());
  reply_list(exchange, base_headers(context), kJson, std::move(*page));
  co_return Result<>();
}

Task<Result<>> RegistryReads::catalog(Exchange& exchange, const OciPath& path, RequestContext& context) {
  const auto limit = page_size(path.query);
  auto job = [&catalog = parts_.store.catalog(), route = route_, last = path.query.last,
              limit]() -> Result<ListPage> {
    auto names = catalog.repositories(route, last, limit + 1);
    if (!names) return failure(names.error());
    ListPage page;
    page.link = take_next_link(*names, limit, "/v2/_catalog");
    page.body = repository_list_json(*names);
    return page;
  };
  auto page = co_await parts_.readers.run(std::move(job));
  if (!page) co_return failure(page.error());
  reply_list(exchange, base_headers(context), kJson, std::move(*page));
  co_return Result<>();
}

Task<Result<>> RegistryReads::referrers(Exchange& exchange, const OciPath& path, RequestContext& context) {
  ReferrersQuery query(key_of(path), *path.digest, std::nullopt, path.query.artifact_type);
  if (!path.query.last.empty()) {
    auto last = Digest::parse(path.query.last);
    if (!last) {
      reply_path_error(exchange, OciPathError(OciPathError::Kind::digest_invalid, last.error().message),
                       context.trace);
      co_return Result<>();
    }
    query.last = *last;
  }
  auto job = [&catalog = parts_.store.catalog(), query,
              own_path = "/v2/" + path.name + "/referrers/" + path.digest->text()] {
    return referrers_page(catalog, query, own_path);
  };
  auto page = co_await parts_.readers.run(std::move(job));
  if (!page) co_return failure(page.error());
  auto headers = base_headers(context);
  if (!query.artifact_type.empty()) headers.add("OCI-Filters-Applied", "artifactType");
  reply_list(exchange, std::move(headers), kOciIndex, std::move(*page));
  co_return Result<>();
}

}  // namespace breakwater::routes
