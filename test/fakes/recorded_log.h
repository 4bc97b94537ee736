// A Log whose lines the test can read, debug ones too.
#pragma once

#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "store/log.h"

namespace breakwater::test {

class RecordedLog final : public store::Log {
 public:
  void write(Level, std::string_view event, std::span<const Field> fields) override {
    std::string line(event);
    for (const Field& field : fields) line.append(" ").append(field.key).append("=").append(text_of(field));
    lines_.push_back(std::move(line));
  }

  const std::vector<std::string>& lines() const { return lines_; }
  bool holds(std::string_view text) const {
    for (const std::string& line : lines_)
      if (line.find(text) != std::string::npos) return true;
    return false;
  }
  size_t count(std::string_view event) const {
    size_t found = 0;
    for (const std::string& line : lines_)
      if (line.starts_with(event)) ++found;
    return found;
  }

 private:
  static std::string text_of(const Field& field) {
    auto print = [](const auto& value) {
      if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string_view>) return std::string(value);
      else return std::to_string(value);
    };
    return std::visit(print, field.value);
  }
  std::vector<std::string> lines_;
};

}  // namespace breakwater::test
