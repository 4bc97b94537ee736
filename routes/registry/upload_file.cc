#include "routes/registry/upload_file.h"
#include "store/blobs/partials.h"
#include "store/catalog/catalog.h"
#include "store/catalog/catalog_queues.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace breakwater::routes {

using store::Digest;
using store::RepositoryKey;
using store::Store;

namespace {

// The prefix of a session's name in the store, which its record and its partial file share.
constexpr std::string_view kRecordPrefix = "upload-";

}  // namespace

std::string upload_record_id(const std::string& id) { return std::string(kRecordPrefix) + id; }

Result<> touch_upload(Store& store, const UploadFile& file, const RepositoryKey& key, const std::string& id,
                      store::Time now) {
  if (!file.has_record) return {};
  store::UploadRecord record(key.route, key.repository, file.algorithm, now);
  record.is_abandoned = file.partial && file.partial->is_abandoned;
  record.begun_at = file.begun_at;
  record.client = file.client;
  return store.partials().put_upload(upload_record_id(id), record);
}

Result<store::UploadRecord> recorded_upload(Store& store, const RepositoryKey& key, const std::string& id) {
  auto record = store.catalog().upload(upload_record_id(id), store::Reach::disk);
  if (!record) return failure(record.error());
  if (!*record || RepositoryKey((*record)->route, (*record)->repository) != key) {
    return failure(Error::Kind::not_found, "no upload " + id + " in " + key.repository);
  }
  return **record;
}

Result<> open_upload(Store& store, UploadFile& file, const RepositoryKey& key, const std::string& id) {
  if (file.partial) return {};
  if (file.has_record) {
    const auto record = recorded_upload(store, key, id);
    if (!record) return failure(record.error());
    file.algorithm = record->algorithm;
    file.begun_at = record->begun_at;
    file.client = record->client;
  }
  auto partial = store.partials().receive(key.route, upload_record_id(id), file.algorithm);
  if (!partial) return failure(partial.error());
  file.partial.emplace(std::move(*partial));
  return {};
}

Result<store::Blob> commit_upload(Store& store, UploadFile& file, const RepositoryKey& key,
                                  const Digest& digest) {
  auto& partial = *file.partial;
  partial.writer->set_client(file.client);
  const auto verified = partial.writer->verify(digest);
  Result<store::Blob> blob = failure(Error::Kind::internal, "not committed");
  if (verified) {
    blob = store.commit_blob(partial, key, store::Durability::synced);
    // Refused for want of room: its client may never return.
    if (!blob && blob.error().kind == Error::Kind::full && partial.writer->is_partial())
      store.partials().end(std::move(partial), store::Partials::End::abandoned);
  } else {
    if (verified.error().kind == Error::Kind::corrupt)
      store.partials().end(std::move(partial), store::Partials::End::deleted);
    blob = failure(verified.error());
  }
  file.partial.reset();
  return blob;
}

Result<> discard_upload(Store& store, UploadFile& file, const std::string& id) {
  if (!file.partial) return store.partials().delete_partial(upload_record_id(id));
  store.partials().end(std::move(*file.partial), store::Partials::End::deleted);
  file.partial.reset();
  return {};
}

Result<std::vector<RecordedUpload>> recorded_uploads(Store& store, store::Log& log,
                                                     const std::string& route) {
  auto ids = store.catalog().queues().upload_ids();
  if (!ids) return failure(ids.error());
  std::vector<RecordedUpload> found;
  for (const auto& id : *ids) {
    if (!id.starts_with(kRecordPrefix)) continue;  // the partial file of a fill
    auto record = store.catalog().upload(id, store::Reach::disk);
    if (!record && record.error().kind == Error::Kind::corrupt) {
      log.error("upload_lost", {{"upload", id}, {"error", record.error().message}});
      if (auto dropped = store.partials().delete_partial(id); !dropped) return failure(dropped.error());
      continue;
    }
    if (!record) return failure(record.error());
    if (!*record || (*record)->route != route) continue;
    found.emplace_back((*record)->repository, id.substr(kRecordPrefix.size()), (*record)->touched_at);
  }
  const auto is_older = [](const auto& a, const auto& b) { return a.touched_at < b.touched_at; };
  std::sort(found.begin(), found.end(), is_older);
  return found;
}

}  // namespace breakwater::routes
