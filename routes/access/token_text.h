// The text of an access token: "bwt_", 43 random letters and digits, which are 256 bits, and a checksum of
// six. So scanners of secrets know one when they see it (bwt_[0-9A-Za-z]{49}), and what was cut off or
// mistyped is told apart from what was never a token. Any thread.
#pragma once

#include <string_view>

#include "store/base/digest.h"
#include "store/base/secret.h"

namespace breakwater::routes {

inline constexpr std::string_view kTokenPrefix = "bwt_";

store::Secret new_token();
// Whether the text is a whole token; not whether there is such a one.
bool is_token(std::string_view text);
// By which the store knows it.
store::Digest digest_of_token(std::string_view text);

}  // namespace breakwater::routes
