// The head of a request that another server goes on with, as handed_connection.h has it. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/http/http.h"

namespace breakwater::proxy {

// The same request once more. `continue_said`: its client has been told to go on, and is not to be told
// again.
std::string head_again(const Request& request, bool continue_said);
// The request for `length` bytes from `first` on of what this one asks for.
std::string head_of_part(const Request& request, uint64_t first, uint64_t length);
// The request with what is left of its body: `left` bytes, or chunks whose number nobody knows. Where a
// Content-Range has placed the body in something longer is known by the one who has kept it so far.
std::string head_of_rest(const Request& request, std::optional<uint64_t> left);

}  // namespace breakwater::proxy
