#include "routes/mirror/mirror_blobs.h"

#include <string_view>
#include <utility>

#include "proxy/http/ip_address.h"
#include "routes/mirror/asking.h"
#include "routes/oci/range.h"
#include "store/blobs/blobs.h"
#include "store/catalog/catalog.h"
#include "store/references/liveness.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::FillReader;
using proxy::FillRequest;
using proxy::FillSource;
using proxy::Millis;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;

namespace {

// A reader of a fill as the source of a reply.
class FilledBlob final : public ByteSource {
 public:
  FilledBlob(FillReader& reader, RequestContext& context, std::string_view range)
      : reader_(reader),
        context_(context),
        kind_(range.ends_with('-') ? FillReader::Range::open_ended : FillReader::Range::closed) {}
  ~FilledBlob() override {
    if (reader_.is_passing()) context_.cache = CacheResult::pass;
  }
  FilledBlob(const FilledBlob&) = delete;
  FilledBlob& operator=(const FilledBlob&) = delete;

  Task<Result<>> ready(ByteRange range) override { return reader_.ready(range.first, range.length, kind_); }
  Task<> send(Exchange& exchange, ByteRange range) override {
    return reader_.send(exchange, range.first, range.length);
  }

 private:
  FillReader& reader_;
  RequestContext& context_;
  FillReader::Range kind_;
};

}  // namespace

MirrorBlobs::MirrorBlobs(const MirrorParts& parts, const MirrorSettings& settings)
    : parts_(parts), settings_(settings), probe_(parts, settings) {}

proxy::Moment MirrorBlobs::deadline() const {
  return parts_.loop.now() + Millis(settings_.first_byte_wait_ms);
}

Task<Result<>> MirrorBlobs::serve(Exchange& exchange, std::string repository, Digest digest,
                                  RequestContext& context) {
  const RepositoryKey key(settings_.route, repository);
  auto known = co_await look_up(key, digest);
  if (!known) co_return failure(known.error());
  auto blob = co_await open(digest);
  if (blob && !known->permitted) {
    exchange.at("asking upstream");
    auto asked = co_await probe_.ask(key, digest, context.asker, deadline(), blob->size);
    if (!asked) co_return failure(asked.error());
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
    // A size of 0 is what a manifest gives that tells none.
    if (*parent)
      return Known(true, (*parent)->edge.size > 0 ? std::optional((*parent)->edge.size) : std::nullopt);
    auto permitted = store::may_serve(store.catalog(), key, digest, reach);
    if (!permitted) return failure(permitted.error());
    return Known(*permitted, std::nullopt);
  };
  auto known = find(store::Reach::memory);
  if (known || known.error().kind != Error::Kind::would_block) co_return known;
  auto job = [find] { return find(store::Reach::disk); };
  co_return co_await parts_.readers.run(std::move(job));
}

Task<Result<store::Blob>> MirrorBlobs::open(Digest digest) {
  auto warm = parts_.store.blobs().open_if_warm(digest);
  if (warm || warm.error().kind != Error::Kind::would_block) co_return warm;
  auto job = [&store = parts_.store, digest] { return store.blobs().open(digest); };
  co_return co_await parts_.readers.run(std::move(job));
}

FillRequest MirrorBlobs::fill_request(const RepositoryKey& key, const Digest& digest, const proxy::Hops& hops,
                                      std::optional<uint64_t> size) const {
  auto request = registry_request(settings_, "GET", key.repository, "/blobs/" + digest.text());
  request.receive_bytes = proxy::kLongReceiveBytes;
  request.size = size;
  request.hops = hops;
  const auto upstreams = parts_.upstreams.in_order(hops);
  FillRequest fill(digest, FillSource(*upstreams.front(), request, key));
  for (size_t i = 1; i < upstreams.size(); ++i) fill.sources.emplace_back(*upstreams[i], request, key);
  fill.size = size;
  return fill;
}

// The size that upstream told to a GET wins over that of HEAD, and that over a manifest's: no digest was
// checked yet, and a manifest's may be wrong.
Task<Result<>> MirrorBlobs::serve_head(Exchange& exchange, RepositoryKey key, Digest digest,
                                       RequestContext& context, Known known) {
  const auto by = deadline();
  auto asked = co_await probe_.ask(key, digest, context.asker, by);
  if (!asked) co_return failure(asked.error());
  context.cache = CacheResult::miss;
  auto size = asked->size;
  if (!asked->by_get && (!size || size != known.size.value_or(*size))) {
    auto got = co_await probe_.ask_get(key, digest, context.asker, by);
    if (got && got->size) size = got->size;
  }
  reply_blob_head(exchange, context, digest, size ? size : known.size);
  co_return Result<>();
}

Task<Result<>> MirrorBlobs::serve_fill(Exchange& exchange, RepositoryKey key, Digest digest,
                                       RequestContext& context, Known known) {
  if (auto error = probe_.known_missing(key, digest)) co_return failure(*error);
  const auto* running = parts_.fills.find(digest);
  const bool is_being_asked = running != nullptr && running->has_source_of(key);
  auto refusal = co_await refusal_to_ask(parts_, settings_, context.asker, is_being_asked);
  if (refusal) co_return failure(*refusal);
  context.cache = parts_.fills.find(digest) ? CacheResult::follow : CacheResult::miss;
  const proxy::FillReaderParts machinery(parts_.loop, parts_.fills, parts_.pass_through,
                                         settings_.far_ahead_bytes);
  auto request = fill_request(key, digest, context.asker.hops, known.size);
  request.client = proxy::IpAddress(exchange.peer().client()).text();
  FillReader reader(machinery, request, deadline());
  auto served = co_await follow(exchange, reader, key, digest, context, known.permitted);
  while (!served && !exchange.started() && reader.is_outdated())
    served = co_await follow(exchange, reader, key, digest, context, known.permitted);
  if (served || exchange.started()) co_return served;
  if (const auto own = reader.own_failure()) probe_.remember(key, digest, *own);
  if (!proxy::can_pass(served.error())) co_return served;
  // The place of a range is in the reply's head, so its size must be right.
  request.size = reader.told_size();
  if (!request.size && exchange.request().headers.find("Range") != nullptr) {
    auto got = co_await probe_.ask_get(key, digest, context.asker, deadline());
    if (got) request.size = got->size;
  }
  if (!request.size) request.size = known.size;
  co_return co_await pass(exchange, std::move(request), context);
}

// Sends what the fill brings. While nobody has said that the repository has the blob, only what its own
// upstream sends shows that; else upstream is asked.
Task<Result<>> MirrorBlobs::follow(Exchange& exchange, FillReader& reader, RepositoryKey key, Digest digest,
                                   RequestContext& context, bool& permitted) {
  exchange.at("waiting for upstream");
  const auto may = permitted ? FillReader::May::read_all : FillReader::May::read_own;
  auto begun = co_await reader.begin(may);
  if (!begun) co_return begun;
  if (!permitted && !reader.may_read()) {
    exchange.at("asking upstream");
    auto asked = co_await probe_.ask(key, digest, context.asker, deadline());
    if (!asked) co_return failure(asked.error());
    permitted = true;
    begun = co_await reader.begin(FillReader::May::read_all);
    if (!begun) co_return begun;
  }
  exchange.at("following the fill");
  if (!reader.size()) {
    exchange.start(200, blob_headers(context, digest), std::nullopt);
    co_await reader.send_unsized(exchange);
    co_return Result<>();
  }
  FilledBlob source(reader, context, exchange.request().headers.get("Range"));
  co_return co_await send_blob(exchange, context, digest, *reader.size(), source);
}

// Passes the blob through from upstream to this client alone, because there is no capacity to store it.
Task<Result<>> MirrorBlobs::pass(Exchange& exchange, FillRequest request, RequestContext& context) {
  context.cache = CacheResult::pass;
  exchange.at("passing from upstream");
  auto headers = blob_headers(context, request.digest);
  auto asked =
      request.size ? requested_of(exchange.request(), request.digest, *request.size) : RequestedRange();
  if (asked.kind != RequestedRange::Kind::several)
    exchange.resumes_from(asked.kind == RequestedRange::Kind::single ? asked.ranges.front().first : 0);
  if (asked.kind != RequestedRange::Kind::single) {
    co_return co_await parts_.pass_through.send_whole(exchange, std::move(request), std::move(headers),
                                                      std::nullopt);
  }
  const auto range = asked.ranges.front();
  headers.add("Content-Range", content_range(range, *request.size));
  if (range.length == *request.size) {
    co_return co_await parts_.pass_through.send_whole(exchange, std::move(request), std::move(headers),
                                                      std::nullopt);
  }
  auto piece = co_await parts_.pass_through.send_range(exchange, std::move(request), std::move(headers),
                                                       range.first, range.length, nullptr);
  if (piece.error && !exchange.started()) co_return failure(*piece.error);
  if (piece.error) exchange.abort();
  co_return Result<>();
}

}  // namespace breakwater::routes
