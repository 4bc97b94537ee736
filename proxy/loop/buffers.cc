#include "proxy/loop/buffers.h"

namespace breakwater::proxy {

BufferReservation& BufferReservation::operator=(BufferReservation&& other) noexcept {
  if (this == &other) return *this;
  shrink(0);
  buffers_ = std::exchange(other.buffers_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

BufferReservation::~BufferReservation() { shrink(0); }

void BufferReservation::shrink(uint64_t bytes) {
  if (buffers_ == nullptr || bytes >= bytes_) return;
  buffers_->release(bytes_ - bytes);
  bytes_ = bytes;
}

BufferReservation Buffers::try_reserve(uint64_t bytes) {
  // A piece that is larger than the whole limit is allowed when nothing else is reserved; otherwise it would
  // wait for ever.
  bool fits = bytes_ + bytes <= bytes_max_ || bytes_ == 0;
  return fits ? reserve_over_limit(bytes) : BufferReservation();
}

BufferReservation Buffers::reserve_over_limit(uint64_t bytes) {
  bytes_ += bytes;
  return BufferReservation(*this, bytes);
}

Task<BufferReservation> Buffers::reserve(uint64_t bytes) {
  BufferReservation reserved = try_reserve(bytes);
  while (reserved.bytes() < bytes) {
    co_await freed_.wait();
    reserved = try_reserve(bytes);
  }
  co_return reserved;
}

void Buffers::release(uint64_t bytes) {
  bytes_ -= bytes;
  if (bytes > 0) freed_.ring();
}

}  // namespace breakwater::proxy
