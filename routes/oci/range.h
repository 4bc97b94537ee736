// Which bytes of a blob a request asks for, by `Range`, `If-Range` and `If-None-Match` (RFC 9110, sections 13
// and 14); and the parts of a multipart/byteranges reply, with their lengths, so that its Content-Length is
// exact. Pure; any thread.
//
//   auto asked = requested_range(headers.get("Range"), headers.get("If-Range"), etag, size);
//   whole: 200.  single: 206 with content_range(asked.ranges[0], size).  several: 206, Multipart.
//   unsatisfiable: 416.
//
// A Range that is malformed, of another unit, or of more than kRangesMax parts is ignored, as the RFC has it:
// the answer is the whole blob. A range that ends before it begins is unsatisfiable: the RFC leaves that to
// us, and other registries do so. Overlapping ranges are sorted and merged, so that no request can ask for
// more bytes than the blob has. Other ranges keep their order and are not merged even if adjacent, because
// containers/image matches the parts one by one with its request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/base/digest.h"

namespace breakwater::routes {

inline constexpr size_t kRangesMax = 128;

struct ByteRange {
  uint64_t first = 0;
  uint64_t length = 0;  // at least 1
  uint64_t last() const { return first + length - 1; }
  bool operator==(const ByteRange&) const = default;
};

struct RequestedRange {
  enum class Kind { whole, single, several, unsatisfiable };
  Kind kind = Kind::whole;
  std::vector<ByteRange> ranges;  // one for single, two or more for several
};

// `range` and `if_range` are the headers' values, "" if absent; `etag` is ours, with its quotes. Of an empty
// blob the answer is always the whole, because some clients send `bytes=0-` with every request.
RequestedRange requested_range(std::string_view range, std::string_view if_range, std::string_view etag,
                               uint64_t size);

// Our strong entity tag: the digest in quotes.
std::string etag_of(const store::Digest& digest);
std::string etag_of(std::string_view digest);  // as its text
// Whether If-None-Match (its value, "" if absent) names `etag`, so that the answer is 304.
bool none_match_names(std::string_view if_none_match, std::string_view etag);

std::string content_range(const ByteRange& range, uint64_t size);  // "bytes 0-9/10"
std::string unsatisfied_content_range(uint64_t size);              // "bytes */10"

// The body of a reply with several ranges:  head(0) bytes head(1) bytes … tail()
class Multipart {
 public:
  // `boundary` is 1 to 64 letters and digits that are unlikely to occur in the blob, such as a trace id.
  Multipart(std::vector<ByteRange> ranges, uint64_t size, std::string content_type, std::string boundary);

  const std::vector<ByteRange>& ranges() const { return ranges_; }
  std::string content_type() const;  // of the reply
  uint64_t length() const;           // of the whole body
  std::string head(size_t part) const;
  std::string tail() const;

 private:
  std::vector<ByteRange> ranges_;
  uint64_t size_;
  std::string part_type_;
  std::string boundary_;
};

}  // namespace breakwater::routes
