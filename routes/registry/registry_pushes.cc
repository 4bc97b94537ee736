#include "routes/registry/registry_pushes.h"

#include <utility>
#include <vector>

#include "routes/oci/freshness.h"
#include "routes/oci/manifest.h"
#include "routes/oci/oci_error.h"
#include "routes/registry/capacity_wait.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;
using store::Digest;

namespace {

constexpr std::string_view kBuildkitCacheConfig = "application/vnd.buildkit.cacheconfig.v0";
// BuildKit's importers read no more of a cache config than this (cache/remotecache/import.go).
constexpr uint64_t kBuildkitCacheConfigMax = 1 << 20;
constexpr uint64_t kBodiesBytesMax = 24 << 20;      // all manifests being received, except small ones
constexpr uint64_t kSmallBodiesBytesMax = 8 << 20;  // all small manifests being received
constexpr uint64_t kSmallBodyBytesMax = 64 << 10;   // the longest manifest that counts as small

constexpr OciStatus kWrongDigest = {400, "DIGEST_INVALID", "provided digest did not match uploaded content"};
constexpr OciStatus kWrongSize = {400, "SIZE_INVALID", "provided length did not match content length"};
constexpr OciStatus kOutOfOrder = {416, "BLOB_UPLOAD_INVALID", "blob upload invalid"};
constexpr OciStatus kWrongAlgorithm = {400, "DIGEST_INVALID", "digest algorithm not supported"};

std::string blob_location(const OciPath& path, const Digest& digest) {
  return "/v2/" + path.name + "/blobs/" + digest.text();
}

proxy::Headers upload_headers(const RequestContext& context, const OciPath& path, const std::string& id,
                              uint64_t received) {
  auto headers = base_headers(context);
  headers.add("Location", "/v2/" + path.name + "/blobs/uploads/" + id);
  // "0-0" for an empty session, as distribution answers: clients parse two numbers.
  headers.add("Range", "0-" + std::to_string(received == 0 ? 0 : received - 1));
  headers.add("Docker-Upload-UUID", id);
  return headers;
}

void reply_created(Exchange& exchange, const RequestContext& context, const OciPath& path,
                   const Digest& digest) {
  auto headers = base_headers(context);
  headers.add("Location", blob_location(path, digest));
  headers.add("Docker-Content-Digest", digest.text());
  exchange.reply(201, std::move(headers), "");
}

Result<std::optional<ChunkRange>> chunk_of(const Exchange& exchange) {
  const auto* value = exchange.request().headers.find("Content-Range");
  if (!value) return std::optional<ChunkRange>();
  auto chunk = parse_chunk_range(*value);
  if (!chunk) return failure(chunk.error());
  return std::optional<ChunkRange>(*chunk);
}

// Replies 201 for a blob and 400 for a wrong digest. Any other error is returned, for the common table.
Result<> reply_committed(Exchange& exchange, const OciPath& path, const Result<store::Blob>& blob,
                         const RequestContext& context) {
  if (blob) {
    reply_created(exchange, context, path, blob->digest);
  } else if (blob.error().kind == Error::Kind::corrupt) {
    reply_oci(exchange, kWrongDigest, base_headers(context), blob.error().message, context.trace);
  } else {
    return failure(blob.error());
  }
  return {};
}

// The algorithm by which the upload is hashed while its bytes arrive.
Result<store::Algorithm> algorithm_of(const OciQuery& query) {
  if (query.digest_algorithm == "sha256") return store::Algorithm::sha256;
  if (query.digest_algorithm == "sha512") return store::Algorithm::sha512;
  if (!query.digest_algorithm.empty())
    return failure(Error::Kind::invalid,
                   "digest-algorithm must be sha256 or sha512, not " + query.digest_algorithm);
  const auto& told = query.digest ? query.digest : query.mount;
  return told ? told->algorithm() : store::Algorithm::sha256;
}

// Whether this POST with ?digest= carries the blob in its body. Some clients name the digest here and send
// the bytes later; they get the answer of a registry without monolithic uploads by POST, which is a session.
bool brings_blob(const Exchange& exchange, const OciQuery& query) {
  if (!query.digest) return false;
  return exchange.body_length() != 0 ||
         *query.digest == store::digest_of(query.digest->algorithm(), std::string_view());
}

// Replies to a chunk that does not fit, and tells the client where to continue: the session stays usable.
// False, and nothing is sent, if the error is another.
bool reply_misplaced(Exchange& exchange, const OciPath& path, const Uploads::Turn& turn, const Error& error,
                     const RequestContext& context) {
  const bool is_order = error.kind == Error::Kind::conflict;
  if (!is_order && error.kind != Error::Kind::corrupt) return false;
  reply_oci(exchange, is_order ? kOutOfOrder : kWrongSize,
            upload_headers(context, path, turn.id(), turn.received()), error.message, context.trace);
  return true;
}

Error manifest_too_large() {
  return Error(Error::Kind::too_large,
               "manifests of at most " + std::to_string(kManifestBytesMax) + " bytes are accepted", 0);
}

// Whether BuildKit's importers would refuse this cache, and why.
std::string unusable_cache(const store::ManifestContent& content) {
  for (const auto& child : content.children) {
    if (child.edge.media_type == kBuildkitCacheConfig && child.edge.size > kBuildkitCacheConfigMax) {
      return "BuildKit imports cache configs of at most 1 MiB, and this one has " +
             std::to_string(child.edge.size) + " bytes";
    }
  }
  return {};
}

// The session behind a monolithic POST. No client knows its id, so it is useless unless it becomes a blob. If
// the client leaves before then, the destructor discards the session.
class MonolithicUpload {
 public:
  MonolithicUpload(Uploads& uploads, Uploads::Turn turn) : uploads_(uploads), turn_(std::move(turn)) {}
  ~MonolithicUpload() {
    if (!ended_) uploads_.discard(turn_);
  }
  MonolithicUpload(const MonolithicUpload&) = delete;
  MonolithicUpload& operator=(const MonolithicUpload&) = delete;

  Uploads::Turn& turn() { return turn_; }
  void ended() { ended_ = true; }

 private:
  Uploads& uploads_;
  Uploads::Turn turn_;
  bool ended_ = false;
};

}  // namespace

RegistryPushes::RegistryPushes(const RegistryParts& parts, std::string route, const UploadSettings& settings)
    : parts_(parts),
      route_(std::move(route)),
      uploads_(parts, route_, settings),
      bodies_(parts.loop, kBodiesBytesMax),
      small_bodies_(parts.loop, kSmallBodiesBytesMax) {}

PushStats RegistryPushes::stats() const {
  return PushStats(uploads_.open_sessions(), unusable_caches_total_);
}

// --- blobs

Task<Result<>> RegistryPushes::start_upload(Exchange& exchange, const OciPath& path,
                                            RequestContext& context) {
  auto algorithm = algorithm_of(path.query);
  if (!algorithm) {
    reply_oci(exchange, kWrongAlgorithm, base_headers(context), algorithm.error().message, context.trace);
    co_return Result<>();
  }
  if (path.query.mount) {
    auto mounted = co_await mount(path);
    if (!mounted) co_return failure(mounted.error());
    if (*mounted) {
      reply_created(exchange, context, path, *path.query.mount);
      co_return Result<>();
    }
  } else if (brings_blob(exchange, path.query)) {
    co_return co_await upload_monolithic(exchange, path, context);
  }
  auto id = co_await uploads_.begin(path.name, *algorithm);
  if (!id) co_return failure(id.error());
  exchange.reply(202, upload_headers(context, path, *id, 0), "");
  co_return Result<>();
}

// Mounts the blob from the named repository, or from any if none is named. False, and not an error, if the
// blob is not found or no repository can have that name: the client uploads the blob then.
Task<Result<bool>> RegistryPushes::mount(const OciPath& path) {
  const auto& from = path.query.from;
  if (!from.empty() && !is_oci_name(from)) co_return false;
  auto job = [&store = parts_.store, to = key_of(path), from, digest = *path.query.mount] {
    return store.mount_blob(to, from, digest);
  };
  co_return co_await parts_.workers.run(std::move(job));
}

Task<Result<>> RegistryPushes::upload_monolithic(Exchange& exchange, const OciPath& path,
                                                 RequestContext& context) {
  const auto digest = *path.query.digest;
  MonolithicUpload upload(uploads_, uploads_.begin_monolithic(path.name, digest.algorithm()));
  exchange.at("receiving");
  auto appended = co_await uploads_.append(upload.turn(), exchange, std::nullopt);
  Result<store::Blob> blob = failure(Error::Kind::internal, "not committed");
  if (appended) {
    exchange.at("storing the blob");
    blob = co_await uploads_.commit(upload.turn(), digest);
  } else {
    blob = failure(appended.error());
  }
  if (!blob) {
    auto cancelled = co_await uploads_.cancel(upload.turn());
    if (!cancelled)
      parts_.log.warning("upload not removed",
                         {{"upload", upload.turn().id()}, {"reason", cancelled.error().message}});
  }
  upload.ended();
  co_return reply_committed(exchange, path, blob, context);
}

Task<Result<>> RegistryPushes::upload_status(Exchange& exchange, const OciPath& path,
                                             RequestContext& context) {
  auto received = co_await uploads_.received(path.name, path.upload_id);
  if (!received) co_return failure(received.error());
  exchange.reply(204, upload_headers(context, path, path.upload_id, *received), "");
  co_return Result<>();
}

Task<Result<>> RegistryPushes::append(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto chunk = chunk_of(exchange);
  if (!chunk) co_return failure(chunk.error());
  auto turn = co_await uploads_.take_turn(path.name, path.upload_id);
  if (!turn) co_return failure(turn.error());
  exchange.at("receiving");
  auto appended = co_await uploads_.append(*turn, exchange, *chunk);
  if (!appended) {
    if (reply_misplaced(exchange, path, *turn, appended.error(), context)) co_return Result<>();
    co_return appended;
  }
  exchange.reply(202, upload_headers(context, path, turn->id(), turn->received()), "");
  co_return Result<>();
}

Task<Result<>> RegistryPushes::finish(Exchange& exchange, const OciPath& path, RequestContext& context) {
  if (!path.query.digest) {
    reply_oci(exchange, kWrongDigest, base_headers(context),
              "the end of an upload needs ?digest=", context.trace);
    co_return Result<>();
  }
  auto chunk = chunk_of(exchange);
  if (!chunk) co_return failure(chunk.error());
  auto turn = co_await uploads_.take_turn(path.name, path.upload_id);
  if (!turn) co_return co_await answer_repeated_closing(exchange, path, turn.error(), context);
  const auto length = exchange.body_length().value_or(0);
  if (!*chunk && length > 0) {
    auto begun = co_await uploads_.begin_closing(*turn, *path.query.digest, length);
    if (!begun) co_return begun;
  }
  exchange.at("receiving");
  auto appended = co_await uploads_.append(*turn, exchange, *chunk);
  if (!appended) {
    if (reply_misplaced(exchange, path, *turn, appended.error(), context)) co_return Result<>();
    co_return appended;
  }
  exchange.at("storing the blob");
  auto blob = co_await uploads_.commit(*turn, *path.query.digest);
  co_return reply_committed(exchange, path, blob, context);
}

// Answers the closing PUT of an upload that is committed already. The client has not seen the first answer,
// perhaps because a proxy lost it, and repeats the request.
Task<Result<>> RegistryPushes::answer_repeated_closing(Exchange& exchange, const OciPath& path, Error error,
                                                       RequestContext& context) {
  if (!uploads_.was_committed(path.name, path.upload_id, *path.query.digest)) co_return failure(error);
  auto job = [&store = parts_.store, key = key_of(path), digest = *path.query.digest] {
    return store.mount_blob(key, key.repository, digest);
  };
  auto held = co_await parts_.workers.run(std::move(job));
  if (!held) co_return failure(held.error());
  if (!*held) co_return failure(error);
  // The body is read to its end first: some clients take an earlier answer for a failure.
  for (;;) {
    auto piece = co_await exchange.read();
    if (!piece) co_return failure(piece.error());
    if (piece->empty()) break;
  }
  reply_created(exchange, context, path, *path.query.digest);
  co_return Result<>();
}

Task<Result<>> RegistryPushes::cancel(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto turn = co_await uploads_.take_turn(path.name, path.upload_id);
  if (!turn) co_return failure(turn.error());
  auto cancelled = co_await uploads_.cancel(*turn);
  if (!cancelled) co_return cancelled;
  exchange.reply(204, base_headers(context), "");
  co_return Result<>();
}

// --- manifests

// The whole body: a manifest can be parsed only when all of it is there.
Task<Result<std::string>> RegistryPushes::read_manifest_body(Exchange& exchange) {
  std::string body;
  for (;;) {
    auto piece = co_await exchange.read();
    if (!piece) co_return failure(piece.error());
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > kManifestBytesMax) co_return failure(manifest_too_large());
    body += *piece;
  }
}

// Runs on a worker, because hashing and parsing some MiB would hold the loop for too long. `corrupt` if the
// bytes do not have the digest `asked`.
Task<Result<RegistryPushes::Pushed>> RegistryPushes::understand(Bytes bytes, std::string content_type,
                                                                std::optional<Digest> asked) {
  auto job = [bytes, content_type, asked]() -> Result<Pushed> {
    const auto digest = store::digest_of(asked ? asked->algorithm() : store::Algorithm::sha256, *bytes);
    if (asked && digest != *asked)
      return failure(Error::Kind::corrupt, "the manifest is " + digest.text() + ", not " + asked->text());
    auto manifest = read_manifest(*bytes, content_type, digest);
    if (!manifest) return failure(manifest.error());
    return Pushed(digest, bytes, std::move(manifest->content));
  };
  co_return co_await parts_.workers.run(std::move(job));
}

Task<Result<>> RegistryPushes::put_manifest(Exchange& exchange, const OciPath& path,
                                            RequestContext& context) {
  const auto length = exchange.body_length();
  if (length && *length > kManifestBytesMax) co_return failure(manifest_too_large());
  const auto expected = length.value_or(kManifestBytesMax);
  proxy::Buffers& bodies = expected <= kSmallBodyBytesMax ? small_bodies_ : bodies_;
  const auto held = co_await bodies.take(expected);
  exchange.at("receiving");
  auto body = co_await read_manifest_body(exchange);
  if (!body) co_return failure(body.error());
  auto bytes = std::make_shared<const std::string>(std::move(*body));
  auto pushed = co_await understand(std::move(bytes),
                                    std::string(exchange.request().headers.get("Content-Type")), path.digest);
  if (!pushed && pushed.error().kind == Error::Kind::corrupt) {
    reply_oci(exchange, kWrongDigest, base_headers(context), pushed.error().message, context.trace);
    co_return Result<>();
  }
  if (!pushed) co_return failure(pushed.error());
  exchange.at("storing the manifest");
  co_return co_await store_manifest(exchange, path, std::move(*pushed), context);
}

Task<Result<>> RegistryPushes::store_manifest(Exchange& exchange, const OciPath& path, Pushed pushed,
                                              RequestContext& context) {
  // tag= belongs to a push by digest (distribution specification, "Pushing Manifests").
  const auto tags = path.digest ? path.query.tags : std::vector<std::string>(1, path.tag);
  auto job = [&store = parts_.store, key = key_of(path), pushed, tags] {
    return store.push_manifest(key, pushed.digest, *pushed.bytes, pushed.content, tags);
  };
  auto missing = co_await parts_.workers.run(job);
  const auto deadline = parts_.loop.now() + kCapacityWaitMax;
  while (!missing) {
    const bool again = co_await wait_for_capacity(parts_.loop, missing.error(), deadline);
    if (!again) co_return failure(missing.error());
    missing = co_await parts_.workers.run(job);
  }
  if (!missing->empty()) {
    reply_missing_children(exchange, *missing, context.trace);
    co_return Result<>();
  }
  parts_.manifests.put(key_of(path), pushed.digest,
                       ManifestCache::Entry(pushed.content.record.media_type, pushed.bytes));
  reply_pushed(exchange, path, pushed, context);
  co_return Result<>();
}

void RegistryPushes::reply_pushed(Exchange& exchange, const OciPath& path, const Pushed& pushed,
                                  const RequestContext& context) {
  auto headers = base_headers(context);
  headers.add("Location", "/v2/" + path.name + "/manifests/" + pushed.digest.text());
  headers.add("Docker-Content-Digest", pushed.digest.text());
  if (pushed.content.record.subject) headers.add("OCI-Subject", pushed.content.record.subject->text());
  if (path.digest) {
    for (const auto& tag : path.query.tags) headers.add("OCI-Tag", tag);
  }
  if (const auto reason = unusable_cache(pushed.content); !reason.empty()) {
    ++unusable_caches_total_;
    headers.add("Warning", stale_warning(reason));
    parts_.log.warning(
        "cache cannot be imported",
        {{"route", route_}, {"repository", path.name}, {"reference", path.reference()}, {"reason", reason}});
  }
  exchange.reply(201, std::move(headers), "");
}

}  // namespace breakwater::routes
