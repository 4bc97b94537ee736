// Docker's signed schema 1: a manifest with JSON Web Signatures inside it. Its digest is that of what was
// signed, the manifest as it was before the signatures were put in, and so never that of its bytes. Pure; any
// thread.
#pragma once

#include <optional>
#include <string_view>

#include "store/base/digest.h"

namespace breakwater::routes {

// The digest of what was signed; nothing if the bytes are no signed schema 1, or say anything else than what
// was signed. Whether a signature is valid is
// not looked at: the digest tells whether it is the manifest that was asked for.
std::optional<store::Digest> signed_digest(std::string_view bytes, store::Algorithm algorithm);

}  // namespace breakwater::routes
