// How far a long act is, for whoever waits for it. One side writes, another reads; any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace breakwater::routes {

struct Progress {
  std::atomic<uint64_t> bytes{0};
  std::atomic<uint64_t> bytes_total{0};  // 0: not known
};

}  // namespace breakwater::routes
