#include "store/upkeep/upload_survey.h"

#include <optional>
#include <set>

#include "store/base/disk.h"
#include "store/blobs/idle_partials.h"
#include "store/blobs/partials.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_queues.h"
#include "store/files/files.h"
#include "store/references/route_rules.h"

namespace breakwater::store {
namespace {

// Nothing if it is gone, or is no upload of a registry.
Result<std::optional<UploadState>> state_of(const Parts& parts, const IdlePartials& partials,
                                            const std::string& id) {
  if (Partials::is_fill_id(id)) return std::nullopt;
  const auto record = parts.catalog.upload(id, Reach::disk);
  if (!record && record.error().kind != Error::Kind::corrupt) return failure(record.error());
  const bool is_recorded = record && *record;
  UploadState state;
  state.id = id;
  if (is_recorded) {
    state.route = (*record)->route;
    state.repository = (*record)->repository;
    state.client = (*record)->client;
    state.is_refused = (*record)->is_abandoned;
    if ((*record)->begun_at != Time()) state.begun_at = parts.clock.to_wall((*record)->begun_at);
    state.touched_at = parts.clock.to_wall((*record)->touched_at);
  }
  if (const auto idle = partials.find(id)) {
    state.kind = UploadState::Kind::broken_off;
    state.route = idle->route;
    state.bytes = idle->bytes;
    state.on_disk = store::on_disk(idle->bytes);
    state.is_refused = idle->is_abandoned;
    state.touched_at = parts.clock.to_wall(idle->modified);
  } else if (const auto file = parts.disk.stat(parts.files.path_of_partial(id))) {
    state.kind = UploadState::Kind::open;
    state.bytes = file->size;
    state.on_disk = file->on_disk;
    state.touched_at = file->modified;
  } else if (!is_recorded) {
    return std::nullopt;
  }
  if (!state.route.empty() && parts.rules.is_mirror(state.route)) return std::nullopt;
  return state;
}

}  // namespace

Result<std::vector<UploadState>> survey_uploads(const Parts& parts, const IdlePartials& partials) {
  const auto recorded = parts.catalog.queues().upload_ids();
  if (!recorded) return failure(recorded.error());
  const auto files = parts.files.partials();
  if (!files) return failure(files.error());
  std::set<std::string> ids(recorded->begin(), recorded->end());
  for (const Files::Partial& file : *files) ids.insert(file.id);
  std::vector<UploadState> uploads;
  for (const std::string& id : ids) {
    auto state = state_of(parts, partials, id);
    if (!state) return failure(state.error());
    if (*state) uploads.push_back(**std::move(state));
  }
  return uploads;
}

Result<UploadState> survey_upload(const Parts& parts, const IdlePartials& partials, const std::string& id) {
  auto state = state_of(parts, partials, id);
  if (!state) return failure(state.error());
  if (!*state) return failure(Error::Kind::not_found, "there is no upload " + id);
  return **std::move(state);
}

}  // namespace breakwater::store
