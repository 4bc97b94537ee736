// The part of MirrorBlobs that reads a small blob into memory, for whoever has to look into it.
#include <utility>

#include "routes/mirror/asking.h"
#include "routes/mirror/mirror_blobs.h"
#include "store/blobs/blobs.h"

namespace breakwater::routes {

using proxy::Task;
using store::Digest;
using store::RepositoryKey;

Task<Result<std::string>> MirrorBlobs::small(RepositoryKey key, Digest digest, size_t bytes_max,
                                             proxy::Asker asker) {
  auto here = co_await stored_small(digest, bytes_max);
  if (here || here.error().kind != Error::Kind::not_found) co_return here;
  auto filled = co_await fill(key, digest, asker);
  if (!filled && !proxy::can_pass(filled.error())) co_return failure(filled.error());
  if (filled) here = co_await stored_small(digest, bytes_max);
  if (here || here.error().kind != Error::Kind::not_found) co_return here;
  // There was no room to store it.
  auto attempt = [this, key, digest, bytes_max](const proxy::AskedUpstream& upstream) {
    return passed_small(upstream, key, digest, bytes_max);
  };
  co_return co_await parts_.upstreams.first_of(asker.hops, std::move(attempt));
}

Task<Result<std::string>> MirrorBlobs::stored_small(Digest digest, size_t bytes_max) {
  auto job = [&store = parts_.store, digest, bytes_max]() -> Result<std::string> {
    const auto blob = store.blobs().open(digest);
    if (!blob) return failure(blob.error());
    if (blob->size > bytes_max)
      return failure(Error::Kind::too_large, digest.text() + " has " + std::to_string(blob->size) + " bytes");
    return store.blobs().bytes(digest);
  };
  co_return co_await parts_.readers.run(std::move(job));
}

// Until the fill has ended: then it is stored, or there was no room.
Task<Result<>> MirrorBlobs::fill(RepositoryKey key, Digest digest, proxy::Asker asker) {
  if (auto error = probe_.known_missing(key, digest)) co_return failure(*error);
  const auto* running = parts_.fills.find(digest);
  const bool is_being_asked = running != nullptr && running->has_source_of(key);
  auto refusal = co_await refusal_to_ask(parts_, settings_, asker, is_being_asked);
  if (refusal) co_return failure(*refusal);
  const auto by = deadline();
  const auto follower = parts_.fills.join(fill_request(key, digest, asker.hops, std::nullopt));
  while (parts_.fills.find(digest) == &*follower && parts_.loop.now() < by)
    co_await follower->progress().wait_until(by);
  if (const auto own = follower->failure_of(key)) probe_.remember(key, digest, *own);
  if (follower->error()) co_return failure(*follower->error());
  if (!follower->verified())
    co_return failure(follower->last_failure().value_or(
        Error(Error::Kind::unavailable, "upstream has not sent " + digest.text() + " yet", 1)));
  co_return Result<>();
}

Task<Result<std::string>> MirrorBlobs::passed_small(proxy::AskedUpstream upstream, RepositoryKey key,
                                                    Digest digest, size_t bytes_max) {
  auto request = registry_request(settings_, "GET", key.repository, "/blobs/" + digest.text());
  request.timeout_ms = request.stall_timeout_ms = settings_.manifest_timeout_ms;
  auto reply = co_await upstream.fetch(std::move(request), bytes_max);
  if (!reply) co_return failure(reply.error());
  if (reply->head.status != 200 || store::digest_of(digest.algorithm(), reply->body) != digest)
    co_return failure(Error::Kind::corrupt, "upstream's answer is not " + digest.text());
  co_return std::move(reply->body);
}

}  // namespace breakwater::routes
