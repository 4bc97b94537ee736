// PassThrough: a body that goes straight from upstream to one client, because there is no room to store it,
// or because the client wants a range so far ahead of the fill that waiting makes no sense.
//
// A whole body is hashed on the way and its last 64 KiB are withheld until the digest matches, so here too no
// client can complete a corrupt blob. What a fill had sent already is hashed from its file first. A transfer
// that breaks is resumed by Range, as a fill's is. A range cannot be checked against the digest; its place
// and length are. It is resumed likewise, and what became of it is left to the caller.
//
// An error of send_whole() is returned only while the reply is not started; later the exchange is cut.
// Belongs to the loop's thread; the Task may be destroyed at any time.
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
  uint64_t queue_bytes_max = 512 << 10;  // received, not yet taken by the client's socket
  // How long a reply's head waits for the first byte, so that an error can still be a status
  int64_t first_byte_wait_ms = 20'000;
  RetrySettings retry;
};

// The first `bytes` bytes of the body, which the client has been sent already.
struct SentBefore {
  store::SharedFile file;
  uint64_t bytes = 0;
};

// Who brings the bytes of a range as well, maybe sooner: a fill.
struct Alternative {
  Signal& progress;
  std::function<bool(uint64_t position)> has;  // may be another answer whenever `progress` rings
};

// What came of a range.
struct RangeSent {
  uint64_t bytes = 0;  // from its first, and the exchange has them
  // Why the others did not come; the exchange is as it was then, maybe not started.
  std::optional<Error> error;
};

class PassThrough {
 public:
  PassThrough(Loop& loop, Workers& workers, Buffers& buffers, store::Disk& disk,
              const PassThroughSettings& settings);

  // All of the blob. `headers` are the reply's: of a 206 if there is a Content-Range; unused if `before` says
  // that it is started.
  Task<Result<>> send_whole(Exchange& exchange, RegistryClient& registry, FillRequest request,
                            Headers headers, std::optional<SentBefore> before);
  // `length` bytes from `first`; `headers` hold the Content-Range of a 206. Ends early, with an error, when
  // upstream sends nothing and `other`, if there is one, has what comes next.
  Task<RangeSent> send_range(Exchange& exchange, RegistryClient& registry, FillRequest request,
                             Headers headers, uint64_t first, uint64_t length, const Alternative* other);

 private:
  struct Body;
  struct Range;
  Task<Result<>> attempt(Exchange& exchange, RegistryClient& registry, const FillRequest& request,
                         const Headers& headers, Body& body, Moment first_byte_by);
  Task<Result<>> attempt_range(Exchange& exchange, RegistryClient& registry, const FillRequest& request,
                               const Headers& headers, const Range& range, uint64_t& sent);
  Task<Result<>> hash_file(store::Hasher& hasher, SentBefore before);

  Loop& loop_;
  Workers& workers_;
  Buffers& buffers_;
  store::Disk& disk_;
  PassThroughSettings settings_;
};

}  // namespace breakwater::proxy
