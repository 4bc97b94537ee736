// Text of others for a terminal and for logs that people read: names of files, tags, whatever a manifest or
// another program says. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace breakwater::store {

// The text with what could move the cursor, change what is read, or is no UTF-8 written as \xNN, byte by
// byte: control characters (also those above 0x7f), and marks that change the direction of the text. It has
// no line break, so one line stays one.
std::string printable(std::string_view text);

}  // namespace breakwater::store
