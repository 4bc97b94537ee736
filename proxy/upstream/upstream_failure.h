// How an upstream did not answer as it should, and how often.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>

namespace breakwater::proxy {

enum class UpstreamFailure : uint8_t {
  dns,              // its name has no address, or nobody said one in time
  connect,          // refused, no way there, or not in time
  tls,              // a certificate that is not trusted, or a handshake that failed or took too long
  timeout,          // connected, and then no byte for too long, or no end in time
  broken_off,       // the connection ended inside the answer, or before it
  malformed,        // no HTTP, or not the HTTP that was asked for
  private_address,  // it leads to where we do not connect to
  server_error,     // 5xx
  throttled         // 429
};
inline constexpr std::array<std::string_view, 9> kUpstreamFailureNames = {
    "dns",       "connect",         "tls",          "timeout",  "broken_off",
    "malformed", "private_address", "server_error", "throttled"};

class UpstreamFailures {
 public:
  void count(UpstreamFailure kind) { ++counts_[static_cast<size_t>(kind)]; }
  uint64_t of(UpstreamFailure kind) const { return counts_[static_cast<size_t>(kind)]; }
  uint64_t total() const { return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0}); }
  UpstreamFailures& operator+=(const UpstreamFailures& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    return *this;
  }

 private:
  std::array<uint64_t, kUpstreamFailureNames.size()> counts_{};
};

}  // namespace breakwater::proxy
