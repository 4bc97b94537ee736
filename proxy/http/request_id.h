// The id of a request: in every line of the log that is about it, in the message of its error, and in the
// X-Request-Id of its answer. Whoever sent the request may have chosen it. Belongs to one thread.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "proxy/http/http.h"

namespace breakwater::proxy {

// The id in a request's headers: the trace id of `traceparent` (W3C Trace Context), else X-Request-Id if that
// is at most 64 letters, digits, dots, underscores and hyphens; else "".
std::string_view given_request_id(const Headers& headers);

class RequestIds {
 public:
  RequestIds() : random_(std::random_device()()) {}

  // Makes `id` a new one: 16 hexadecimal digits.
  void renew(std::string& id);

 private:
  std::mt19937_64 random_;
};

}  // namespace breakwater::proxy
