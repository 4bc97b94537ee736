#include "store/catalog.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <utility>

namespace breakwater::store {
namespace {

// --- keys: a letter, then the parts. A name ends with a NUL, which no name holds and which sorts before every byte that one does, so
// that keys are in byte order of the names. A digest says its own length. `*_prefix` are what a scan begins with.
//
//   t route repository tag             T route repository digest tag   (t, by digest)
//   m route repository digest          M digest route repository       (m, by digest)
//   e child route repository parent    E route repository parent child (e, by parent)
//   r route repository subject digest  l digest route repository       u id
//   b digest                           o route used-at digest          (b, in the order of use)
//   q due-at digest                    (looks)      L digest

constexpr char kCleanKey[] = "!clean";
constexpr char kScrubKey[] = "!scrub";
constexpr char kMirrorKey[] = "!mirror:";  // and a route's name
constexpr char kLeasesKey[] = "!leases";   // told: until when those not named are leased

class Key {
 public:
  explicit Key(char letter) { bytes_.push_back(letter); }

  Key& name(const std::string& value) {
    assert(value.find('\0') == std::string::npos);
    bytes_.append(value);
    bytes_.push_back('\0');
    return *this;
  }
  Key& repository(const RepositoryKey& value) { return name(value.route).name(value.repository); }
  Key& digest(const Digest& value) {
    bytes_.push_back(static_cast<char>(value.algorithm()));
    for (const uint8_t byte : value.bytes()) bytes_.push_back(static_cast<char>(byte));
    return *this;
  }
  Key& time(Time value) {
    const auto count = static_cast<uint64_t>(std::max<int64_t>(value.time_since_epoch().count(), 0));
    for (int shift = 56; shift >= 0; shift -= 8) bytes_.push_back(static_cast<char>(count >> shift));
    return *this;
  }
  Key& raw(const std::string& value) {
    bytes_.append(value);
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

std::string tag_prefix(const RepositoryKey& r) { return Key('t').repository(r).take(); }
std::string tag_key(const RepositoryKey& r, const std::string& tag) { return Key('t').repository(r).raw(tag).take(); }
std::string tag_of_prefix(const RepositoryKey& r, const Digest& d) { return Key('T').repository(r).digest(d).take(); }
std::string tag_of_key(const RepositoryKey& r, const Digest& d, const std::string& tag) { return Key('T').repository(r).digest(d).raw(tag).take(); }
std::string manifest_prefix(const RepositoryKey& r) { return Key('m').repository(r).take(); }
std::string manifest_key(const RepositoryKey& r, const Digest& d) { return Key('m').repository(r).digest(d).take(); }
std::string manifest_of_prefix(const Digest& d) { return Key('M').digest(d).take(); }
std::string manifest_of_key(const Digest& d, const RepositoryKey& r) { return Key('M').digest(d).repository(r).take(); }
std::string edge_prefix(const Digest& child) { return Key('e').digest(child).take(); }
std::string edge_prefix(const Digest& child, const RepositoryKey& r) { return Key('e').digest(child).repository(r).take(); }
std::string edge_key(const Digest& child, const RepositoryKey& r, const Digest& parent) { return Key('e').digest(child).repository(r).digest(parent).take(); }
std::string child_prefix(const RepositoryKey& r, const Digest& parent) { return Key('E').repository(r).digest(parent).take(); }
std::string child_key(const RepositoryKey& r, const Digest& parent, const Digest& child) { return Key('E').repository(r).digest(parent).digest(child).take(); }
std::string referrer_prefix(const RepositoryKey& r, const Digest& subject) { return Key('r').repository(r).digest(subject).take(); }
std::string referrer_key(const RepositoryKey& r, const Digest& subject, const Digest& d) { return Key('r').repository(r).digest(subject).digest(d).take(); }
std::string link_prefix(const Digest& blob) { return Key('l').digest(blob).take(); }
std::string link_key(const Digest& blob, const RepositoryKey& r) { return Key('l').digest(blob).repository(r).take(); }
std::string upload_key(const std::string& id) { return Key('u').raw(id).take(); }
std::string blob_key(const Digest& d) { return Key('b').digest(d).take(); }
std::string use_prefix(const std::string& route) { return Key('o').name(route).take(); }
std::string look_key(Time due, const Digest& d) { return Key('q').time(due).digest(d).take(); }
std::string lease_key(const Digest& d) { return Key('L').digest(d).take(); }
std::string use_key(const Digest& d, const BlobRecord& record) { return Key('o').name(record.route).time(record.used_at).digest(d).take(); }

// Takes a key apart again. Like the records' decoder it fails once and for all, and is asked at the end.
class KeyReader {
 public:
  KeyReader(rocksdb::Slice key, size_t skip) : rest_(key.data(), key.size()) { rest_.remove_prefix(std::min(skip, rest_.size())); }

  bool failed() const { return failed_; }
  std::string name() {
    const size_t end = rest_.find('\0');
    if (end == std::string_view::npos) return fail();
    std::string value(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return value;
  }
  RepositoryKey repository() {
    std::string route = name();
    return {std::move(route), name()};
  }
  Time time() {
    uint64_t count = 0;
    for (size_t i = 0; i < std::min<size_t>(8, rest_.size()); ++i) count = count << 8 | static_cast<uint8_t>(rest_[i]);
    skip(8);
    return Time(Time::duration(static_cast<int64_t>(count)));
  }
  Digest digest() {
    const bool is_long = !rest_.empty() && rest_[0] == static_cast<char>(Algorithm::sha512);
    skip(1);
    const size_t size = is_long ? 64 : 32;
    std::array<uint8_t, 64> bytes{};
    std::copy_n(rest_.begin(), std::min(size, rest_.size()), bytes.begin());
    skip(size);
    return Digest(is_long ? Algorithm::sha512 : Algorithm::sha256, {bytes.data(), size});
  }
  std::string rest() { return std::string(std::exchange(rest_, {})); }

 private:
  std::string fail() {
    failed_ = true;
    rest_ = {};
    return {};
  }
  void skip(size_t size) {
    if (rest_.size() < size) {
      fail();
    } else {
      rest_.remove_prefix(size);
    }
  }

  std::string_view rest_;
  bool failed_ = false;
};

// --- RocksDB's words in ours

Error error_of(const rocksdb::Status& status, const std::string& what) {
  Error::Kind kind = Error::Kind::internal;
  if (status.IsIncomplete()) kind = Error::Kind::would_block;
  if (status.IsNoSpace()) kind = Error::Kind::full;
  if (status.IsCorruption()) kind = Error::Kind::corrupt;
  return {kind, what + ": " + status.ToString(), 0};
}

// Of the keys that begin with a digest, the part up to its end: a scan for one digest opens no block of a table whose filter knows that it is not there.
class DigestPrefix final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "breakwater.digest"; }
  bool InDomain(const rocksdb::Slice& key) const override {
    return key.size() >= 2 && std::string_view("Mel").find(key[0]) != std::string_view::npos && key.size() >= size_of(key);
  }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override { return {key.data(), size_of(key)}; }

 private:
  static size_t size_of(const rocksdb::Slice& key) { return 2 + (key[1] == static_cast<char>(Algorithm::sha512) ? 64 : 32); }
};

rocksdb::ReadOptions reading(Reach reach) {
  rocksdb::ReadOptions options;
  if (reach == Reach::memory) options.read_tier = rocksdb::kBlockCacheTier;
  return options;
}

// RocksDB's warnings and errors, in our log. A file of its own would be one more that a full disk breaks: Debian's RocksDB, built with its
// assertions, ends the process at the next line behind one that could not be written.
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
  options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(2 * kMemtableBytes, table.block_cache);
  options.write_buffer_size = kMemtableBytes;
  options.max_total_wal_size = 4 * kMemtableBytes;
  options.target_file_size_base = 8U << 20;
  options.max_bytes_for_level_base = 16U << 20;
  options.max_compaction_bytes = 32U << 20;       // what a compaction takes twice while it runs: see Store::measure()
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

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

}  // namespace

// How long a catalog that was opened anew, or could not be, is left alone while the disk has no more room than it had then.
constexpr auto kMendingPause = std::chrono::seconds(2);

// A full disk leaves RocksDB closed for writes, and sometimes with a log that could not be written: to write to that once more, or to sync it,
// ends the process, where RocksDB was built with its assertions, as Debian's is. Then it is opened anew, or to be read until there is room. Not
// DB::Resume(): that waits for compactions, of which one may want more room than there will be.
struct Catalog::Impl {
  std::filesystem::path path;
  uint64_t cache_bytes = 0;
  Log* log = nullptr;
  std::unique_ptr<rocksdb::DB> db;
  mutable std::shared_mutex replacing;  // db; shared by all that use it
  std::atomic<bool> is_broken = false;  // nobody writes until it is mended
  std::atomic<uint64_t> mended = 0;     // how often
  std::mutex mending;                   // who does that, and all below
  uint64_t room_when_tried = 0;         // bytes that the disk had left
  std::chrono::steady_clock::time_point tried_at{};

  Result<> open() {
    rocksdb::DB* opened = nullptr;
    const auto status = rocksdb::DB::Open(options_for(cache_bytes, log), path.string(), &opened);
    if (!status.ok()) return failure(error_of(status, "open the catalog " + path.string()));
    db.reset(opened);
    return {};
  }

  Result<> open_to_read() {
    rocksdb::DB* opened = nullptr;
    rocksdb::Options options = options_for(cache_bytes, log);
    options.create_if_missing = false;
    const auto status = rocksdb::DB::OpenForReadOnly(options, path.string(), &opened);
    if (!status.ok()) return failure(error_of(status, "open the catalog " + path.string()));
    db.reset(opened);
    return {};
  }

  // The database stays as it is while this is held. Not held if somebody is about to open it anew and nobody must wait for that.
  std::shared_lock<std::shared_mutex> use(Reach reach) const {
    if (reach == Reach::memory) return {replacing, std::try_to_lock};
    return std::shared_lock(replacing);
  }

  template <class Record>
  Result<std::optional<Record>> get(const std::string& key, Reach reach) const {
    const auto used = use(reach);
    if (!used) return failure(Error::Kind::would_block, "read the catalog: it is being opened anew");
    rocksdb::PinnableSlice value;
    const auto status = db->Get(reading(reach), db->DefaultColumnFamily(), key, &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return failure(error_of(status, "read the catalog"));
    // RocksDB 7.8 answers OK and no bytes, rather than Incomplete, where the table's reader is not in memory. No record is empty.
    if (reach == Reach::memory && value.empty()) return failure(Error::Kind::would_block, "read the catalog: its table is not open");
    auto record = decode<Record>(view(value));
    if (!record) return failure(record.error());
    return *std::move(record);
  }

  // Calls `each(key, value)` for the keys that begin with `prefix`, from `from` on, until it returns false. `each` may fail.
  template <class Each>
  Result<> scan(const std::string& prefix, const std::string& from, Reach reach, Each each) const {
    const auto used = use(reach);
    if (!used) return failure(Error::Kind::would_block, "scan the catalog: it is being opened anew");
    const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(reading(reach)));
    for (at->Seek(from); at->Valid() && at->key().starts_with(prefix); at->Next()) {
      const Result<bool> more = each(at->key(), at->value());
      if (!more) return failure(more.error());
      if (!*more) return {};
    }
    if (!at->status().ok()) return failure(error_of(at->status(), "scan the catalog"));
    return {};
  }
  template <class Each>
  Result<> scan(const std::string& prefix, Each each) const {
    return scan(prefix, prefix, Reach::disk, each);
  }

  // Rows behind `position`, at most `limit`, of those whose keys begin with `prefix`. `parse(key, value)` makes a row.
  template <class Row, class Parse>
  Result<std::vector<Row>> walk(const std::string& prefix, std::string& position, size_t limit, const Malformed& malformed, Parse parse) const {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    options.total_order_seek = true;  // it goes on in the middle, past one digest to the next
    const auto used = use(Reach::disk);
    const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(options));
    std::vector<Row> rows;
    // Behind a key comes whatever begins with it, or a greater one; '\0' is the least that follows.
    at->Seek(position.empty() ? prefix : position + '\0');
    for (; rows.size() < limit && at->Valid() && at->key().starts_with(prefix); at->Next()) {
      position = at->key().ToString();
      Result<Row> row = parse(at->key(), at->value());
      if (row) {
        rows.push_back(*std::move(row));
      } else {
        malformed(row.error());
      }
    }
    if (!at->status().ok()) return failure(error_of(at->status(), "scan the catalog"));
    return rows;
  }

  Result<> apply(rocksdb::WriteBatch* batch, bool sync) {
    rocksdb::WriteOptions options;
    options.sync = sync;
    const uint64_t known = mended;
    auto status = write([&] { return db->Write(options, batch); });
    if (!status.ok() && mend(known, status)) status = write([&] { return db->Write(options, batch); });
    if (!status.ok()) return failure(error_of(status, "write the catalog"));
    return {};
  }

  template <class Write>
  rocksdb::Status write(Write write_it) const {
    const auto used = use(Reach::disk);
    return is_broken ? rocksdb::Status::NoSpace() : write_it();
  }

  // Whether it can be written again. `known`: how often it had been mended when the caller found that it could not, because of `cause`.
  bool mend(uint64_t known, const rocksdb::Status& cause) {
    const std::lock_guard alone(mending);
    if (mended != known) return true;
    // What else may be wrong with a disk is not mended by closing what can be read still.
    if (!cause.IsNoSpace()) return resume();
    is_broken = true;
    if (room_now() <= room_when_tried && std::chrono::steady_clock::now() - tried_at < kMendingPause) return false;
    const bool is_open = open_anew();
    note_try();
    if (!is_open) return false;
    ++mended;
    is_broken = false;
    return true;
  }

  void note_try() {
    room_when_tried = room_now();
    tried_at = std::chrono::steady_clock::now();
  }

  bool resume() {
    const auto used = use(Reach::disk);
    if (!db->Resume().ok()) return false;
    ++mended;
    return true;
  }

  bool open_anew() {
    const std::lock_guard alone(replacing);
    if (db) (void)db->Close();
    db.reset();
    if (open()) return true;
    // Pulls go on. Where not even that can be, there is nothing left to serve from.
    if (const auto opened = open_to_read(); !opened) {
      if (log != nullptr) log->error("catalog_lost", {{"error", opened.error().message}});
      std::abort();
    }
    return false;
  }

  // Bytes that the disk has left; none if it does not tell.
  uint64_t room_now() const {
    std::error_code unknown;
    const auto space = std::filesystem::space(path, unknown);
    return unknown ? 0 : space.available;
  }
};

namespace {

tl::unexpected<Error> malformed_key() { return failure(Error::Kind::corrupt, "a malformed key in the catalog"); }

}  // namespace

Catalog::Catalog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Catalog::~Catalog() {
  // Not closed by its destructor alone, because that would hide an error; there is nobody to tell, but the log file has it.
  (void)impl_->db->Close();
}

Result<std::unique_ptr<Catalog>> Catalog::open(const std::filesystem::path& path, uint64_t cache_bytes, Log* log) {
  std::error_code ignored;  // whatever is wrong with the folder, RocksDB says it
  std::filesystem::create_directories(path, ignored);
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->cache_bytes = cache_bytes;
  impl->log = log;
  if (auto opened = impl->open(); !opened) {
    if (opened.error().kind != Error::Kind::full || !impl->open_to_read()) return failure(opened.error());
    impl->is_broken = true;
    impl->note_try();
    if (log != nullptr) log->error("catalog_read_only", {{"error", opened.error().message}});
  }
  return std::unique_ptr<Catalog>(new Catalog(std::move(impl)));
}

Result<std::unique_ptr<Catalog>> Catalog::open_to_read(const std::filesystem::path& path, uint64_t cache_bytes) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->cache_bytes = cache_bytes;
  if (auto opened = impl->open_to_read(); !opened) return failure(opened.error());
  return std::unique_ptr<Catalog>(new Catalog(std::move(impl)));
}

// --- Batch

struct Catalog::Batch::Impl {
  rocksdb::WriteBatch writes;
};

Catalog::Batch::Batch() : impl_(std::make_unique<Impl>()) {}
Catalog::Batch::~Batch() = default;
Catalog::Batch::Batch(Batch&&) noexcept = default;

void Catalog::Batch::put_tag(const RepositoryKey& repository, const std::string& tag, const TagRecord& record, const std::optional<TagRecord>& previous) {
  if (previous) impl_->writes.Delete(tag_of_key(repository, previous->digest, tag));
  impl_->writes.Put(tag_key(repository, tag), encode(record));
  impl_->writes.Put(tag_of_key(repository, record.digest, tag), rocksdb::Slice());
}
void Catalog::Batch::remove_tag(const RepositoryKey& repository, const std::string& tag, const TagRecord& previous) {
  impl_->writes.Delete(tag_of_key(repository, previous.digest, tag));
  impl_->writes.Delete(tag_key(repository, tag));
}

void Catalog::Batch::put_manifest(const RepositoryKey& repository, const Digest& digest, const ManifestRecord& record) {
  impl_->writes.Put(manifest_key(repository, digest), encode(record));
  impl_->writes.Put(manifest_of_key(digest, repository), rocksdb::Slice());
}
void Catalog::Batch::remove_manifest(const RepositoryKey& repository, const Digest& digest) {
  impl_->writes.Delete(manifest_key(repository, digest));
  impl_->writes.Delete(manifest_of_key(digest, repository));
}

void Catalog::Batch::put_edge(const Digest& child, const RepositoryKey& repository, const Digest& parent, const EdgeRecord& record) {
  impl_->writes.Put(edge_key(child, repository, parent), encode(record));
  impl_->writes.Put(child_key(repository, parent, child), rocksdb::Slice());
}
void Catalog::Batch::remove_edge(const Digest& child, const RepositoryKey& repository, const Digest& parent) {
  impl_->writes.Delete(edge_key(child, repository, parent));
  impl_->writes.Delete(child_key(repository, parent, child));
}

void Catalog::Batch::put_referrer(const RepositoryKey& repository, const Digest& subject, const Digest& digest, const ReferrerRecord& record) {
  impl_->writes.Put(referrer_key(repository, subject, digest), encode(record));
}
void Catalog::Batch::remove_referrer(const RepositoryKey& repository, const Digest& subject, const Digest& digest) {
  impl_->writes.Delete(referrer_key(repository, subject, digest));
}

void Catalog::Batch::put_link(const Digest& blob, const RepositoryKey& repository, const LinkRecord& record) {
  impl_->writes.Put(link_key(blob, repository), encode(record));
}
void Catalog::Batch::remove_link(const Digest& blob, const RepositoryKey& repository) { impl_->writes.Delete(link_key(blob, repository)); }

void Catalog::Batch::put_upload(const std::string& id, const UploadRecord& record) { impl_->writes.Put(upload_key(id), encode(record)); }
void Catalog::Batch::remove_upload(const std::string& id) { impl_->writes.Delete(upload_key(id)); }

void Catalog::Batch::put_blob(const Digest& digest, const BlobRecord& record, const std::optional<BlobRecord>& previous) {
  if (previous) impl_->writes.Delete(use_key(digest, *previous));
  impl_->writes.Put(blob_key(digest), encode(record));
  impl_->writes.Put(use_key(digest, record), rocksdb::Slice());
}
void Catalog::Batch::remove_blob(const Digest& digest, const BlobRecord& previous) {
  impl_->writes.Delete(use_key(digest, previous));
  impl_->writes.Delete(blob_key(digest));
}

void Catalog::Batch::put_look(Time due, const Digest& digest) { impl_->writes.Put(look_key(due, digest), rocksdb::Slice()); }
void Catalog::Batch::remove_look(Time due, const Digest& digest) { impl_->writes.Delete(look_key(due, digest)); }

bool Catalog::Batch::empty() const { return impl_->writes.Count() == 0; }

Result<> Catalog::write(Batch batch, Durability durability) { return impl_->apply(&batch.impl_->writes, durability == Durability::synced); }

// By an empty batch rather than DB::SyncWAL(), which ends the process when the log breaks off beside it (see Impl).
Result<> Catalog::sync() {
  rocksdb::WriteBatch none;
  return impl_->apply(&none, true);
}

// --- single records

Result<std::optional<TagRecord>> Catalog::tag(const RepositoryKey& repository, const std::string& tag, Reach reach) const {
  return impl_->get<TagRecord>(tag_key(repository, tag), reach);
}
Result<std::optional<ManifestRecord>> Catalog::manifest(const RepositoryKey& repository, const Digest& digest, Reach reach) const {
  return impl_->get<ManifestRecord>(manifest_key(repository, digest), reach);
}
Result<std::optional<LinkRecord>> Catalog::link(const Digest& blob, const RepositoryKey& repository, Reach reach) const {
  return impl_->get<LinkRecord>(link_key(blob, repository), reach);
}
Result<std::optional<BlobRecord>> Catalog::blob(const Digest& digest, Reach reach) const { return impl_->get<BlobRecord>(blob_key(digest), reach); }
Result<std::optional<UploadRecord>> Catalog::upload(const std::string& id, Reach reach) const { return impl_->get<UploadRecord>(upload_key(id), reach); }

Result<std::optional<Parent>> Catalog::parent_in(const Digest& child, const RepositoryKey& repository, Reach reach) const {
  const std::string prefix = edge_prefix(child, repository);
  std::optional<Parent> parent;
  auto scanned = impl_->scan(prefix, prefix, reach, [&](rocksdb::Slice key, rocksdb::Slice value) -> Result<bool> {
    KeyReader in(key, prefix.size());
    const Digest digest = in.digest();
    if (in.failed()) return malformed_key();
    auto edge = decode<EdgeRecord>(view(value));
    if (!edge) return failure(edge.error());
    parent = Parent{repository, digest, *std::move(edge)};
    return false;
  });
  if (!scanned) return failure(scanned.error());
  return parent;
}

// --- scans

Result<std::vector<NamedTag>> Catalog::tags(const RepositoryKey& repository, const std::string& last, size_t limit) const {
  const std::string prefix = tag_prefix(repository);
  std::vector<NamedTag> tags;
  if (limit == 0) return tags;
  auto scanned = impl_->scan(prefix, prefix + last, Reach::disk, [&](rocksdb::Slice key, rocksdb::Slice value) -> Result<bool> {
    std::string tag = KeyReader(key, prefix.size()).rest();
    if (!last.empty() && tag == last) return true;
    auto record = decode<TagRecord>(view(value));
    if (!record) return failure(record.error());
    tags.push_back({std::move(tag), *std::move(record)});
    return tags.size() < limit;
  });
  if (!scanned) return failure(scanned.error());
  return tags;
}

Result<std::vector<std::string>> Catalog::tags_of(const RepositoryKey& repository, const Digest& digest) const {
  const std::string prefix = tag_of_prefix(repository, digest);
  std::vector<std::string> tags;
  auto scanned = impl_->scan(prefix, [&](rocksdb::Slice key, rocksdb::Slice) -> Result<bool> {
    tags.push_back(KeyReader(key, prefix.size()).rest());
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return tags;
}

Result<bool> Catalog::has_manifests(const RepositoryKey& repository) const {
  bool found = false;
  auto scanned = impl_->scan(manifest_prefix(repository), [&](rocksdb::Slice, rocksdb::Slice) -> Result<bool> {
    found = true;
    return false;
  });
  if (!scanned) return failure(scanned.error());
  return found;
}

Result<std::vector<std::string>> Catalog::repositories(const std::string& route, const std::string& last, size_t limit) const {
  const std::string prefix = Key('m').name(route).take();
  const auto used = impl_->use(Reach::disk);
  const std::unique_ptr<rocksdb::Iterator> at(impl_->db->NewIterator(reading(Reach::disk)));
  std::vector<std::string> names;
  // One seek a repository: behind its name, whose end is a 0, comes whatever begins with the name and a 1.
  at->Seek(last.empty() ? prefix : prefix + last + '\1');
  while (names.size() < limit && at->Valid() && at->key().starts_with(prefix)) {
    KeyReader in(at->key(), prefix.size());
    names.push_back(in.name());
    if (in.failed()) return malformed_key();
    at->Seek(prefix + names.back() + '\1');
  }
  if (!at->status().ok()) return failure(error_of(at->status(), "scan the catalog"));
  return names;
}

Result<std::vector<Parent>> Catalog::parents(const Digest& child) const {
  const std::string prefix = edge_prefix(child);
  std::vector<Parent> parents;
  auto scanned = impl_->scan(prefix, [&](rocksdb::Slice key, rocksdb::Slice value) -> Result<bool> {
    KeyReader in(key, prefix.size());
    RepositoryKey repository = in.repository();
    const Digest parent = in.digest();
    if (in.failed()) return malformed_key();
    auto edge = decode<EdgeRecord>(view(value));
    if (!edge) return failure(edge.error());
    parents.push_back({std::move(repository), parent, *std::move(edge)});
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return parents;
}

Result<std::vector<RepositoryKey>> Catalog::links(const Digest& blob) const {
  const std::string prefix = link_prefix(blob);
  std::vector<RepositoryKey> links;
  auto scanned = impl_->scan(prefix, [&](rocksdb::Slice key, rocksdb::Slice) -> Result<bool> {
    KeyReader in(key, prefix.size());
    links.push_back(in.repository());
    if (in.failed()) return malformed_key();
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return links;
}

Result<std::vector<NamedReferrer>> Catalog::referrers(const RepositoryKey& repository, const Digest& subject, const std::optional<Digest>& last,
                                                      size_t limit) const {
  const std::string prefix = referrer_prefix(repository, subject);
  std::vector<NamedReferrer> referrers;
  if (limit == 0) return referrers;
  const std::string from = last ? referrer_key(repository, subject, *last) : prefix;
  auto scanned = impl_->scan(prefix, from, Reach::disk, [&](rocksdb::Slice key, rocksdb::Slice value) -> Result<bool> {
    KeyReader in(key, prefix.size());
    const Digest digest = in.digest();
    if (in.failed()) return malformed_key();
    if (last && digest == *last) return true;
    auto record = decode<ReferrerRecord>(view(value));
    if (!record) return failure(record.error());
    referrers.push_back({digest, *std::move(record)});
    return referrers.size() < limit;
  });
  if (!scanned) return failure(scanned.error());
  return referrers;
}

Result<std::vector<Look>> Catalog::looks(Time now, size_t limit, const std::optional<Look>& after) const {
  std::vector<Look> looks;
  if (limit == 0) return looks;
  const std::string from = after ? look_key(after->due, after->digest) + '\0' : "q";
  auto scanned = impl_->scan("q", from, Reach::disk, [&](rocksdb::Slice key, rocksdb::Slice) -> Result<bool> {
    KeyReader in(key, 1);
    const Time due = in.time();
    const Digest digest = in.digest();
    if (in.failed()) return malformed_key();
    if (due > now) return false;
    looks.push_back({due, digest});
    return looks.size() < limit;
  });
  if (!scanned) return failure(scanned.error());
  return looks;
}

Result<std::vector<NamedManifest>> Catalog::manifests_of(const Digest& digest) const {
  const std::string prefix = manifest_of_prefix(digest);
  std::vector<NamedManifest> manifests;
  auto scanned = impl_->scan(prefix, [&](rocksdb::Slice key, rocksdb::Slice) -> Result<bool> {
    KeyReader in(key, prefix.size());
    RepositoryKey repository = in.repository();
    if (in.failed()) return malformed_key();
    auto record = manifest(repository, digest, Reach::disk);
    if (!record) return failure(record.error());
    if (*record) manifests.push_back({std::move(repository), digest, **std::move(record)});
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return manifests;
}

Result<std::vector<UsedBlob>> Catalog::least_recently_used(const std::string& route, size_t limit, const Unreadable& unreadable) const {
  const std::string prefix = use_prefix(route);
  std::vector<UsedBlob> blobs;
  if (limit == 0) return blobs;
  auto scanned = impl_->scan(prefix, [&](rocksdb::Slice key, rocksdb::Slice) -> Result<bool> {
    KeyReader in(key, prefix.size());
    in.time();
    const Digest digest = in.digest();
    if (in.failed()) return malformed_key();
    auto record = blob(digest, Reach::disk);
    if (!record && record.error().kind == Error::Kind::corrupt && unreadable) {
      unreadable(digest, record.error());
      return true;
    }
    if (!record) return failure(record.error());
    if (*record) blobs.push_back({digest, **std::move(record)});
    return blobs.size() < limit;
  });
  if (!scanned) return failure(scanned.error());
  return blobs;
}

Result<std::vector<Digest>> Catalog::children(const RepositoryKey& repository, const Digest& parent) const {
  const std::string prefix = child_prefix(repository, parent);
  std::vector<Digest> children;
  auto scanned = impl_->scan(prefix, [&](rocksdb::Slice key, rocksdb::Slice) -> Result<bool> {
    KeyReader in(key, prefix.size());
    children.push_back(in.digest());
    if (in.failed()) return malformed_key();
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return children;
}

Result<std::vector<std::string>> Catalog::upload_ids() const {
  std::vector<std::string> ids;
  auto scanned = impl_->scan(upload_key(""), [&](rocksdb::Slice key, rocksdb::Slice) -> Result<bool> {
    ids.push_back(KeyReader(key, 1).rest());
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return ids;
}

Result<> Catalog::each_manifest(const std::function<bool(const NamedManifest&)>& each) const {
  return impl_->scan("m", [&](rocksdb::Slice key, rocksdb::Slice value) -> Result<bool> {
    KeyReader in(key, 1);
    RepositoryKey repository = in.repository();
    const Digest digest = in.digest();
    if (in.failed()) return malformed_key();
    auto record = decode<ManifestRecord>(view(value));
    if (!record) return failure(record.error());
    return each({std::move(repository), digest, *std::move(record)});
  });
}

// --- walks

namespace {

// An error that says whose record it is.
tl::unexpected<Error> malformed_record(const std::string& whose, const Error& error) { return failure(error.kind, whose + ": " + error.message); }

Result<TagOf> tag_row(rocksdb::Slice key, rocksdb::Slice value) {
  KeyReader in(key, 1);
  RepositoryKey repository = in.repository();
  std::string tag = in.rest();
  if (in.failed()) return malformed_key();
  auto record = decode<TagRecord>(view(value));
  if (!record) return malformed_record(repository.route + "/" + repository.repository + ":" + tag, record.error());
  return TagOf{std::move(repository), std::move(tag), *std::move(record)};
}

Result<NamedManifest> manifest_row(rocksdb::Slice key, rocksdb::Slice value) {
  KeyReader in(key, 1);
  RepositoryKey repository = in.repository();
  const Digest digest = in.digest();
  if (in.failed()) return malformed_key();
  auto record = decode<ManifestRecord>(view(value));
  if (!record) return malformed_record(repository.route + "/" + repository.repository + "@" + digest.text(), record.error());
  return NamedManifest{std::move(repository), digest, *std::move(record)};
}

Result<Edge> edge_row(rocksdb::Slice key, rocksdb::Slice) {
  KeyReader in(key, 1);
  RepositoryKey repository = in.repository();
  const Digest parent = in.digest();
  const Digest child = in.digest();
  if (in.failed()) return malformed_key();
  return Edge{std::move(repository), parent, child};
}

Result<UsedBlob> blob_row(rocksdb::Slice key, rocksdb::Slice value) {
  KeyReader in(key, 1);
  const Digest digest = in.digest();
  if (in.failed()) return malformed_key();
  auto record = decode<BlobRecord>(view(value));
  if (!record) return malformed_record(digest.text(), record.error());
  return UsedBlob{digest, *std::move(record)};
}

}  // namespace

Result<std::vector<TagOf>> Catalog::next_tags(std::string& position, size_t limit, const Malformed& malformed) const {
  return impl_->walk<TagOf>("t", position, limit, malformed, tag_row);
}
Result<std::vector<NamedManifest>> Catalog::next_manifests(std::string& position, size_t limit, const Malformed& malformed) const {
  return impl_->walk<NamedManifest>("m", position, limit, malformed, manifest_row);
}
Result<std::vector<Edge>> Catalog::next_edges(std::string& position, size_t limit, const Malformed& malformed) const {
  return impl_->walk<Edge>("E", position, limit, malformed, edge_row);
}
Result<std::vector<UsedBlob>> Catalog::next_blobs(std::string& position, size_t limit, const Malformed& malformed) const {
  return impl_->walk<UsedBlob>("b", position, limit, malformed, blob_row);
}

Result<std::vector<UsedBlob>> Catalog::blobs_in(Algorithm algorithm, uint8_t first, const Malformed& malformed) const {
  const std::string prefix = {'b', static_cast<char>(algorithm), static_cast<char>(first)};
  std::string position;
  return impl_->walk<UsedBlob>(prefix, position, SIZE_MAX, malformed, blob_row);
}

// --- the whole

Result<bool> Catalog::clean() const {
  std::string value;
  const auto used = impl_->use(Reach::disk);
  const auto status = impl_->db->Get(reading(Reach::disk), kCleanKey, &value);
  if (status.IsNotFound()) return false;
  if (!status.ok()) return failure(error_of(status, "read the catalog"));
  return true;
}

Result<> Catalog::set_clean(bool clean) {
  rocksdb::WriteBatch batch;
  if (clean) {
    batch.Put(kCleanKey, rocksdb::Slice());
  } else {
    batch.Delete(kCleanKey);
  }
  return impl_->apply(&batch, true);
}

Result<> Catalog::set_leases(const SavedLeases& saved) {
  rocksdb::WriteBatch writes;
  writes.Put(kLeasesKey, encode(LeaseRecord{saved.others_until, {}, 0}));
  for (const NamedLease& lease : saved.leases) writes.Put(lease_key(lease.digest), encode(lease.record));
  return impl_->apply(&writes, false);
}

Result<std::optional<SavedLeases>> Catalog::take_leases() {
  const auto others = impl_->get<LeaseRecord>(kLeasesKey, Reach::disk);
  if (!others) return failure(others.error());
  if (!*others) return std::nullopt;
  SavedLeases saved{(*others)->told, {}};
  std::optional<Error> malformed;  // what cannot be understood goes as well, so that the next start is not held up by it
  rocksdb::WriteBatch writes;
  writes.Delete(kLeasesKey);
  auto scanned = impl_->scan("L", [&](rocksdb::Slice key, rocksdb::Slice value) -> Result<bool> {
    writes.Delete(key);
    KeyReader in(key, 1);
    const Digest digest = in.digest();
    const auto record = in.failed() ? malformed_key() : decode<LeaseRecord>(view(value));
    if (!record) malformed = record.error();
    if (record) saved.leases.push_back({digest, *record});
    return true;
  });
  if (!scanned) return failure(scanned.error());
  // Without room for that they stay, and count for nothing after a crash.
  if (auto taken = impl_->apply(&writes, false); !taken && taken.error().kind != Error::Kind::full) return failure(taken.error());
  if (malformed) return failure(*std::move(malformed));
  return saved;
}

Result<std::vector<std::string>> Catalog::mirrors() const {
  std::vector<std::string> routes;
  auto scanned = impl_->scan(kMirrorKey, [&](rocksdb::Slice key, rocksdb::Slice) -> Result<bool> {
    routes.emplace_back(view(key).substr(std::string_view(kMirrorKey).size()));
    return true;
  });
  if (!scanned) return failure(scanned.error());
  return routes;
}

Result<> Catalog::set_mirrors(const std::vector<std::string>& routes) {
  const auto before = mirrors();
  if (!before) return failure(before.error());
  rocksdb::WriteBatch writes;
  for (const std::string& route : *before) writes.Delete(kMirrorKey + route);
  for (const std::string& route : routes) writes.Put(kMirrorKey + route, rocksdb::Slice());
  return impl_->apply(&writes, false);
}

Result<std::optional<ScrubRecord>> Catalog::scrub() const { return impl_->get<ScrubRecord>(kScrubKey, Reach::disk); }

Result<> Catalog::set_scrub(const ScrubRecord& record) {
  rocksdb::WriteBatch batch;
  batch.Put(kScrubKey, encode(record));
  return impl_->apply(&batch, false);
}

uint64_t Catalog::disk_bytes() const {
  uint64_t bytes = 0;
  const auto add = [&](const std::filesystem::path& path) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) == 0) bytes += static_cast<uint64_t>(found.st_blocks) * 512;
  };
  add(impl_->path);
  std::error_code error;
  std::filesystem::directory_iterator files(impl_->path, error);
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error)) add(files->path());
  return bytes;
}

Result<> Catalog::checkpoint(const std::filesystem::path& to) const {
  const auto status = impl_->write([&] {
    rocksdb::Checkpoint* made = nullptr;
    auto done = rocksdb::Checkpoint::Create(impl_->db.get(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> checkpoint(made);
    if (done.ok()) done = checkpoint->CreateCheckpoint(to.string());
    return done;
  });
  if (!status.ok()) return failure(error_of(status, "write the catalog's copy " + to.string()));
  return {};
}

Result<> Catalog::flush() {
  const auto status = impl_->write([&] { return impl_->db->Flush(rocksdb::FlushOptions()); });
  if (!status.ok()) return failure(error_of(status, "flush the catalog"));
  return {};
}

}  // namespace breakwater::store
