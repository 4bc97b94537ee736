// The files of the data folder: one immutable file per stored blob, one per partial, and the trash. A blob
// exists if and only if its file exists under its digest. Nothing here knows the catalog, who needs a blob,
// or who pays for it.
//
//   <data>/blobs/sha256/ab/abcd…   a stored blob                 open(), receive() … commit(), delete_blob()
//   <data>/incoming/<id>           a partial (blob_writer.h)     receive(), partials(), delete_partial()
//   <data>/trash/<digest>          on its way out                trash(), restore(), delete_trashed()
//
// The trash exists because a blob is taken away under a lock: renaming a file takes no time, and freeing its
// bytes may take long. A blob that somebody is reading is pinned: trash_unless_read() leaves it in its place.
//
// Everything may block unless it says otherwise, and may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "store/base/digest.h"
#include "store/base/disk.h"
#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/files/blob.h"
#include "store/files/blob_writer.h"
#include "store/files/open_files.h"

namespace breakwater::store {

class Files {
 public:
  // `root` is the data folder; its folders are made by prepare(), which refuses those of several file systems
  // as `invalid`.
  Files(Disk& disk, std::filesystem::path root, size_t open_files_max = 256);
  [[nodiscard]] Result<> prepare();

  // --- stored blobs

  // An already open blob whose file is there and whole still, or nothing: never blocks.
  std::optional<Blob> open_if_warm(const Digest& digest);
  // `not_found` if absent. `corrupt` if the file has not `size` bytes: it is then deleted, because a short
  // blob is no blob.
  [[nodiscard]] Result<Blob> open(const Digest& digest, uint64_t size);
  // All bytes of an open blob; fewer than its size if its file has become shorter.
  [[nodiscard]] Result<std::string> read(const Blob& blob);
  // What the bytes at a blob's place are. They are not made a blob that is open, because they may be others.
  [[nodiscard]] Result<Digest> hash(const Digest& digest);
  bool is_read(const Digest& digest) const { return open_.is_read(digest); }
  // Closes some of the files that nobody reads, because descriptors are wanted for something else; how many
  // it closed. Calls nothing of the Disk.
  size_t give_back_idle();
  // Readers keep what they have open. `not_found` if absent.
  [[nodiscard]] Result<> delete_blob(const Digest& digest);

  // --- the trash. trash() moves a blob's file there; its bytes are not freed yet. `not_found` if absent.

  [[nodiscard]] Result<> trash(const Digest& digest);
  // The same, unless somebody reads it: then nothing happens and the answer is false.
  [[nodiscard]] Result<bool> trash_unless_read(const Digest& digest);
  // Moves a trashed file back to its place. A file that is there already is replaced: it has the same bytes.
  [[nodiscard]] Result<> restore(const Digest& digest);
  [[nodiscard]] Result<> delete_trashed(const Digest& digest);

  // --- partials

  // Begins to receive into incoming/<id>, or goes on where a partial of that id ended. One writer per id at a
  // time: `conflict` for a second one.
  [[nodiscard]] Result<std::unique_ptr<BlobWriter>> receive(const std::string& id, Algorithm algorithm);
  [[nodiscard]] Result<> delete_partial(const std::string& id);

  // --- what is there, for recovery and accounts

  struct Partial {
    std::string id;
    FileStat stat;
  };
  [[nodiscard]] Result<std::vector<Partial>> partials();
  // Those whose digest begins with `first`, in the order of their digests. Names that are no digest are left
  // out.
  [[nodiscard]] Result<std::vector<Digest>> list(Algorithm algorithm, uint8_t first);
  [[nodiscard]] Result<std::vector<Digest>> trashed();
  [[nodiscard]] Result<FileStat> stat(const Digest& digest);
  [[nodiscard]] Result<FileStat> stat_trashed(const Digest& digest);
  // What unfinished writers have written so far takes of the disk.
  uint64_t receiving_bytes() const { return receiving_bytes_; }
  // What the folders themselves take of the disk.
  uint64_t directory_bytes();

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path path_of(const Digest& digest) const;
  std::filesystem::path path_of_partial(const std::string& id) const;
  std::filesystem::path path_of_trashed(const Digest& digest) const;

 private:
  friend class BlobWriter;
  Result<Blob> open_file(const Digest& digest, uint64_t size);
  // Moves the writer's partial to its place. After an error writer.is_partial_ says whether the partial is
  // still under incoming/.
  Result<> place(BlobWriter& writer);
  Result<> make_directory_of(const Digest& digest);
  Result<> leave_place(const Digest& digest, const std::filesystem::path& trash);  // empty: for good
  void end_receiving(const std::string& id);
  Result<> check_one_file_system();

  Disk& disk_;
  std::filesystem::path root_;
  OpenFiles open_;
  std::atomic<uint64_t> receiving_bytes_ = 0;
  mutable Mutex mutex_;                                 // never held while the disk is asked for anything
  std::set<std::string> receiving_ GUARDED_BY(mutex_);  // ids of the living writers
  std::set<std::filesystem::path> directories_ GUARDED_BY(mutex_);  // known to exist, durably
};

}  // namespace breakwater::store
