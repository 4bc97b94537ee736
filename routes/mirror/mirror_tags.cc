#include "routes/mirror/mirror_tags.h"

#include <algorithm>
#include <utility>

#include "routes/mirror/list_sink.h"
#include "routes/mirror/passed_list.h"
#include "routes/oci/link_header.h"
#include "routes/oci/media_type.h"
#include "routes/oci/tag_list.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;
using store::RepositoryKey;

namespace {

constexpr uint64_t kStoredTagsMax = 10'000;  // in a list made from the store
constexpr size_t kPagesMax = 100;            // of a list that is paged here
// Marks the link to the next page of a list made from the store. Upstream's own pages have no such successor.
constexpr std::string_view kOfPulled = "&of=pulled";

std::shared_ptr<const std::string> shared(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

// Whether upstream has not done what `n` and `last` ask for.
bool ignores_paging(const std::vector<std::string>& tags, const OciQuery& query) {
  if (query.n && tags.size() > *query.n) return true;
  return !query.last.empty() && std::find(tags.begin(), tags.end(), query.last) != tags.end();
}

}  // namespace

proxy::RegistryClientRequest MirrorTags::request_for(const std::string& repository,
                                                     const std::string& query) const {
  auto request = registry_request(settings_, "GET", repository,
                                  "/tags/list" + (query.empty() ? std::string() : "?" + query));
  request.headers.add("Accept", std::string(kJson));
  request.timeout_ms = request.stall_timeout_ms = settings_.manifest_timeout_ms;
  return request;
}

Task<Result<>> MirrorTags::serve(Exchange& exchange, std::string repository, const OciPath& path,
                                 RequestContext& context) {
  OciQuery query = path.query;
  const bool is_of_pulled = query.forwarded.ends_with(kOfPulled);
  if (is_of_pulled) query.forwarded.resize(query.forwarded.size() - kOfPulled.size());
  auto begin = [this, repository, query] { return fetch(repository, query); };
  auto tags = co_await lists_.get(repository + "?" + query.forwarded, begin);
  // A page of what the store has would end upstream's list before its end.
  if (!tags && is_unwell(tags.error()) && (query.last.empty() || is_of_pulled))
    tags = co_await stored(repository, query, tags.error());
  if (!tags) co_return failure(tags.error());
  const std::string own_path = "/v2/" + path.name + "/tags/list";
  if (tags->is_too_long) {
    auto request = request_for(repository, query.forwarded);
    request.timeout_ms = 0;
    PassedList list{std::string(kJson), own_path, query.ns};
    co_return co_await pass_list(exchange, parts_, settings_.first_byte_wait_ms, std::move(request),
                                 std::move(list), context);
  }
  context.cache = tags->cache;
  auto headers = base_headers(context);
  headers.add("Content-Type", std::string(kJson));
  const auto link = relative_link(tags->link, own_path, query.ns);
  if (!link.empty()) headers.add("Link", link);
  if (!tags->stale_reason.empty()) headers.add("Warning", stale_warning(tags->stale_reason));
  exchange.reply(200, std::move(headers), tags->body);
  co_return Result<>();
}

Task<MirrorTags::Answer> MirrorTags::fetch(std::string repository, OciQuery query) {
  auto page = co_await fetch_page(repository, query.forwarded);
  if (!page) co_return failure(page.error());
  KeptList list;
  list.at = parts_.clock.now();
  list.is_too_long = page->is_too_long;
  if (list.is_too_long) co_return list;
  list.link = page->link;
  if (ignores_paging(page->tags, query)) {
    const bool is_whole = page->link.empty() && (!query.n || page->tags.size() > *query.n);
    if (!is_whole) page = co_await fetch_all(repository);
    if (!page) co_return failure(page.error());
    auto ours = page_of(std::move(page->tags), query.last, query.n);
    list.link.clear();
    if (ours.more)
      list.link = next_page_link("/v2/" + repository + "/tags/list", *query.n, ours.items.back(), "");
    page->tags = std::move(ours.items);
  }
  list.body = shared(tag_list_json(settings_.upstream_name(repository), page->tags));
  co_return list;
}

Task<Result<MirrorTags::Page>> MirrorTags::fetch_page(std::string repository, std::string query) {
  ListSink body;
  auto head = co_await parts_.registry_client.download(request_for(repository, query), body);
  Page page;
  page.is_too_long = body.is_too_long();
  if (page.is_too_long) co_return page;
  if (!head) co_return failure(head.error());
  if (head->status != 200)
    co_return failure(Error::Kind::corrupt,
                      "upstream answered " + std::to_string(head->status) + " where a list was due");
  auto tags = parse_tag_list(body.take());
  page.is_too_long = !tags && tags.error().kind == Error::Kind::too_large;
  if (page.is_too_long) co_return page;
  if (!tags) co_return failure(tags.error());
  page.tags = *std::move(tags);
  page.link = head->headers.all("Link");
  // Without a next page this would look like the last one.
  if (auto next = next_page_query(page.link); !next) co_return failure(next.error());
  co_return page;
}

// All tags, for an upstream whose pages do not begin where they should. Not whole is an error.
Task<Result<MirrorTags::Page>> MirrorTags::fetch_all(std::string repository) {
  Page all;
  size_t bytes = 0;
  std::string query;
  for (size_t pages = 0; pages < kPagesMax; ++pages) {
    auto page = co_await fetch_page(repository, query);
    if (!page) co_return failure(page.error());
    for (auto& tag : page->tags) {
      bytes += tag.size();
      all.tags.push_back(std::move(tag));
    }
    if (page->is_too_long || bytes > kListBytesMax) break;
    query = next_page_query(page->link).value_or("");
    if (!query.empty()) continue;
    std::sort(all.tags.begin(), all.tags.end());
    all.tags.erase(std::unique(all.tags.begin(), all.tags.end()), all.tags.end());
    co_return all;
  }
  co_return failure(Error::Kind::corrupt,
                    "upstream ignores n and last, and its list of tags is too long to be paged here");
}

// The tags that were pulled before and can still be pulled.
Task<MirrorTags::Answer> MirrorTags::stored(std::string repository, OciQuery query, Error reason) {
  const RepositoryKey key(settings_.route, repository);
  const auto n = std::min(query.n.value_or(kStoredTagsMax), kStoredTagsMax);
  // Reading one more than `n` tells whether there is a next page.
  auto job = [&catalog = parts_.store.catalog(), key, last = query.last, n] {
    return catalog.tags(key, last, n + 1);
  };
  auto tags = co_await parts_.readers.run(std::move(job));
  if (!tags || tags->empty()) co_return failure(reason);
  std::vector<std::string> names;
  for (const auto& tag : *tags) names.push_back(tag.tag);
  const auto page = page_of(std::move(names), query.last, n);
  KeptList list;
  list.body = shared(tag_list_json(settings_.upstream_name(repository), page.items));
  if (page.more) {
    const auto link = next_page_link("/v2/" + repository + "/tags/list", n, page.items.back(), "");
    list.link = link.substr(0, link.find('>')) + std::string(kOfPulled) + link.substr(link.find('>'));
  }
  list.stale_reason = "only the tags that were pulled here: " + reason.message;
  list.cache = CacheResult::stale;
  co_return list;
}

}  // namespace breakwater::routes
