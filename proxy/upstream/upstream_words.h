// What an upstream says about an error in its own words, as a person may read it: "toomanyrequests: You have
// reached your pull rate limit". Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace breakwater::proxy {

// The words in the body of an error: one line of at most 200 bytes, printable, without quotes. "" if the body
// is a web page or XML, or JSON that has none: storage may repeat a signature in those.
std::string upstream_words(std::string_view body);

// `message` with the words behind it, marked as the upstream's; as it is if there are none.
std::string with_upstream_words(std::string message, std::string_view body);

}  // namespace breakwater::proxy
