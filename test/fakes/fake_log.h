// A Log that keeps its lines, as "level event key=value key=value", for the test to read. From any thread.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "store/log.h"

namespace breakwater::test {

class FakeLog final : public store::Log {
 public:
  void write(Level level, std::string_view event, std::span<const Field> fields) override;

  std::vector<std::string> lines() const;
  // How many lines hold `text`.
  size_t count(std::string_view text) const;
  bool contains(std::string_view text) const { return count(text) > 0; }
  void clear();

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace breakwater::test
