#include "routes/mirror/reserved_sink.h"

#include <algorithm>
#include <utility>

namespace breakwater::routes {

Result<> ReservedSink::head(const proxy::Head& head) {
  head_ = head;
  return {};
}

Result<bool> ReservedSink::body(std::span<const char> data) {
  const size_t bytes = bytes_.size() + data.size();
  is_too_long_ = bytes > bytes_max_;
  if (is_too_long_) {
    return failure(Error::Kind::too_large,
                   "the answer is longer than " + std::to_string(bytes_max_) + " bytes");
  }
  if (lacks_room_) return failure(*lacks_room_);
  if (bytes > ReplyRoom::kShortBytes && !place_) {
    const uint64_t due = std::clamp<uint64_t>(head_.length.value_or(bytes_max_), bytes, bytes_max_);
    place_ = room_.try_reserve(due);
    if (!place_ && making_room_.done()) {
      making_room_ = make_room(due);
      making_room_.start();
    }
    if (!place_) return false;
  }
  bytes_.append(data.data(), data.size());
  return true;
}

proxy::Task<> ReservedSink::make_room(uint64_t bytes) {
  auto place = co_await room_.reserve(bytes);
  if (place) {
    place_ = *std::move(place);
  } else {
    lacks_room_ = place.error();
  }
  resume();
}

std::string ReservedSink::take() {
  if (place_) place_->shrink(bytes_.size());
  return std::move(bytes_);
}

}  // namespace breakwater::routes
