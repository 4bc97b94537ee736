// A Sink that keeps a whole body in memory. A body longer than the limit is the error `corrupt`.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "proxy/upstream/http_client.h"

namespace breakwater::proxy {

class MemorySink final : public Sink {
 public:
  explicit MemorySink(size_t bytes_max) : bytes_max_(bytes_max) {}

  Result<> head(const Head&) override { return {}; }  // the length may be that of a HEAD
  Result<bool> body(std::span<const char> data) override {
    if (data.size() > bytes_max_ - bytes_.size())
      return failure(Error::Kind::corrupt,
                     "the answer is longer than " + std::to_string(bytes_max_) + " bytes");
    bytes_.append(data.data(), data.size());
    return true;
  }
  std::string take() { return std::move(bytes_); }

 private:
  size_t bytes_max_;
  std::string bytes_;
};

}  // namespace breakwater::proxy
