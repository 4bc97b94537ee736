#include "routes/registry/blob_pushes.h"

#include <utility>

#include "routes/oci/oci_error.h"
#include "store/blobs/blobs.h"
#include "store/catalog/catalog.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;
using store::Digest;

namespace {

constexpr OciStatus kWrongSize = {400, "SIZE_INVALID", "provided length did not match content length",
                                  "go on where the header Range says"};
constexpr OciStatus kOutOfOrder = {416, "BLOB_UPLOAD_INVALID", "blob upload invalid",
                                   "go on where the header Range says"};
constexpr OciStatus kWrongAlgorithm = {400, "DIGEST_INVALID", "digest algorithm not supported", "use sha256"};

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
                         RequestContext& context) {
  if (blob) {
    context.pushed_bytes = blob->size;
    reply_created(exchange, context, path, blob->digest);
  } else if (blob.error().kind == Error::Kind::corrupt) {
    reply_oci(exchange, kWrongDigest, base_headers(context), blob.error().message, context);
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
                     RequestContext& context) {
  const bool is_order = error.kind == Error::Kind::conflict;
  if (!is_order && error.kind != Error::Kind::corrupt) return false;
  reply_oci(exchange, is_order ? kOutOfOrder : kWrongSize,
            upload_headers(context, path, turn.id(), turn.received()), error.message, context);
  return true;
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

Task<Result<>> BlobPushes::start_upload(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto algorithm = algorithm_of(path.query);
  if (!algorithm) {
    reply_oci(exchange, kWrongAlgorithm, base_headers(context), algorithm.error().message, context);
    co_return Result<>();
  }
  if (path.query.mount) {
    auto mounted = co_await mount(path, context);
    if (!mounted) co_return failure(mounted.error());
    if (*mounted) {
      context.reused_bytes = **mounted;
      reply_created(exchange, context, path, *path.query.mount);
      co_return Result<>();
    }
  } else if (brings_blob(exchange, path.query)) {
    co_return co_await upload_monolithic(exchange, path, context);
  }
  const auto client = exchange.peer().client();
  auto id = co_await uploads_.begin(path.name, *algorithm, client);
  if (!id) {
    note_refusal(id.error(), client, context);
    co_return failure(id.error());
  }
  exchange.reply(202, upload_headers(context, path, *id, 0), "");
  co_return Result<>();
}

// For the metrics.
void BlobPushes::note_refusal(const Error& error, const proxy::ClientKey& client, RequestContext& context) {
  if (error.kind != Error::Kind::throttled) return;
  context.refused = uploads_.has_share(client) ? "uploads" : "client_uploads";
}

// Mounts the blob from the named repository, or from any if none is named, and returns its size. Nothing, and
// not an error, if the blob is not found, no repository can have that name, or the caller may not pull from
// there: the client uploads the blob then.
Task<Result<std::optional<uint64_t>>> BlobPushes::mount(const OciPath& path, const RequestContext& context) {
  const auto& from = path.query.from;
  // Who may pull from some alone has to say which.
  const bool may_pull = !context.may_pull_from || (!from.empty() && context.may_pull_from(from));
  if (!may_pull) co_return std::optional<uint64_t>();
  if (!from.empty() && !is_oci_name(from)) co_return std::optional<uint64_t>();
  auto job = [&store = parts_.store, to = key_of(path), from,
              digest = *path.query.mount]() -> Result<std::optional<uint64_t>> {
    const auto mounted = store.blobs().mount(to, from, digest);
    if (!mounted) return failure(mounted.error());
    if (!*mounted) return std::optional<uint64_t>();
    const auto record = store.catalog().blob(digest, store::Reach::disk);
    if (!record) return failure(record.error());
    return std::optional<uint64_t>(*record ? (*record)->size : 0);
  };
  co_return co_await parts_.workers.run(std::move(job));
}

Task<Result<>> BlobPushes::upload_monolithic(Exchange& exchange, const OciPath& path,
                                             RequestContext& context) {
  const auto digest = *path.query.digest;
  const auto client = exchange.peer().client();
  auto turn = co_await uploads_.begin_monolithic(path.name, digest.algorithm(), client);
  if (!turn) {
    note_refusal(turn.error(), client, context);
    co_return failure(turn.error());
  }
  MonolithicUpload upload(uploads_, *std::move(turn));
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
      parts_.log.warning("upload_not_removed",
                         {{"upload", upload.turn().id()}, {"reason", cancelled.error().message}});
  }
  upload.ended();
  co_return reply_committed(exchange, path, blob, context);
}

Task<Result<>> BlobPushes::upload_status(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto received = co_await uploads_.received(path.name, path.upload_id);
  if (!received) co_return failure(received.error());
  exchange.reply(204, upload_headers(context, path, path.upload_id, *received), "");
  co_return Result<>();
}

Task<Result<>> BlobPushes::append(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto chunk = chunk_of(exchange);
  if (!chunk) co_return failure(chunk.error());
  auto turn = co_await uploads_.take_turn(path.name, path.upload_id, exchange.peer().client());
  if (!turn) co_return failure(turn.error());
  exchange.at("receiving");
  exchange.keeps_body();
  auto appended = co_await uploads_.append(*turn, exchange, *chunk);
  if (!appended) {
    if (reply_misplaced(exchange, path, *turn, appended.error(), context)) co_return Result<>();
    co_return appended;
  }
  exchange.reply(202, upload_headers(context, path, turn->id(), turn->received()), "");
  co_return Result<>();
}

Task<Result<>> BlobPushes::finish(Exchange& exchange, const OciPath& path, RequestContext& context) {
  if (!path.query.digest) {
    reply_oci(exchange, kWrongDigest, base_headers(context), "the end of an upload needs ?digest=", context);
    co_return Result<>();
  }
  auto chunk = chunk_of(exchange);
  if (!chunk) co_return failure(chunk.error());
  auto turn = co_await uploads_.take_turn(path.name, path.upload_id, exchange.peer().client());
  if (!turn) co_return co_await answer_repeated_closing(exchange, path, turn.error(), context);
  const auto length = exchange.body_length().value_or(0);
  if (!*chunk && length > 0) {
    auto begun = co_await uploads_.begin_closing(*turn, *path.query.digest, length);
    if (!begun) co_return begun;
  }
  exchange.at("receiving");
  exchange.keeps_body();
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
Task<Result<>> BlobPushes::answer_repeated_closing(Exchange& exchange, const OciPath& path, Error error,
                                                   RequestContext& context) {
  if (!uploads_.was_committed(path.name, path.upload_id, *path.query.digest)) co_return failure(error);
  auto job = [&store = parts_.store, key = key_of(path), digest = *path.query.digest] {
    return store.blobs().mount(key, key.repository, digest);
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

Task<Result<>> BlobPushes::cancel(Exchange& exchange, const OciPath& path, RequestContext& context) {
  auto turn = co_await uploads_.take_turn(path.name, path.upload_id, exchange.peer().client());
  if (!turn) co_return failure(turn.error());
  auto cancelled = co_await uploads_.cancel(*turn);
  if (!cancelled) co_return cancelled;
  exchange.reply(204, base_headers(context), "");
  co_return Result<>();
}

}  // namespace breakwater::routes
