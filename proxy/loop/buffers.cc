#include "proxy/loop/buffers.h"

namespace breakwater::proxy {

Held& Held::operator=(Held&& other) noexcept {
  if (this == &other) return *this;
  shrink(0);
  buffers_ = std::exchange(other.buffers_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

Held::~Held() { shrink(0); }

void Held::shrink(uint64_t bytes) {
  if (buffers_ == nullptr || bytes >= bytes_) return;
  buffers_->give_back(bytes_ - bytes);
  bytes_ = bytes;
}

Held Buffers::try_take(uint64_t bytes) {
  // What is larger than the limit itself goes alone, or it would wait for ever.
  bool fits = bytes_ + bytes <= bytes_max_ || bytes_ == 0;
  return fits ? take_anyway(bytes) : Held();
}

Held Buffers::take_anyway(uint64_t bytes) {
  bytes_ += bytes;
  return Held(*this, bytes);
}

Task<Held> Buffers::take(uint64_t bytes) {
  Held held = try_take(bytes);
  while (held.bytes() < bytes) {
    co_await freed_.wait();
    held = try_take(bytes);
  }
  co_return held;
}

void Buffers::give_back(uint64_t bytes) {
  bytes_ -= bytes;
  if (bytes > 0) freed_.ring();
}

}  // namespace breakwater::proxy
