#include "routes/registry/upload_shares.h"

#include <set>

namespace breakwater::routes {

using proxy::Task;

namespace {

constexpr int64_t kRetryAfterS = 10;

// `key` of the configuration has the bound.
Error too_many(const std::string& what, const char* key) {
  return Error(Error::Kind::throttled, what + " already, or did so within the last minute (" + key + ")",
               kRetryAfterS);
}

}  // namespace

bool UploadShares::has_share(const proxy::ClientKey& client) {
  return known_.of(client, parts_.clock.now()) < per_client_;
}

// All is decided after the last wait, so that no two take the same place.
Task<Result<std::optional<UploadName>>> UploadShares::admit(UploadName name, proxy::ClientKey client) {
  if (!is_surveyed_) {
    auto surveyed = co_await survey();
    if (!surveyed) co_return failure(surveyed.error());
  }
  const auto now = parts_.clock.now();
  if (!has_share(client))
    co_return failure(
        too_many("this client works on " + std::to_string(per_client_) + " uploads", "per_client.uploads"));
  std::optional<UploadName> replaced;
  if (known_.size() >= uploads_max_) {
    replaced = known_.longest_idle(now);
    if (!replaced)
      co_return failure(
          too_many("clients work on each of " + std::to_string(known_.size()) + " uploads", "uploads_max"));
    known_.remove(*replaced);
  }
  known_.add(name, client, now);
  co_return replaced;
}

Task<Result<std::vector<RecordedUpload>>> UploadShares::survey() {
  const auto began = parts_.clock.now();
  auto walk = [&store = parts_.store, &log = parts_.log, route = route_] {
    return recorded_uploads(store, log, route);
  };
  auto found = co_await parts_.workers.run(std::move(walk));
  if (!found) co_return found;
  std::set<UploadName> there;
  for (const auto& upload : *found) {
    const UploadName name(upload.repository, upload.id);
    known_.note(name, upload.touched_at);
    there.insert(name);
  }
  known_.keep(there, began);
  is_surveyed_ = true;
  co_return found;
}

}  // namespace breakwater::routes
