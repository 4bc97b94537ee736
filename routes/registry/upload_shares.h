// How many upload sessions a route has, and each client: who may begin one more, and which one gives way to
// it. The sessions from before the start are learnt from one walk over the catalog, when they are asked for
// first. Belongs to the loop's thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/peer.h"
#include "proxy/loop/task.h"
#include "routes/registry/known_uploads.h"
#include "routes/registry/registry_parts.h"
#include "routes/registry/upload_file.h"
#include "store/base/result.h"

namespace breakwater::routes {

class UploadShares {
 public:
  UploadShares(const RegistryParts& parts, std::string route, size_t uploads_max, size_t per_client)
      : parts_(parts), route_(std::move(route)), uploads_max_(uploads_max), per_client_(per_client) {}

  // Whether the client may begin one more.
  bool has_share(const proxy::ClientKey& client);
  // Counts the session, which is new. `throttled` if the client has its share, or the route as many as there
  // may be and none of them is idle. If one is, the one that was not used for longest is returned: it is not
  // counted any more, and the caller removes it.
  proxy::Task<Result<std::optional<UploadName>>> admit(UploadName name, proxy::ClientKey client);
  void use(const UploadName& name, const proxy::ClientKey& client) { known_.use(name, client); }
  void rest(const UploadName& name) { known_.rest(name, parts_.clock.now()); }
  void remove(const UploadName& name) { known_.remove(name); }
  // The sessions that there are, the longest untouched first, from a walk over the catalog.
  proxy::Task<Result<std::vector<RecordedUpload>>> survey();

 private:
  RegistryParts parts_;
  std::string route_;
  size_t uploads_max_;
  size_t per_client_;
  KnownUploads known_;
  bool is_surveyed_ = false;
};

}  // namespace breakwater::routes
