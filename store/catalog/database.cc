#include "store/catalog/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_buffer_manager.h>

#include <array>
#include <cstdarg>
#include <cstdio>

#include "store/catalog/disk_file_system.h"

namespace breakwater::store {
namespace {

// How long a database that was opened anew on a full disk, or could not be, is left alone while the disk has
// no more room than it had then.
constexpr auto kMendingPause = std::chrono::seconds(2);

// Of the keys that begin with a digest, the part up to its end: a scan for one digest opens no block of a
// table whose filter knows that it is not there.
class DigestPrefix final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "breakwater.digest"; }
  bool InDomain(const rocksdb::Slice& key) const override {
    return key.size() >= 2 && std::string_view("Mel").find(key[0]) != std::string_view::npos &&
           key.size() >= size_of(key);
  }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override { return {key.data(), size_of(key)}; }

 private:
  static size_t size_of(const rocksdb::Slice& key) {
    return 2 + (key[1] == static_cast<char>(Algorithm::sha512) ? 64 : 32);
  }
};

// RocksDB's warnings and errors, in our log. A file of its own would be one more that a full disk breaks:
// Debian's RocksDB, built with its assertions, ends the process at the next line behind one that could not be
// written.
class RocksdbLog final : public rocksdb::Logger {
 public:
  explicit RocksdbLog(Log* log) : rocksdb::Logger(rocksdb::WARN_LEVEL), log_(log) {}

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list words) override { tell(Log::Level::info, format, words); }
  void Logv(rocksdb::InfoLogLevel level, const char* format, va_list words) override {
    if (level < GetInfoLogLevel() || level == rocksdb::HEADER_LEVEL) return;
    tell(level == rocksdb::WARN_LEVEL ? Log::Level::warning : Log::Level::error, format, words);
  }
  void LogHeader(const char* /*format*/, va_list /*words*/) override {}

 private:
  void tell(Log::Level level, const char* format, va_list words) {
    if (log_ == nullptr) return;
    std::array<char, 512> line{};
    const int length = std::vsnprintf(line.data(), line.size(), format, words);
    if (length <= 0) return;
    std::string_view words_said(line.data(), std::min<size_t>(static_cast<size_t>(length), line.size() - 1));
    while (words_said.ends_with('\n') || words_said.ends_with(' ')) words_said.remove_suffix(1);
    const Log::Field said{"said", words_said};
    log_->write(level, "rocksdb", {&said, 1});
  }

  Log* const log_;
};

}  // namespace

rocksdb::Options Database::options() const {
  constexpr size_t kMemtableBytes = 2U << 20;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache_;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  // A table's index and filter are asked at each read, so they stay. The cache counts them.
  table.metadata_cache_options.unpartitioned_pinning = rocksdb::PinningTier::kAll;
  table.format_version = 5;

  rocksdb::Options options;
  options.env = env_.get();
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.prefix_extractor = std::make_shared<DigestPrefix>();
  // Memtables are charged to the block cache, so that one figure bounds both.
  options.write_buffer_manager =
      std::make_shared<rocksdb::WriteBufferManager>(2 * kMemtableBytes, table.block_cache);
  options.write_buffer_size = kMemtableBytes;
  options.max_total_wal_size = 4 * kMemtableBytes;
  options.target_file_size_base = 8U << 20;
  options.max_bytes_for_level_base = 16U << 20;
  // What a compaction takes twice while it runs: see Store::measure().
  options.max_compaction_bytes = 32U << 20;
  options.compression = rocksdb::kNoCompression;  // what is big in it are hashes
  options.max_background_jobs = 2;
  options.max_open_files = files_max_;  // a table that is not open cannot answer from memory
  options.avoid_unnecessary_blocking_io = true;
  // A log that was synced and is not there any more, or has become shorter, is an error rather than an end.
  options.track_and_verify_wals_in_manifest = true;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.manifest_preallocation_size = 64U << 10;
  options.max_manifest_file_size = 4U << 20;
  options.info_log = std::make_shared<RocksdbLog>(log_);
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

Error error_of(const rocksdb::Status& status, const std::string& what) {
  Error::Kind kind = status.IsIOError() ? Error::Kind::storage : Error::Kind::internal;
  if (status.IsIncomplete()) kind = Error::Kind::would_block;
  if (status.IsNoSpace()) kind = Error::Kind::full;
  if (status.IsCorruption()) kind = Error::Kind::corrupt;
  return {kind, what + ": " + status.ToString(), 0};
}

rocksdb::ReadOptions reading(Reach reach) {
  rocksdb::ReadOptions options;
  if (reach == Reach::memory) options.read_tier = rocksdb::kBlockCacheTier;
  return options;
}

// --- opening

Database::Database(Disk& disk, std::filesystem::path path, uint64_t cache_bytes, Log* log, int files_max)
    : disk_(disk),
      path_(std::move(path)),
      log_(log),
      files_max_(files_max),
      cache_(rocksdb::NewLRUCache(cache_bytes, 2)),
      env_(rocksdb::NewCompositeEnv(make_disk_file_system(disk))) {}

Result<std::unique_ptr<Database>> Database::open(Disk& disk, const std::filesystem::path& path,
                                                 uint64_t cache_bytes, Log* log, int files_max) {
  (void)disk.make_directories(path);  // whatever is wrong with the folder, RocksDB says it
  std::unique_ptr<Database> database(new Database(disk, path, cache_bytes, log, files_max));
  const auto has_log = database->has_log();
  if (!has_log) return failure(has_log.error());
  if (*has_log) {
    if (const auto checked = database->open_checked(Tables::few_open); !checked)
      return failure(checked.error());
  }
  const Lock alone(database->mending_);
  auto opened = database->open_writable();
  database->is_open_to_write_ = opened.has_value();
  if (!opened) {
    if (opened.error().kind != Error::Kind::full) return failure(opened.error());
    const Error full = opened.error();
    opened = database->open_readable();
    if (!opened) return failure(full);
    database->note_try();
    database->set_state(State::full, full.message);
  }
  database->replace(*std::move(opened));
  return database;
}

Result<std::unique_ptr<Database>> Database::open_to_read(Disk& disk, const std::filesystem::path& path,
                                                         uint64_t cache_bytes) {
  std::unique_ptr<Database> database(new Database(disk, path, cache_bytes, nullptr));
  auto opened = database->open_strictly(Tables::all_open);
  if (!opened && opened.error().kind == Error::Kind::corrupt) {
    opened = database->open_readable();
    database->log_was_broken_ = opened.has_value();
  }
  if (!opened) return failure(opened.error());
  database->replace(*std::move(opened));
  return database;
}

Database::~Database() { replace(nullptr); }

// Waits until nobody uses the old one any more, and closes it.
void Database::replace(std::unique_ptr<rocksdb::DB> by) {
  {
    const ExclusiveLock alone(replacing_);
    db_.swap(by);
  }
  // Not closed by its destructor alone, because that would hide an error; there is nobody to tell, but the
  // log file has it.
  if (by) (void)by->Close();
}

Result<std::unique_ptr<rocksdb::DB>> Database::open_writable() const {
  rocksdb::DB* opened = nullptr;
  rocksdb::Options writable = options();
  {
    // Only the first time: a catalog that is away later must not be taken for a new one.
    const SharedLock used(replacing_);
    writable.create_if_missing = db_ == nullptr;
  }
  const auto status = rocksdb::DB::Open(writable, path_.string(), &opened);
  if (!status.ok()) return failure(error_of(status, "open the catalog " + path_.string()));
  return std::unique_ptr<rocksdb::DB>(opened);
}

Result<std::unique_ptr<rocksdb::DB>> Database::open_readable() const {
  rocksdb::DB* opened = nullptr;
  rocksdb::Options read_only = options();
  read_only.create_if_missing = false;
  const auto status = rocksdb::DB::OpenForReadOnly(read_only, path_.string(), &opened);
  if (!status.ok()) return failure(error_of(status, "open the catalog " + path_.string()));
  return std::unique_ptr<rocksdb::DB>(opened);
}

// `corrupt` if the log is corrupt before its end, or if the database cannot be read at all.
Result<std::unique_ptr<rocksdb::DB>> Database::open_strictly(Tables tables) const {
  rocksdb::DB* opened = nullptr;
  rocksdb::Options strict = options();
  strict.create_if_missing = false;
  strict.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  if (tables == Tables::few_open) {
    strict.max_open_files = 1;
    strict.skip_stats_update_on_db_open = true;
    strict.skip_checking_sst_file_sizes_on_db_open = true;
  }
  const auto status = rocksdb::DB::OpenForReadOnly(strict, path_.string(), &opened);
  if (!status.ok()) return failure(error_of(status, "read the catalog's log " + path_.string()));
  return std::unique_ptr<rocksdb::DB>(opened);
}

// Opens the database for reading and checks its log. A log that is corrupt before its end is reported and
// kept, before anybody opens the database for writing. A database that cannot be read at all is an error.
Result<std::unique_ptr<rocksdb::DB>> Database::open_checked(Tables tables) {
  auto checked = open_strictly(tables);
  if (checked || checked.error().kind != Error::Kind::corrupt) return checked;
  auto readable = open_readable();
  if (!readable) return readable;  // so it is not the log
  if (!log_was_broken_) {
    const auto kept = keep_log();
    if (!kept) return failure(kept.error());
    log_was_broken_ = true;
    if (log_ != nullptr)
      log_->error("catalog_log_broken", {{"error", checked.error().message}, {"kept", kept->native()}});
  }
  return readable;
}

// Whether there is a log with anything in it, and a catalog that it belongs to.
Result<bool> Database::has_log() const {
  const auto entries = disk_.list(path_);
  if (!entries && entries.error().kind == Error::Kind::not_found) return false;
  if (!entries) return failure(entries.error());
  bool is_catalog = false, is_written = false;
  for (const DirectoryEntry& entry : *entries) {
    is_catalog = is_catalog || entry.name == "CURRENT";
    if (is_written || !entry.name.ends_with(".log")) continue;
    const auto found = disk_.stat(path_ / entry.name);
    if (!found) return failure(found.error());
    is_written = found->size > 0;
  }
  return is_catalog && is_written;
}

// The logs as they are, under second names in a folder beside the catalog. It takes no room.
Result<std::filesystem::path> Database::keep_log() const {
  std::filesystem::path folder;
  for (int n = 1;; ++n) {
    folder = path_.string() + "-log-broken-" + std::to_string(n);
    const auto found = disk_.stat(folder);
    if (!found && found.error().kind == Error::Kind::not_found) break;
    if (!found) return failure(found.error());
  }
  if (auto made = disk_.make_directories(folder); !made) return failure(made.error());
  const auto entries = disk_.list(path_);
  if (!entries) return failure(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    if (!entry.name.ends_with(".log")) continue;
    if (auto linked = disk_.link(path_ / entry.name, folder / entry.name); !linked)
      return failure(linked.error());
  }
  if (auto synced = disk_.sync_directory(folder); !synced) return failure(synced.error());
  if (auto synced = disk_.sync_directory(folder.parent_path()); !synced) return failure(synced.error());
  return folder;
}

// --- using

// The database stays as it is until this is unlocked. Whoever must not wait is told that it is being
// replaced.
bool Database::enter(Reach reach) const NO_THREAD_SAFETY_ANALYSIS {
  if (reach == Reach::memory) return replacing_.try_lock_shared();
  replacing_.lock_shared();
  return true;
}

Result<std::optional<std::string>> Database::value(const std::string& key) const {
  std::string value;
  const SharedLock used(replacing_);
  const auto status = db_->Get(reading(Reach::disk), key, &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return failure(error_of(status, "read the catalog"));
  return value;
}

Result<bool> Database::has(const std::string& key) const {
  const auto found = value(key);
  if (!found) return failure(found.error());
  return found->has_value();
}

template <class Write>
rocksdb::Status Database::write(Write write_it) const {
  const SharedLock used(replacing_);
  switch (state_.load()) {
    case State::full: return rocksdb::Status::NoSpace();
    case State::failing: return rocksdb::Status::IOError("it could not be written, nor opened anew since");
    case State::well: break;
  }
  return write_it(*db_);
}

Result<> Database::apply(rocksdb::WriteBatch& batch, Durability durability) {
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::synced;
  const uint64_t known = tries_;
  auto status = write([&](rocksdb::DB& db) { return db.Write(options, &batch); });
  if (!status.ok() && mend(known, status))
    status = write([&](rocksdb::DB& db) { return db.Write(options, &batch); });
  if (!status.ok()) return failure(error_of(status, "write the catalog"));
  return {};
}

Result<> Database::flush() {
  const auto status = write([](rocksdb::DB& db) { return db.Flush(rocksdb::FlushOptions()); });
  if (!status.ok()) return failure(error_of(status, "flush the catalog"));
  return {};
}

Result<> Database::checkpoint(const std::filesystem::path& to) const {
  const auto status = write([&](rocksdb::DB& db) {
    rocksdb::Checkpoint* made = nullptr;
    auto done = rocksdb::Checkpoint::Create(&db, &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (done.ok()) done = checkpoint->CreateCheckpoint(to.string());
    // The copied log may hold a write that waits for its sync and cannot be read here yet. An empty write
    // returns only after that one, so afterwards all that is in the copy can be read here.
    rocksdb::WriteBatch none;
    if (done.ok()) done = db.Write(rocksdb::WriteOptions(), &none);
    return done;
  });
  if (!status.ok()) return failure(error_of(status, "write the catalog's copy " + to.string()));
  return {};
}

uint64_t Database::disk_bytes() const {
  uint64_t bytes = 0;
  const auto add = [&](const std::filesystem::path& path) {
    if (const auto found = disk_.stat(path)) bytes += found->on_disk;
  };
  add(path_);
  if (const auto entries = disk_.list(path_)) {
    for (const DirectoryEntry& entry : *entries) add(path_ / entry.name);
  }
  return bytes;
}

// --- mending

// Whether it can be written again. `known`: how often that had been tried before the caller's write failed
// because of `cause`. A try since then, by another caller, speaks for this one too.
bool Database::mend(uint64_t known, const rocksdb::Status& cause) {
  const Lock alone(mending_);
  if (tries_ != known) return state_ == State::well;
  // A write that was refused since then says nothing new.
  const State now = cause.IsNoSpace() ? State::full : State::failing;
  if (state_ == State::well) set_state(now, error_of(cause, "write the catalog").message);
  if (state_ == State::full && room_now() <= room_when_tried_ &&
      std::chrono::steady_clock::now() - tried_at_ < kMendingPause)
    return false;
  const bool is_open = open_anew();
  note_try();
  if (is_open) was_opened_anew_ = true;
  if (is_open) set_state(State::well, {});
  ++tries_;
  return is_open;
}

void Database::set_state(State state, const std::string& why) {
  const bool was_well = state_.exchange(state) == State::well;
  {
    const Lock lock(why_mutex_);
    why_ = why;
  }
  if (log_ == nullptr || was_well == (state == State::well)) return;
  if (state == State::well) log_->write(Log::Level::info, "catalog_writable", {});
  if (state != State::well) log_->error("catalog_read_only", {{"error", why}});
}

std::string Database::why_not_writable() const {
  const Lock lock(why_mutex_);
  return why_;
}

void Database::note_try() {
  room_when_tried_ = room_now();
  tried_at_ = std::chrono::steady_clock::now();
}

// The old database is closed only when a new one is open for reading, and two are never open for writing.
bool Database::open_anew() {
  if (is_open_to_write_) {
    {
      const ExclusiveLock nobody_writes_any_more(replacing_);
      // Nor does its background: what is opened beside it must not see its files go.
      rocksdb::CancelAllBackgroundWork(db_.get(), true);
    }
    auto readable = open_checked(Tables::all_open);
    if (!readable) return false;
    is_open_to_write_ = false;
    replace(*std::move(readable));
  }
  auto writable = open_writable();
  if (!writable) return false;
  is_open_to_write_ = true;
  replace(*std::move(writable));
  return true;
}

// Bytes that the disk has left; none if it does not tell.
uint64_t Database::room_now() const {
  const auto space = disk_.space(path_);
  return space ? space->available : 0;
}

}  // namespace breakwater::store
