#include "store/log.h"

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <optional>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace breakwater::store {
namespace {

constexpr size_t kQueueLines = 4096;

enum class Format { text, json };

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
  bool bare = !value.empty() && std::all_of(value.begin(), value.end(), [](char c) { return is_plain(c) && c != '='; });
  if (bare)
    line += value;
  else
    append_quoted(line, value);
}

void append_value(std::string& line, const std::variant<std::string_view, int64_t, double>& value, Format format) {
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
  const char* pattern = format == Format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})" : "%Y-%m-%dT%H:%M:%S.%eZ %l %v";
  return std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc);
}

class SpdlogLog final : public Log {
 public:
  SpdlogLog(Level least, Format format)
      : format_(format),
        pool_(std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1)),
        logger_(std::make_shared<spdlog::async_logger>("breakwater", std::make_shared<spdlog::sinks::stderr_sink_mt>(), pool_,
                                                       spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_formatter(formatter_of(format));
    logger_->set_level(level_of(least));
  }

  void write(Level level, std::string_view event, std::span<const Field> fields) override {
    if (!logger_->should_log(level_of(level))) return;
    report_dropped();
    hand_over(level, line_of(event, fields, format_));
  }

 private:
  void hand_over(Level level, const std::string& line) { logger_->log(level_of(level), spdlog::string_view_t(line)); }

  void report_dropped() {
    size_t dropped = pool_->overrun_counter();
    size_t reported = reported_.exchange(dropped);
    if (dropped <= reported) return;
    Field field{"lines", static_cast<int64_t>(dropped - reported)};
    hand_over(Level::warning, line_of("log lines dropped", {&field, 1}, format_));
  }

  Format format_;
  std::shared_ptr<spdlog::details::thread_pool> pool_;  // its end writes what is queued
  std::shared_ptr<spdlog::async_logger> logger_;
  std::atomic<size_t> reported_{0};
};

std::optional<Log::Level> level_named(std::string_view name) {
  if (name == "debug") return Log::Level::debug;
  if (name == "info") return Log::Level::info;
  if (name == "warning") return Log::Level::warning;
  if (name == "error") return Log::Level::error;
  return std::nullopt;
}

std::optional<Format> format_named(std::string_view name) {
  if (name == "text") return Format::text;
  if (name == "json") return Format::json;
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<Log>> make_log(const LogSettings& settings) {
  auto level = level_named(settings.level);
  if (!level) return failure(Error::Kind::invalid, "log level \"" + settings.level + "\" is none of debug, info, warning, error");
  auto format = format_named(settings.format);
  if (!format) return failure(Error::Kind::invalid, "log format \"" + settings.format + "\" is neither text nor json");
  return std::make_unique<SpdlogLog>(*level, *format);
}

}  // namespace breakwater::store
