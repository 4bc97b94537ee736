// Bytes as they are. byte_stream.h says what each call does.
#pragma once

#include "proxy/stream/byte_stream.h"

namespace breakwater::proxy {

class PlainStream final : public ByteStream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}

  Opening opening() const override { return Opening::open; }
  Next open() override { return Next::now; }
  std::string why() const override { return {}; }
  std::string subject() const override { return {}; }
  Moved receive(std::span<char> into) override;
  bool has_pending() const override { return false; }
  Moved send(Parts parts, More more) override;
  Moved send_file(int file, uint64_t offset, size_t bytes) override;
  size_t held() const override { return 0; }
  Next say_end() override { return Next::now; }
  bool is_bare() const override { return true; }

 private:
  const int fd_;
};

// --- what errno means to a stream

bool would_block(int error);
// Whether an error of sending a file is about the client and not about the file.
bool is_of_peer(int error);

}  // namespace breakwater::proxy
