#include "proxy/fill/streamed_download.h"

#include <algorithm>
#include <utility>

namespace breakwater::proxy {

StreamedDownload::Queue::Queue(Loop& loop, Buffers& buffers, uint64_t queue_bytes_max, uint64_t have,
                               Wanted wanted, Check check)
    : buffers_(buffers),
      queue_bytes_max_(queue_bytes_max),
      have_(have),
      part_(wanted == Wanted::part),
      check_(std::move(check)),
      changed_(loop),
      waits_(loop) {}

Result<> StreamedDownload::Queue::head(const Head& head) {
  auto resumption = check_(head);
  if (!resumption) return failure(resumption.error());
  skip_ = resumption->skip;
  size_ = resumption->size;
  return {};
}

Result<bool> StreamedDownload::Queue::body(std::span<const char> data) {
  const auto skipped = std::min<uint64_t>(skip_, data.size());
  auto fresh = data.subspan(skipped);
  if (part_ && fresh.size() > *size_ - have_) fresh = fresh.first(*size_ - have_);
  if (part_ && have_ == *size_) return failure(Error::Kind::not_found, "the rest is not wanted");
  if (size_ && have_ + fresh.size() > *size_)
    return failure(Error::Kind::corrupt, "upstream's body is longer than it should be");
  if (!fresh.empty() && !room_for(fresh.size())) return false;
  skip_ -= skipped;
  if (fresh.empty()) return true;
  pieces_.push_back(std::string(fresh.data(), fresh.size()));
  queued_ += fresh.size();
  have_ += fresh.size();
  changed_.ring();
  return true;
}

std::string StreamedDownload::Queue::take() {
  auto piece = std::move(pieces_.front());
  pieces_.pop_front();
  reserved_.pop_front();
  queued_ -= piece.size();
  resume();
  return piece;
}

bool StreamedDownload::Queue::room_for(size_t more) {
  if (queued_ >= queue_bytes_max_) return false;
  // These downloads wait for slow clients, so they get only half of the buffers. The other half is for fills
  // and request bodies.
  const bool crowded = buffers_.units() + more > buffers_.units_max() / 2;
  auto reserved = crowded ? BufferReservation() : buffers_.try_reserve(more);
  if (reserved.units() == 0) {
    if (!std::exchange(awaiting_buffers_, true)) waits_.spawn(resume_when_freed());
    return false;
  }
  reserved_.push_back(std::move(reserved));
  return true;
}

Task<> StreamedDownload::Queue::resume_when_freed() {
  co_await buffers_.freed().wait();
  awaiting_buffers_ = false;
  resume();
}

StreamedDownload::StreamedDownload(Loop& loop, Buffers& buffers, uint64_t queue_bytes_max, uint64_t have,
                                   Wanted wanted, Check check)
    : loop_(loop), queue_(loop, buffers, queue_bytes_max, have, wanted, std::move(check)), running_(loop) {}

void StreamedDownload::begin(RegistryClient& registry, RegistryClientRequest request) {
  running_.spawn(run(registry, std::move(request)));
}

void StreamedDownload::stop_when(std::function<bool()> is_overtaken, Signal& progress) {
  is_overtaken_ = std::move(is_overtaken);
  running_.spawn(watch(progress));
}

Task<std::string> StreamedDownload::next() {
  while (queue_.empty() && !outcome_ && is_worth_waiting()) {
    if (first_byte_by_) co_await queue_.changed().wait_until(*first_byte_by_);
    if (!first_byte_by_) co_await queue_.changed().wait();
  }
  if (queue_.empty()) co_return std::string();
  first_byte_by_.reset();
  co_return queue_.take();
}

bool StreamedDownload::is_worth_waiting() const {
  return (!first_byte_by_ || loop_.now() < *first_byte_by_) && (!is_overtaken_ || !is_overtaken_());
}

Result<> StreamedDownload::ended() const {
  if (!outcome_) return failure(Error::Kind::unavailable, "upstream is slow to send");
  return *outcome_ ? Result<>() : failure(outcome_->error());
}

Task<> StreamedDownload::run(RegistryClient& registry, RegistryClientRequest request) {
  outcome_ = co_await registry.download(std::move(request), queue_);
  queue_.changed().ring();
}

Task<> StreamedDownload::watch(Signal& progress) {
  for (;;) {
    co_await progress.wait();
    queue_.changed().ring();
  }
}

}  // namespace breakwater::proxy
