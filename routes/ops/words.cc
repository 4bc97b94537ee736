#include "routes/ops/words.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace breakwater::routes {
namespace {

constexpr std::string_view kGap = "  ";

// Characters as a terminal counts them: the bytes that continue one in UTF-8 take no room.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(),
                                           [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; }));
}

bool is_right(std::string_view title) { return title.starts_with('>'); }

}  // namespace

std::string bytes_words(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text;
  const bool is_whole =
      unit == 0 || value >= 99.95 || value == static_cast<double>(static_cast<uint64_t>(value));
  (void)std::snprintf(text.data(), text.size(), is_whole ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string duration_words(int64_t seconds) {
  constexpr int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  if (seconds < 2 * kMinute) return std::to_string(seconds) + " s";
  if (seconds < 2 * kHour) return std::to_string(seconds / kMinute) + " min";
  if (seconds >= 2 * kDay) return std::to_string(seconds / kDay) + " days";
  const int64_t minutes = seconds % kHour / kMinute;
  return std::to_string(seconds / kHour) + " h" + (minutes > 0 ? " " + std::to_string(minutes) + " min" : "");
}

std::string count_words(uint64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

std::string Columns::text() const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  for (size_t row = 0; row < rows_.size(); ++row) {
    for (size_t i = 0; i < rows_[row].size() && i < widths.size(); ++i) {
      const size_t mark = row == 0 && is_right(rows_[row][i]) ? 1 : 0;
      widths[i] = std::max(widths[i], width_of(rows_[row][i]) - mark);
    }
  }
  std::string text;
  for (size_t row = 0; row < rows_.size(); ++row) {
    std::string line;
    for (size_t i = 0; i < rows_[row].size() && i < widths.size(); ++i) {
      const std::string_view cell =
          std::string_view(rows_[row][i]).substr(row == 0 && is_right(rows_[row][i]) ? 1 : 0);
      const std::string room(widths[i] - width_of(cell), ' ');
      if (i > 0) line += kGap;
      const bool stands_right = is_right(rows_.front()[i]);
      line += stands_right ? room : "";
      line += cell;
      line += stands_right ? "" : room;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace breakwater::routes
