#include "routes/ops/upload_list.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "routes/oci/date_text.h"
#include "routes/registry/upload_file.h"
#include "store/blobs/partials.h"
#include "store/upkeep/upload_survey.h"

namespace breakwater::routes {
namespace {

using Json = nlohmann::ordered_json;
using store::UploadState;

constexpr size_t kRowsMax = 1000;

// The id that clients see in the Location.
std::string told_id(const std::string& record_id) {
  const std::string prefix = upload_record_id("");
  return record_id.starts_with(prefix) ? record_id.substr(prefix.size()) : record_id;
}

const char* state_text(UploadState::Kind kind) {
  switch (kind) {
    case UploadState::Kind::begun: return "begun";
    case UploadState::Kind::open: return "open";
    case UploadState::Kind::broken_off: return "broken off";
  }
  return "";
}

Json json_of(const UploadState& upload) {
  Json row = {{"id", told_id(upload.id)}, {"state", state_text(upload.kind)}};
  if (!upload.route.empty()) row["route"] = upload.route;
  if (!upload.repository.empty()) row["repository"] = upload.repository;
  if (!upload.client.empty()) row["client"] = upload.client;
  row["bytes"] = upload.bytes;
  row["on_disk_bytes"] = upload.on_disk;
  if (upload.begun_at != store::Time()) row["begun_at"] = date_text(upload.begun_at);
  if (upload.touched_at != store::Time()) row["last_byte_at"] = date_text(upload.touched_at);
  row["refused"] = upload.is_refused;
  return row;
}

// One that may be aborted.
Result<UploadState> find(store::Store& store, const std::string& id, const Sight& sight) {
  auto upload = store::survey_upload(store.parts(), store.idle_partials(), upload_record_id(told_id(id)));
  if (upload && !sight.sees(upload->route, upload->repository))
    return failure(Error::Kind::not_found, "there is no upload " + upload_record_id(told_id(id)));
  if (!upload || upload->kind != UploadState::Kind::open) return upload;
  const std::string by = upload->client.empty() ? "a client" : "the client " + upload->client;
  return failure(Error::Kind::conflict, by + " sends the upload " + id +
                                            " just now, or did within the last minute: it can be aborted "
                                            "a minute after that has ended");
}

Json answer(const UploadState& upload, bool is_dry_run) {
  const std::string words = (is_dry_run ? "would give back " : "gave back ") +
                            std::to_string(upload.on_disk) + " bytes of an upload to " + upload.route + "/" +
                            upload.repository;
  return {{"id", told_id(upload.id)},      {"dry_run", is_dry_run}, {"aborted", !is_dry_run},
          {"freed_bytes", upload.on_disk}, {"words", words},        {"upload", json_of(upload)}};
}

}  // namespace

Result<Json> uploads(store::Store& store, const Sight& sight) {
  auto all = store::survey_uploads(store.parts(), store.idle_partials());
  if (!all) return failure(all.error());
  std::erase_if(*all, [&sight](const UploadState& one) { return !sight.sees(one.route, one.repository); });
  std::stable_sort(all->begin(), all->end(),
                   [](const UploadState& a, const UploadState& b) { return a.touched_at < b.touched_at; });
  uint64_t open = 0, broken_off = 0, bytes = 0;
  Json rows = Json::array();
  for (const UploadState& upload : *all) {
    if (upload.kind == UploadState::Kind::open) ++open;
    if (upload.kind == UploadState::Kind::broken_off) ++broken_off;
    bytes += upload.on_disk;
    if (rows.size() < kRowsMax) rows.push_back(json_of(upload));
  }
  const size_t left_out = all->size() - rows.size();
  return Json{{"uploads", std::move(rows)},
              {"totals", {{"open", open}, {"broken_off", broken_off}, {"bytes", bytes}}},
              {"left_out", left_out}};
}

Result<Json> plan_abort_upload(store::Store& store, const std::string& id, const Sight& sight) {
  const auto upload = find(store, id, sight);
  if (!upload) return failure(upload.error());
  return answer(*upload, true);
}

Result<Json> abort_upload(store::Store& store, const std::string& id, const Sight& sight) {
  const auto upload = find(store, id, sight);
  if (!upload) return failure(upload.error());
  if (auto deleted = store.partials().delete_partial(upload->id); !deleted) return failure(deleted.error());
  return answer(*upload, false);
}

}  // namespace breakwater::routes
