// The signatures of a manifest that a mirror's upstream has: the mirror looks for them as a client would, and
// what comes is kept, so that they are here when upstream is away. Belongs to the loop's thread.
#pragma once

#include <string>
#include <string_view>

#include "routes/mirror/mirror_blobs.h"
#include "routes/mirror/mirror_manifests.h"
#include "routes/mirror/mirror_parts.h"
#include "routes/mirror/mirror_referrers.h"
#include "routes/signatures/signature_source.h"

namespace breakwater::routes {

class MirrorSignatures final : public SignatureSource {
 public:
  // What is borrowed outlives this.
  MirrorSignatures(const MirrorParts& parts, MirrorManifests& manifests, MirrorReferrers& referrers,
                   MirrorBlobs& blobs)
      : parts_(parts), manifests_(manifests), referrers_(referrers), blobs_(blobs) {}

  proxy::Task<SignatureFinding> look(SignatureQuestion question) override;

 private:
  // What was found so far. It outlives the Tasks that add to it.
  struct Search {
    SignatureFinding found;
    size_t documents = 0;  // that were looked at
    bool is_ended() const { return found.is_good || documents == kSignaturesMax; }
    void doubt(Error error);
  };

  proxy::Task<> by_tag(SignatureQuestion question, Search& search);
  proxy::Task<> by_referrers(SignatureQuestion question, Search& search);
  proxy::Task<> look_at(SignatureQuestion question, Result<ServedManifest> manifest, Search& search);
  proxy::Task<> look_at_layer(SignatureQuestion question, SignatureLayer layer, Search& search);

  MirrorParts parts_;
  MirrorManifests& manifests_;
  MirrorReferrers& referrers_;
  MirrorBlobs& blobs_;
};

}  // namespace breakwater::routes
