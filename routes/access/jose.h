// What JWTs and JWKSs are written in, read strictly: base64url (RFC 7515, section 2) and JSON objects. What
// could be read in two ways is refused, so that nobody who signs or checks a text sees another one than we
// do. Pure; any thread.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace breakwater::routes {

// Nothing if the text has padding or any character that is none of base64url's, has a length that no bytes
// have, or ends in bits that belong to no byte: each sequence of bytes has one text alone.
std::optional<std::string> base64url_decoded(std::string_view text);
std::string base64url(std::string_view bytes);

// Nothing if the text is no JSON object, has more than `values_max` values, is deeper than json_bounds.h
// allows, or if any object in it has two members of one name. A value takes about 100 bytes of memory.
std::optional<nlohmann::json> unambiguous_object(std::string_view text, size_t values_max);

}  // namespace breakwater::routes
