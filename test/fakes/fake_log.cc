#include "test/fakes/fake_log.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace breakwater::test {
namespace {

std::string_view name_of(store::Log::Level level) {
  switch (level) {
    case store::Log::Level::debug: return "debug";
    case store::Log::Level::info: return "info";
    case store::Log::Level::warning: return "warning";
    case store::Log::Level::error: return "error";
  }
  return "";
}

struct Text {
  std::string operator()(std::string_view value) const { return std::string(value); }
  std::string operator()(int64_t value) const { return std::to_string(value); }
  std::string operator()(double value) const { return std::to_string(value); }
};

}  // namespace

void FakeLog::write(Level level, std::string_view event, std::span<const Field> fields) {
  std::string line(name_of(level));
  line.append(" ").append(event);
  for (const Field& field : fields)
    line.append(" ").append(field.key).append("=").append(std::visit(Text(), field.value));
  {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  if (happens_ && event == awaited_) std::exchange(happens_, {})();
}

std::vector<std::string> FakeLog::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

size_t FakeLog::count(std::string_view text) const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
    return line.find(text) != std::string::npos;
  }));
}

void FakeLog::wait_for(std::string_view text) const {
  while (!contains(text)) std::this_thread::yield();
}

void FakeLog::clear() {
  const std::lock_guard lock(mutex_);
  lines_.clear();
}

}  // namespace breakwater::test
