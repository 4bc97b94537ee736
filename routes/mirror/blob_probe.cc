#include "routes/mirror/blob_probe.h"

#include <span>
#include <string>
#include <utility>

#include "routes/mirror/asking.h"
#include "routes/oci/media_type.h"
#include "store/references/references.h"

namespace breakwater::routes {

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

// Takes the size from the head of an answer and refuses the body, which is the whole blob if upstream ignores
// Range.
class SizeSink final : public proxy::Sink {
 public:
  // `expected` is the size of the blob if it is here already.
  explicit SizeSink(std::optional<uint64_t> expected) : expected_(expected) {}

  Result<> head(const proxy::Head& head) override {
    size = proxy::size_of_whole(head);
    // A portal answers every path with its page, in parts too. Only the right length tells a blob from it.
    const bool is_page =
        proxy::same_token(without_parameters(head.headers.get("Content-Type")), "text/html") &&
        !(expected_ && size == expected_);
    if (is_page) size.reset();
    if (is_page) return failure(Error::Kind::corrupt, "upstream answered with a web page");
    answered = true;
    return failure(Error::Kind::not_found, "the rest is not wanted");
  }
  Result<bool> body(std::span<const char>) override { return true; }

  bool answered = false;
  std::optional<uint64_t> size;

 private:
  std::optional<uint64_t> expected_;
};

// Whether a GET may succeed although HEAD got this error: upstream was there and refused.
bool may_get_succeed(Error::Kind kind) {
  return kind == Error::Kind::not_found || kind == Error::Kind::denied || kind == Error::Kind::corrupt ||
         kind == Error::Kind::invalid;
}

bool is_empty_blob(const Digest& digest) {
  return digest == store::digest_of(digest.algorithm(), std::string_view());
}

}  // namespace

BlobProbe::BlobProbe(const MirrorParts& parts, const MirrorSettings& settings)
    : parts_(parts), settings_(settings), questions_(parts.loop), bytes_(parts.loop) {}

Task<Result<BlobProbe::Held>> BlobProbe::ask(RepositoryKey key, Digest digest, proxy::Asker asker,
                                             Moment deadline, std::optional<uint64_t> size) {
  if (auto error = known_missing(key, digest)) co_return failure(*error);
  const auto question = question_key(key, digest);
  auto refusal = co_await refusal_to_ask(parts_, settings_, asker, questions_.has(question));
  if (refusal) co_return failure(*refusal);
  auto begin = [this, key, digest, hops = asker.hops, size] { return find(key, digest, hops, size); };
  auto answer = co_await questions_.join_until(question, begin, deadline);
  if (!answer) co_return failure(Error::Kind::unavailable, "upstream is slow to answer");
  co_return *answer;
}

Task<Result<BlobProbe::Held>> BlobProbe::ask_get(RepositoryKey key, Digest digest, proxy::Asker asker,
                                                 Moment deadline) {
  const auto question = question_key(key, digest);
  auto refusal = co_await refusal_to_ask(parts_, settings_, asker, bytes_.has(question));
  if (refusal) co_return failure(*refusal);
  auto begin = [this, key, digest, hops = asker.hops] { return find_byte(key, digest, hops); };
  auto answer = co_await bytes_.join_until(question, begin, deadline);
  if (!answer) co_return failure(Error::Kind::unavailable, "upstream is slow to answer");
  co_return *answer;
}

std::optional<Error> BlobProbe::known_missing(const RepositoryKey& key, const Digest& digest) {
  return negative_cache_.find(question_key(key, digest), parts_.clock.now());
}

void BlobProbe::remember(const RepositoryKey& key, const Digest& digest, const Error& error) {
  if (error.kind != Error::Kind::not_found && error.kind != Error::Kind::denied) return;
  negative_cache_.put(question_key(key, digest), error, parts_.clock.now(), kMissingBlob);
}

Task<Result<BlobProbe::Held>> BlobProbe::find(RepositoryKey key, Digest digest, proxy::Hops hops,
                                              std::optional<uint64_t> size) {
  bool has_another = false;
  auto attempt = [this, key, digest, size, &has_another](const proxy::AskedUpstream& upstream) {
    return ask_upstream(upstream, key, digest, size, has_another);
  };
  auto held = co_await parts_.upstreams.first_of(hops, std::move(attempt));
  if (!held && !has_another) remember(key, digest, held.error());
  if (!held) co_return held;
  auto job = [&store = parts_.store, key, digest] { return store.references().link(key, digest); };
  auto linked = co_await parts_.workers.run(std::move(job));
  if (!linked) co_return failure(linked.error());
  co_return held;
}

Task<Result<BlobProbe::Held>> BlobProbe::find_byte(RepositoryKey key, Digest digest, proxy::Hops hops) {
  auto attempt = [this, key, digest](const proxy::AskedUpstream& upstream) {
    return ask_byte(upstream, key, digest, std::nullopt);
  };
  co_return co_await parts_.upstreams.first_of(hops, std::move(attempt));
}

// `has_another` is set if the upstream has a blob of another size under this digest. It outlives the Task.
Task<Result<BlobProbe::Held>> BlobProbe::ask_upstream(proxy::AskedUpstream upstream, RepositoryKey key,
                                                      Digest digest, std::optional<uint64_t> size,
                                                      bool& has_another) {
  auto held = co_await ask_head(upstream, key, digest);
  if (!held && may_get_succeed(held.error().kind)) held = co_await ask_byte(upstream, key, digest, size);
  if (!held || !size || !held->size || *held->size == *size) co_return held;
  has_another = true;
  co_return failure(Error::Kind::not_found, "upstream has something else as " + digest.text());
}

Task<Result<BlobProbe::Held>> BlobProbe::ask_head(proxy::AskedUpstream upstream, RepositoryKey key,
                                                  Digest digest) {
  auto request = registry_request(settings_, "HEAD", key.repository, "/blobs/" + digest.text());
  request.timeout_ms = settings_.manifest_timeout_ms;
  request.redirect_is_answer = true;
  auto reply = co_await upstream.fetch(std::move(request), 0);
  if (!reply) co_return failure(reply.error());
  if (reply->head.status != 200) co_return failure(Error::Kind::corrupt, "upstream's HEAD does not say");
  Held held;
  held.size = reply->head.length;
  if (held.size == 0 && !is_empty_blob(digest)) held.size.reset();
  co_return held;
}

Task<Result<BlobProbe::Held>> BlobProbe::ask_byte(proxy::AskedUpstream upstream, RepositoryKey key,
                                                  Digest digest, std::optional<uint64_t> size) {
  auto request = registry_request(settings_, "GET", key.repository, "/blobs/" + digest.text());
  request.headers.add("Range", "bytes=0-0");
  request.timeout_ms = settings_.manifest_timeout_ms;
  SizeSink sink(size);
  auto answer = co_await upstream.download(std::move(request), sink);
  Held held;
  held.by_get = true;
  held.size = sink.size;
  if (held.size == 0) held.size.reset();
  const bool has_no_byte = answer && answer->status == 416;
  if (is_empty_blob(digest) && (sink.answered || has_no_byte)) held.size = 0;
  if (sink.answered || held.size) co_return held;
  if (!answer) co_return failure(answer.error());
  co_return failure(Error::Kind::corrupt, "upstream does not send " + digest.text());
}

}  // namespace breakwater::routes
