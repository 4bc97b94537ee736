// The RocksDB below the catalog: keys and values, whatever they mean. It belongs to catalog.cc; all calls
// from any thread.
//
// It makes no system call of its own, and RocksDB none on files: both go through Disk.
//
// After a failed write the database is opened anew. RocksDB accepts no writes after a failure, and if its log
// could not be written, one more write or sync ends the process (in a build with assertions, as Debian's is).
// The order is: open a new database for reading, close the old one, open a new one for writing. So reads are
// possible at any time. DB::Resume() would not do: it gives up after a log that could not be written, and it
// waits for compactions, which may need more room than there is.
//
// If the log is corrupt in the middle, the log is reported and kept (log_was_broken()) before RocksDB opens
// it for writing, because RocksDB would silently cut it off there. A torn end is normal after a power cut.
//
// The callback of a scan must not call Database: the scan holds the lock under which the database is
// replaced.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/iterator.h>
#include <rocksdb/options.h>
#include <rocksdb/slice.h>
#include <rocksdb/status.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/base/mutex.h"
#include "store/base/result.h"
#include "store/catalog/records.h"
#include "store/catalog/rows.h"

namespace breakwater::store {

class Database {
 public:
  // As Catalog::open() and Catalog::open_to_read().
  [[nodiscard]] static Result<std::unique_ptr<Database>> open(Disk& disk, const std::filesystem::path& path,
                                                              uint64_t cache_bytes, Log* log,
                                                              int files_max = -1);
  [[nodiscard]] static Result<std::unique_ptr<Database>> open_to_read(Disk& disk,
                                                                      const std::filesystem::path& path,
                                                                      uint64_t cache_bytes);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // --- reading
  template <class Record>
  [[nodiscard]] Result<std::optional<Record>> get(const std::string& key, Reach reach) const;
  // The value itself, undecoded; it may be empty.
  [[nodiscard]] Result<std::optional<std::string>> value(const std::string& key) const;
  [[nodiscard]] Result<bool> has(const std::string& key) const;

  // Calls `each(key, value)` for the keys that begin with `prefix`, from `from` on, until it returns false.
  // `each` may fail.
  template <class Each>
  [[nodiscard]] Result<> scan(const std::string& prefix, const std::string& from, Reach reach,
                              Each each) const;
  template <class Each>
  [[nodiscard]] Result<> scan(const std::string& prefix, Each each) const {
    return scan(prefix, prefix, Reach::disk, each);
  }
  // The same, but `next(key)` says from which key to go on: an empty one ends it.
  template <class Next>
  [[nodiscard]] Result<> leap(const std::string& prefix, std::string from, Next next) const;
  // Rows behind `position`, at most `limit`, of those whose keys begin with `prefix`. `parse(key, value)`
  // makes a row.
  template <class Row, class Parse>
  [[nodiscard]] Result<std::vector<Row>> walk(const std::string& prefix, std::string& position, size_t limit,
                                              const Malformed& malformed, Parse parse) const;
  // Calls `read(iterator)` for who reads several places side by side: each `iterator()` is a new one of its
  // own, none fills the block cache, and all end with the call.
  template <class Read>
  [[nodiscard]] Result<> side_by_side(Read read) const;

  // --- writing
  [[nodiscard]] Result<> apply(rocksdb::WriteBatch& batch, Durability durability);
  [[nodiscard]] Result<> flush();

  // --- the whole
  [[nodiscard]] Result<> checkpoint(const std::filesystem::path& to) const;
  [[nodiscard]] uint64_t disk_bytes() const;
  // Whether the log was corrupt before its end when it was opened. Records behind that place are lost. Unless
  // it was opened only to be read, the log is kept as it was, in the folder <path>-log-broken-<n>.
  [[nodiscard]] bool log_was_broken() const { return log_was_broken_; }
  // Whether it was opened anew since it was opened first. A write that was refused may be true then, and one
  // that was taken in buffered may not be.
  [[nodiscard]] bool was_opened_anew() const { return was_opened_anew_; }
  // As Catalog::why_not_writable().
  [[nodiscard]] std::string why_not_writable() const;

 private:
  enum class State {
    well,
    full,    // nobody writes until it is mended: the disk was full
    failing  // the same: the disk failed
  };
  enum class Tables { few_open, all_open };
  Database(Disk& disk, std::filesystem::path path, uint64_t cache_bytes, Log* log, int files_max = -1);

  rocksdb::Options options() const;
  Result<std::unique_ptr<rocksdb::DB>> open_writable() const;
  Result<std::unique_ptr<rocksdb::DB>> open_readable() const;
  Result<std::unique_ptr<rocksdb::DB>> open_strictly(Tables tables) const;
  Result<std::unique_ptr<rocksdb::DB>> open_checked(Tables tables);
  Result<bool> has_log() const;
  Result<std::filesystem::path> keep_log() const;
  void replace(std::unique_ptr<rocksdb::DB> by) EXCLUDES(replacing_);

  bool enter(Reach reach) const TRY_ACQUIRE_SHARED(true, replacing_);
  template <class Write>
  rocksdb::Status write(Write write_it) const EXCLUDES(replacing_);
  bool mend(uint64_t known, const rocksdb::Status& cause) EXCLUDES(mending_, replacing_);
  bool open_anew() REQUIRES(mending_) EXCLUDES(replacing_);
  void note_try() REQUIRES(mending_);
  void set_state(State state, const std::string& why) REQUIRES(mending_);
  uint64_t room_now() const;

  Disk& disk_;
  const std::filesystem::path path_;
  Log* const log_;  // null: nobody is told
  const int files_max_;
  const std::shared_ptr<rocksdb::Cache> cache_;
  const std::unique_ptr<rocksdb::Env> env_;
  std::atomic<bool> log_was_broken_ = false;
  std::atomic<bool> was_opened_anew_ = false;
  std::atomic<State> state_ = State::well;
  std::atomic<uint64_t> tries_ = 0;  // how often it was opened anew, or that failed
  // What uses the database shares it. While it is held alone, the next one takes its place.
  mutable SharedMutex replacing_;
  std::unique_ptr<rocksdb::DB> db_ GUARDED_BY(replacing_);
  Mutex mending_;  // who opens it anew
  bool is_open_to_write_ GUARDED_BY(mending_) = false;
  uint64_t room_when_tried_ GUARDED_BY(mending_) = 0;  // bytes that the disk had left
  std::chrono::steady_clock::time_point tried_at_ GUARDED_BY(mending_){};
  mutable Mutex why_mutex_;
  std::string why_ GUARDED_BY(why_mutex_);  // not empty: why nobody can write
};

// --- RocksDB's words in ours

Error error_of(const rocksdb::Status& status, const std::string& what);
rocksdb::ReadOptions reading(Reach reach);
inline std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// --- the templates

template <class Record>
Result<std::optional<Record>> Database::get(const std::string& key, Reach reach) const {
  if (!enter(reach)) return failure(Error::Kind::would_block, "read the catalog: it is being opened anew");
  const SharedLock used(replacing_, std::adopt_lock);
  rocksdb::PinnableSlice value;
  const auto status = db_->Get(reading(reach), db_->DefaultColumnFamily(), key, &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return failure(error_of(status, "read the catalog"));
  // RocksDB 7.8 answers OK and no bytes, rather than Incomplete, where the table's reader is not in memory.
  // No record is empty.
  if (reach == Reach::memory && value.empty())
    return failure(Error::Kind::would_block, "read the catalog: its table is not open");
  auto record = decode<Record>(view(value));
  if (!record) return failure(record.error());
  return *std::move(record);
}

template <class Each>
Result<> Database::scan(const std::string& prefix, const std::string& from, Reach reach, Each each) const {
  if (!enter(reach)) return failure(Error::Kind::would_block, "scan the catalog: it is being opened anew");
  const SharedLock used(replacing_, std::adopt_lock);
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(reading(reach)));
  for (at->Seek(from); at->Valid() && at->key().starts_with(prefix); at->Next()) {
    const Result<bool> more = each(view(at->key()), view(at->value()));
    if (!more) return failure(more.error());
    if (!*more) return {};
  }
  if (!at->status().ok()) return failure(error_of(at->status(), "scan the catalog"));
  return {};
}

template <class Next>
Result<> Database::leap(const std::string& prefix, std::string from, Next next) const {
  const SharedLock used(replacing_);
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(reading(Reach::disk)));
  for (at->Seek(from); at->Valid() && at->key().starts_with(prefix); at->Seek(from)) {
    Result<std::string> to = next(view(at->key()));
    if (!to) return failure(to.error());
    if (to->empty()) return {};
    from = *std::move(to);
  }
  if (!at->status().ok()) return failure(error_of(at->status(), "scan the catalog"));
  return {};
}

template <class Row, class Parse>
Result<std::vector<Row>> Database::walk(const std::string& prefix, std::string& position, size_t limit,
                                        const Malformed& malformed, Parse parse) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.total_order_seek = true;  // it goes on in the middle, past one digest to the next
  const SharedLock used(replacing_);
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(options));
  std::vector<Row> rows;
  // Behind a key comes whatever begins with it, or a greater one; '\0' is the least that follows.
  at->Seek(position.empty() ? prefix : position + '\0');
  for (; rows.size() < limit && at->Valid() && at->key().starts_with(prefix); at->Next()) {
    position = at->key().ToString();
    Result<Row> row = parse(view(at->key()), view(at->value()));
    if (row) {
      rows.push_back(*std::move(row));
    } else {
      malformed(row.error());
    }
  }
  if (!at->status().ok()) return failure(error_of(at->status(), "scan the catalog"));
  return rows;
}

template <class Read>
Result<> Database::side_by_side(Read read) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.total_order_seek = true;
  const SharedLock used(replacing_);
  rocksdb::DB& database = *db_;
  return read([&] { return std::unique_ptr<rocksdb::Iterator>(database.NewIterator(options)); });
}

}  // namespace breakwater::store
