// Content-addressed files: one immutable file per digest. A blob exists if and only if its file exists under
// its digest.
//
//   absent -- receive() --> incoming -- verify() --> verified -- [sync()] commit() --> stored -- remove() -->
//   absent
//                           append(), file()                                          open() -- trash() -->
//                           trash -- remove_trashed() --> absent
//                                                                                            `- restore() <-'
//                           ~BlobWriter(): the partial file stays and receive() resumes it, also after a
//                           restart discard(): absent
//
// A Blob is an open file: it stays readable until its last copy is gone, even if remove() runs meanwhile;
// what somebody reads is pinned, and trash_if_unread() leaves it alone. The trash is for whoever holds a
// lock: to rename a file takes no time, to free its bytes may. Files that were opened stay open for a while
// (the most recently used few hundred), so that a hot blob costs no path look-up.
//
// Everything here may block unless it says otherwise: the loop gives it to proxy::Workers. All of Blobs may
// be called from any thread; a BlobWriter from one thread at a time, and it must end before its Blobs does.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/base/digest.h"
#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::store {

struct Blob {
  Digest digest;
  uint64_t size;
  SharedFile file;
};

class BlobWriter {
 public:
  ~BlobWriter();
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;

  // Hashes what a partial file held when it was opened, some bytes at a time; true when that is done.
  // append() and verify() do what is left of it.
  [[nodiscard]] Result<bool> catch_up(uint64_t bytes_max);
  // After an error nothing of `data` counts as written, and the same piece may be appended again.
  [[nodiscard]] Result<> append(std::span<const char> data);
  // Throws away what is behind the first `bytes`.
  [[nodiscard]] Result<> rewind(uint64_t bytes);
  uint64_t written() const { return written_; }
  const std::string& id() const { return id_; }
  // Sees what has been appended, and stays open after commit() and discard().
  const SharedFile& file() const { return file_; }
  // Whether the partial file is there: neither committed nor discarded.
  bool is_partial() const { return is_partial_; }

  // Ends the hash. `corrupt` if the content is not `digest`; nothing but discard() is legal then. A digest of
  // another algorithm than receive() was told costs reading the file once more.
  [[nodiscard]] Result<> verify(const Digest& digest);
  const std::optional<Digest>& verified() const { return verified_; }
  // After verify(): makes the content durable. commit() does it too; whoever commits under a lock calls this
  // before taking it.
  [[nodiscard]] Result<> sync();
  // After verify(): sync, rename into place, sync the directory. Returns the stored blob.
  [[nodiscard]] Result<Blob> commit();
  // Removes the partial file.
  void discard();
  // Whether a sync failed: what the file holds is then not known, and commit() fails for ever.
  bool is_lost() const { return sync_failed_; }
  // Takes what was written out of receiving_bytes(), at most once: its bytes are about to be counted as
  // stored. Nothing may be appended after that. Else the destructor does it.
  void leave_account();

 private:
  friend class Blobs;
  BlobWriter(class Blobs& blobs, SharedFile file, std::string id, Algorithm algorithm);
  // Hashes what the file holds from `first` on, up to `bytes` or its end; the number of bytes hashed.
  Result<uint64_t> hash_file(Hasher& hasher, uint64_t first, uint64_t bytes);
  void count(uint64_t written);
  void leave_incoming();

  Blobs& blobs_;
  SharedFile file_;
  std::string id_;
  Algorithm algorithm_;
  Hasher hasher_;
  uint64_t written_ = 0;
  uint64_t hashed_ = 0;
  std::optional<Digest> verified_;
  bool synced_ = false;
  bool sync_failed_ = false;
  bool is_partial_ = true;
  bool is_counted_ = true;  // in receiving_bytes()
};

class Blobs {
 public:
  // `root` is the data folder; its folders are made by prepare().
  Blobs(Disk& disk, std::filesystem::path root, size_t open_files_max = 256);
  [[nodiscard]] Result<> prepare();

  // An already open blob whose file is there and whole still, or nothing: never blocks.
  std::optional<Blob> open_if_warm(const Digest& digest);
  // `not_found` if absent. `corrupt` if the file has not `size` bytes: it is then removed, because a short
  // blob is no blob.
  [[nodiscard]] Result<Blob> open(const Digest& digest, uint64_t size);

  // Begins to receive into incoming/<id>, or goes on where a partial of that id ended: what is there is
  // hashed again, by catch_up(). One writer per id at a time: `conflict` for a second one.
  [[nodiscard]] Result<std::unique_ptr<BlobWriter>> receive(const std::string& id, Algorithm algorithm);

  // Removes the file; readers keep what they have open. `not_found` if absent.
  [[nodiscard]] Result<> remove(const Digest& digest);
  // Out of the way, but for its bytes; `not_found` if absent.
  [[nodiscard]] Result<> trash(const Digest& digest);
  // The same, unless somebody reads it: then nothing happens and the answer is false.
  [[nodiscard]] Result<bool> trash_if_unread(const Digest& digest);
  // Back from the trash, instead of what may have taken its place: the two are equal.
  [[nodiscard]] Result<> restore(const Digest& digest);
  [[nodiscard]] Result<> remove_trashed(const Digest& digest);
  bool is_read(const Digest& digest) const;

  struct Partial {
    std::string id;
    FileStat stat;
  };
  // What unfinished writers have written so far takes of the disk.
  uint64_t receiving_bytes() const { return receiving_bytes_; }
  // What the folders themselves take of the disk.
  uint64_t directory_bytes();

  // For recovery. Names that are no digest are left alone and not listed. Blobs are listed folder by folder,
  // in the order of their digests: those whose digest begins with `first`.
  [[nodiscard]] Result<std::vector<Digest>> list(Algorithm algorithm, uint8_t first);
  [[nodiscard]] Result<FileStat> stat(const Digest& digest);
  [[nodiscard]] Result<FileStat> stat_trashed(const Digest& digest);
  [[nodiscard]] Result<std::vector<Partial>> partials();
  [[nodiscard]] Result<std::vector<Digest>> trashed();
  [[nodiscard]] Result<> remove_partial(const std::string& id);

  std::filesystem::path path_of(const Digest& digest) const;
  std::filesystem::path path_of_partial(const std::string& id) const;
  std::filesystem::path path_of_trashed(const Digest& digest) const;

 private:
  friend class BlobWriter;
  struct OpenBlob {
    Blob blob;
    std::list<Digest>::iterator use;
  };
  Result<Blob> open_file(const Digest& digest, uint64_t size);
  // Ends the writer's partial, unless it returns an error that left it there.
  Result<> place(BlobWriter& writer);
  Result<> make_directory_of(const Digest& digest);
  uint64_t removals() const;
  // Keeps `blob` open, unless something was removed since `removals` was read: it may have been this one.
  bool remember(const Blob& blob, uint64_t removals);
  void remember(const Blob& blob);
  std::vector<SharedFile> remember_locked(const Blob& blob);
  std::vector<SharedFile> trim();
  SharedFile forget(const Digest& digest);
  Result<> leave_place(const Digest& digest, const std::filesystem::path& trash);  // empty: for good

  Disk& disk_;
  std::filesystem::path root_;
  size_t open_files_max_;
  std::atomic<uint64_t> receiving_bytes_ = 0;
  mutable std::mutex mutex_;  // guards what follows; never held while the disk is asked for what may block
  std::unordered_map<Digest, OpenBlob, DigestHash> open_;
  std::list<Digest> uses_;                       // most recently used first
  uint64_t removals_ = 0;                        // grows with each removal, before and after the file goes
  std::set<std::string> receiving_;              // ids of the living writers
  std::set<std::filesystem::path> directories_;  // known to exist, durably
};

}  // namespace breakwater::store
