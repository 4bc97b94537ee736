// The signatures of a manifest that the private registry holds. Belongs to the loop's thread.
#pragma once

#include "routes/registry/registry_parts.h"
#include "routes/signatures/signature_source.h"

namespace breakwater::routes {

class StoredSignatures final : public SignatureSource {
 public:
  explicit StoredSignatures(const RegistryParts& parts) : parts_(parts) {}

  proxy::Task<SignatureFinding> look(SignatureQuestion question) override;

 private:
  RegistryParts parts_;
};

}  // namespace breakwater::routes
