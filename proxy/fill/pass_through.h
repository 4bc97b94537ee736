// PassThrough sends a body straight from upstream to one client and stores nothing: because there is no room
// for it, or because the client wants a range so far ahead of the fill that waiting makes no sense.
//
// A whole body is hashed on the way, and its last 64 KiB are withheld until the digest matches, so that no
// client can complete a corrupt blob. If a fill has sent the beginning already, that is hashed from its file
// first. A range cannot be checked against the digest; only its position and length are checked. In both
// cases a transfer that breaks is resumed by Range, from the next source if there are several; so is one that
// does not begin within silence_max_ms while another source stands by.
//
// send_whole() returns an error only if the reply has not started; later it cuts the exchange instead.
// send_range() never cuts the exchange and leaves the rest to the caller. Belongs to the loop's thread; the
// Task may be destroyed at any time.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "proxy/fill/fill.h"
#include "proxy/http/exchange.h"
#include "proxy/loop/buffers.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/workers.h"
#include "proxy/upstream/registry_client.h"
#include "store/base/disk.h"

namespace breakwater::proxy {

struct PassThroughSettings {
  uint64_t hold_back_bytes = 64 << 10;
  uint64_t queue_bytes_max = 512 << 10;  // received, and not yet taken by the client's socket
  // How long the head of the reply waits for the first byte, so that an error can still be a status.
  int64_t first_byte_wait_ms = 20'000;
  // While another source stands by, an attempt may be silent for this long before its first byte.
  int64_t silence_max_ms = 5'000;
  RetrySettings retry;
};

// The first `bytes` bytes of the body, which the client has been sent already, and the file that holds them.
struct SentBefore {
  store::SharedFile file;
  uint64_t bytes = 0;
};

// Another source of the same bytes that may have them sooner: a fill.
struct Alternative {
  Signal& progress;  // rings whenever `has` may have another result
  std::function<bool(uint64_t position)> has;
};

// What was sent of a range.
struct RangeSent {
  uint64_t bytes = 0;  // from the start of the range, and given to the exchange
  // Why the rest was not sent. The exchange is left as it was then; it may not have started.
  std::optional<Error> error;
};

class PassThrough {
 public:
  PassThrough(Loop& loop, Workers& workers, Buffers& buffers, store::Disk& disk,
              const PassThroughSettings& settings);

  // Sends all of the blob. `headers` are those of the reply, which is a 206 if they hold a Content-Range.
  // They are not used if `before` is set, because then the reply has started, with request.size as its
  // length.
  Task<Result<>> send_whole(Exchange& exchange, FillRequest request, Headers headers,
                            std::optional<SentBefore> before);
  // Sends `length` bytes from `first`. `headers` hold the Content-Range of a 206. Ends early, with an error,
  // when upstream sends nothing and `other`, which may be null, has the next bytes. The whole has
  // request.size bytes, and another size is an error.
  Task<RangeSent> send_range(Exchange& exchange, FillRequest request, Headers headers, uint64_t first,
                             uint64_t length, const Alternative* other);

 private:
  struct Body;
  struct Range;
  // When an attempt must have sent its first byte; nothing: there is no such time.
  using FirstByteBy = std::optional<Moment>;
  FirstByteBy first_byte_by(const FillSources& sources, size_t index, FirstByteBy by) const;
  Task<Result<>> attempt(Exchange& exchange, const FillSource& source, const Headers& headers, Body& body,
                         FirstByteBy first_byte_by);
  Task<Result<>> attempt_range(Exchange& exchange, const FillSource& source, std::optional<uint64_t> size,
                               const Headers& headers, const Range& range, FirstByteBy first_byte_by,
                               uint64_t& sent);
  Task<Result<>> hash_file(store::Hasher& hasher, SentBefore before);

  Loop& loop_;
  Workers& workers_;
  Buffers& buffers_;
  store::Disk& disk_;
  PassThroughSettings settings_;
};

}  // namespace breakwater::proxy
