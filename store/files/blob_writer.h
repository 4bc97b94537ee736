// One blob on its way in: a file under incoming/ that is appended to, hashed as it grows, and at last becomes
// a stored blob under the digest that it was verified against.
//
//   Files::receive() --> append() … --> verify() --> [sync()] --> commit() --> a stored blob
//        |                                 `-- corrupt: only delete_partial() is legal
//        `-- catch_up(): a partial file that was there already is hashed again
//
//   delete_partial(): the file is gone.   ~BlobWriter(): the file stays, and receive() resumes it, also after
//   a restart.
//
// Everything may block. A writer is used by one thread at a time and must end before its Files does.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "store/base/digest.h"
#include "store/base/disk.h"
#include "store/base/result.h"
#include "store/files/blob.h"

namespace breakwater::store {

class Files;

class BlobWriter {
 public:
  ~BlobWriter();
  BlobWriter(const BlobWriter&) = delete;
  BlobWriter& operator=(const BlobWriter&) = delete;

  // Hashes at most `bytes_max` of the bytes that the file holds and that are not hashed yet, as after a
  // resume or a rewind(). True when all are hashed. append() and verify() hash what is left.
  [[nodiscard]] Result<bool> catch_up(uint64_t bytes_max);
  // After an error nothing of `data` counts as written, and the same piece may be appended again.
  [[nodiscard]] Result<> append(std::span<const char> data);
  // Cuts off what a failed append() has left in the file behind what counts, if it could not be cut off then.
  // sync() does it too.
  [[nodiscard]] Result<> cut();
  // Keeps only the first `bytes`. The kept bytes must then be hashed again: see catch_up().
  [[nodiscard]] Result<> rewind(uint64_t bytes);
  uint64_t written() const { return written_; }
  // Who brings the bytes, as BlobRecord has it.
  void set_client(std::string client) { client_ = std::move(client); }
  const std::string& client() const { return client_; }
  const std::string& id() const { return id_; }
  // Sees what has been appended, and stays open after commit() and delete_partial().
  const SharedFile& file() const { return file_; }
  // Whether the partial file is there: neither committed nor deleted.
  bool is_partial() const { return is_partial_; }

  // Ends the hash. `corrupt` if the content is not `digest`; nothing but delete_partial() is legal then. A
  // digest of another algorithm than receive() was told costs reading the file once more.
  [[nodiscard]] Result<> verify(const Digest& digest);
  const std::optional<Digest>& verified() const { return verified_; }
  // After verify(): makes the content durable, and the file as long as the content. commit() does it too;
  // whoever commits under a lock calls this first. `corrupt` if the file has become shorter or longer by
  // another hand: then it is no such blob.
  [[nodiscard]] Result<> sync();
  // After verify(): sync, rename into place, sync the directory. Returns the stored blob.
  [[nodiscard]] Result<Blob> commit();
  void delete_partial();
  // Whether a sync failed. Then nobody knows what the file holds on the disk, and commit() always fails.
  bool is_lost() const { return sync_failed_; }
  // Subtracts the written bytes from Files::receiving_bytes(), because the Budget is about to count them as
  // stored. Nothing may be appended afterwards. A second call does nothing; the destructor calls it too.
  void leave_account();

 private:
  friend class Files;
  BlobWriter(Files& files, SharedFile file, std::string id, Algorithm algorithm);
  // Hashes what the file holds from `first` on, up to `bytes` or its end; the number of bytes hashed.
  Result<uint64_t> hash_file(Hasher& hasher, uint64_t first, uint64_t bytes);
  void count(uint64_t written);

  Files& files_;
  SharedFile file_;
  std::string id_;
  std::string client_;
  Algorithm algorithm_;
  Hasher hasher_;
  uint64_t written_ = 0;
  uint64_t hashed_ = 0;
  std::optional<Digest> verified_;
  bool synced_ = false;
  bool sync_failed_ = false;
  bool is_partial_ = true;
  bool is_counted_ = true;      // in Files::receiving_bytes()
  bool may_be_longer_ = false;  // the file, than what is written
};

}  // namespace breakwater::store
