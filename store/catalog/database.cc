#include "store/catalog/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_buffer_manager.h>
#include <sys/stat.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <system_error>

namespace breakwater::store {
namespace {

// How long a database that was opened anew, or could not be, is left alone while the disk has no more room
// than it had then.
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

rocksdb::Options options_for(uint64_t cache_bytes, Log* log) {
  constexpr size_t kMemtableBytes = 2U << 20;
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(cache_bytes, 2);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.format_version = 5;

  rocksdb::Options options;
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
  options.max_open_files = -1;  // a table that is not open cannot answer from memory
  options.avoid_unnecessary_blocking_io = true;
  options.manifest_preallocation_size = 64U << 10;
  options.max_manifest_file_size = 4U << 20;
  options.info_log = std::make_shared<RocksdbLog>(log);
  options.info_log_level = rocksdb::WARN_LEVEL;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  return options;
}

}  // namespace

Error error_of(const rocksdb::Status& status, const std::string& what) {
  Error::Kind kind = Error::Kind::internal;
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

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& path, uint64_t cache_bytes,
                                                 Log* log) {
  std::error_code ignored;  // whatever is wrong with the folder, RocksDB says it
  std::filesystem::create_directories(path, ignored);
  std::unique_ptr<Database> database(new Database(path, cache_bytes, log));
  if (auto opened = database->open_to_write(); !opened) {
    if (opened.error().kind != Error::Kind::full || !database->open_to_read()) return failure(opened.error());
    database->is_broken_ = true;
    database->note_try();
    if (log != nullptr) log->error("catalog_read_only", {{"error", opened.error().message}});
  }
  return database;
}

Result<std::unique_ptr<Database>> Database::open_to_read(const std::filesystem::path& path,
                                                         uint64_t cache_bytes) {
  std::unique_ptr<Database> database(new Database(path, cache_bytes, nullptr));
  if (auto opened = database->open_to_read(); !opened) return failure(opened.error());
  return database;
}

Database::~Database() {
  // Not closed by its destructor alone, because that would hide an error; there is nobody to tell, but the
  // log file has it.
  if (db_) (void)db_->Close();
}

Result<> Database::open_to_write() {
  rocksdb::DB* opened = nullptr;
  const auto status = rocksdb::DB::Open(options_for(cache_bytes_, log_), path_.string(), &opened);
  if (!status.ok()) return failure(error_of(status, "open the catalog " + path_.string()));
  db_.reset(opened);
  return {};
}

Result<> Database::open_to_read() {
  rocksdb::DB* opened = nullptr;
  rocksdb::Options options = options_for(cache_bytes_, log_);
  options.create_if_missing = false;
  const auto status = rocksdb::DB::OpenForReadOnly(options, path_.string(), &opened);
  if (!status.ok()) return failure(error_of(status, "open the catalog " + path_.string()));
  db_.reset(opened);
  return {};
}

// --- using

// The database stays as it is while this is held. Not held if somebody is about to open it anew and nobody
// must wait for that.
std::shared_lock<std::shared_mutex> Database::use(Reach reach) const {
  if (reach == Reach::memory) return {replacing_, std::try_to_lock};
  return std::shared_lock(replacing_);
}

Result<bool> Database::has(const std::string& key) const {
  std::string value;
  const auto used = use(Reach::disk);
  const auto status = db_->Get(reading(Reach::disk), key, &value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return failure(error_of(status, "read the catalog"));
  return true;
}

template <class Write>
rocksdb::Status Database::write(Write write_it) const {
  const auto used = use(Reach::disk);
  return is_broken_ ? rocksdb::Status::NoSpace() : write_it();
}

Result<> Database::apply(rocksdb::WriteBatch& batch, Durability durability) {
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::synced;
  const uint64_t known = mended_;
  auto status = write([&] { return db_->Write(options, &batch); });
  if (!status.ok() && mend(known, status)) status = write([&] { return db_->Write(options, &batch); });
  if (!status.ok()) return failure(error_of(status, "write the catalog"));
  return {};
}

Result<> Database::flush() {
  const auto status = write([&] { return db_->Flush(rocksdb::FlushOptions()); });
  if (!status.ok()) return failure(error_of(status, "flush the catalog"));
  return {};
}

Result<> Database::checkpoint(const std::filesystem::path& to) const {
  const auto status = write([&] {
    rocksdb::Checkpoint* made = nullptr;
    auto done = rocksdb::Checkpoint::Create(db_.get(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (done.ok()) done = checkpoint->CreateCheckpoint(to.string());
    return done;
  });
  if (!status.ok()) return failure(error_of(status, "write the catalog's copy " + to.string()));
  return {};
}

uint64_t Database::disk_bytes() const {
  uint64_t bytes = 0;
  const auto add = [&](const std::filesystem::path& path) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) == 0) bytes += static_cast<uint64_t>(found.st_blocks) * 512;
  };
  add(path_);
  std::error_code error;
  std::filesystem::directory_iterator files(path_, error);
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) add(files->path());
  return bytes;
}

// --- mending

// Whether it can be written again. `known`: how often it had been mended when the caller found that it could
// not, because of `cause`.
bool Database::mend(uint64_t known, const rocksdb::Status& cause) {
  const std::lock_guard alone(mending_);
  if (mended_ != known) return true;
  // What else may be wrong with a disk is not mended by closing what can be read still.
  if (!cause.IsNoSpace()) return resume();
  is_broken_ = true;
  if (room_now() <= room_when_tried_ && std::chrono::steady_clock::now() - tried_at_ < kMendingPause)
    return false;
  const bool is_open = open_anew();
  note_try();
  if (!is_open) return false;
  ++mended_;
  is_broken_ = false;
  return true;
}

void Database::note_try() {
  room_when_tried_ = room_now();
  tried_at_ = std::chrono::steady_clock::now();
}

bool Database::resume() {
  const auto used = use(Reach::disk);
  if (!db_->Resume().ok()) return false;
  ++mended_;
  return true;
}

bool Database::open_anew() {
  const std::lock_guard alone(replacing_);
  if (db_) (void)db_->Close();
  db_.reset();
  if (open_to_write()) return true;
  // Pulls go on. Where not even that can be, there is nothing left to serve from.
  if (const auto opened = open_to_read(); !opened) {
    if (log_ != nullptr) log_->error("catalog_lost", {{"error", opened.error().message}});
    std::abort();
  }
  return false;
}

// Bytes that the disk has left; none if it does not tell.
uint64_t Database::room_now() const {
  std::error_code unknown;
  const auto space = std::filesystem::space(path_, unknown);
  return unknown ? 0 : space.available;
}

}  // namespace breakwater::store
