// The Content-Range header of an answer (RFC 9110, section 14.4). Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace breakwater::proxy {

// The value of a Content-Range header, "bytes 5-9/10". `total` is nothing if the header has "*" in its place.
// An unsatisfied range, "bytes */10", has no `first` and `last`. parse_content_range() returns nothing for a
// malformed value.
struct ContentRange {
  std::optional<uint64_t> first, last, total;
};
std::optional<ContentRange> parse_content_range(std::string_view value);

}  // namespace breakwater::proxy
