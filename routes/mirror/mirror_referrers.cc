#include "routes/mirror/mirror_referrers.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "routes/mirror/asking.h"
#include "routes/mirror/passed_list.h"
#include "routes/mirror/reserved_sink.h"
#include "routes/oci/link_header.h"
#include "routes/oci/media_type.h"
#include "routes/oci/parsing.h"
#include "routes/oci/referrers_filter.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;

namespace {

constexpr size_t kPagesMax = 100;
constexpr size_t kStoredMax = 1'000;  // in a list made from the store

// The error for a page that is missing, refused or cut off. It does not say that the repository or the list
// is missing, because upstream served the page before it; nor that upstream is unwell, if it has answered.
Error error_between_pages(Error error) {
  if (!is_unwell(error)) error.kind = Error::Kind::corrupt;
  error.message = "upstream's list of referrers broke off: " + error.message;
  return error;
}

std::string fallback_tag(const Digest& digest) {
  return std::string(store::name_of(digest.algorithm())) + "-" + digest.hex();
}

bool is_called_index(const proxy::Head& head) {
  return proxy::same_token(without_parameters(head.headers.get("Content-Type")), kOciIndex);
}

// The client's query without the filter: which page of a list that is passed on page by page.
std::string page_query(const OciQuery& query) {
  std::string page;
  for (size_t at = 0; at < query.forwarded.size();) {
    const size_t end = std::min(query.forwarded.find('&', at), query.forwarded.size());
    const auto parameter = std::string_view(query.forwarded).substr(at, end - at);
    if (!parameter.starts_with("artifactType=")) page.append(page.empty() ? "" : "&").append(parameter);
    at = end + 1;
  }
  return page;
}

// What the store has, within the length of a list that is kept: once that is reached, without annotations.
Result<std::vector<store::NamedReferrer>> stored_referrers(const store::Catalog& catalog,
                                                           const RepositoryKey& key, const Digest& subject) {
  auto referrers = catalog.referrers(key, subject, std::nullopt, kStoredMax, kListBytesMax);
  if (!referrers) return referrers;
  uint64_t bytes = 0;
  for (auto& referrer : *referrers) {
    bytes += referrer.record.listed_bytes();
    if (bytes > kListBytesMax) break;
    auto whole = catalog.whole_descriptor(key, subject, referrer);
    if (!whole) return failure(whole.error());
    referrer.record.descriptor = *std::move(whole);
  }
  return referrers;
}

}  // namespace

proxy::RegistryClientRequest MirrorReferrers::request_for(const std::string& repository, const Digest& digest,
                                                          const std::string& query) const {
  auto request =
      registry_request(settings_, "GET", repository,
                       "/referrers/" + digest.text() + (query.empty() ? std::string() : "?" + query));
  request.headers.add("Accept", std::string(kOciIndex));
  request.timeout_ms = request.stall_timeout_ms = settings_.manifest_timeout_ms;
  return request;
}

Task<Result<>> MirrorReferrers::serve(Exchange& exchange, std::string repository, const OciPath& path,
                                      RequestContext& context) {
  const auto digest = *path.digest;
  const auto origin = page_origin(parts_.upstreams, page_query(path.query));
  if (!origin) co_return failure(origin.error());
  auto referrers = co_await list(repository, digest, context.asker);
  if (!referrers) co_return failure(referrers.error());
  if (referrers->is_too_long) {
    auto refusal = co_await refusal_to_ask(parts_, settings_, context.asker, false);
    if (refusal) co_return failure(*refusal);
    auto* client = origin->upstream != nullptr ? origin->upstream : referrers->upstream;
    proxy::AskedUpstream upstream(*client, context.asker.hops);
    auto request = request_for(repository, digest, origin->query);
    request.timeout_ms = 0;
    PassedList list{std::string(kOciIndex), "/v2/" + path.name + "/referrers/" + digest.text(), path.query.ns,
                    origin_mark(parts_.upstreams, client)};
    co_return co_await pass_list(exchange, parts_, settings_.first_byte_wait_ms, std::move(upstream),
                                 std::move(request), std::move(list), context);
  }
  auto body = co_await filtered(exchange, *referrers, path.query.artifact_type);
  if (!body) co_return failure(body.error());
  context.cache = referrers->cache;
  auto headers = base_headers(context);
  headers.add("Content-Type", std::string(kOciIndex));
  if (!path.query.artifact_type.empty()) headers.add("OCI-Filters-Applied", "artifactType");
  if (!referrers->stale_reason.empty()) headers.add("Warning", stale_warning(referrers->stale_reason));
  exchange.reply(200, std::move(headers), *std::move(body));
  co_return Result<>();
}

Task<MirrorReferrers::Answer> MirrorReferrers::list(std::string repository, Digest digest,
                                                    proxy::Asker asker) {
  auto begin = [this, repository, digest, hops = asker.hops] { return fetch(repository, digest, hops); };
  auto got = co_await lists_.get(repository + "@" + digest.text(), asker, begin);
  if (got.list || !is_unwell(got.list.error()) || got.is_refused_here) co_return got.list;
  co_return co_await stored(repository, digest, got.list.error());
}

// The body of the reply. What is filtered is this client's own, and so there is room for it first.
Task<Result<Body>> MirrorReferrers::filtered(Exchange& exchange, KeptList list, std::string type) {
  if (type.empty()) co_return co_await parts_.replies.hold(list.body, list.place, exchange.client());
  auto place = co_await parts_.replies.reserve(list.body->size(), exchange.client());
  if (!place) co_return failure(place.error());
  auto job = [body = list.body, type = std::move(type)] { return filter_referrers(*body, type); };
  auto some = co_await parse(parts_.readers, list.body->size(), std::move(job), exchange.peer().key());
  if (!some) co_return failure(some.error());
  if (*place) (*place)->shrink(some->size());
  auto body = shared_body(*std::move(some));
  co_return co_await parts_.replies.hold(std::move(body), *std::move(place), exchange.client());
}

// Fetches all referrers without a filter, so that one answer serves every filter.
Task<MirrorReferrers::Answer> MirrorReferrers::fetch(std::string repository, Digest digest,
                                                     proxy::Hops hops) {
  auto obstacle = Obstacle::none_listed;
  auto attempt = [this, repository, digest, &obstacle](const proxy::AskedUpstream& upstream) {
    return fetch_from(upstream, repository, digest, obstacle);
  };
  auto list = co_await parts_.upstreams.first_of(hops, std::move(attempt));
  if (list || is_unwell(list.error()) || obstacle == Obstacle::broke_off) co_return list;
  if (obstacle == Obstacle::refused)
    co_return co_await fetch_fallback(repository, digest, list.error(), hops);
  co_return co_await fetch_fallback(repository, digest, std::nullopt, hops);
}

// The list of one upstream; `not_found` if it lists none and another may. `obstacle` outlives the Task.
Task<MirrorReferrers::Answer> MirrorReferrers::fetch_from(proxy::AskedUpstream upstream,
                                                          std::string repository, Digest digest,
                                                          Obstacle& obstacle) {
  auto first = co_await fetch_page(upstream, repository, digest, "");
  if (!first) {
    obstacle = std::max(obstacle, Obstacle::refused);
    co_return failure(first.error());
  }
  if (!first->is_index && !first->is_too_long)
    co_return failure(Error::Kind::not_found, "upstream has no referrers API");
  auto list = co_await fetch_further(upstream, repository, digest, std::move(*first));
  if (!list) obstacle = Obstacle::broke_off;
  const bool is_empty = list && list->body && *list->body == referrers_index({});
  if (is_empty && parts_.upstreams.size() > 1)
    co_return failure(Error::Kind::not_found, "upstream lists no referrers");
  co_return list;
}

Task<Result<MirrorReferrers::Page>> MirrorReferrers::fetch_page(proxy::AskedUpstream upstream,
                                                                std::string repository, Digest digest,
                                                                std::string query) {
  auto request = request_for(repository, digest, query);
  request.answers = {404, 405, 501};
  // A redirect leads to a web page of a registry without the referrers API. The other host is not asked.
  request.redirect_is_answer = true;
  ReservedSink sink(parts_.replies, kListBytesMax);
  auto head = co_await upstream.download(std::move(request), sink);
  Page page;
  page.is_too_long = sink.is_too_long();
  if (page.is_too_long) co_return page;
  // What began as an index and broke off is no sign of an upstream without the API.
  if (!head && is_called_index(sink.answered())) co_return failure(error_between_pages(head.error()));
  if (!head) co_return failure(head.error());
  if (head->status != 200) co_return page;
  page.is_index = true;
  page.place = sink.place();
  auto text = std::make_shared<std::string>(sink.take());
  auto job = [text] { return filter_referrers(*text, ""); };
  const auto read = co_await parse(parts_.readers, text->size(), std::move(job));
  page.body = std::move(*text);
  if (!read) {
    Error error(Error::Kind::corrupt, "upstream's list of referrers is no image index", 0);
    co_return failure(is_called_index(*head) ? error_between_pages(std::move(error)) : std::move(error));
  }
  auto next = next_page_query(head->headers.all("Link"));
  if (!next) co_return failure(error_between_pages(next.error()));
  page.next = *std::move(next);
  co_return page;
}

Task<MirrorReferrers::Answer> MirrorReferrers::fetch_further(proxy::AskedUpstream upstream,
                                                             std::string repository, Digest digest,
                                                             Page first) {
  std::vector<std::string> pages;
  std::vector<ReplyRoom::Place> places;
  size_t bytes = 0;
  KeptList list;
  list.upstream = &upstream.client();
  for (auto page = std::move(first);;) {
    bytes += page.body.size();
    pages.push_back(std::move(page.body));
    places.push_back(std::move(page.place));
    const bool has_too_many = pages.size() >= kPagesMax && !page.next.empty();
    list.is_too_long = page.is_too_long || bytes > kListBytesMax || has_too_many;
    if (list.is_too_long || page.next.empty()) break;
    auto next = co_await fetch_page(upstream, repository, digest, page.next);
    if (!next) co_return failure(error_between_pages(next.error()));
    if (!next->is_index && !next->is_too_long)
      co_return failure(Error::Kind::corrupt, "upstream's list of referrers broke off: a page is missing");
    page = std::move(*next);
  }
  list.at = parts_.clock.now();
  if (list.is_too_long) co_return list;
  auto job = [pages = std::move(pages)] { return join_referrers(pages); };
  auto index = co_await parse(parts_.readers, bytes, std::move(job));
  if (!index) co_return failure(error_between_pages(index.error()));
  list.body = shared_body(std::move(*index));
  if (places.size() == 1) list.place = places.front();
  co_return list;
}

// The index under the fallback tag, as the distribution specification has clients ask for it. `refusal` is
// why the API did not answer, if there is one: then a missing tag does not say that there are no referrers.
Task<MirrorReferrers::Answer> MirrorReferrers::fetch_fallback(std::string repository, Digest digest,
                                                              std::optional<Error> refusal,
                                                              proxy::Hops hops) {
  const proxy::Asker asker{hops, nullptr};  // its client has had this question counted
  auto manifest = co_await manifests_.by_tag(repository, fallback_tag(digest), asker);
  if (!manifest && manifest.error().kind != Error::Kind::not_found)
    co_return failure(refusal ? *refusal : manifest.error());
  // Some registries take such a tag for the digest in it, and answer with the subject itself.
  const bool is_there = manifest && manifest->digest != digest && is_index_type(manifest->media_type);
  if (!is_there && refusal) co_return failure(*refusal);
  KeptList list;
  list.at = parts_.clock.now();
  if (!is_there) {
    list.body = shared_body(referrers_index(std::vector<store::NamedReferrer>()));
    co_return list;
  }
  auto job = [text = manifest->bytes] { return filter_referrers(*text, ""); };
  auto index = co_await parse(parts_.readers, manifest->bytes->size(), std::move(job));
  if (!index) co_return failure(index.error());
  list.body = shared_body(std::move(*index));
  list.stale_reason = manifest->stale_reason;
  if (refusal) list.stale_reason = "only what the tag in place of the API lists: " + refusal->message;
  co_return list;
}

Task<MirrorReferrers::Answer> MirrorReferrers::stored(std::string repository, Digest digest, Error reason) {
  const RepositoryKey key(settings_.route, repository);
  auto job = [&catalog = parts_.store.catalog(), key, digest] {
    return stored_referrers(catalog, key, digest);
  };
  auto referrers = co_await parts_.readers.run(std::move(job));
  if (!referrers || referrers->empty()) co_return failure(reason);
  KeptList list;
  list.body = shared_body(referrers_index(*referrers));
  list.stale_reason = "only the referrers that were pulled here: " + reason.message;
  list.cache = CacheResult::stale;
  co_return list;
}

}  // namespace breakwater::routes
