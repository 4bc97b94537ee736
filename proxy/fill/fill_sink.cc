#include "proxy/fill/fill_sink.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/fill/resumption.h"

namespace breakwater::proxy {

FillSink::FillSink(Fills& fills, std::shared_ptr<Fill> fill)
    : fills_(fills), fill_(std::move(fill)), waits_(fills.loop_) {
  fill_->sink_ = this;
}

FillSink::~FillSink() { fill_->sink_ = nullptr; }

Result<> FillSink::head(const Head& head) {
  auto resumption = check_resumption(head, fill_->written_, fill_->size_);
  if (!resumption) return failure(resumption.error());
  skip_ = resumption->skip;
  fill_->size_ = resumption->size;
  fill_->begun_ = true;
  fill_->last_failure_.reset();
  fills_.publish(*fill_);
  return {};
}

Result<bool> FillSink::body(std::span<const char> data) {
  if (fill_->disk_error_) return failure(*fill_->disk_error_);
  const auto skipped = std::min<uint64_t>(skip_, data.size());
  const auto fresh = data.subspan(skipped);
  const auto have = fill_->written_ + fill_->unwritten_;
  if (fill_->size_ && have + fresh.size() > *fill_->size_)
    return failure(Error::Kind::corrupt, "upstream's " + fill_->request().digest.text() +
                                             " is longer than its " + std::to_string(*fill_->size_) +
                                             " bytes");
  if (!fresh.empty() && !room_for(have, fresh.size())) return false;
  skip_ -= skipped;
  fill_->pending_.append(fresh.data(), fresh.size());
  fill_->unwritten_ += fresh.size();
  fill_->arrived_.ring();
  return true;
}

bool FillSink::room_for(uint64_t have, size_t more) {
  if (have + more > fill_->granted_) return wait_for_disk();
  if (fill_->pending_.size() >= fills_.settings_.pending_bytes_max) return false;  // pump() resumes the sink
  auto reserved = fills_.buffers_.try_reserve(more);
  if (reserved.bytes() == 0) return wait_for_buffers();
  fill_->reserved_.push_back(std::move(reserved));
  return true;
}

bool FillSink::wait_for_disk() {
  if (!std::exchange(growing_, true)) waits_.spawn(grow());
  return false;
}

Task<> FillSink::grow() {
  const auto bytes = fill_->size_.value_or(fill_->granted_ + fills_.settings_.growth_bytes);
  auto grown = co_await fills_.grow(fill_, bytes);
  if (!grown) fill_->disk_error_ = grown.error();
  growing_ = false;
  resume();
}

bool FillSink::wait_for_buffers() {
  if (!std::exchange(awaiting_buffers_, true)) waits_.spawn(resume_when_freed());
  return false;
}

Task<> FillSink::resume_when_freed() {
  co_await fills_.buffers_.freed().wait();
  awaiting_buffers_ = false;
  resume();
}

}  // namespace breakwater::proxy
