// Sends ranges of a blob from a fill in progress, as the fill receives them. A range far ahead of the fill,
// and the rest of a range whose fill could not be stored, is passed through from upstream. Belongs to the
// loop's thread.
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/fill/fill.h"
#include "proxy/loop/loop.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/oci/blob_reply.h"
#include "routes/oci/request_context.h"

namespace breakwater::routes {

class FillSource final : public ByteSource {
 public:
  // `request` is the request of this reader's repository; the fill may have been started for another. ready()
  // waits for the first byte until `deadline`. `open_ended` is for a range like `bytes=5-`, which always
  // waits for the fill.
  FillSource(const MirrorParts& parts, uint64_t far_ahead_bytes, std::shared_ptr<proxy::Fill> fill,
             proxy::FillRequest request, RequestContext& context, bool open_ended, proxy::Moment deadline);

  proxy::Task<Result<>> ready(ByteRange range) override;
  proxy::Task<> send(proxy::Exchange& exchange, ByteRange range) override;

 private:
  bool ended() const { return fill_->verified() || fill_->error(); }
  bool is_far_ahead(const ByteRange& range) const;
  proxy::Task<uint64_t> pass_far_ahead(proxy::Exchange& exchange, ByteRange range);
  proxy::Task<> pass_rest(proxy::Exchange& exchange, ByteRange range, uint64_t sent);

  MirrorParts parts_;
  uint64_t far_ahead_bytes_;
  std::shared_ptr<proxy::Fill> fill_;
  proxy::Fill::Follower follower_;
  proxy::FillRequest request_;
  RequestContext& context_;
  bool open_ended_;
  proxy::Moment deadline_;
  bool far_ahead_ = false;
};

// Why a fill has sent nothing in time: the failure that it is waiting to retry, if there was one.
Error stall_reason(const proxy::Fill& fill);
// Whether only storing the blob failed on our side, so that it can still be passed through from upstream.
bool can_pass(const Error& error);

}  // namespace breakwater::routes
