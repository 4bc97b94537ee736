// What a client may read of a message that is written for the operator. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace breakwater::routes {

// The message with "…" in place of each path of this machine's file system: from a slash that begins a word
// up to the next ": ", or to the end, because a path may have spaces. URLs stay, and names such as
// "library/alpine".
std::string client_text(std::string_view message);

}  // namespace breakwater::routes
