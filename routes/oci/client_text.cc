#include "routes/oci/client_text.h"

#include <algorithm>

namespace breakwater::routes {
namespace {

bool is_of_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-' || c == '/' || c == ']';
}

bool begins_path(std::string_view message, size_t at) {
  if (message[at] != '/' || (at > 0 && is_of_word(message[at - 1]))) return false;
  const bool is_url = at > 0 && message[at - 1] == ':' && message.substr(at).starts_with("//");
  return !is_url;
}

}  // namespace

std::string client_text(std::string_view message) {
  std::string text;
  for (size_t at = 0; at < message.size();) {
    if (begins_path(message, at)) {
      text += "…";
      at = std::min(message.find(": ", at), message.size());
    } else {
      text += message[at++];
    }
  }
  return text;
}

}  // namespace breakwater::routes
