#include "routes/registry/chunk_range.h"

#include <charconv>
#include <string>

namespace breakwater::routes {
namespace {

// A quarter of the range, so that no sum of two positions overflows 64 bits.
constexpr uint64_t kPositionMax = UINT64_MAX / 4;

bool take(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_position(std::string_view& text, uint64_t& position) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  if (error != std::errc() || position > kPositionMax) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

// Whether `text`, which follows "bytes <first>-<last>", is nothing or a size.
bool is_size(std::string_view text) {
  uint64_t size = 0;
  return text.empty() || (take(text, "/") && (text == "*" || (take_position(text, size) && text.empty())));
}

}  // namespace

Result<ChunkRange> parse_chunk_range(std::string_view value) {
  std::string_view rest = value;
  const bool has_unit = take(rest, "bytes ");
  ChunkRange range;
  const bool has_positions =
      take_position(rest, range.first) && take(rest, "-") && take_position(rest, range.last);
  if (has_positions && range.first <= range.last && (has_unit ? is_size(rest) : rest.empty())) return range;
  return failure(Error::Kind::invalid,
                 "Content-Range of a chunk must be <first>-<last>, not " + std::string(value.substr(0, 64)));
}

}  // namespace breakwater::routes
