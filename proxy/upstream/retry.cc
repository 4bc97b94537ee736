#include "proxy/upstream/retry.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "proxy/http/http.h"

namespace breakwater::proxy {
namespace {

constexpr int64_t kWaitMin_s = 1;
constexpr int64_t kWaitMax_s = int64_t{15} * 60;
constexpr double kEpochMin_s = 1e9;  // a larger number of seconds is a date, in 2001 or later

int64_t clamped(double seconds) {
  return static_cast<int64_t>(std::clamp(std::ceil(seconds), double{kWaitMin_s}, double{kWaitMax_s}));
}

std::string_view trimmed(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\"");
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(" \t\r\n\"") - begin + 1);
}

// Takes a decimal number from the front.
std::optional<double> take_number(std::string_view& text) {
  double number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

// Takes a unit as Go prints it and returns its length in seconds; 1 if there is no unit. Nothing for letters
// that are no unit.
std::optional<double> take_unit(std::string_view& text) {
  struct Unit {
    std::string_view name;
    double seconds;
  };
  // "ms" before "m".
  constexpr Unit kUnits[] = {{"ns", 1e-9}, {"us", 1e-6}, {"µs", 1e-6}, {"ms", 1e-3},
                             {"s", 1},     {"m", 60},    {"h", 3600}};
  for (const Unit& unit : kUnits) {
    if (!text.starts_with(unit.name)) continue;
    text.remove_prefix(unit.name.size());
    return unit.seconds;
  }
  bool letter = !text.empty() && ((text.front() | 0x20) >= 'a' && (text.front() | 0x20) <= 'z');
  if (letter) return std::nullopt;
  return 1;
}

// The duration that `text` begins with: "120", "1.16676ms", "1m30s". Whatever follows is ignored.
std::optional<double> duration_s(std::string_view text) {
  std::optional<double> sum;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    auto number = take_number(text);
    auto unit = number ? take_unit(text) : std::nullopt;
    if (!unit) return sum;
    sum = sum.value_or(0) + *number * *unit;
  }
  return sum;
}

std::optional<double> from_header(std::string_view value, int64_t now_epoch_s) {
  value = trimmed(value);
  if (auto date = parse_http_date(value)) return static_cast<double>(*date - now_epoch_s);
  if (value.starts_with('-')) return 0;
  auto seconds = duration_s(value);
  if (seconds && *seconds >= kEpochMin_s) return *seconds - static_cast<double>(now_epoch_s);
  return seconds;
}

std::optional<double> from_body(std::string_view body, int64_t now_epoch_s) {
  constexpr std::string_view kName = "retry-after:";
  auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  auto found = std::search(body.begin(), body.end(), kName.begin(), kName.end(), same);
  if (found == body.end()) return std::nullopt;
  std::string_view value = trimmed(body.substr(static_cast<size_t>(found - body.begin()) + kName.size()));
  auto seconds = duration_s(value);
  if (seconds && *seconds >= kEpochMin_s) return *seconds - static_cast<double>(now_epoch_s);
  return seconds;
}

}  // namespace

std::optional<int64_t> retry_delay_ms(const RetrySettings& settings, const Error& error, uint32_t attempts,
                                      double random, std::optional<int64_t> silence_ms) {
  bool worth_another = error.kind == Error::Kind::unavailable || error.kind == Error::Kind::throttled;
  bool is_patient = silence_ms && *silence_ms < settings.patience_ms;
  if (!worth_another || (attempts >= settings.attempts_max && !is_patient)) return std::nullopt;
  if (error.retry_after_s * 1000 > settings.throttled_wait_max_ms) return std::nullopt;

  double full =
      static_cast<double>(settings.delay_first_ms) * std::pow(2.0, attempts == 0 ? 0 : attempts - 1);
  full = std::min(full, static_cast<double>(settings.delay_max_ms));
  auto delay_ms = static_cast<int64_t>(full / 2 + full / 2 * random);
  return std::max(delay_ms, error.retry_after_s * 1000);
}

std::optional<int64_t> retry_after_s(std::string_view value, std::string_view body, int64_t now_epoch_s) {
  auto seconds = from_header(value, now_epoch_s);
  if (!seconds) seconds = from_body(body, now_epoch_s);
  if (!seconds) return std::nullopt;
  return clamped(*seconds);
}

}  // namespace breakwater::proxy
