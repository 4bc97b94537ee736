#include "store/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "store/base/mutex.h"

namespace breakwater::store {
namespace {

constexpr size_t kGatheredBytesMax = 1 << 20;
constexpr auto kGatheringTime = std::chrono::milliseconds(5);

using Format = Log::Format;

bool is_plain(char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// Most values are plain ASCII, and access lines are many: only the others pay for a JSON library.
void append_quoted(std::string& line, std::string_view value) {
  if (std::all_of(value.begin(), value.end(), [](char c) { return c == ' ' || is_plain(c); })) {
    line.append(1, '"').append(value).append(1, '"');
    return;
  }
  line += nlohmann::json(value).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// key=value, quoted where a reader could not tell where the value ends.
void append_bare(std::string& line, std::string_view value) {
  bool bare = !value.empty() &&
              std::all_of(value.begin(), value.end(), [](char c) { return is_plain(c) && c != '='; });
  if (bare)
    line += value;
  else
    append_quoted(line, value);
}

void append_value(std::string& line, const std::variant<std::string_view, int64_t, double>& value,
                  Format format) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    format == Format::json ? append_quoted(line, *text) : append_bare(line, *text);
  } else if (const auto* whole = std::get_if<int64_t>(&value)) {
    fmt::format_to(std::back_inserter(line), "{}", *whole);
  } else {
    fmt::format_to(std::back_inserter(line), "{:.6f}", std::get<double>(value));
  }
}

// The part of a line behind time and level, which the pattern writes.
std::string line_of(std::string_view event, std::span<const Log::Field> fields, Format format) {
  std::string line;
  line.reserve(256);
  if (format == Format::json) {
    line += "\"event\":";
    append_quoted(line, event);
  } else {
    line += event;
  }
  for (const auto& field : fields) {
    if (format == Format::json) {
      line += ',';
      append_quoted(line, field.key);
      line += ':';
    } else {
      line.append(1, ' ').append(field.key).append(1, '=');
    }
    append_value(line, field.value, format);
  }
  return line;
}

spdlog::level::level_enum level_of(Log::Level level) {
  switch (level) {
    case Log::Level::debug: return spdlog::level::debug;
    case Log::Level::info: return spdlog::level::info;
    case Log::Level::warning: return spdlog::level::warn;
    case Log::Level::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::unique_ptr<spdlog::formatter> formatter_of(Format format) {
  const char* pattern = format == Format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                               : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
  return std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc);
}

// Where lines gather for a moment, to go out together with one write by a thread of its own: a wake-up and a
// write for each line would cost more than serving a small reply. Bounded: when stderr falls behind, what has
// gathered is dropped and counted.
class GatheringSink final : public spdlog::sinks::sink {
 public:
  GatheringSink() : writer_([this] { write_gathered(); }) {}
  ~GatheringSink() override {
    {
      const Lock lock(mutex_);
      ending_ = true;
    }
    gathered_.notify_one();
    writer_.join();
  }

  void log(const spdlog::details::log_msg& message) override {
    const Lock lock(mutex_);
    line_.clear();
    formatter_->format(message, line_);
    if (lines_.size() + line_.size() > kGatheredBytesMax) {
      dropped_ += static_cast<size_t>(std::count(lines_.begin(), lines_.end(), '\n'));
      lines_.clear();
    }
    if (lines_.empty()) gathered_.notify_one();
    lines_.append(line_.data(), line_.size());
  }
  void flush() override {}
  void set_pattern(const std::string& pattern) override {
    set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern));
  }
  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
    const Lock lock(mutex_);
    formatter_ = std::move(formatter);
  }

  size_t take_dropped() {
    const Lock lock(mutex_);
    return std::exchange(dropped_, 0);
  }

 private:
  void write_gathered() {
    Lock lock(mutex_);
    for (;;) {
      while (lines_.empty() && !ending_) gathered_.wait(mutex_);
      if (!ending_) gathered_.wait_for(mutex_, kGatheringTime);
      if (lines_.empty()) return;
      auto lines = std::exchange(lines_, std::string());
      lock.unlock();
      write_all(lines);
      lock.lock();
    }
  }

  static void write_all(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
      if (written < 0 && errno != EINTR) return;
      if (written > 0) text.remove_prefix(static_cast<size_t>(written));
    }
  }

  Mutex mutex_;
  Condition gathered_;
  std::unique_ptr<spdlog::formatter> formatter_ GUARDED_BY(mutex_) =
      std::make_unique<spdlog::pattern_formatter>();
  spdlog::memory_buf_t line_ GUARDED_BY(mutex_);
  std::string lines_ GUARDED_BY(mutex_);
  size_t dropped_ GUARDED_BY(mutex_) = 0;
  bool ending_ GUARDED_BY(mutex_) = false;
  std::thread writer_;  // last: begins when all else is there
};

class SpdlogLog final : public Log {
 public:
  SpdlogLog(Level least, Format format)
      : format_(format),
        sink_(std::make_shared<GatheringSink>()),
        logger_(std::make_shared<spdlog::logger>("breakwater", sink_)) {
    logger_->set_formatter(formatter_of(format));
    logger_->set_level(level_of(least));
  }

  void write(Level level, std::string_view event, std::span<const Field> fields) override {
    if (!logger_->should_log(level_of(level))) return;
    if (const auto dropped = sink_->take_dropped(); dropped > 0) {
      const Field field{"lines", static_cast<int64_t>(dropped)};
      hand_over(Level::warning, line_of("log lines dropped", {&field, 1}, format_));
    }
    hand_over(level, line_of(event, fields, format_));
  }

 private:
  void hand_over(Level level, const std::string& line) {
    logger_->log(level_of(level), spdlog::string_view_t(line));
  }

  Format format_;
  std::shared_ptr<GatheringSink> sink_;
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace

std::unique_ptr<Log> make_log(const LogSettings& settings) {
  return std::make_unique<SpdlogLog>(settings.level, settings.format);
}

}  // namespace breakwater::store
