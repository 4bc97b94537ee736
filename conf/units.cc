#include "conf/units.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace breakwater::conf {
namespace {

constexpr std::array<std::pair<std::string_view, uint64_t>, 5> kSizes = {
    {{"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}}};
constexpr std::array<std::pair<std::string_view, uint64_t>, 5> kDurations = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

template <class Units>
Result<uint64_t> parse(std::string_view text, const Units& units, uint64_t max, const std::string& expected) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = text.substr(static_cast<size_t>(end - text.data()));
  for (const auto& [name, factor] : units) {
    if (error != std::errc() || unit != name) continue;
    if (number > max / factor)
      return failure(Error::Kind::invalid, "too large: \"" + std::string(text) + "\"");
    return number * factor;
  }
  return failure(Error::Kind::invalid, "expected " + expected + ", not \"" + std::string(text) + "\"");
}

// The value in the largest unit that is exact. `units` begins with the largest.
template <class Units>
std::string text_of(uint64_t value, const Units& units, const char* zero) {
  for (const auto& [name, factor] : units) {
    if (value >= factor && value % factor == 0) return std::to_string(value / factor) + std::string(name);
  }
  return zero;
}

}  // namespace

Result<uint64_t> parse_size(std::string_view text) {
  return parse(text, kSizes, std::numeric_limits<int64_t>::max(), "a size such as \"512MiB\" or \"100GiB\"");
}

Result<int64_t> parse_duration_ms(std::string_view text) {
  if (text == "0") return 0;
  auto ms = parse(text, kDurations, kDurationMaxMs, "a time such as \"500ms\", \"60s\" or \"168h\"");
  if (!ms) return failure(ms.error());
  return static_cast<int64_t>(*ms);
}

std::string size_text(uint64_t bytes) { return text_of(bytes, kSizes, "0B"); }
std::string duration_text(int64_t ms) { return text_of(static_cast<uint64_t>(ms), kDurations, "0s"); }

}  // namespace breakwater::conf
