#include "routes/mirror/mirror_tags.h"

#include <algorithm>
#include <utility>

#include "routes/mirror/asking.h"
#include "routes/mirror/passed_list.h"
#include "routes/mirror/reserved_sink.h"
#include "routes/oci/link_header.h"
#include "routes/oci/media_type.h"
#include "routes/oci/parsing.h"
#include "routes/oci/tag_list.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;
using store::RepositoryKey;

namespace {

constexpr uint64_t kStoredTagsMax = 10'000;  // in a list made from the store
constexpr size_t kPagesMax = 100;            // of a list that is paged here
// These end our links to the next page of a list that is paged here: one made from the store, and upstream's
// whole list. Upstream's own pages have no such successor.
constexpr std::string_view kOfPulled = "&of=pulled";
constexpr std::string_view kOfWhole = "&of=whole";

// Whether upstream has not done what `n` and `last` ask for.
bool ignores_paging(const std::vector<std::string>& tags, const OciQuery& query) {
  if (query.n && tags.size() > *query.n) return true;
  return !query.last.empty() && std::find(tags.begin(), tags.end(), query.last) != tags.end();
}

// Whether it asks for the first page. Upstream may name the others in ways of its own.
bool is_of_first_page(const OciQuery& query) {
  return query.forwarded.empty() ||
         (query.forwarded.starts_with("n=") && query.forwarded.find('&') == std::string::npos);
}

// The page of `tags` that `query` asks for, and the link to the next, which `mark` ends.
KeptList page_of_ours(const std::string& name, std::vector<std::string> tags, const OciQuery& query,
                      std::optional<uint64_t> n, std::string_view mark) {
  const auto page = page_of(std::move(tags), query.last, n);
  KeptList list;
  list.body = shared_body(tag_list_json(name, page.items));
  if (!page.more) return list;
  list.link = next_page_link("/v2/" + name + "/tags/list", *n, page.items.back(), "");
  list.link.insert(list.link.find('>'), mark);
  return list;
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
  auto origin = page_origin(parts_.upstreams, path.query.forwarded);
  if (!origin) co_return failure(origin.error());
  Asked asked(repository, path.query, context.asker, origin->upstream);
  asked.query.forwarded = std::move(origin->query);
  auto tags = co_await list_for(asked);
  if (!tags) co_return failure(tags.error());
  const std::string own_path = "/v2/" + path.name + "/tags/list";
  const auto mark = origin_mark(parts_.upstreams, tags->upstream);
  if (tags->is_too_long) {
    auto refusal = co_await refusal_to_ask(parts_, settings_, context.asker, false);
    if (refusal) co_return failure(*refusal);
    auto request = request_for(repository, asked.query.forwarded);
    request.timeout_ms = 0;
    PassedList list{std::string(kJson), own_path, path.query.ns, mark};
    co_return co_await pass_list(exchange, parts_, settings_.first_byte_wait_ms,
                                 proxy::AskedUpstream(*tags->upstream, context.asker.hops),
                                 std::move(request), std::move(list), context);
  }
  context.cache = tags->cache;
  auto headers = base_headers(context);
  headers.add("Content-Type", std::string(kJson));
  const auto link = marked(relative_link(tags->link, own_path, path.query.ns), mark);
  if (!link.empty()) headers.add("Link", link);
  if (!tags->stale_reason.empty()) headers.add("Warning", stale_warning(tags->stale_reason));
  auto body = co_await parts_.replies.hold(tags->body, tags->place, exchange.client());
  if (!body) co_return failure(body.error());
  exchange.reply(200, std::move(headers), *std::move(body));
  co_return Result<>();
}

Task<MirrorTags::Answer> MirrorTags::list_for(Asked asked) {
  const auto& query = asked.query;
  if (query.forwarded.ends_with(kOfWhole)) co_return co_await page_of_whole(asked);
  if (query.forwarded.ends_with(kOfPulled)) {
    const Error reason(Error::Kind::unavailable, "upstream was unwell when the list began", 0);
    co_return co_await stored(asked.repository, query, reason);
  }
  auto begin = [this, asked] { return fetch(asked); };
  auto key = asked.repository + "?" + query.forwarded + origin_mark(parts_.upstreams, asked.upstream);
  auto got = co_await lists_.get(std::move(key), asked.asker, begin);
  // A later page of what the store has would end upstream's list before its end.
  const bool may_be_stored = !got.is_refused_here && is_of_first_page(query) && asked.upstream == nullptr;
  if (!got.list && is_unwell(got.list.error()) && may_be_stored)
    got.list = co_await stored(asked.repository, query, got.list.error());
  co_return std::move(got.list);
}

Task<MirrorTags::Answer> MirrorTags::fetch(Asked asked) {
  auto page = co_await fetch_first(asked);
  if (!page) co_return failure(page.error());
  KeptList list;
  list.at = parts_.clock.now();
  list.upstream = page->upstream;
  list.is_too_long = page->is_too_long;
  if (list.is_too_long) co_return list;
  list.link = page->link;
  if (ignores_paging(page->tags, asked.query)) co_return co_await page_of_whole(asked);
  auto job = [name = settings_.upstream_name(asked.repository), tags = std::move(page->tags)] {
    return tag_list_json(name, tags);
  };
  auto text = co_await parse(parts_.readers, page->bytes, std::move(job));
  list.body = shared_body(std::move(text));
  list.place = page->place;
  co_return list;
}

// The page from the upstream that it has to come from, else from the first that has it.
Task<Result<MirrorTags::Page>> MirrorTags::fetch_first(Asked asked) {
  if (asked.upstream != nullptr) {
    proxy::AskedUpstream upstream(*asked.upstream, asked.asker.hops);
    co_return co_await fetch_page(std::move(upstream), asked.repository, asked.query.forwarded);
  }
  auto attempt = [this, asked](const proxy::AskedUpstream& upstream) {
    return fetch_page(upstream, asked.repository, asked.query.forwarded);
  };
  co_return co_await parts_.upstreams.first_of(asked.asker.hops, std::move(attempt));
}

Task<Result<MirrorTags::Page>> MirrorTags::fetch_page(proxy::AskedUpstream upstream, std::string repository,
                                                      std::string query) {
  ReservedSink body(parts_.replies, kListBytesMax);
  auto head = co_await upstream.download(request_for(repository, query), body);
  Page page;
  page.upstream = &upstream.client();
  page.is_too_long = body.is_too_long();
  if (page.is_too_long) co_return page;
  if (!head) co_return failure(head.error());
  if (head->status != 200)
    co_return failure(Error::Kind::corrupt,
                      "upstream answered " + std::to_string(head->status) + " where a list was due");
  auto text = body.take();
  const size_t bytes = text.size();
  auto job = [text = std::move(text)] { return parse_tag_list(text); };
  auto tags = co_await parse(parts_.readers, bytes, std::move(job));
  page.is_too_long = !tags && tags.error().kind == Error::Kind::too_large;
  if (page.is_too_long) co_return page;
  if (!tags) co_return failure(tags.error());
  page.bytes = bytes;
  page.place = body.place();
  page.tags = *std::move(tags);
  page.link = head->headers.all("Link");
  // Without a next page this would look like the last one.
  if (auto next = next_page_query(page.link); !next) co_return failure(next.error());
  co_return page;
}

// A page of upstream's whole list, for an upstream that does not page it as it is asked to.
Task<MirrorTags::Answer> MirrorTags::page_of_whole(Asked asked) {
  auto begin = [this, asked] { return fetch_whole(asked.repository, asked.asker.hops); };
  const auto got = co_await lists_.get(asked.repository, asked.asker, begin);
  const auto& whole = got.list;
  if (!whole) co_return failure(whole.error());
  // On a worker, because the list may be long and its pages many.
  auto job = [whole_body = whole->body, name = settings_.upstream_name(asked.repository),
              query = asked.query]() -> Answer {
    auto tags = parse_tag_list(*whole_body);
    if (!tags) return failure(tags.error());
    return page_of_ours(name, *std::move(tags), query, query.n, kOfWhole);
  };
  auto page = co_await parts_.readers.run(std::move(job));
  if (!page) co_return page;
  page->at = whole->at;
  page->stale_reason = whole->stale_reason;
  page->cache = whole->cache;
  co_return page;
}

Task<MirrorTags::Answer> MirrorTags::fetch_whole(std::string repository, proxy::Hops hops) {
  auto attempt = [this, repository](const proxy::AskedUpstream& upstream) {
    return fetch_whole_of(upstream, repository);
  };
  co_return co_await parts_.upstreams.first_of(hops, std::move(attempt));
}

// All pages in one list. Not whole is an error.
Task<MirrorTags::Answer> MirrorTags::fetch_whole_of(proxy::AskedUpstream upstream, std::string repository) {
  std::vector<std::string> tags;
  size_t bytes = 0;
  std::string query;
  for (size_t pages = 0; pages < kPagesMax; ++pages) {
    auto page = co_await fetch_page(upstream, repository, query);
    if (!page) co_return failure(page.error());
    for (auto& tag : page->tags) {
      bytes += tag.size() + sizeof(std::string);
      tags.push_back(std::move(tag));
    }
    if (page->is_too_long || bytes > 4 * kListBytesMax) break;
    query = next_page_query(page->link).value_or("");
    if (!query.empty()) continue;
    auto job = [name = settings_.upstream_name(repository), tags = std::move(tags)]() mutable {
      std::sort(tags.begin(), tags.end());
      tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
      return tag_list_json(name, tags);
    };
    auto text = co_await parse(parts_.readers, bytes, std::move(job));
    KeptList list;
    list.body = shared_body(std::move(text));
    list.at = parts_.clock.now();
    if (list.body->size() > kListBytesMax) break;
    co_return list;
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
  auto list = page_of_ours(settings_.upstream_name(repository), std::move(names), query, n, kOfPulled);
  list.stale_reason = "only the tags that were pulled here: " + reason.message;
  list.cache = CacheResult::stale;
  co_return list;
}

}  // namespace breakwater::routes
