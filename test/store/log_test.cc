#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "store/base/log.h"
#include "test/catch.h"

using breakwater::store::Log;
using breakwater::store::LogSettings;
using breakwater::store::make_log;

namespace {

// Stands in for stderr while it lives; read() gives what was written, and the old stderr its place back.
class CapturedStderr {
 public:
  CapturedStderr() : saved_(dup(STDERR_FILENO)) {
    REQUIRE(pipe(pipe_.data()) == 0);
    REQUIRE(dup2(pipe_[1], STDERR_FILENO) >= 0);
    close(pipe_[1]);
  }
  ~CapturedStderr() {
    restore();
    close(pipe_[0]);
  }
  void restore() {
    if (saved_ < 0) return;
    dup2(saved_, STDERR_FILENO);
    close(saved_);
    saved_ = -1;
  }
  // What is there already; it blocks if nothing is.
  ssize_t read_some(std::span<char> into) const { return ::read(pipe_[0], into.data(), into.size()); }
  // Until every writer has closed its end.
  std::string drain() const {
    std::string text;
    std::array<char, 65536> piece{};
    for (ssize_t got = 0; (got = ::read(pipe_[0], piece.data(), piece.size())) > 0;)
      text.append(piece.data(), static_cast<size_t>(got));
    return text;
  }

 private:
  std::array<int, 2> pipe_{};
  int saved_;
};

std::string logged(Log::Format format, const std::function<void(Log&)>& work) {
  CapturedStderr captured;
  LogSettings settings;
  settings.format = format;
  auto log = make_log(settings);
  work(*log);
  log.reset();
  captured.restore();
  return captured.drain();
}

}  // namespace

TEST_CASE("a text line has time, level, event and key=value fields, quoted where they need it") {
  auto text = logged(Log::Format::text, [](Log& log) {
    log.warning(
        "request",
        {{"path", "/v2/"}, {"agent", "a \"b\" c"}, {"empty", ""}, {"bytes", int64_t{12}}, {"seconds", 0.25}});
  });
  CHECK_THAT(
      text,
      Catch::Matchers::EndsWith(
          "Z warning request path=/v2/ agent=\"a \\\"b\\\" c\" empty=\"\" bytes=12 seconds=0.250000\n"));
  CHECK(text.size() > 25);
  CHECK(text[10] == 'T');
}

TEST_CASE("a json line is one JSON object, whatever bytes a client sent") {
  auto text = logged(Log::Format::json, [](Log& log) {
    log.info("request", {{"path", "/v2/\n\xff\""}, {"bytes", int64_t{-1}}});
  });
  REQUIRE(!text.empty());
  CHECK(text.find('\n') == text.size() - 1);
  auto line = nlohmann::json::parse(text, nullptr, false);
  REQUIRE(line.is_object());
  CHECK(line["level"] == "info");
  CHECK(line["event"] == "request");
  CHECK(line["path"] == "/v2/\n\xef\xbf\xbd\"");
  CHECK(line["bytes"] == -1);
}

TEST_CASE("a line begins with its priority if stderr is the journal, and only then") {
  const auto lines = [](bool is_journal) {
    CapturedStderr captured;
    struct stat found {};
    REQUIRE(fstat(STDERR_FILENO, &found) == 0);
    const auto inode = found.st_ino + (is_journal ? 0 : 1);
    const auto stream = std::to_string(found.st_dev) + ":" + std::to_string(inode);
    setenv("JOURNAL_STREAM", stream.c_str(), 1);
    LogSettings settings;
    settings.format = Log::Format::json;
    settings.level = Log::Level::debug;
    auto log = make_log(settings);
    unsetenv("JOURNAL_STREAM");
    log->error("one", {});
    log->warning("one", {});
    log->info("one", {});
    log->debug("one", {});
    log.reset();
    captured.restore();
    std::string begins;
    std::istringstream text(captured.drain());
    for (std::string line; std::getline(text, line);) begins += line.substr(0, line.find('"'));
    return begins;
  };
  CHECK(lines(true) == "<3>{<4>{<6>{<7>{");
  CHECK(lines(false) == "{{{{");
}

TEST_CASE("a line below the level is not written") {
  CHECK(logged(Log::Format::text, [](Log& log) { log.debug("quiet", {}); }).empty());
}

TEST_CASE("what was done by whom is written whatever the level, as a notice") {
  CapturedStderr captured;
  struct stat found {};
  REQUIRE(fstat(STDERR_FILENO, &found) == 0);
  const auto stream = std::to_string(found.st_dev) + ":" + std::to_string(found.st_ino);
  setenv("JOURNAL_STREAM", stream.c_str(), 1);
  LogSettings settings;
  settings.level = Log::Level::error;
  auto log = make_log(settings);
  unsetenv("JOURNAL_STREAM");
  log->info("audit", {{"what", "push"}});
  log.reset();
  captured.restore();
  const auto text = captured.drain();
  CHECK_THAT(text, Catch::Matchers::StartsWith("<5>20"));
  CHECK_THAT(text, Catch::Matchers::EndsWith("Z notice audit what=push\n"));
}

TEST_CASE("many threads may log at once, and each line stays whole") {
  auto text = logged(Log::Format::text, [](Log& log) {
    std::vector<std::thread> threads;
    for (int64_t t = 0; t < 4; ++t)
      threads.emplace_back([&log, t] {
        for (int64_t i = 0; i < 100; ++i) log.info("line", {{"thread", t}, {"i", i}});
      });
    for (auto& thread : threads) thread.join();
  });
  CHECK(std::count(text.begin(), text.end(), '\n') == 400);
  CHECK(text.find("thread=3 i=99\n") != std::string::npos);
}

TEST_CASE("a stderr that nobody reads blocks no caller, and what was dropped is counted") {
  CapturedStderr captured;
  auto log = make_log({});
  constexpr int64_t kLines = 20'000;  // more than pipe and queue can hold
  for (int64_t i = 0; i < kLines; ++i)
    log->info("line", {{"i", i}, {"filler", std::string_view("0123456789012345678901234567890123456789")}});
  std::string text;
  std::thread reader([&] { text = captured.drain(); });
  log.reset();
  captured.restore();
  reader.join();
  CHECK(text.find("i=19999 ") != std::string::npos);
  CHECK(text.find("log_lines_dropped lines=") != std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') < kLines);
}

TEST_CASE("a log ends although nobody reads its stderr") {
  CapturedStderr captured;
  auto log = make_log({});
  for (int64_t i = 0; i < 20'000; ++i)
    log->info("line", {{"i", i}, {"filler", std::string_view("0123456789012345678901234567890123456789")}});
  log.reset();
  captured.restore();
  const std::string text = captured.drain();
  CHECK(text.find("i=0 ") != std::string::npos);
  CHECK(text.size() < 1 << 20);
}

TEST_CASE("numbers are written whole, and fractions with six digits") {
  const auto text = logged(Log::Format::text, [](Log& log) {
    for (const double number : {0.0, 0.0000004, 0.0000005, 1.9999996, 59.25, -0.5, -0.0000001, 1e12})
      log.info("n", {{"is", number}});
    log.info("n", {{"is", INT64_MIN}, {"or", int64_t{0}}});
    log.info("n", {{"is", std::numeric_limits<double>::infinity()}});
  });
  std::string numbers;
  for (size_t at = text.find("n is="); at != std::string::npos; at = text.find("n is=", at + 1))
    numbers += text.substr(at + 5, text.find('\n', at) - at - 5) + "; ";
  CHECK(numbers ==
        "0.000000; 0.000000; 0.000001; 2.000000; 59.250000; -0.500000; 0.000000; 1000000000000.000000; "
        "-9223372036854775808 or=0; inf; ");
}

TEST_CASE("last words are written by whoever says them, before the call returns") {
  CapturedStderr captured;
  auto log = make_log({});
  log->error("catalog_lost", {{"path", "/data"}});
  log->write_last_words();
  std::array<char, 4096> piece{};
  const ssize_t got = captured.read_some(piece);
  CHECK(std::string(piece.data(), static_cast<size_t>(got)).find("catalog_lost path=/data\n") !=
        std::string::npos);
  log.reset();
}
