// Where the signatures of a manifest come from: the store of a registry, or the upstream of a mirror. Each
// document is judged as it comes, so that one is in memory at a time, and the first good one ends the search.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "proxy/clients/clients.h"
#include "proxy/loop/task.h"
#include "routes/oci/reply_room.h"
#include "routes/signatures/cosign.h"
#include "routes/signatures/signature_policy.h"
#include "store/catalog/records.h"

namespace breakwater::routes {

// What a signature has to be of, and by which keys. A value; any thread.
struct SignatureCheck {
  store::Digest digest;
  Body bytes;
  SharedSignaturePolicy policy;
  const SignatureRule* rule;  // of the policy

  SignatureFlaw flaw(const SignatureLayer& layer, std::string_view document) const {
    return flaw_of(layer, document, SignedManifest{digest, *bytes}, rule->keys);
  }
};

// What came of looking for signatures.
struct SignatureFinding {
  bool is_good = false;
  SignatureFlaw flaw = SignatureFlaw::none;  // of those that are not good, the one that tells most
  // Why there may be others that were not found: then that none was good says nothing. Nothing if these were
  // all.
  std::optional<Error> doubt = {};

  void add(SignatureFlaw of_one) {
    is_good |= of_one == SignatureFlaw::none;
    flaw = std::max(flaw, of_one);
  }
  void add(SignatureFinding other) {
    is_good |= other.is_good;
    flaw = std::max(flaw, other.flaw);
    if (!doubt) doubt = std::move(other.doubt);
  }
};

struct SignatureQuestion {
  enum class Place : uint8_t { tag, referrers };  // sha256-<hex>.sig, or what the referrers API lists
  store::RepositoryKey repository;
  SignatureCheck check;
  Place place;
  proxy::Asker asker;
  uint64_t client = 0;  // whom it is for, as JobOf has it
};

// Belongs to the loop's thread.
class SignatureSource {
 public:
  virtual ~SignatureSource() = default;
  // Of at most kSignaturesMax documents of that place. One that is not there, or is too long, is unreadable.
  virtual proxy::Task<SignatureFinding> look(SignatureQuestion question) = 0;
};

}  // namespace breakwater::routes
