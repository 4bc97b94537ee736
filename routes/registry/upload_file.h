// The partial file of an upload session and its record in the catalog: what the jobs of a session do to them.
//
// A file that is closed keeps its bytes, and is opened and hashed again when the session goes on. May block;
// the jobs of one session run one after the other, on its strand.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/base/clock.h"
#include "store/base/log.h"
#include "store/base/result.h"
#include "store/blobs/partials.h"
#include "store/store.h"

namespace breakwater::routes {

struct UploadFile {
  std::optional<store::ReceivedPartial> partial;  // empty if closed or removed
  store::Algorithm algorithm = store::Algorithm::sha256;
  bool has_record = true;
  store::Time begun_at{};   // as its record has them, once it was opened
  std::string client = {};  // who began it
};

// The name of a session's record and of its partial file in the store.
std::string upload_record_id(const std::string& id);

// Notes in the record what was received, and when the session was used.
[[nodiscard]] Result<> touch_upload(store::Store& store, const UploadFile& file,
                                    const store::RepositoryKey& key, const std::string& id, store::Time now);
// `not_found` if the repository has no such session.
[[nodiscard]] Result<store::UploadRecord> recorded_upload(store::Store& store,
                                                          const store::RepositoryKey& key,
                                                          const std::string& id);
[[nodiscard]] Result<> open_upload(store::Store& store, UploadFile& file, const store::RepositoryKey& key,
                                   const std::string& id);
// Makes a blob of the file. Closes the file whatever the result, because nothing may be appended to verified
// content. If the session stays, the file is opened and hashed again.
[[nodiscard]] Result<store::Blob> commit_upload(store::Store& store, UploadFile& file,
                                                const store::RepositoryKey& key, const store::Digest& digest);
[[nodiscard]] Result<> discard_upload(store::Store& store, UploadFile& file, const std::string& id);

struct RecordedUpload {
  std::string repository;
  std::string id;
  store::Time touched_at{};
};
// The sessions of `route`, the longest untouched first: a walk over all records. Removes and logs those that
// cannot be read.
[[nodiscard]] Result<std::vector<RecordedUpload>> recorded_uploads(store::Store& store, store::Log& log,
                                                                   const std::string& route);

}  // namespace breakwater::routes
