#include "proxy/http/content_range.h"

#include <charconv>

namespace breakwater::proxy {
namespace {

std::optional<uint64_t> take_number(std::string_view& text) {
  uint64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view value) {
  if (!take(value, "bytes ")) return std::nullopt;
  ContentRange range;
  if (!take(value, "*")) {
    range.first = take_number(value);
    if (!range.first || !take(value, "-")) return std::nullopt;
    range.last = take_number(value);
    if (!range.last || *range.last < *range.first) return std::nullopt;
  }
  if (!take(value, "/")) return std::nullopt;
  if (take(value, "*")) {
    if (!range.first || !value.empty()) return std::nullopt;
    return range;
  }
  range.total = take_number(value);
  if (!range.total || !value.empty()) return std::nullopt;
  if (range.last && *range.last >= *range.total) return std::nullopt;
  return range;
}

}  // namespace breakwater::proxy
