// Whether an answer continues a transfer where it broke off. These are pure checks of the answer's head,
// which Fill and PassThrough share.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/upstream/http_client.h"

namespace breakwater::proxy {

struct Resumption {
  uint64_t skip = 0;             // bytes at the start of this body that we have already
  std::optional<uint64_t> size;  // the size of the whole, if it is known
};

// Checks the answer to a request for what follows the first `have` bytes: `Range: bytes=<have>-`, or no Range
// if `have` is 0. `size` is the size of the whole, if it is known. A 200 sends the whole again; a 206 must
// begin at `have`. Anything else is `corrupt`: a 206 without a Range in the request, another start, another
// size.
Result<Resumption> check_resumption(const Head& head, uint64_t have, std::optional<uint64_t> size);

}  // namespace breakwater::proxy
