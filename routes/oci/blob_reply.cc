#include "routes/oci/blob_reply.h"

#include "routes/oci/oci_error.h"

namespace breakwater::routes {

using proxy::Exchange;
using proxy::Task;

Task<Result<>> StoredBlob::ready(ByteRange) { co_return Result<>(); }

Task<> StoredBlob::send(Exchange& exchange, ByteRange range) {
  co_await exchange.send_file(blob_.file, range.first, range.length);
}

proxy::Headers blob_headers(const RequestContext& context, const store::Digest& digest) {
  auto headers = base_headers(context);
  headers.add("Content-Type", "application/octet-stream");
  headers.add("Docker-Content-Digest", digest.text());
  headers.add("ETag", etag_of(digest));
  headers.add("Accept-Ranges", "bytes");
  return headers;
}

RequestedRange requested_of(const proxy::Request& request, const store::Digest& digest, uint64_t size) {
  if (request.method != "GET") return RequestedRange();
  return requested_range(request.headers.get("Range"), request.headers.get("If-Range"), etag_of(digest),
                         size);
}

void reply_blob_head(Exchange& exchange, const RequestContext& context, const store::Digest& digest,
                     std::optional<uint64_t> size) {
  exchange.start(200, blob_headers(context, digest), size);
}

namespace {

Task<Result<>> send_whole(Exchange& exchange, proxy::Headers headers, uint64_t size, ByteSource& source) {
  ByteRange whole;
  whole.length = size;
  auto ready = co_await source.ready(whole);
  if (!ready) co_return ready;
  exchange.resumes_from(0);
  exchange.start(200, std::move(headers), size);
  if (size > 0) co_await source.send(exchange, whole);
  co_return Result<>();
}

Task<Result<>> send_one(Exchange& exchange, proxy::Headers headers, uint64_t size, ByteRange range,
                        ByteSource& source) {
  auto ready = co_await source.ready(range);
  if (!ready) co_return ready;
  headers.add("Content-Range", content_range(range, size));
  exchange.resumes_from(range.first);
  exchange.start(206, std::move(headers), range.length);
  co_await source.send(exchange, range);
  co_return Result<>();
}

Task<Result<>> send_several(Exchange& exchange, proxy::Headers headers, Multipart parts, ByteSource& source) {
  auto ready = co_await source.ready(parts.ranges().front());
  if (!ready) co_return ready;
  headers.set("Content-Type", parts.content_type());
  exchange.start(206, std::move(headers), parts.length());
  for (size_t i = 0; i < parts.ranges().size(); ++i) {
    co_await exchange.write(parts.head(i));
    co_await source.send(exchange, parts.ranges()[i]);
  }
  co_await exchange.write(parts.tail());
  co_return Result<>();
}

}  // namespace

Task<Result<>> send_blob(Exchange& exchange, RequestContext& context, store::Digest digest, uint64_t size,
                         ByteSource& source) {
  const auto& request = exchange.request();
  auto headers = blob_headers(context, digest);
  if (none_match_names(request.headers.get("If-None-Match"), etag_of(digest))) {
    exchange.reply(304, std::move(headers), "");
    co_return Result<>();
  }
  if (request.method == "HEAD") {
    exchange.start(200, std::move(headers), size);
    co_return Result<>();
  }
  auto asked = requested_of(request, digest, size);
  switch (asked.kind) {
    case RequestedRange::Kind::whole:
      co_return co_await send_whole(exchange, std::move(headers), size, source);
    case RequestedRange::Kind::single:
      co_return co_await send_one(exchange, std::move(headers), size, asked.ranges.front(), source);
    case RequestedRange::Kind::several: {
      Multipart parts(std::move(asked.ranges), size, "application/octet-stream", std::string(context.trace));
      co_return co_await send_several(exchange, std::move(headers), std::move(parts), source);
    }
    case RequestedRange::Kind::unsatisfiable: reply_unsatisfiable(exchange, size, context);
  }
  co_return Result<>();
}

}  // namespace breakwater::routes
