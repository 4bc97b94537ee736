#include "routes/mirror_lists.h"

#include <algorithm>
#include <utility>

#include "routes/link_header.h"
#include "routes/media_type.h"
#include "routes/referrers_filter.h"
#include "routes/tag_list.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Millis;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;

namespace {

constexpr size_t kListBytesMax = 4 << 20;      // one page of tags, one index of referrers
constexpr uint64_t kKeptBytesMax = 8 << 20;    // of all lists in memory
constexpr uint64_t kStoredTagsMax = 10'000;    // of a list made from the store
constexpr size_t kStoredReferrersMax = 1'000;  // likewise

bool is_unwell(const Error& error) { return error.kind != Error::Kind::not_found && error.kind != Error::Kind::denied; }

// With a guess at what the container takes beside the bytes.
uint64_t cost_of(const std::string& key, const std::shared_ptr<const std::string>& body) { return key.size() + body->size() + 256; }

std::shared_ptr<const std::string> shared(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

std::string fallback_tag(const Digest& digest) { return std::string(store::name_of(digest.algorithm())) + "-" + digest.hex(); }

}  // namespace

MirrorLists::MirrorLists(const MirrorParts& parts, const MirrorSettings& settings, MirrorManifests& manifests)
    : parts_(parts), settings_(settings), manifests_(manifests), flights_(parts.loop) {}

// From memory while fresh, else from upstream, else from memory though old.
Task<MirrorLists::Answer> MirrorLists::list(std::string key, proxy::SingleFlight<Answer>::Begin fetch) {
  const auto kept = kept_.find(key);
  const bool have = kept != kept_.end();
  List old = have ? kept->second : List();
  const auto now = parts_.clock.now();
  if (have && now - old.at < Millis(settings_.list_fresh_ms)) {
    old.cache = CacheResult::hit;
    co_return old;
  }
  const auto patience = Millis(have ? settings_.revalidate_wait_ms : settings_.manifest_timeout_ms);
  auto begin = [this, key, fetch] { return renew(key, fetch); };
  auto answer = co_await flights_.join_until(key, begin, parts_.loop.now() + patience);
  if (answer && *answer) co_return *answer;
  auto reason = answer ? answer->error() : Error(Error::Kind::unavailable, "upstream is slow to answer", 0);
  const bool too_old = now - old.at > Millis(settings_.freshness.stale_ms);
  if (!have || too_old || !is_unwell(reason)) co_return failure(reason);
  old.cache = CacheResult::stale;
  old.stale_reason = reason.message;
  co_return old;
}

// In a flight, so that what is slow to come is kept although nobody waits for it any more.
Task<MirrorLists::Answer> MirrorLists::renew(std::string key, proxy::SingleFlight<Answer>::Begin fetch) {
  auto answer = co_await fetch();
  if (answer) keep(key, *answer);
  co_return answer;
}

void MirrorLists::keep(const std::string& key, const List& list) {
  if (auto old = kept_.find(key); old != kept_.end()) kept_bytes_ -= cost_of(key, old->second.body);
  const auto cost = cost_of(key, list.body);
  if (kept_bytes_ + cost > kKeptBytesMax) {
    kept_.clear();
    kept_bytes_ = 0;
  }
  kept_bytes_ += cost;
  kept_[key] = list;
}

Task<Result<>> MirrorLists::serve_tags(Exchange& exchange, std::string repository, const OciPath& path, RequestContext& context) {
  const auto query = path.query.handed_on;
  auto begin = [this, repository, query] { return fetch_tags(repository, query); };
  auto tags = co_await list("tags " + repository + "?" + query, begin);
  if (!tags && is_unwell(tags.error())) tags = co_await stored_tags(repository, path.query.last, path.query.n.value_or(kStoredTagsMax), tags.error());
  if (!tags) co_return failure(tags.error());
  context.cache = tags->cache;
  auto headers = base_headers(context);
  headers.add("Content-Type", std::string(kJson));
  const auto link = relative_link(tags->upstream_link, "/v2/" + path.name + "/tags/list", path.query.ns);
  if (!link.empty()) headers.add("Link", link);
  if (!tags->stale_reason.empty()) headers.add("Warning", stale_warning(tags->stale_reason));
  exchange.reply(200, std::move(headers), tags->body);
  co_return Result<>();
}

Task<MirrorLists::Answer> MirrorLists::fetch_tags(std::string repository, std::string query) {
  auto request = registry_request("GET", repository, "/tags/list" + (query.empty() ? std::string() : "?" + query));
  request.headers.add("Accept", std::string(kJson));
  request.timeout_ms = settings_.manifest_timeout_ms;
  auto reply = co_await parts_.origin.fetch(std::move(request), kListBytesMax);
  if (!reply) co_return failure(reply.error());
  auto tags = parse_tag_list(reply->body);
  if (!tags) co_return failure(tags.error());
  List list;
  list.body = shared(tag_list_json(repository, *tags));
  list.upstream_link = reply->head.headers.all("Link");
  list.at = parts_.clock.now();
  co_return list;
}

// Upstream cannot say which tags there are: the ones that were pulled can still be pulled, and these are they.
Task<MirrorLists::Answer> MirrorLists::stored_tags(std::string repository, std::string last, uint64_t n, Error reason) {
  const RepositoryKey key(settings_.route, repository);
  auto job = [&catalog = parts_.store.catalog(), key, last, n] { return catalog.tags(key, last, std::min(n, kStoredTagsMax)); };
  auto tags = co_await parts_.workers.run(std::move(job));
  if (!tags || tags->empty()) co_return failure(reason);
  std::vector<std::string> names;
  for (const auto& tag : *tags) names.push_back(tag.tag);
  List list;
  list.body = shared(tag_list_json(repository, names));
  list.stale_reason = "only the tags that were pulled here: " + reason.message;
  list.cache = CacheResult::stale;
  co_return list;
}

Task<Result<>> MirrorLists::serve_referrers(Exchange& exchange, std::string repository, const OciPath& path, RequestContext& context) {
  const auto digest = *path.digest;
  auto begin = [this, repository, digest] { return fetch_referrers(repository, digest); };
  auto referrers = co_await list("referrers " + repository + "@" + digest.text(), begin);
  if (!referrers) referrers = co_await stored_referrers(repository, digest, referrers.error());
  if (!referrers) co_return failure(referrers.error());
  auto body = referrers->body;
  if (!path.query.artifact_type.empty()) {
    auto some = filter_referrers(*body, path.query.artifact_type);
    if (!some) co_return failure(some.error());
    body = shared(std::move(*some));
  }
  context.cache = referrers->cache;
  auto headers = base_headers(context);
  headers.add("Content-Type", std::string(kOciIndex));
  if (!path.query.artifact_type.empty()) headers.add("OCI-Filters-Applied", "artifactType");
  if (!referrers->stale_reason.empty()) headers.add("Warning", stale_warning(referrers->stale_reason));
  exchange.reply(200, std::move(headers), body);
  co_return Result<>();
}

// All of them, unfiltered: one answer serves every filter.
Task<MirrorLists::Answer> MirrorLists::fetch_referrers(std::string repository, Digest digest) {
  auto request = registry_request("GET", repository, "/referrers/" + digest.text());
  request.headers.add("Accept", std::string(kOciIndex));
  request.timeout_ms = settings_.manifest_timeout_ms;
  auto reply = co_await parts_.origin.fetch(std::move(request), kListBytesMax);
  if (!reply) {
    const auto kind = reply.error().kind;
    if (kind == Error::Kind::unavailable || kind == Error::Kind::throttled) co_return failure(reply.error());
    co_return co_await fetch_fallback(repository, digest);
  }
  auto index = filter_referrers(reply->body, "");
  if (!index) co_return co_await fetch_fallback(repository, digest);
  List list;
  list.body = shared(std::move(*index));
  list.at = parts_.clock.now();
  co_return list;
}

Task<MirrorLists::Answer> MirrorLists::fetch_fallback(std::string repository, Digest digest) {
  auto manifest = co_await manifests_.by_tag(repository, fallback_tag(digest));
  List list;
  list.at = parts_.clock.now();
  if (!manifest) {
    if (is_unwell(manifest.error())) co_return failure(manifest.error());
    list.body = shared(referrers_index(std::vector<store::NamedReferrer>()));
    co_return list;
  }
  auto index = filter_referrers(*manifest->bytes, "");
  if (!index) co_return failure(index.error());
  list.body = shared(std::move(*index));
  list.stale_reason = manifest->stale_reason;
  co_return list;
}

Task<MirrorLists::Answer> MirrorLists::stored_referrers(std::string repository, Digest digest, Error reason) {
  const RepositoryKey key(settings_.route, repository);
  auto job = [&catalog = parts_.store.catalog(), key, digest] { return catalog.referrers(key, digest, std::nullopt, kStoredReferrersMax); };
  auto referrers = co_await parts_.workers.run(std::move(job));
  if (!referrers || referrers->empty()) co_return failure(reason);
  List list;
  list.body = shared(referrers_index(*referrers));
  list.stale_reason = "only the referrers that were pulled here: " + reason.message;
  list.cache = CacheResult::stale;
  co_return list;
}

}  // namespace breakwater::routes
