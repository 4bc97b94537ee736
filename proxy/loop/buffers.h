// One limit for all bytes that wait in memory, whatever the load: request bodies, fills, and replies that do
// not come from a file. Bytes are reserved here before they are read; when the limit is reached, reading
// pauses and senders wait. Belongs to the loop's thread.
#pragma once

#include <cstdint>
#include <utility>

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"

namespace breakwater::proxy {

class Buffers;

// Bytes that count against the limit; the destructor releases them.
class BufferReservation {
 public:
  BufferReservation() = default;
  BufferReservation(BufferReservation&& other) noexcept
      : buffers_(std::exchange(other.buffers_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  BufferReservation& operator=(BufferReservation&& other) noexcept;
  ~BufferReservation();
  uint64_t bytes() const { return bytes_; }
  void shrink(uint64_t bytes);  // Keeps at most `bytes` and releases the rest.

 private:
  friend class Buffers;
  BufferReservation(Buffers& buffers, uint64_t bytes) : buffers_(&buffers), bytes_(bytes) {}
  Buffers* buffers_ = nullptr;
  uint64_t bytes_ = 0;
};

class Buffers {
 public:
  Buffers(Loop& loop, uint64_t bytes_max) : bytes_max_(bytes_max), freed_(loop) {}

  // An empty reservation (bytes() == 0) if the limit does not allow `bytes` now.
  BufferReservation try_reserve(uint64_t bytes);
  Task<BufferReservation> reserve(uint64_t bytes);  // Waits until the limit allows it.
  // Exceeds the limit if need be. This is for bytes that are in memory already: they count, so others wait
  // until they are gone, but their holder does not. A holder that waited could wait for ever.
  BufferReservation reserve_over_limit(uint64_t bytes);
  Signal& freed() { return freed_; }

  uint64_t bytes() const { return bytes_; }
  uint64_t bytes_max() const { return bytes_max_; }

 private:
  friend class BufferReservation;
  void release(uint64_t bytes);
  uint64_t bytes_max_;
  uint64_t bytes_ = 0;
  Signal freed_;
};

}  // namespace breakwater::proxy
