#include "conf/progress_line.h"

#include <unistd.h>

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <string>

#include "routes/ops/words.h"

namespace breakwater::conf {
namespace {

using std::chrono::seconds;

constexpr auto kOnTerminalEvery = std::chrono::milliseconds(250);
constexpr auto kElsewhereEvery = seconds(10);

std::string line_of(uint64_t bytes, uint64_t total, double elapsed_s) {
  std::string text = routes::bytes_words(bytes);
  if (total > 0)
    text += " of " + routes::bytes_words(total) + ", " +
            std::to_string(std::min<uint64_t>(100, bytes * 100 / total)) + " %";
  if (elapsed_s < 1) return text;
  const double rate = static_cast<double>(bytes) / elapsed_s;
  text += ", " + routes::bytes_words(static_cast<uint64_t>(rate)) + "/s";
  if (total > bytes && rate >= 1)
    text += ", " + routes::duration_words(static_cast<int64_t>(static_cast<double>(total - bytes) / rate)) +
            " left";
  return text;
}

}  // namespace

ProgressLine::ProgressLine() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::show(uint64_t bytes, uint64_t total) {
  const store::Lock lock(mutex_);
  const auto now = Clock::now();
  // The first one elsewhere comes when it has been long.
  const auto since = shown_at_.value_or(is_terminal_ ? Clock::time_point() : begun_);
  if (bytes == 0 || now - since < (is_terminal_ ? Clock::duration(kOnTerminalEvery) : kElsewhereEvery))
    return;
  shown_at_ = now;
  const auto line = line_of(bytes, total, std::chrono::duration<double>(now - begun_).count());
  if (is_terminal_) {
    std::cerr << "\r\033[K" << line << std::flush;
    is_open_ = true;
  } else {
    std::cerr << line << "\n";
  }
}

void ProgressLine::end() {
  const store::Lock lock(mutex_);
  clear();
}

void ProgressLine::clear() {
  if (is_open_) std::cerr << "\r\033[K" << std::flush;
  is_open_ = false;
}

void ProgressLine::say(std::string_view line) {
  const store::Lock lock(mutex_);
  clear();
  std::cout << line << "\n" << std::flush;
}

void ProgressLine::follow(const routes::Progress& progress, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  while (!wake.wait_for(lock, stop, kOnTerminalEvery, [&stop] { return stop.stop_requested(); }))
    show(progress.bytes, progress.bytes_total);
  end();
}

}  // namespace breakwater::conf
