#include "routes/oci/manifest_reply.h"

#include "routes/oci/freshness.h"
#include "routes/oci/media_type.h"
#include "routes/oci/oci_error.h"
#include "routes/oci/range.h"

namespace breakwater::routes {
namespace {

void add_age(proxy::Headers& headers, const ServedManifest& manifest, store::Time now) {
  if (manifest.checked_at) headers.add("Age", age_header(now, *manifest.checked_at));
  if (!manifest.stale_reason.empty()) headers.add("Warning", stale_warning(manifest.stale_reason));
  if (!manifest.held_back.empty()) headers.add("Warning", stale_warning(manifest.held_back));
}

constexpr size_t kPieceBytes = 64 << 10;

proxy::Task<> reply_part(proxy::Exchange& exchange, proxy::Headers headers, Body bytes, ByteRange range) {
  headers.add("Content-Range", content_range(range, bytes->size()));
  const auto part = std::string_view(*bytes).substr(range.first, range.length);
  exchange.start(206, std::move(headers), part.size());
  for (size_t at = 0; at < part.size(); at += kPieceBytes) {
    std::string piece(part.substr(at, kPieceBytes));
    co_await exchange.write(std::move(piece));
  }
}

}  // namespace

proxy::Task<Result<>> reply_manifest(proxy::Exchange& exchange, RequestContext& context,
                                     ServedManifest manifest, ReplyRoom& replies, store::Time now) {
  context.cache = manifest.cache;
  const auto& request = exchange.request();
  auto digest = manifest.digest.text();
  const auto etag = etag_of(digest);
  auto headers = base_headers(context);
  headers.add("Docker-Content-Digest", std::move(digest));
  headers.add("ETag", etag);
  add_age(headers, manifest, now);
  if (none_match_names(request.headers.get("If-None-Match"), etag)) {
    exchange.reply(304, std::move(headers), "");
    co_return Result<>();
  }

  // A folder of a version before may have any text as a media type.
  headers.add("Content-Type",
              is_media_type(manifest.media_type) ? manifest.media_type : std::string(kOctetStream));
  const bool ranged = request.method == "GET";
  const auto asked = requested_range(ranged ? request.headers.get("Range") : "",
                                     request.headers.get("If-Range"), etag, manifest.bytes->size());
  if (asked.kind == RequestedRange::Kind::unsatisfiable) {
    reply_unsatisfiable(exchange, manifest.bytes->size(), context);
    co_return Result<>();
  }
  auto body = Result<Body>(manifest.bytes);
  if (ranged) body = co_await replies.hold(manifest.bytes, manifest.place, exchange.client());
  if (!body) co_return failure(body.error());
  if (asked.kind == RequestedRange::Kind::single) {
    co_await reply_part(exchange, std::move(headers), *body, asked.ranges.front());
  } else {
    exchange.reply(200, std::move(headers), *std::move(body));
  }
  co_return Result<>();
}

}  // namespace breakwater::routes
