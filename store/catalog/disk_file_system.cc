#include "store/catalog/disk_file_system.h"

#include <rocksdb/env.h>
#include <rocksdb/io_status.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "store/base/mutex.h"

namespace breakwater::store {
namespace {

using Path = std::filesystem::path;
using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

// The analyzer loses sight of the text that an IOStatus owns when one is moved.
// NOLINTBEGIN(clang-analyzer-cplusplus.NewDeleteLeaks)

// A full disk is no reason for RocksDB to give up, as with its own file system.
IOStatus status_of(const Error& error) {
  switch (error.kind) {
    case Error::Kind::full: {
      IOStatus status = IOStatus::NoSpace(error.message);
      status.SetRetryable(true);
      return status;
    }
    case Error::Kind::not_found: return IOStatus::PathNotFound(error.message);
    default: return IOStatus::IOError(error.message);
  }
}

template <class Value>
IOStatus status_of(const Result<Value>& result) {
  return result ? IOStatus::OK() : status_of(result.error());
}

// RocksDB asks for these by NotFound rather than PathNotFound.
IOStatus status_of_search(const Error& error) {
  if (error.kind == Error::Kind::not_found) return IOStatus::NotFound(error.message);
  return status_of(error);
}

// Names of folders may end with a slash.
Path path_of(const std::string& name) {
  size_t length = name.size();
  while (length > 1 && name[length - 1] == '/') --length;
  return name.substr(0, length);
}

class DiskSequentialFile final : public rocksdb::FSSequentialFile {
 public:
  DiskSequentialFile(Disk& disk, SharedFile file) : disk_(disk), file_(std::move(file)) {}

  IOStatus Read(size_t n, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    const auto got = disk_.read(*file_, offset_, {scratch, n});
    *result = Slice(scratch, got ? *got : 0);
    offset_ += result->size();
    return status_of(got);
  }
  IOStatus Skip(uint64_t n) override {
    offset_ += n;
    return IOStatus::OK();
  }
  IOStatus InvalidateCache(size_t offset, size_t length) override {
    disk_.drop_resident(*file_, offset, length);
    return IOStatus::OK();
  }

 private:
  Disk& disk_;
  const SharedFile file_;
  uint64_t offset_ = 0;
};

class DiskRandomAccessFile final : public rocksdb::FSRandomAccessFile {
 public:
  DiskRandomAccessFile(Disk& disk, SharedFile file) : disk_(disk), file_(std::move(file)) {}

  IOStatus Read(uint64_t offset, size_t n, const IOOptions&, Slice* result, char* scratch,
                IODebugContext*) const override {
    const auto got = disk_.read(*file_, offset, {scratch, n});
    *result = Slice(scratch, got ? *got : 0);
    return status_of(got);
  }
  void Hint(AccessPattern pattern) override {
    switch (pattern) {
      case kNormal: return disk_.advise(*file_, Access::normal);
      case kRandom: return disk_.advise(*file_, Access::random);
      case kSequential: return disk_.advise(*file_, Access::sequential);
      case kWillNeed: return disk_.advise(*file_, Access::soon);
      case kWontNeed: return disk_.advise(*file_, Access::not_soon);
    }
  }
  IOStatus InvalidateCache(size_t offset, size_t length) override {
    disk_.drop_resident(*file_, offset, length);
    return IOStatus::OK();
  }

 private:
  Disk& disk_;
  const SharedFile file_;
};

class DiskWritableFile final : public rocksdb::FSWritableFile {
 public:
  // Appends from `size` on.
  DiskWritableFile(Disk& disk, SharedFile file, uint64_t size, const FileOptions& options)
      : rocksdb::FSWritableFile(options),
        disk_(disk),
        file_(std::move(file)),
        size_(size),
        allocates_(options.allow_fallocate) {}
  ~DiskWritableFile() override { end(); }

  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    const auto written = disk_.write(*file_, size_, {data.data(), data.size()});
    if (written) size_ += data.size();
    return status_of(written);
  }
  using rocksdb::FSWritableFile::PositionedAppend;
  IOStatus PositionedAppend(const Slice& data, uint64_t offset, const IOOptions&, IODebugContext*) override {
    const auto written = disk_.write(*file_, offset, {data.data(), data.size()});
    if (written) size_ = offset + data.size();
    return status_of(written);
  }
  IOStatus Truncate(uint64_t size, const IOOptions&, IODebugContext*) override {
    const auto truncated = disk_.truncate(*file_, size);
    if (truncated) size_ = size;
    return status_of(truncated);
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override {
    end();
    return IOStatus::OK();
  }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return status_of(disk_.sync(*file_)); }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }
  IOStatus InvalidateCache(size_t offset, size_t length) override {
    disk_.drop_resident(*file_, offset, length);
    return IOStatus::OK();
  }
  IOStatus Allocate(uint64_t offset, uint64_t length, const IOOptions&, IODebugContext*) override {
    if (!allocates_) return IOStatus::OK();
    const auto allocated = disk_.allocate(*file_, offset, length);
    has_allocated_ = has_allocated_ || allocated.has_value();
    return status_of(allocated);
  }

 private:
  // Gives back the allocated rest, and cuts off what a failed write has left. It costs only room if that
  // fails.
  void end() {
    if (file_ && has_allocated_) (void)disk_.truncate(*file_, size_);
    file_.reset();
  }

  Disk& disk_;
  SharedFile file_;  // null: it is closed
  uint64_t size_;
  const bool allocates_;
  bool has_allocated_ = false;
};

class DiskDirectory final : public rocksdb::FSDirectory {
 public:
  DiskDirectory(Disk& disk, Path path) : disk_(disk), path_(std::move(path)) {}

  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    return status_of(disk_.sync_directory(path_));
  }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  Disk& disk_;
  const Path path_;
};

class DiskLock final : public rocksdb::FileLock {
 public:
  explicit DiskLock(std::string name) : name_(std::move(name)) {}
  const std::string& name() const { return name_; }

 private:
  const std::string name_;
};

class DiskFileSystem final : public rocksdb::FileSystem {
 public:
  explicit DiskFileSystem(Disk& disk) : disk_(disk) {}

  const char* Name() const override { return "breakwater.disk"; }

  // --- files

  IOStatus NewSequentialFile(const std::string& name, const FileOptions&,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result, IODebugContext*) override {
    result->reset();
    auto file = disk_.open(name);
    if (file) *result = std::make_unique<DiskSequentialFile>(disk_, std::move(*file));
    return status_of(file);
  }

  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions&,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext*) override {
    result->reset();
    auto file = disk_.open(name);
    if (file) *result = std::make_unique<DiskRandomAccessFile>(disk_, std::move(*file));
    return status_of(file);
  }

  // A file of that name that was there is emptied.
  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) override {
    result->reset();
    auto file = disk_.open_for_writing(name);
    if (!file) return status_of(file);
    if (auto emptied = disk_.truncate(**file, 0); !emptied) return status_of(emptied);
    *result = std::make_unique<DiskWritableFile>(disk_, std::move(*file), 0, options);
    return IOStatus::OK();
  }

  IOStatus ReopenWritableFile(const std::string& name, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) override {
    result->reset();
    auto file = disk_.open_for_writing(name);
    if (!file) return status_of(file);
    const auto found = disk_.stat_target(name);
    if (found) *result = std::make_unique<DiskWritableFile>(disk_, std::move(*file), found->size, options);
    return status_of(found);
  }

  // What is in it stays until it is written over.
  IOStatus ReuseWritableFile(const std::string& name, const std::string& old_name, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSWritableFile>* result, IODebugContext*) override {
    result->reset();
    if (auto renamed = disk_.rename(old_name, name); !renamed) return status_of(renamed);
    auto file = disk_.open_for_writing(name);
    if (file) *result = std::make_unique<DiskWritableFile>(disk_, std::move(*file), 0, options);
    return status_of(file);
  }

  IOStatus Truncate(const std::string& name, size_t size, const IOOptions&, IODebugContext*) override {
    if (const auto found = disk_.stat_target(name); !found) return status_of(found);
    const auto file = disk_.open_for_writing(name);
    return file ? status_of(disk_.truncate(**file, size)) : status_of(file);
  }

  // --- folders

  IOStatus NewDirectory(const std::string& name, const IOOptions&,
                        std::unique_ptr<rocksdb::FSDirectory>* result, IODebugContext*) override {
    result->reset();
    const auto found = disk_.stat_target(path_of(name));
    if (!found) return status_of(found);
    if (!found->is_directory) return IOStatus::IOError(name + " is no folder");
    *result = std::make_unique<DiskDirectory>(disk_, path_of(name));
    return IOStatus::OK();
  }

  IOStatus GetChildren(const std::string& name, const IOOptions&, std::vector<std::string>* result,
                       IODebugContext*) override {
    result->clear();
    auto entries = disk_.list(path_of(name));
    if (!entries) return status_of_search(entries.error());
    for (DirectoryEntry& entry : *entries) result->push_back(std::move(entry.name));
    return IOStatus::OK();
  }

  IOStatus CreateDir(const std::string& name, const IOOptions&, IODebugContext*) override {
    if (disk_.stat_target(path_of(name))) return IOStatus::IOError(name + " is there already");
    return status_of(disk_.make_directories(path_of(name)));
  }
  IOStatus CreateDirIfMissing(const std::string& name, const IOOptions&, IODebugContext*) override {
    return status_of(disk_.make_directories(path_of(name)));
  }
  IOStatus DeleteDir(const std::string& name, const IOOptions&, IODebugContext*) override {
    return status_of(disk_.remove_directory(path_of(name)));
  }

  // --- what there is

  IOStatus FileExists(const std::string& name, const IOOptions&, IODebugContext*) override {
    // Logs are not archived, so the disk need not be asked. RocksDB 7.8 takes an error of that question for
    // one of the question before, and ends the process (WalManager::GetSortedWalFiles).
    if (path_of(name).filename() == "archive") return IOStatus::NotFound(name);
    const auto found = disk_.stat_target(path_of(name));
    return found ? IOStatus::OK() : status_of_search(found.error());
  }
  IOStatus GetFileSize(const std::string& name, const IOOptions&, uint64_t* size, IODebugContext*) override {
    const auto found = disk_.stat_target(name);
    *size = found ? found->size : 0;
    return status_of(found);
  }
  // In seconds since 1970.
  IOStatus GetFileModificationTime(const std::string& name, const IOOptions&, uint64_t* time,
                                   IODebugContext*) override {
    const auto found = disk_.stat_target(name);
    if (!found) return status_of(found);
    *time = static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(found->modified.time_since_epoch()).count());
    return IOStatus::OK();
  }
  IOStatus IsDirectory(const std::string& name, const IOOptions&, bool* is_directory,
                       IODebugContext*) override {
    const auto found = disk_.stat_target(path_of(name));
    *is_directory = found && found->is_directory;
    return status_of(found);
  }
  IOStatus NumFileLinks(const std::string& name, const IOOptions&, uint64_t* count,
                        IODebugContext*) override {
    const auto found = disk_.stat_target(name);
    if (found) *count = found->names;
    return status_of(found);
  }
  IOStatus AreFilesSame(const std::string& first, const std::string& second, const IOOptions&, bool* are_same,
                        IODebugContext*) override {
    const auto one = disk_.stat_target(first);
    if (!one) return status_of(one);
    const auto other = disk_.stat_target(second);
    if (other) *are_same = one->id == other->id;
    return status_of(other);
  }
  IOStatus GetFreeSpace(const std::string& name, const IOOptions&, uint64_t* bytes,
                        IODebugContext*) override {
    const auto space = disk_.space(path_of(name));
    if (space) *bytes = space->available;
    return status_of(space);
  }
  IOStatus GetAbsolutePath(const std::string& name, const IOOptions&, std::string* result,
                           IODebugContext*) override {
    std::error_code error;
    *result = std::filesystem::absolute(name, error).string();
    return error ? IOStatus::IOError(name + ": " + error.message()) : IOStatus::OK();
  }
  IOStatus GetTestDirectory(const IOOptions&, std::string*, IODebugContext*) override {
    return IOStatus::NotSupported("GetTestDirectory");
  }

  // --- names

  IOStatus DeleteFile(const std::string& name, const IOOptions&, IODebugContext*) override {
    return status_of(disk_.remove(name));
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions&,
                      IODebugContext*) override {
    return status_of(disk_.rename(path_of(from), path_of(to)));
  }
  // A copy is made instead where the file system cannot.
  IOStatus LinkFile(const std::string& from, const std::string& to, const IOOptions&,
                    IODebugContext*) override {
    const auto linked = disk_.link(from, to);
    if (!linked && linked.error().kind == Error::Kind::invalid)
      return IOStatus::NotSupported(linked.error().message);
    return status_of(linked);
  }

  // --- locks

  IOStatus LockFile(const std::string& name, const IOOptions&, rocksdb::FileLock** lock,
                    IODebugContext*) override {
    *lock = nullptr;
    const Lock held(locks_mutex_);
    if (!locks_.insert(name).second) return IOStatus::IOError("lock " + name + ": it is open already");
    *lock = new DiskLock(name);  // RocksDB hands it to UnlockFile()
    return IOStatus::OK();
  }
  IOStatus UnlockFile(rocksdb::FileLock* lock, const IOOptions&, IODebugContext*) override {
    const std::unique_ptr<DiskLock> ours(static_cast<DiskLock*>(lock));
    const Lock held(locks_mutex_);
    locks_.erase(ours->name());
    return IOStatus::OK();
  }

 private:
  Disk& disk_;
  Mutex locks_mutex_;
  std::set<std::string> locks_ GUARDED_BY(locks_mutex_);
};

// NOLINTEND(clang-analyzer-cplusplus.NewDeleteLeaks)

}  // namespace

std::shared_ptr<rocksdb::FileSystem> make_disk_file_system(Disk& disk) {
  return std::make_shared<DiskFileSystem>(disk);
}

}  // namespace breakwater::store
