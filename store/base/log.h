// The log for the operator: one line for each event, with a name and named fields. Writing never blocks the
// caller: lines are gathered for some milliseconds and written together by a thread of the log. If that
// thread falls behind, all lines gathered so far are dropped, and a later line says how many. The end of a
// log waits for stderr no longer than half a second without a byte taken.
//
// Secrets, tokens, and the query of a redirect's or a presigned URL must never be in a line.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <variant>

namespace breakwater::store {

class Log {
 public:
  enum class Level { debug, info, warning, error };
  enum class Format { text, json };  // text: key=value
  struct Field {
    std::string_view key;
    std::variant<std::string_view, int64_t, double> value;
  };

  virtual ~Log() = default;
  virtual void write(Level level, std::string_view event, std::span<const Field> fields) = 0;
  // Writes what has gathered at once, because the process is about to end in a way that leaves nobody to do
  // it. Waits half a second for stderr at most. Async-signal-safe.
  virtual void write_last_words() noexcept {}

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

struct LogSettings {
  Log::Level level = Log::Level::info;  // events below this are not written
  Log::Format format = Log::Format::text;
};

// A log that writes to stderr. If that is the journal of systemd (JOURNAL_STREAM), each line begins with its
// priority ("<4>"), which the journal takes off; a file or a terminal gets the line alone.
std::unique_ptr<Log> make_log(const LogSettings& settings);

}  // namespace breakwater::store
