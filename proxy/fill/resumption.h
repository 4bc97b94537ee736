// Whether an answer continues a transfer where it broke off: pure checks of its head, shared by a Fill and a
// PassThrough.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/upstream/http_client.h"

namespace breakwater::proxy {

struct Resumption {
  uint64_t skip = 0;             // bytes at the start of this body that we have already
  std::optional<uint64_t> size;  // of the whole, if anybody says
};

// `have` bytes are there; when more than 0 they were left out of the request with `Range: bytes=<have>-`.
// `size` is what is known of the whole. 200 sends all again, 206 must begin at `have`. `corrupt` for anything
// else: a 206 that nobody asked for, another start, another size.
Result<Resumption> check_resumption(const Head& head, uint64_t have, std::optional<uint64_t> size);

// "bytes 5-9/10"; `total` is nothing for "*". Nothing if malformed. An unsatisfied range, "bytes */10", has
// no first and last.
struct ContentRange {
  std::optional<uint64_t> first, last, total;
};
std::optional<ContentRange> parse_content_range(std::string_view value);

}  // namespace breakwater::proxy
