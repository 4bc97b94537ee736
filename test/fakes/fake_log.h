// A Log that keeps its lines, as "level event key=value key=value", for the test to read. From any thread.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/log.h"

namespace breakwater::test {

class FakeLog final : public store::Log {
 public:
  void write(Level level, std::string_view event, std::span<const Field> fields) override;

  std::vector<std::string> lines() const;
  // How many lines hold `text`.
  size_t count(std::string_view text) const;
  bool contains(std::string_view text) const { return count(text) > 0; }
  // Until a line holds `text`, which another thread writes.
  void wait_for(std::string_view text) const;
  void clear();
  // Called once, behind the next line of `event`: what happens beside the one who wrote it.
  void at_next(std::string event, std::function<void()> happens) {
    awaited_ = std::move(event), happens_ = std::move(happens);
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
  std::string awaited_;
  std::function<void()> happens_;
};

}  // namespace breakwater::test
