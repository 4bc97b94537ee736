#include "routes/mirror/mirror_blobs.h"

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "routes/mirror/fill_source.h"
#include "routes/oci/range.h"
#include "store/blobs/blobs.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_by_digest.h"
#include "store/references/liveness.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Fill;
using proxy::FillRequest;
using proxy::Millis;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;

namespace {

// Whether the range is like `bytes=5-`. containerd opens many such ranges on one blob at once and hangs up
// after its share, so these readers wait for the fill.
bool is_open_ended(std::string_view range) { return range.ends_with('-'); }

}  // namespace

MirrorBlobs::MirrorBlobs(const MirrorParts& parts, const MirrorSettings& settings)
    : parts_(parts), settings_(settings), probe_(parts, settings) {}

Task<Result<>> MirrorBlobs::serve(Exchange& exchange, std::string repository, Digest digest,
                                  RequestContext& context) {
  const RepositoryKey key(settings_.route, repository);
  auto known = co_await look_up(key, digest);
  if (!known) co_return failure(known.error());
  auto blob = co_await open(digest);
  // A fill for this repository shows that upstream serves the blob to it. A held blob, or a fill for another
  // repository, does not.
  const auto fill = parts_.fills.find(digest);
  if (!known->permitted && (blob || (fill && fill->request().repository != key))) {
    exchange.at("asking upstream");
    const auto deadline = parts_.loop.now() + Millis(settings_.first_byte_wait_ms);
    auto asked = co_await probe_.ask(key, digest, deadline);
    if (!asked) co_return failure(asked.error());
    known->permitted = true;
    if (!blob) blob = co_await open(digest);  // the fill may have ended while we asked
  }
  if (blob) {
    context.cache = CacheResult::hit;
    parts_.store.blobs().note_use(digest);
    StoredBlob source(*blob);
    co_return co_await send_blob(exchange, context, digest, blob->size, source);
  }
  if (exchange.request().method == "HEAD")
    co_return co_await serve_head(exchange, key, digest, context, *known);
  co_return co_await serve_fill(exchange, key, digest, context, *known);
}

// Whether the repository may serve the blob, and the size that a manifest gives for it.
Task<Result<MirrorBlobs::Known>> MirrorBlobs::look_up(RepositoryKey key, Digest digest) {
  auto find = [&store = parts_.store, key, digest](store::Reach reach) -> Result<Known> {
    auto parent = store.catalog().parent_in(digest, key, reach);
    if (!parent) return failure(parent.error());
    if (*parent) return Known(true, (*parent)->edge.size);
    auto permitted = store::may_serve(store.catalog(), key, digest, reach);
    if (!permitted) return failure(permitted.error());
    return Known(*permitted, std::nullopt);
  };
  auto known = find(store::Reach::memory);
  if (known || known.error().kind != Error::Kind::would_block) co_return known;
  auto job = [find] { return find(store::Reach::disk); };
  co_return co_await parts_.readers.run(std::move(job));
}

// Whether manifests of this repository give different sizes for the blob. One of them is wrong then, and must
// not break the pulls of the others.
Task<bool> MirrorBlobs::is_size_disputed(RepositoryKey key, Digest digest) {
  auto job = [&catalog = parts_.store.catalog(), key, digest] {
    const auto parents = catalog.by_digest().parents(digest);
    std::set<uint64_t> sizes;
    for (const auto& parent : parents ? *parents : std::vector<store::Parent>()) {
      if (parent.repository == key) sizes.insert(parent.edge.size);
    }
    return sizes.size() > 1;
  };
  co_return co_await parts_.readers.run(std::move(job));
}

Task<Result<store::Blob>> MirrorBlobs::open(Digest digest) {
  auto warm = parts_.store.blobs().open_if_warm(digest);
  if (warm || warm.error().kind != Error::Kind::would_block) co_return warm;
  auto job = [&store = parts_.store, digest] { return store.blobs().open(digest); };
  co_return co_await parts_.readers.run(std::move(job));
}

FillRequest MirrorBlobs::fill_request(const RepositoryKey& key, const Digest& digest,
                                      std::optional<uint64_t> size) const {
  FillRequest request(digest, key, registry_request("GET", key.repository, "/blobs/" + digest.text()));
  request.size = size;
  request.request.size = size;
  return request;
}

Task<Result<>> MirrorBlobs::serve_head(Exchange& exchange, RepositoryKey key, Digest digest,
                                       RequestContext& context, Known known) {
  auto size = known.size;
  if (auto fill = parts_.fills.find(digest); fill && fill->size()) size = fill->size();
  const auto deadline = parts_.loop.now() + Millis(settings_.first_byte_wait_ms);
  auto asked = co_await probe_.ask(key, digest, deadline);
  if (!asked) co_return failure(asked.error());
  context.cache = CacheResult::miss;
  // The size in a manifest wins over the size in a HEAD answer: the manifest is verified by its digest.
  if (size && *asked && *size != **asked) {
    const bool is_disputed = co_await is_size_disputed(key, digest);
    if (is_disputed) size = *asked;
  }
  if (!size) size = *asked;
  if (!size) {
    auto told = co_await probe_.size(key, digest, deadline);
    if (!told) co_return failure(told.error());
    size = *told;
  }
  reply_blob_head(exchange, context, digest, *size);
  co_return Result<>();
}

Task<Result<>> MirrorBlobs::serve_fill(Exchange& exchange, RepositoryKey key, Digest digest,
                                       RequestContext& context, Known known) {
  if (auto error = probe_.known_missing(key, digest)) co_return failure(*error);
  context.cache = parts_.fills.find(digest) ? CacheResult::follow : CacheResult::miss;
  auto request = fill_request(key, digest, known.size);
  auto fill = parts_.fills.join(parts_.registry_client, request);
  exchange.at("waiting for upstream");
  const auto deadline = parts_.loop.now() + Millis(settings_.first_byte_wait_ms);
  const auto nothing = [&fill] { return !fill->size() && !fill->error() && fill->available() == 0; };
  while (nothing() && parts_.loop.now() < deadline) co_await fill->progress().wait_until(deadline);

  auto served = Result<>();
  if (fill->size()) {
    exchange.at("following the fill");
    FillSource source(parts_, settings_.far_ahead_bytes, fill, request, context,
                      is_open_ended(exchange.request().headers.get("Range")), deadline);
    served = co_await send_blob(exchange, context, digest, *fill->size(), source);
  } else if (fill->error()) {
    served = failure(*fill->error());
  } else if (!fill->begun()) {
    served = failure(stall_reason(*fill));
  } else {
    served = co_await serve_unsized(exchange, fill, context);
  }
  if (served || exchange.started()) co_return served;
  if (known.size && served.error().kind == Error::Kind::corrupt) {
    const bool is_disputed = co_await is_size_disputed(key, digest);
    known.size.reset();
    if (is_disputed) co_return co_await serve_fill(exchange, key, digest, context, known);
  }
  if (fill->size()) request.size = fill->size();
  if (can_pass(served.error())) co_return co_await pass(exchange, std::move(request), context);
  // A fill for another repository may fail because of that repository's upstream or credentials, so this
  // repository tries its own.
  if (fill->error() && fill->request().repository != key)
    co_return co_await serve_fill(exchange, key, digest, context, known);
  probe_.remember(key, digest, served.error());
  co_return served;
}

// Serves a fill whose size nobody knows: with chunked encoding, to the end of the fill.
Task<Result<>> MirrorBlobs::serve_unsized(Exchange& exchange, std::shared_ptr<Fill> fill,
                                          RequestContext& context) {
  Fill::Follower follower(fill, parts_.fills.stats());
  exchange.start(200, blob_headers(context, fill->request().digest), std::nullopt);
  for (uint64_t sent = 0; !fill->verified() || sent < fill->available();) {
    while (fill->available() <= sent && !fill->verified() && !fill->error()) co_await fill->progress().wait();
    const auto count = fill->available() - sent;
    if (count == 0 && fill->error()) {
      exchange.abort();
      co_return Result<>();
    }
    if (count > 0) co_await exchange.send_file(fill->file(), sent, count);
    sent += count;
  }
  exchange.finish();
  co_return Result<>();
}

// Passes the blob through from upstream to this client alone, because there is no capacity to store it.
Task<Result<>> MirrorBlobs::pass(Exchange& exchange, FillRequest request, RequestContext& context) {
  context.cache = CacheResult::pass;
  exchange.at("passing from upstream");
  auto headers = blob_headers(context, request.digest);
  auto asked =
      request.size ? requested_of(exchange.request(), request.digest, *request.size) : RequestedRange();
  if (asked.kind != RequestedRange::Kind::single) {
    co_return co_await parts_.pass_through.send_whole(exchange, parts_.registry_client, std::move(request),
                                                      std::move(headers), std::nullopt);
  }
  const auto range = asked.ranges.front();
  headers.add("Content-Range", content_range(range, *request.size));
  if (range.length == *request.size) {
    co_return co_await parts_.pass_through.send_whole(exchange, parts_.registry_client, std::move(request),
                                                      std::move(headers), std::nullopt);
  }
  auto piece =
      co_await parts_.pass_through.send_range(exchange, parts_.registry_client, std::move(request),
                                              std::move(headers), range.first, range.length, nullptr);
  if (piece.error && !exchange.started()) co_return failure(*piece.error);
  if (piece.error) exchange.abort();
  co_return Result<>();
}

}  // namespace breakwater::routes
