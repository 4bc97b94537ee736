// Unix signals such as SIGTERM, delivered as events of the loop. Belongs to the loop's thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proxy/loop/loop.h"

namespace breakwater::proxy {

// Calls `received` from the top of the loop each time one of `numbers` arrives, until this object is
// destroyed.
class UnixSignals {
 public:
  UnixSignals(Loop& loop, const std::vector<int>& numbers, std::function<void(int)> received);
  ~UnixSignals();
  UnixSignals(const UnixSignals&) = delete;
  UnixSignals& operator=(const UnixSignals&) = delete;

 private:
  struct Watch;
  std::function<void(int)> received_;
  std::vector<std::unique_ptr<Watch>> watches_;
};

}  // namespace breakwater::proxy
