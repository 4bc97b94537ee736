#include "routes/mirror/mirror_lists.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream/memory_sink.h"
#include "routes/oci/link_header.h"
#include "routes/oci/media_type.h"
#include "routes/oci/referrers_filter.h"
#include "routes/oci/tag_list.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Millis;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;

namespace {

constexpr size_t kListBytesMax = 4 << 20;  // one page of tags, or all pages of referrers together
constexpr size_t kReferrersPagesMax = 100;
constexpr uint64_t kKeptBytesMax = 8 << 20;    // all lists in memory
constexpr uint64_t kStoredTagsMax = 10'000;    // in a list made from the store
constexpr size_t kStoredReferrersMax = 1'000;  // in a list made from the store

// Whether upstream has answered the question with this error, rather than failed to answer.
bool is_answer(const Error& error) {
  return error.kind == Error::Kind::not_found || error.kind == Error::Kind::invalid;
}

// The error for a page that is missing, refused or cut off. It does not say that the repository or the list
// is missing, because upstream served the page before it.
Error error_between_pages(Error error) {
  if (error.kind != Error::Kind::throttled) error.kind = Error::Kind::unavailable;
  error.message = "upstream's list of referrers broke off: " + error.message;
  return error;
}

// Collects a page of referrers, and remembers whether it began as an image index, so that a page that breaks
// off can be told from an upstream without the API.
class ReferrersSink final : public proxy::Sink {
 public:
  Result<> head(const proxy::Head& head) override {
    is_index_ = proxy::same_token(without_parameters(head.headers.get("Content-Type")), kOciIndex);
    return {};
  }
  Result<bool> body(std::span<const char> data) override { return page_.body(data); }

  bool is_index() const { return is_index_; }
  std::string take() { return page_.take(); }

 private:
  proxy::MemorySink page_{kListBytesMax};
  bool is_index_ = false;
};

// The key, the body and an estimate of the container's overhead.
uint64_t cost_of(const std::string& key, const std::shared_ptr<const std::string>& body) {
  return key.size() + body->size() + 256;
}

std::shared_ptr<const std::string> shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

std::string fallback_tag(const Digest& digest) {
  return std::string(store::name_of(digest.algorithm())) + "-" + digest.hex();
}

}  // namespace

MirrorLists::MirrorLists(const MirrorParts& parts, const MirrorSettings& settings, MirrorManifests& manifests)
    : parts_(parts), settings_(settings), manifests_(manifests), flights_(parts.loop) {}

// The list from memory while it is fresh, else from upstream, else the old one from memory.
Task<MirrorLists::Answer> MirrorLists::list(std::string key, proxy::SingleFlight<Answer>::Begin fetch) {
  const auto kept = kept_.find(key);
  const bool have = kept != kept_.end();
  List old = have ? kept->second : List();
  const auto now = parts_.clock.now();
  const bool is_to_come = old.at > now;  // the clock was put back
  if (have && !is_to_come && now - old.at < Millis(settings_.list_fresh_ms)) {
    old.cache = CacheResult::hit;
    co_return old;
  }
  const auto patience = Millis(have ? settings_.revalidate_wait_ms : settings_.first_byte_wait_ms);
  auto begin = [this, key, fetch] { return renew(key, fetch); };
  auto answer = co_await flights_.join_until(key, begin, parts_.loop.now() + patience);
  if (answer && *answer) co_return *answer;
  auto reason = answer ? answer->error() : Error(Error::Kind::unavailable, "upstream is slow to answer", 0);
  const bool too_old = now - old.at > Millis(settings_.freshness.stale_ms);
  if (!have || too_old || is_answer(reason)) co_return failure(reason);
  old.cache = CacheResult::stale;
  old.stale_reason = reason.message;
  co_return old;
}

// Runs in a flight: a slow answer is kept even if no client waits for it any more.
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

Task<Result<>> MirrorLists::serve_tags(Exchange& exchange, std::string repository, const OciPath& path,
                                       RequestContext& context) {
  const auto query = path.query.forwarded;
  auto begin = [this, repository, query] { return fetch_tags(repository, query); };
  auto tags = co_await list("tags " + repository + "?" + query, begin);
  if (!tags && !is_answer(tags.error()) && tags.error().kind != Error::Kind::denied) {
    const auto n = std::min(path.query.n.value_or(kStoredTagsMax), kStoredTagsMax);
    tags = co_await stored_tags(repository, path.query.last, n, tags.error());
  }
  if (!tags) co_return failure(tags.error());
  context.cache = tags->cache;
  auto headers = base_headers(context);
  headers.add("Content-Type", std::string(kJson));
  const auto link = relative_link(tags->link, "/v2/" + path.name + "/tags/list", path.query.ns);
  if (!link.empty()) headers.add("Link", link);
  if (!tags->stale_reason.empty()) headers.add("Warning", stale_warning(tags->stale_reason));
  exchange.reply(200, std::move(headers), tags->body);
  co_return Result<>();
}

Task<MirrorLists::Answer> MirrorLists::fetch_tags(std::string repository, std::string query) {
  auto request =
      registry_request("GET", repository, "/tags/list" + (query.empty() ? std::string() : "?" + query));
  request.headers.add("Accept", std::string(kJson));
  request.timeout_ms = settings_.manifest_timeout_ms;
  auto reply = co_await parts_.registry_client.fetch(std::move(request), kListBytesMax);
  if (!reply) co_return failure(reply.error());
  auto tags = parse_tag_list(reply->body);
  if (!tags) co_return failure(tags.error());
  List list;
  list.body = shared(tag_list_json(repository, *tags));
  list.link = reply->head.headers.all("Link");
  list.at = parts_.clock.now();
  co_return list;
}

// The tags that were pulled before and can still be pulled, for when upstream cannot list its tags.
Task<MirrorLists::Answer> MirrorLists::stored_tags(std::string repository, std::string last, uint64_t n,
                                                   Error reason) {
  const RepositoryKey key(settings_.route, repository);
  // Reading one more than `n` tells whether there is a next page.
  auto job = [&catalog = parts_.store.catalog(), key, last, n] { return catalog.tags(key, last, n + 1); };
  auto tags = co_await parts_.readers.run(std::move(job));
  if (!tags || tags->empty()) co_return failure(reason);
  std::vector<std::string> names;
  for (const auto& tag : *tags) names.push_back(tag.tag);
  const auto page = page_of(std::move(names), last, n);
  List list;
  list.body = shared(tag_list_json(repository, page.items));
  if (page.more) list.link = next_page_link("/v2/" + repository + "/tags/list", n, page.items.back(), "");
  list.stale_reason = "only the tags that were pulled here: " + reason.message;
  list.cache = CacheResult::stale;
  co_return list;
}

Task<Result<>> MirrorLists::serve_referrers(Exchange& exchange, std::string repository, const OciPath& path,
                                            RequestContext& context) {
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

// Fetches all referrers without a filter, so that one answer serves every filter.
Task<MirrorLists::Answer> MirrorLists::fetch_referrers(std::string repository, Digest digest) {
  auto first = co_await fetch_referrers_page(repository, digest, "");
  if (!first) {
    const auto kind = first.error().kind;
    if (kind == Error::Kind::unavailable || kind == Error::Kind::throttled) co_return failure(first.error());
    co_return co_await fetch_fallback(repository, digest);
  }
  const bool is_index =
      first->head.status == 200 &&
      proxy::same_token(without_parameters(first->head.headers.get("Content-Type")), kOciIndex);
  if (!is_index && (first->head.status != 200 || !filter_referrers(first->body, "")))
    co_return co_await fetch_fallback(repository, digest);
  co_return co_await fetch_further_referrers(repository, digest, std::move(*first));
}

Task<Result<proxy::Reply>> MirrorLists::fetch_referrers_page(std::string repository, Digest digest,
                                                             std::string query) {
  auto request = registry_request(
      "GET", repository, "/referrers/" + digest.text() + (query.empty() ? std::string() : "?" + query));
  request.headers.add("Accept", std::string(kOciIndex));
  request.timeout_ms = settings_.manifest_timeout_ms;
  // A redirect leads to a web page of a registry without the referrers API. The other host is not asked.
  request.redirect_is_answer = true;
  ReferrersSink page;
  auto head = co_await parts_.registry_client.download(std::move(request), page);
  if (!head && page.is_index()) co_return failure(error_between_pages(head.error()));
  if (!head) co_return failure(head.error());
  proxy::Reply reply;
  reply.head = std::move(*head);
  reply.body = page.take();
  co_return std::move(reply);
}

// Fetches the remaining pages. An incomplete list is an error, because a client would take a missing entry
// for a missing signature.
Task<MirrorLists::Answer> MirrorLists::fetch_further_referrers(std::string repository, Digest digest,
                                                               proxy::Reply first) {
  std::vector<std::string> pages;
  size_t bytes = 0;
  for (auto page = std::move(first);;) {
    bytes += page.body.size();
    pages.push_back(std::move(page.body));
    if (bytes > kListBytesMax)
      co_return failure(Error::Kind::corrupt, "upstream's list of referrers is too long");
    const auto query = next_page_query(page.head.headers.all("Link"));
    if (!query) co_return failure(query.error());
    if (query->empty()) break;
    if (pages.size() == kReferrersPagesMax)
      co_return failure(Error::Kind::corrupt, "upstream's list of referrers has too many pages");
    auto next = co_await fetch_referrers_page(repository, digest, *query);
    if (!next) co_return failure(error_between_pages(next.error()));
    page = std::move(*next);
  }
  auto index = join_referrers(pages);
  if (!index) co_return failure(index.error());
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
    if (manifest.error().kind != Error::Kind::not_found) co_return failure(manifest.error());
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
  auto job = [&catalog = parts_.store.catalog(), key, digest] {
    return catalog.referrers(key, digest, std::nullopt, kStoredReferrersMax);
  };
  auto referrers = co_await parts_.readers.run(std::move(job));
  if (!referrers || referrers->empty()) co_return failure(reason);
  List list;
  list.body = shared(referrers_index(*referrers));
  list.stale_reason = "only the referrers that were pulled here: " + reason.message;
  list.cache = CacheResult::stale;
  co_return list;
}

}  // namespace breakwater::routes
