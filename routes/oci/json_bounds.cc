#include "routes/oci/json_bounds.h"

namespace breakwater::routes {
namespace {

// The index of the closing quote of the string that begins at `at`, or the text's size.
size_t end_of_string(std::string_view text, size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at;
}

}  // namespace

bool json_within_bounds(std::string_view text) {
  size_t depth = 0, values = 1;
  for (size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '"': at = end_of_string(text, at); break;
      case '[':
      case '{':
        ++values;
        if (++depth > kJsonDepthMax) return false;
        break;
      case ']':
      case '}':
        if (depth > 0) --depth;
        break;
      case ',': ++values; break;
      default: break;
    }
    if (values > kJsonValuesMax) return false;
  }
  return true;
}

bool begins_json_object(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

}  // namespace breakwater::routes
