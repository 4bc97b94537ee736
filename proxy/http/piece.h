// Received bytes in memory of their own, such as a piece of a request's body. They are received straight into
// this memory, and handed on with it to whoever writes them to the disk: nobody copies them on the way.
//
//   Piece piece(bytes_max);  ->  receive into piece.memory()  ->  piece.shrink(received)  ->  piece.view()
//
// A std::string would be zeroed first, which costs as much as a copy.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace breakwater::proxy {

class Piece {
 public:
  Piece() = default;  // empty
  // The content is undefined.
  explicit Piece(size_t bytes)
      : memory_(std::make_unique_for_overwrite<char[]>(bytes)), held_(bytes), size_(bytes) {}
  Piece(Piece&& other) noexcept { *this = std::move(other); }
  Piece& operator=(Piece&& other) noexcept {
    memory_ = std::move(other.memory_);
    held_ = std::exchange(other.held_, 0);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }

  // Keeps the first `bytes`. If that is less than half they are moved to less memory, so that many small
  // pieces together take little.
  void shrink(size_t bytes) {
    assert(bytes <= size_);
    size_ = bytes;
    if (bytes >= held_ / 2) return;
    Piece smaller(bytes);
    std::copy_n(memory_.get(), bytes, smaller.memory_.get());
    *this = std::move(smaller);
  }

  std::span<char> memory() { return {memory_.get(), size_}; }
  std::string_view view() const { return {memory_.get(), size_}; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t held() const { return held_; }  // bytes of memory, at most one more than twice size()

 private:
  std::unique_ptr<char[]> memory_;
  size_t held_ = 0;
  size_t size_ = 0;
};

}  // namespace breakwater::proxy
