#include "routes/mirror/mirror_blobs.h"

#include <algorithm>
#include <set>
#include <utility>

#include "proxy/fill/continuation.h"
#include "routes/oci/range.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Fill;
using proxy::FillRequest;
using proxy::Millis;
using proxy::Moment;
using proxy::Task;
using store::Digest;
using store::RepositoryKey;

namespace {

constexpr Millis kMissingBlob(10'000);

std::string question_key(const RepositoryKey& key, const Digest& digest) {
  return key.repository + "@" + digest.text();
}

// Why a fill has sent nothing in time: the failure that it is waiting to retry, if there was one.
Error cause_of_silence(const Fill& fill) {
  return fill.setback().value_or(Error(Error::Kind::unavailable, "upstream has not begun to send yet", 0));
}

// Whether only storing the blob failed on our side, so that it can still be passed through from upstream.
bool can_pass(const Error& error) {
  return error.kind == Error::Kind::full || error.kind == Error::Kind::internal;
}

// Takes the size from the head of an answer and refuses the body, which is the whole blob if upstream ignores
// Range.
class SizeSink final : public proxy::Sink {
 public:
  Result<> head(const proxy::Head& head) override {
    answered = true;
    auto range = proxy::parse_content_range(head.headers.get("Content-Range"));
    if (range) size = range->total;
    if (head.status == 200) size = head.length;
    return failure(Error::Kind::not_found, "the rest is not wanted");
  }
  Result<bool> body(std::span<const char>) override { return true; }

  bool answered = false;
  std::optional<uint64_t> size;
};

// Whether a GET may succeed although HEAD got this error: upstream has not said that the blob is missing or
// that it is down.
bool may_be_heads_alone(Error::Kind kind) {
  return kind == Error::Kind::corrupt || kind == Error::Kind::invalid || kind == Error::Kind::denied;
}

bool is_of_nothing(const Digest& digest) {
  return digest == store::digest_of(digest.algorithm(), std::string_view());
}

// Whether the range is like `bytes=5-`. containerd opens many such ranges on one blob at once and hangs up
// after its share, so these readers wait for the fill.
bool is_open_ended(std::string_view range) { return range.ends_with('-'); }

}  // namespace

// Sends ranges of a blob from a fill in progress, as the fill receives them.
class MirrorBlobs::FillSource final : public ByteSource {
 public:
  // `request` is the request of this reader's repository; the fill may have been started for another. ready()
  // waits for the first byte until `deadline`.
  FillSource(MirrorBlobs& blobs, std::shared_ptr<Fill> fill, FillRequest request, RequestContext& context,
             bool open_ended, Moment deadline)
      : blobs_(blobs),
        fill_(fill),
        follower_(std::move(fill), blobs.parts_.fills.stats()),
        request_(std::move(request)),
        context_(context),
        open_ended_(open_ended),
        deadline_(deadline) {}

  Task<Result<>> ready(ByteRange range) override {
    auto& loop = blobs_.parts_.loop;
    while (!fill_->begun() && !ended() && loop.now() < deadline_)
      co_await fill_->progress().wait_until(deadline_);
    if (!fill_->begun() && !ended()) co_return failure(cause_of_silence(*fill_));
    far_ahead_ = is_far_ahead(range);
    while (!far_ahead_ && fill_->available() <= range.first && !ended() && loop.now() < deadline_)
      co_await fill_->progress().wait_until(deadline_);
    if (fill_->error() && fill_->available() <= range.first) co_return failure(*fill_->error());
    // An empty reply is complete as soon as its head is sent, so the content must be verified before.
    if (range.length == 0 && !fill_->verified()) co_return failure(cause_of_silence(*fill_));
    co_return Result<>();
  }

  Task<> send(Exchange& exchange, ByteRange range) override {
    uint64_t sent = 0;
    if (far_ahead_) sent = co_await pass_far_ahead(exchange, range);
    while (sent < range.length) {
      const auto position = range.first + sent;
      while (fill_->available() <= position && !ended()) co_await fill_->progress().wait();
      if (fill_->available() <= position) break;
      const auto count = std::min(fill_->available() - position, range.length - sent);
      co_await exchange.send_file(fill_->file(), position, count);
      sent += count;
    }
    if (sent == range.length) co_return;
    const bool passable = fill_->error() && can_pass(*fill_->error());
    if (!passable) co_return exchange.abort();
    co_await pass_rest(exchange, range, sent);
  }

 private:
  bool ended() const { return fill_->verified() || fill_->error(); }

  bool is_far_ahead(const ByteRange& range) const {
    return !open_ended_ && !fill_->error() &&
           range.first > fill_->available() + blobs_.settings_.far_ahead_bytes &&
           range.length < *fill_->size() && !fill_->verified();
  }

  // Fetches a range far ahead of the fill from upstream. Returns how many bytes were sent; the fill will
  // bring the rest.
  Task<uint64_t> pass_far_ahead(Exchange& exchange, ByteRange range) {
    context_.cache = CacheResult::pass;
    auto request = request_;
    request.size = fill_->size();
    auto& parts = blobs_.parts_;
    auto has = [&fill = *fill_](uint64_t position) { return fill.available() > position; };
    const proxy::Alternative filled(fill_->progress(), has);
    auto piece = co_await parts.passage.piece(exchange, parts.origin, std::move(request), proxy::Headers(),
                                              range.first, range.length, &filled);
    far_ahead_ = !piece.error;
    if (piece.error) context_.cache = CacheResult::follow;
    co_return piece.bytes;
  }

  // Passes the rest of the range through from upstream, because the fill has failed.
  Task<> pass_rest(Exchange& exchange, ByteRange range, uint64_t sent) {
    context_.cache = CacheResult::pass;
    auto request = request_;
    request.size = fill_->size();
    auto& passage = blobs_.parts_.passage;
    if (range.length == *fill_->size()) {
      auto before = std::optional<proxy::SentBefore>(proxy::SentBefore(fill_->file(), sent));
      auto passed = co_await passage.whole(exchange, blobs_.parts_.origin, std::move(request),
                                           proxy::Headers(), std::move(before));
      if (!passed) exchange.abort();
    } else {
      auto piece = co_await passage.piece(exchange, blobs_.parts_.origin, std::move(request),
                                          proxy::Headers(), range.first + sent, range.length - sent, nullptr);
      if (piece.error) exchange.abort();
    }
  }

  MirrorBlobs& blobs_;
  std::shared_ptr<Fill> fill_;
  Fill::Follower follower_;
  FillRequest request_;
  RequestContext& context_;
  bool open_ended_;
  Moment deadline_;
  bool far_ahead_ = false;
};

MirrorBlobs::MirrorBlobs(const MirrorParts& parts, const MirrorSettings& settings)
    : parts_(parts), settings_(settings), questions_(parts.loop), sizes_(parts.loop) {}

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
    auto asked = co_await ask(key, digest, deadline);
    if (!asked) co_return failure(asked.error());
    known->permitted = true;
    if (!blob) blob = co_await open(digest);  // the fill may have ended while we asked
  }
  if (blob) {
    context.cache = CacheResult::hit;
    parts_.store.note_use(digest);
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
    auto permitted = store.may_serve(key, digest, reach);
    if (!permitted) return failure(permitted.error());
    return Known(*permitted, std::nullopt);
  };
  auto known = find(store::Reach::memory);
  if (known || known.error().kind != Error::Kind::would_block) co_return known;
  auto job = [find] { return find(store::Reach::disk); };
  co_return co_await parts_.workers.run(std::move(job));
}

// Whether manifests of this repository give different sizes for the blob. One of them is wrong then, and must
// not break the pulls of the others.
Task<bool> MirrorBlobs::is_size_disputed(RepositoryKey key, Digest digest) {
  auto job = [&catalog = parts_.store.catalog(), key, digest] {
    const auto parents = catalog.parents(digest);
    std::set<uint64_t> sizes;
    for (const auto& parent : parents ? *parents : std::vector<store::Parent>()) {
      if (parent.repository == key) sizes.insert(parent.edge.size);
    }
    return sizes.size() > 1;
  };
  co_return co_await parts_.workers.run(std::move(job));
}

Task<Result<store::Blob>> MirrorBlobs::open(Digest digest) {
  auto warm = parts_.store.open_blob_if_warm(digest);
  if (warm || warm.error().kind != Error::Kind::would_block) co_return warm;
  auto job = [&store = parts_.store, digest] { return store.open_blob(digest); };
  co_return co_await parts_.workers.run(std::move(job));
}

FillRequest MirrorBlobs::fill_request(const RepositoryKey& key, const Digest& digest,
                                      std::optional<uint64_t> size) const {
  FillRequest request(digest, key, registry_request("GET", key.repository, "/blobs/" + digest.text()));
  request.size = size;
  return request;
}

// Asks upstream whether this repository has the blob, and its size if the answer tells. A yes is recorded as
// a link.
Task<Result<std::optional<uint64_t>>> MirrorBlobs::ask(RepositoryKey key, Digest digest, Moment deadline) {
  if (auto error = negative_cache_.find(question_key(key, digest), parts_.clock.now()))
    co_return failure(*error);
  auto begin = [this, key, digest] { return ask_upstream(key, digest); };
  auto answer = co_await questions_.join_until(question_key(key, digest), begin, deadline);
  if (!answer) co_return failure(Error::Kind::unavailable, "upstream is slow to answer");
  co_return *answer;
}

Task<Result<std::optional<uint64_t>>> MirrorBlobs::ask_upstream(RepositoryKey key, Digest digest) {
  auto size = co_await ask_head(key, digest);
  if (!size && may_be_heads_alone(size.error().kind)) {
    auto told = co_await ask_size(key, digest);
    if (told) size = std::optional<uint64_t>(*told);
    if (!told) size = failure(told.error());
  }
  if (!size) {
    const auto kind = size.error().kind;
    const bool is_missing = kind == Error::Kind::not_found || kind == Error::Kind::denied;
    if (is_missing)
      negative_cache_.put(question_key(key, digest), size.error(), parts_.clock.now(), kMissingBlob);
    co_return failure(size.error());
  }
  auto job = [&catalog = parts_.store.catalog(), key, digest, now = parts_.clock.now()] {
    store::Catalog::Batch batch;
    batch.put_link(digest, key, store::LinkRecord(now));
    return catalog.write(std::move(batch), store::Durability::buffered);
  };
  auto linked = co_await parts_.workers.run(std::move(job));
  if (!linked) co_return failure(linked.error());
  co_return size;
}

Task<Result<std::optional<uint64_t>>> MirrorBlobs::ask_head(RepositoryKey key, Digest digest) {
  auto request = registry_request("HEAD", key.repository, "/blobs/" + digest.text());
  request.timeout_ms = settings_.manifest_timeout_ms;
  request.redirect_is_answer = true;
  auto reply = co_await parts_.origin.fetch(std::move(request), 0);
  if (!reply) co_return failure(reply.error());
  const auto length = reply->head.length;
  const bool is_told = reply->head.status == 200 && length && (*length > 0 || is_of_nothing(digest));
  if (!is_told) co_return std::optional<uint64_t>();
  co_return length;
}

// Asks for one byte to learn the size. For upstreams that redirect HEAD to a host that does not accept HEAD,
// or that do not support HEAD at all.
Task<Result<uint64_t>> MirrorBlobs::ask_size(RepositoryKey key, Digest digest) {
  auto request = registry_request("GET", key.repository, "/blobs/" + digest.text());
  request.headers.add("Range", "bytes=0-0");
  request.timeout_ms = settings_.manifest_timeout_ms;
  SizeSink sink;
  auto answer = co_await parts_.origin.download(std::move(request), sink);
  if (sink.size && (*sink.size > 0 || is_of_nothing(digest))) co_return *sink.size;
  if (!answer && !sink.answered) co_return failure(answer.error());
  co_return failure(Error::Kind::corrupt, "upstream does not tell the size of " + digest.text());
}

Task<Result<>> MirrorBlobs::serve_head(Exchange& exchange, RepositoryKey key, Digest digest,
                                       RequestContext& context, Known known) {
  auto size = known.size;
  if (auto fill = parts_.fills.find(digest); fill && fill->size()) size = fill->size();
  const auto deadline = parts_.loop.now() + Millis(settings_.first_byte_wait_ms);
  auto asked = co_await ask(key, digest, deadline);
  if (!asked) co_return failure(asked.error());
  context.cache = CacheResult::miss;
  // The size in a manifest wins over the size in a HEAD answer: the manifest is verified by its digest.
  if (size && *asked && *size != **asked) {
    const bool is_disputed = co_await is_size_disputed(key, digest);
    if (is_disputed) size = *asked;
  }
  if (!size) size = *asked;
  if (!size) {
    auto begin = [this, key, digest] { return ask_size(key, digest); };
    auto told = co_await sizes_.join_until(question_key(key, digest), begin, deadline);
    if (!told) co_return failure(Error::Kind::unavailable, "upstream is slow to answer");
    if (!*told) co_return failure(told->error());
    size = **told;
  }
  reply_blob_head(exchange, context, digest, *size);
  co_return Result<>();
}

Task<Result<>> MirrorBlobs::serve_fill(Exchange& exchange, RepositoryKey key, Digest digest,
                                       RequestContext& context, Known known) {
  if (auto error = negative_cache_.find(question_key(key, digest), parts_.clock.now()))
    co_return failure(*error);
  context.cache = parts_.fills.find(digest) ? CacheResult::follow : CacheResult::miss;
  auto request = fill_request(key, digest, known.size);
  auto fill = parts_.fills.join(parts_.origin, request);
  exchange.at("waiting for upstream");
  const auto deadline = parts_.loop.now() + Millis(settings_.first_byte_wait_ms);
  const auto nothing = [&fill] { return !fill->size() && !fill->error() && fill->available() == 0; };
  while (nothing() && parts_.loop.now() < deadline) co_await fill->progress().wait_until(deadline);

  auto served = Result<>();
  if (fill->size()) {
    exchange.at("following the fill");
    FillSource source(*this, fill, request, context, is_open_ended(exchange.request().headers.get("Range")),
                      deadline);
    served = co_await send_blob(exchange, context, digest, *fill->size(), source);
  } else if (fill->error()) {
    served = failure(*fill->error());
  } else if (!fill->begun()) {
    served = failure(cause_of_silence(*fill));
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
  const auto kind = served.error().kind;
  const bool is_missing = kind == Error::Kind::not_found || kind == Error::Kind::denied;
  if (is_missing)
    negative_cache_.put(question_key(key, digest), served.error(), parts_.clock.now(), kMissingBlob);
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
    co_return co_await parts_.passage.whole(exchange, parts_.origin, std::move(request), std::move(headers),
                                            std::nullopt);
  }
  const auto range = asked.ranges.front();
  headers.add("Content-Range", content_range(range, *request.size));
  if (range.length == *request.size) {
    co_return co_await parts_.passage.whole(exchange, parts_.origin, std::move(request), std::move(headers),
                                            std::nullopt);
  }
  auto piece = co_await parts_.passage.piece(exchange, parts_.origin, std::move(request), std::move(headers),
                                             range.first, range.length, nullptr);
  if (piece.error && !exchange.started()) co_return failure(*piece.error);
  if (piece.error) exchange.abort();
  co_return Result<>();
}

}  // namespace breakwater::routes
