// Where a manifest is about to be sent to a client: whether it is signed as "require_signature" wants.
//
//   admits()  HEAD; no rule covers the repository; the operator's own fetch -----> yes
//             whoever may sign in the repository, and has to see what he signs ---> yes
//             found to be signed before -----------------------------------------> yes
//             but about an image: a signature, an attestation, an SBOM ----------> yes
//             an index that names it, and is here, has a good signature ---------> yes
//             it has one itself: under the tag sha256-<hex>.sig, or a referrer --> yes
//             not all places could be looked at ---------------------------------> `unavailable`
//             else --------------------------------------------------------------> 403 DENIED, and no
//
// cosign signs the index, and clients then ask for the manifest of their platform: what a signed index names
// is signed with it. Blobs, lists and HEAD are never refused, so that whoever wants to verify can.
//
// Documents are read and verified by workers. Belongs to the loop's thread; the source outlives it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "proxy/http/exchange.h"
#include "proxy/loop/task.h"
#include "proxy/loop/workers.h"
#include "routes/oci/manifest_reply.h"
#include "routes/oci/request_context.h"
#include "routes/signatures/remembered_signatures.h"
#include "routes/signatures/signature_policy.h"
#include "routes/signatures/signature_source.h"
#include "store/base/clock.h"
#include "store/store.h"

namespace breakwater::routes {

struct SignatureGateSettings {
  std::string route;
  std::string registry;  // what precedes a repository's name where it is signed: "docker.io/"
  std::string
      who_signs;  // what is said behind the command that signs, of who can use it; "" where anyone can
  SharedSignaturePolicy policy;
};

// Borrowed, and outlive the gate.
struct SignatureGateParts {
  proxy::Workers& readers;
  store::Store& store;
  const store::Clock& clock;
};

class SignatureGate {
 public:
  SignatureGate(const SignatureGateParts& parts, SignatureGateSettings settings, SignatureSource& source)
      : parts_(parts), settings_(std::move(settings)), source_(source), remembered_(kRememberedMax) {}

  // Whether the manifest may be sent; if not, the client was answered. `exchange`, `context` and `manifest`
  // outlive the Task.
  proxy::Task<Result<bool>> admits(proxy::Exchange& exchange, RequestContext& context,
                                   store::RepositoryKey repository, const ServedManifest& manifest);
  // Something was pushed to the repository: what lacked a signature may have it now.
  void pushed_to(const std::string& repository) {
    remembered_.forget_refusals(repository);
    ++pushes_;
  }

 private:
  static constexpr size_t kRememberedMax = 16'384;

  // What is asked: whether this manifest is signed.
  struct Asked {
    store::RepositoryKey repository;
    std::string media_type;
    SignatureCheck check;
    proxy::Asker asker;
    uint64_t client;
  };

  proxy::Task<bool> needs_none(const proxy::Exchange& exchange, const RequestContext& context,
                               const ServedManifest& manifest);
  proxy::Task<SignatureFinding> judge(Asked asked);
  proxy::Task<SignatureFinding> judge_alone(Asked asked);
  proxy::Task<SignatureFinding> judge_indexes(Asked asked);
  proxy::Task<std::optional<Asked>> index_of(Asked asked, store::Digest digest);
  proxy::Task<> remember(Asked asked);
  Error undecided(const Asked& asked, const Error& doubt) const;
  std::string refusal_text(const Asked& asked, SignatureFlaw flaw) const;

  SignatureGateParts parts_;
  SignatureGateSettings settings_;
  SignatureSource& source_;
  RememberedSignatures remembered_;
  uint64_t pushes_ = 0;  // what was not found before one of these may be there now
};

}  // namespace breakwater::routes
