#include "store/base/byte_text.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>

namespace breakwater::store {

std::string byte_text(uint64_t bytes) {
  constexpr std::array<std::string_view, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  constexpr double kNext = 1023.95;  // would be rounded to 1024
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= kNext && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  const auto tenths = std::llround(value * 10);
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text.append(" ").append(kUnits[unit]);
}

}  // namespace breakwater::store
