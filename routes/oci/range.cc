#include "routes/oci/range.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/http/http.h"

namespace breakwater::routes {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Digits only. A number too large for 64 bits becomes the largest, which is after the end of any blob.
std::optional<uint64_t> parse_position(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
  }
  return value;
}

// One "a-b", "a-" or "-n" of a header, not yet compared with a size.
struct Asked {
  std::optional<uint64_t> first;
  std::optional<uint64_t> last;
};

std::optional<Asked> parse_one(std::string_view text) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto before = text.substr(0, dash), behind = text.substr(dash + 1);
  const Asked asked{parse_position(before), parse_position(behind)};
  if ((!asked.first && !before.empty()) || (!asked.last && !behind.empty())) return std::nullopt;
  if (!asked.first && !asked.last) return std::nullopt;
  return asked;
}

// Nothing if the header is to be ignored.
std::optional<std::vector<Asked>> parse_ranges(std::string_view header) {
  const size_t equals = header.find('=');
  if (equals == std::string_view::npos || !proxy::same_token(trim(header.substr(0, equals)), "bytes"))
    return std::nullopt;
  std::vector<Asked> list;
  std::string_view rest = header.substr(equals + 1);
  while (true) {
    const size_t comma = rest.find(',');
    if (const auto text = trim(rest.substr(0, comma)); !text.empty()) {
      const auto asked = parse_one(text);
      if (!asked || list.size() == kRangesMax) return std::nullopt;
      list.push_back(*asked);
    }
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (list.empty()) return std::nullopt;
  return list;
}

std::optional<ByteRange> satisfy(const Asked& asked, uint64_t size) {
  if (!asked.first) {
    const uint64_t length = std::min(*asked.last, size);
    if (length == 0) return std::nullopt;
    return ByteRange{size - length, length};
  }
  if (*asked.first >= size || (asked.last && *asked.last < *asked.first)) return std::nullopt;
  const uint64_t last = std::min(asked.last.value_or(size - 1), size - 1);
  return ByteRange{*asked.first, last - *asked.first + 1};
}

std::vector<ByteRange> merge_overlapping(const std::vector<ByteRange>& ranges) {
  auto sorted = ranges;
  std::sort(sorted.begin(), sorted.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.first < b.first; });
  std::vector<ByteRange> merged;
  for (const auto& range : sorted) {
    if (merged.empty() || range.first > merged.back().last()) {
      merged.push_back(range);
    } else {
      merged.back().length = std::max(merged.back().last(), range.last()) - merged.back().first + 1;
    }
  }
  return merged.size() == ranges.size() ? ranges : merged;
}

}  // namespace

RequestedRange requested_range(std::string_view range, std::string_view if_range, std::string_view etag,
                               uint64_t size) {
  using Kind = RequestedRange::Kind;
  if (range.empty() || size == 0) return {};
  // If-Range compares strongly. We send no Last-Modified, so neither a date nor a weak tag ever matches.
  if (!if_range.empty() && trim(if_range) != etag) return {};
  const auto asked = parse_ranges(range);
  if (!asked) return {};
  std::vector<ByteRange> ranges;
  for (const auto& one : *asked) {
    if (const auto satisfied = satisfy(one, size)) ranges.push_back(*satisfied);
  }
  if (ranges.empty()) return {Kind::unsatisfiable, {}};
  ranges = merge_overlapping(ranges);
  return {ranges.size() == 1 ? Kind::single : Kind::several, std::move(ranges)};
}

std::string etag_of(const store::Digest& digest) { return etag_of(digest.text()); }
std::string etag_of(std::string_view digest) {
  std::string etag;
  etag.reserve(digest.size() + 2);
  return etag.append(1, '"').append(digest).append(1, '"');
}

bool none_match_names(std::string_view if_none_match, std::string_view etag) {
  std::string_view rest = if_none_match;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');  // our tags have no comma, so a tag with one is not ours
    auto tag = trim(rest.substr(0, comma));
    if (tag.starts_with("W/")) tag.remove_prefix(2);  // If-None-Match compares weakly
    if (tag == etag || tag == "*") return true;
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  return false;
}

std::string content_range(const ByteRange& range, uint64_t size) {
  return "bytes " + std::to_string(range.first) + '-' + std::to_string(range.last()) + '/' +
         std::to_string(size);
}

std::string unsatisfied_content_range(uint64_t size) { return "bytes */" + std::to_string(size); }

Multipart::Multipart(std::vector<ByteRange> ranges, uint64_t size, std::string content_type,
                     std::string boundary)
    : ranges_(std::move(ranges)),
      size_(size),
      part_type_(std::move(content_type)),
      boundary_(std::move(boundary)) {}

std::string Multipart::content_type() const { return "multipart/byteranges; boundary=" + boundary_; }

uint64_t Multipart::length() const {
  uint64_t length = tail().size();
  for (size_t part = 0; part < ranges_.size(); ++part) length += head(part).size() + ranges_[part].length;
  return length;
}

std::string Multipart::head(size_t part) const {
  return (part == 0 ? "--" : "\r\n--") + boundary_ + "\r\nContent-Type: " + part_type_ +
         "\r\nContent-Range: " + content_range(ranges_[part], size_) + "\r\n\r\n";
}

std::string Multipart::tail() const { return "\r\n--" + boundary_ + "--\r\n"; }

}  // namespace breakwater::routes
