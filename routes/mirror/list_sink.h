// The sink of a page of a list: collects the body, and remembers whether it was longer than what is kept.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "proxy/upstream/http_client.h"
#include "routes/mirror/kept_lists.h"

namespace breakwater::routes {

class ListSink final : public proxy::Sink {
 public:
  Result<> head(const proxy::Head& head) override {
    head_ = head;
    return {};
  }
  Result<bool> body(std::span<const char> data) override {
    is_too_long_ = page_.size() + data.size() > kListBytesMax;
    if (is_too_long_) return failure(Error::Kind::too_large, "upstream's list is longer than 4 MiB");
    page_.append(data.data(), data.size());
    return true;
  }

  bool is_too_long() const { return is_too_long_; }
  const proxy::Head& answered() const { return head_; }  // status 0: no 200 has come
  std::string take() { return std::move(page_); }

 private:
  proxy::Head head_;
  std::string page_;
  bool is_too_long_ = false;
};

}  // namespace breakwater::routes
