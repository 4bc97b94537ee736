// Builds a Head from the lines that libcurl hands over one by one: the status line, the fields and an empty
// line. A head with a 1xx status is dropped, and the next one follows. Pure; belongs to one transfer.
#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/upstream/http_client.h"

namespace breakwater::proxy {

class HeadReader {
 public:
  explicit HeadReader(size_t bytes_max) : bytes_max_(bytes_max) {}

  enum class Taken { more, complete, too_long, switching };
  // `switching` at the end of a 101, after which no HTTP follows. `complete` once, at the end of the final
  // head. Lines after that are trailers and change nothing.
  Taken take(std::string_view line);

  bool complete() const { return complete_; }
  Head& head() { return head_; }

 private:
  void take_status(std::string_view line);
  void take_field(std::string_view line);
  Taken finish();

  size_t bytes_max_;
  size_t bytes_ = 0;
  bool complete_ = false;
  Head head_;
};

}  // namespace breakwater::proxy
