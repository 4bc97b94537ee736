#include "store/base/log.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "store/base/mutex.h"

namespace breakwater::store {
namespace {

// Who did what (routes/ops/audit.h).
constexpr std::string_view kAuditEvent = "audit";
// Only that has this level: it passes whatever the least level is, and has a name and a priority of its
// own.
constexpr auto kNotice = spdlog::level::critical;

constexpr size_t kGatheredBytesMax = 1 << 20;
constexpr auto kGatheringTime = std::chrono::milliseconds(5);
constexpr int kPollMs = 50;                                 // waited for stderr at a time
constexpr auto kPatience = std::chrono::milliseconds(500);  // at the end, while stderr takes nothing
constexpr int kLastTries = 10;                              // the same, for last words

using Format = Log::Format;
using Clock = std::chrono::steady_clock;

bool is_plain(char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// Most values are plain ASCII, and access lines are many: only the others pay for a JSON library.
void append_quoted(std::string& line, std::string_view value) {
  // Looks at every character, since the compiler then takes many at once.
  const auto others =
      std::count_if(value.begin(), value.end(), [](char c) { return c != ' ' && !is_plain(c); });
  if (others == 0) {
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

void append_number(std::string& line, int64_t number) {
  const fmt::format_int digits(number);
  line.append(digits.data(), digits.size());
}

// With six digits behind the point. In whole millionths, because formatting a double costs as much as all
// else of a line.
void append_number(std::string& line, double number) {
  constexpr double kExactMax = 1e9;
  if (!(std::abs(number) < kExactMax)) {
    fmt::format_to(std::back_inserter(line), "{:.6f}", number);
    return;
  }
  constexpr uint64_t kMillion = 1'000'000;
  const auto millionths = static_cast<uint64_t>(std::llround(std::abs(number) * 1e6));
  if (number < 0 && millionths > 0) line += '-';
  const fmt::format_int whole(millionths / kMillion), part(kMillion + millionths % kMillion);
  line.append(whole.data(), whole.size()).append(1, '.').append(part.data() + 1, part.size() - 1);
}

void append_value(std::string& line, const std::variant<std::string_view, int64_t, double>& value,
                  Format format) {
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    format == Format::json ? append_quoted(line, *text) : append_bare(line, *text);
  } else if (const auto* whole = std::get_if<int64_t>(&value)) {
    append_number(line, *whole);
  } else {
    append_number(line, std::get<double>(value));
  }
}

// `name` is an event's or a field's, which stand in the code and need no escape.
void append_name(std::string& line, std::string_view name) {
  line.append(1, '"').append(name).append(1, '"');
}

// The part of a line behind time and level, which the pattern writes.
std::string line_of(std::string_view event, std::span<const Log::Field> fields, Format format) {
  std::string line;
  line.reserve(256);
  if (format == Format::json) {
    line += "\"event\":";
    append_name(line, event);
  } else {
    line += event;
  }
  for (const auto& field : fields) {
    if (format == Format::json) {
      line += ',';
      append_name(line, field.key);
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

// systemd sets JOURNAL_STREAM to the device and inode of what it has connected to the journal (systemd.exec).
bool is_journal(int fd) {
  struct stat found {};
  const char* stream = std::getenv("JOURNAL_STREAM");
  if (stream == nullptr || ::fstat(fd, &found) != 0) return false;
  return fmt::format("{}:{}", found.st_dev, found.st_ino) == stream;
}

// "<4>": the priority of a line, as sd-daemon(3) has it.
class Priority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    const std::string_view text = of(message.level);
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Priority>(); }

 private:
  static std::string_view of(spdlog::level::level_enum level) {
    switch (level) {
      case kNotice: return "<5>";
      case spdlog::level::err: return "<3>";
      case spdlog::level::warn: return "<4>";
      case spdlog::level::info: return "<6>";
      default: return "<7>";
    }
  }
};

// The level's name; spdlog's own would be "critical" for a notice.
class LevelName final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& line) override {
    const auto name = spdlog::level::to_string_view(message.level);
    const std::string_view text =
        message.level == kNotice ? "notice" : std::string_view(name.data(), name.size());
    line.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<LevelName>(); }
};

std::unique_ptr<spdlog::formatter> formatter_of(Format format) {
  std::string pattern = is_journal(STDERR_FILENO) ? "%*" : "";
  pattern += format == Format::json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%&",%v})"
                                    : "%Y-%m-%dT%H:%M:%S.%eZ %& %v";
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  formatter->add_flag<Priority>('*').add_flag<LevelName>('&').set_pattern(pattern);
  return formatter;
}

// Lines that gather, or are being written. What is in [begin, end) can be read at any moment without a lock,
// by a signal handler too.
class Lines {
 public:
  bool empty() const { return text().empty(); }
  std::string_view text() const {
    const size_t begin = begin_, end = end_;
    // A signal handler may come in the middle of clear().
    return end < begin ? std::string_view() : std::string_view(bytes_.get() + begin, end - begin);
  }
  bool has_room_for(size_t size) const { return end_ + size <= kGatheredBytesMax; }
  void append(const char* line, size_t size) {
    std::memcpy(bytes_.get() + end_, line, size);
    end_ += size;
  }
  void remove_prefix(size_t size) { begin_ += size; }
  void clear() { end_ = begin_ = 0; }

 private:
  const std::unique_ptr<char[]> bytes_{new char[kGatheredBytesMax]};
  std::atomic<size_t> begin_ = 0, end_ = 0;
};

// What is known about stderr: whether a write may wait, however long, although poll() says that it can take
// something.
size_t piece_bytes_max() {
  struct stat found {};
  const int flags = ::fcntl(STDERR_FILENO, F_GETFL);
  const bool is_file = ::fstat(STDERR_FILENO, &found) == 0 && S_ISREG(found.st_mode);
  return is_file || (flags >= 0 && (flags & O_NONBLOCK) != 0) ? kGatheredBytesMax : size_t{PIPE_BUF};
}

// Writes some of `lines` if stderr takes any within `wait_ms`. False if it did not; all that cannot be
// written because of an error counts as written. Async-signal-safe.
bool write_some(Lines& lines, size_t piece_max, int wait_ms) {
  pollfd ready{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&ready, 1, wait_ms) <= 0) return false;
  const std::string_view text = lines.text().substr(0, piece_max);
  const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
  if (written > 0) lines.remove_prefix(static_cast<size_t>(written));
  if (written < 0 && errno != EINTR && errno != EAGAIN) lines.clear();
  return written > 0 || lines.empty();
}

// Where lines gather for a moment, to go out together with one write by a thread of its own: a wake-up and a
// write for each line would cost more than serving a small reply. Bounded: when stderr falls behind, what has
// gathered is dropped and counted. The thread outlives its log if stderr takes nothing at the end: so both
// own this.
class Gathered {
 public:
  void add(const char* line, size_t size) {
    const Lock lock(mutex_);
    Lines* lines = &lines_[gathering_];
    if (!lines->has_room_for(size)) {
      const std::string_view text = lines->text();
      dropped_ += static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
      lines->clear();
    }
    if (!lines->has_room_for(size)) {
      ++dropped_;
      return;
    }
    if (lines->empty()) changed_.notify_all();
    lines->append(line, size);
  }

  size_t take_dropped() {
    const Lock lock(mutex_);
    return std::exchange(dropped_, 0);
  }

  // The thread's work, until end().
  void write_all() {
    const size_t piece_max = piece_bytes_max();
    Lock lock(mutex_);
    for (;;) {
      while (lines_[gathering_].empty() && !is_ending_) changed_.wait(mutex_);
      if (!is_ending_) changed_.wait_for(mutex_, kGatheringTime);
      Lines& lines = lines_[gathering_];
      if (lines.empty()) break;
      gathering_ = 1 - gathering_;  // the other was written before
      lock.unlock();
      while (!lines.empty() && !is_given_up_) {
        if (write_some(lines, piece_max, kPollMs) && is_ending_) note_progress();
      }
      lines.clear();
      lock.lock();
    }
    is_written_ = true;
    changed_.notify_all();
  }

  // Waits for the thread, but no longer than stderr takes something. False if it has not ended.
  bool end() {
    Lock lock(mutex_);
    is_ending_ = true;
    changed_.notify_all();
    for (auto deadline = Clock::now() + kPatience; !is_written_ && Clock::now() < deadline;) {
      const uint64_t written = written_;
      changed_.wait_for(mutex_, deadline - Clock::now());
      if (written_ != written) deadline = Clock::now() + kPatience;
    }
    is_given_up_ = !is_written_;
    return is_written_;
  }

  // Async-signal-safe: no lock is taken, so a line that another thread is just adding may be missing, and one
  // that is just being written may come twice.
  void write_last_words() {
    const size_t piece_max = piece_bytes_max();
    int tries = kLastTries;
    for (const size_t which : {1 - gathering_.load(), gathering_.load()}) {
      while (!lines_[which].empty() && tries > 0) {
        if (!write_some(lines_[which], piece_max, kPollMs)) --tries;
      }
    }
  }

 private:
  void note_progress() {
    const Lock lock(mutex_);
    ++written_;
    changed_.notify_all();
  }

  Mutex mutex_;
  Condition changed_;
  std::array<Lines, 2> lines_;
  std::atomic<size_t> gathering_ = 0;  // of lines_; the other is being written
  size_t dropped_ GUARDED_BY(mutex_) = 0;
  uint64_t written_ GUARDED_BY(mutex_) = 0;  // how often stderr took something since the end began
  bool is_written_ GUARDED_BY(mutex_) = false;
  std::atomic<bool> is_ending_ = false;
  std::atomic<bool> is_given_up_ = false;  // nobody waits for stderr any more
};

class GatheringSink final : public spdlog::sinks::sink {
 public:
  GatheringSink() : writer_([gathered = gathered_] { gathered->write_all(); }) {}
  // A thread that waits for a stderr which takes nothing would be waited for in vain.
  ~GatheringSink() override { gathered_->end() ? writer_.join() : writer_.detach(); }

  void log(const spdlog::details::log_msg& message) override {
    const Lock lock(mutex_);
    line_.clear();
    formatter_->format(message, line_);
    gathered_->add(line_.data(), line_.size());
  }
  void flush() override {}
  void set_pattern(const std::string& pattern) override {
    set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern));
  }
  void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
    const Lock lock(mutex_);
    formatter_ = std::move(formatter);
  }

  Gathered& gathered() { return *gathered_; }

 private:
  Mutex mutex_;
  std::unique_ptr<spdlog::formatter> formatter_ GUARDED_BY(mutex_) =
      std::make_unique<spdlog::pattern_formatter>();
  spdlog::memory_buf_t line_ GUARDED_BY(mutex_);
  const std::shared_ptr<Gathered> gathered_ = std::make_shared<Gathered>();
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
    const auto wanted = event == kAuditEvent ? kNotice : level_of(level);
    if (!logger_->should_log(wanted)) return;
    if (const auto dropped = sink_->gathered().take_dropped(); dropped > 0) {
      const Field field{"lines", static_cast<int64_t>(dropped)};
      hand_over(Level::warning, line_of("log_lines_dropped", {&field, 1}, format_));
    }
    hand_over(wanted, line_of(event, fields, format_));
  }
  void write_last_words() noexcept override { sink_->gathered().write_last_words(); }

 private:
  void hand_over(Level level, const std::string& line) { hand_over(level_of(level), line); }
  void hand_over(spdlog::level::level_enum level, const std::string& line) {
    logger_->log(level, spdlog::string_view_t(line));
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
