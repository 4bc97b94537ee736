// One client's way through a Fill: it follows the fill, goes ahead of it for a range that is far from there,
// and passes the rest on from upstream if the fill could not be stored.
//
//   FillReader reader(parts, request, deadline);
//   auto begun = co_await reader.begin(FillReader::May::read_own);
//   if (!begun) …                                 // what the client is told
//   if (!reader.may_read()) …                     // another repository's source brings it: ask, or refuse
//   auto ready = co_await reader.ready(first, length, FillReader::Range::closed);
//   exchange.start(206, …, length);
//   co_await reader.send(exchange, first, length);
//
// Knows nothing of what the bytes are. Belongs to the loop's thread; the Task may be destroyed at any time.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/fill/fill.h"
#include "proxy/fill/pass_through.h"
#include "proxy/http/exchange.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"

namespace breakwater::proxy {

// What readers share; all of it outlives them.
struct FillReaderParts {
  Loop& loop;
  Fills& fills;
  PassThrough& pass_through;
  uint64_t far_ahead_bytes;  // a range that begins further than this ahead of its fill is passed on
};

class FillReader {
 public:
  // What the client may have: whatever the fill brings, or, as long as nobody has said that its repository
  // has the blob, only what a source of that repository shows.
  enum class May { read_all, read_own };

  // Joins the fill of the request, whose first source is for the client's repository. The functions wait for
  // a first byte until `deadline`.
  FillReader(const FillReaderParts& parts, FillRequest request, Moment deadline);

  // Waits until the fill has begun. The error is that of the client's own sources, if they have failed.
  Task<Result<>> begin(May may);
  // After begin(): whether the bytes may be read with May::read_own.
  bool may_read() const;
  // After begin(): the size of the whole; nothing if nobody knows it, then send_unsized() sends the whole.
  std::optional<uint64_t> size() const { return size_; }
  // Whether size() is not what it was in begin(): begin() anew, if the reply has not started.
  bool is_outdated() const;
  // What upstream said of the size so far, not what a manifest says.
  std::optional<uint64_t> told_size() const;
  // Why the client's own sources have failed, if all have, and for good.
  std::optional<Error> own_failure() const;

  // An open-ended range always waits for the fill: containerd opens many such ranges on one blob at once and
  // hangs up after its share.
  enum class Range { closed, open_ended };
  // Waits until the first byte of a range can be sent, so that an error can still become a status.
  Task<Result<>> ready(uint64_t first, uint64_t length, Range kind);
  // Sends the bytes of the range, after the reply was started. If they cannot be sent, the connection is cut.
  Task<> send(Exchange& exchange, uint64_t first, uint64_t length);
  // Sends the whole, and finishes the reply, which was started without a length.
  Task<> send_unsized(Exchange& exchange);

  // Whether what is sent comes straight from upstream, not from the fill.
  bool is_passing() const { return passing_; }

 private:
  bool ended() const { return fill_->verified() || fill_->error(); }
  bool is_undecided(May may) const;
  bool is_far_ahead(uint64_t first, uint64_t length) const;
  uint64_t readable() const;
  Task<uint64_t> pass_far_ahead(Exchange& exchange, uint64_t first, uint64_t length);
  Task<> pass_rest(Exchange& exchange, uint64_t first, uint64_t length, uint64_t sent);

  FillReaderParts parts_;
  FillRequest request_;
  Fill::Follower fill_;
  Moment deadline_;
  bool begun_ = false;  // begin() has succeeded, with the two below
  std::optional<uint64_t> size_;
  uint32_t generation_ = 0;
  bool far_ahead_ = false;
  bool passing_ = false;
};

// Whether only storing the bytes failed on our side, so that they can still be passed on from upstream.
bool can_pass(const Error& error);

}  // namespace breakwater::proxy
