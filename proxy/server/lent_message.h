// What a lent disk and its lender say to each other (lent_disk.h): messages over a local socket, each a list
// of texts and numbers, with a descriptor beside it if it answers an open. One question at a time, then its
// answer.
//
// Whatever comes is looked at before it is believed: a length is bounded, and what is missing is an error.
// May block. Values; one thread.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

#include "proxy/server/descriptor.h"
#include "store/base/result.h"

namespace breakwater::proxy {

enum class LentCall : uint8_t {
  open,
  open_for_writing,
  create,
  sync_directory,
  stat,
  stat_target,
  rename,
  link,
  remove,
  make_directories,
  remove_directory,
  list,
  space,
  say  // a line for whoever lends
};

class LentMessage {
 public:
  static constexpr uint32_t kBytesMax = 64U << 20;  // the names of a folder with half a million files

  LentMessage() = default;
  explicit LentMessage(std::string bytes) : bytes_(std::move(bytes)) {}

  void add(uint64_t number);
  void add(std::string_view text);
  // In the order in which they were added; 0 and "" once there is nothing left, and is_broken() is true then.
  uint64_t number();
  std::string text();
  bool is_broken() const { return is_broken_; }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  size_t at_ = 0;
  bool is_broken_ = false;
};

// `descriptor` goes along if it is not -1. `unavailable` if the other side is gone.
[[nodiscard]] Result<> send_message(int socket, const LentMessage& message, int descriptor);
struct Received {
  LentMessage message;
  Descriptor descriptor;
};
// The next message. `unavailable` if the other side is gone, or `stop` is told.
[[nodiscard]] Result<Received> receive_message(int socket, const std::stop_token& stop);

}  // namespace breakwater::proxy
