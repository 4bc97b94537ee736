// The only code that replies with a blob's bytes: whole, one range, several ranges, or 304. The bytes come
// from a ByteSource: a stored file, or a fill that is still running. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "routes/oci/range.h"
#include "routes/oci/request_context.h"
#include "store/base/result.h"
#include "store/files/files.h"

namespace breakwater::routes {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Waits until the first byte of `range` can be sent, so that an error can still become a status.
  virtual proxy::Task<Result<>> ready(ByteRange range) = 0;
  // Sends the bytes of `range`, after the reply was started. If the bytes cannot be sent, the connection is
  // cut.
  virtual proxy::Task<> send(proxy::Exchange& exchange, ByteRange range) = 0;
};

class StoredBlob final : public ByteSource {
 public:
  explicit StoredBlob(store::Blob blob) : blob_(std::move(blob)) {}
  proxy::Task<Result<>> ready(ByteRange range) override;
  proxy::Task<> send(proxy::Exchange& exchange, ByteRange range) override;

 private:
  store::Blob blob_;
};

// The headers of every reply about this blob.
proxy::Headers blob_headers(const RequestContext& context, const store::Digest& digest);

// The range that the request asks for, of a blob of this size.
RequestedRange requested_of(const proxy::Request& request, const store::Digest& digest, uint64_t size);

// Sends the whole reply, or returns an error before anything was sent.
proxy::Task<Result<>> send_blob(proxy::Exchange& exchange, RequestContext& context, store::Digest digest,
                                uint64_t size, ByteSource& source);

// Sends the head that a GET of the whole blob would have. Without `size` it has no Content-Length.
void reply_blob_head(proxy::Exchange& exchange, const RequestContext& context, const store::Digest& digest,
                     std::optional<uint64_t> size);

}  // namespace breakwater::routes
