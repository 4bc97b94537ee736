// The one way to answer with a blob's bytes: whole, a range, several ranges, or 304, from wherever they come
// (ByteSource): a stored file, or a fill that is still running. Belongs to the loop's thread.
#pragma once

#include <cstdint>

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
  // Waits until the first of these bytes can be sent, so that an error can still become a status.
  virtual proxy::Task<Result<>> ready(ByteRange range) = 0;
  // Sends them. The reply has been started; when they cannot be sent the exchange is cut.
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

// Headers of every answer with this blob.
proxy::Headers blob_headers(const RequestContext& context, const store::Digest& digest);

// What the request asks of a blob of this size.
RequestedRange requested_of(const proxy::Request& request, const store::Digest& digest, uint64_t size);

// The whole reply. An error is returned only while nothing was sent.
proxy::Task<Result<>> send_blob(proxy::Exchange& exchange, const RequestContext& context,
                                store::Digest digest, uint64_t size, ByteSource& source);

// Only the head, as GET would have it.
void reply_blob_head(proxy::Exchange& exchange, const RequestContext& context, const store::Digest& digest,
                     uint64_t size);

}  // namespace breakwater::routes
