// The log for the operator: one line for each event, with a name and named fields. Writing never blocks the
// caller: lines are gathered for some milliseconds and written together by a thread of the log. If that
// thread falls behind, the oldest lines are dropped and counted.
//
// Secrets, tokens, and the query of a redirect's or a presigned URL must never be in a line.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "store/base/result.h"

namespace breakwater::store {

struct LogSettings {
  std::string level = "info";   // debug, info, warning, error
  std::string format = "text";  // text (key=value) or json
};

class Log {
 public:
  enum class Level { debug, info, warning, error };
  struct Field {
    std::string_view key;
    std::variant<std::string_view, int64_t, double> value;
  };

  virtual ~Log() = default;
  virtual void write(Level level, std::string_view event, std::span<const Field> fields) = 0;

  void info(std::string_view event, std::initializer_list<Field> fields) {
    write(Level::info, event, {fields.begin(), fields.size()});
  }
  void warning(std::string_view event, std::initializer_list<Field> fields) {
    write(Level::warning, event, {fields.begin(), fields.size()});
  }
  void error(std::string_view event, std::initializer_list<Field> fields) {
    write(Level::error, event, {fields.begin(), fields.size()});
  }
  void debug(std::string_view event, std::initializer_list<Field> fields) {
    write(Level::debug, event, {fields.begin(), fields.size()});
  }
};

// To stderr. `invalid` for a level or format that is none.
[[nodiscard]] Result<std::unique_ptr<Log>> make_log(const LogSettings& settings);

}  // namespace breakwater::store
