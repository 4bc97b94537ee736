// The disk as the store uses it: a Disk that knows its data folder, and notices when that is away - a mount
// that went, or another folder in its place. Then nothing that is not found means that it is lost, and what
// is there instead is neither opened nor written:
//
//   FolderDisk disk(real, data, log);
//   ... the folder is made and opened ...
//   disk.watch();              // from now on the folder is the one that is there at this moment
//
//   disk.stat(path)            `storage`, rather than `not_found`, while the folder is away
//   disk.open(path)            `storage`, and nothing is done, while the folder is away
//   disk.rename(from, to)      likewise
//   disk.away()                as of the last operation or check()
//
// The folder is the one that was watched if it, its subfolders and its format file are the same files, by
// device and inode. Paths outside of the folder are passed on. The calls of Disk may block; any thread.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/base/mutex.h"

namespace breakwater::store {

class FolderDisk final : public Disk {
 public:
  // What it borrows outlives it.
  FolderDisk(Disk& real, std::filesystem::path data, Log& log);

  // Remembers which folder this is. Once.
  [[nodiscard]] Result<> watch();
  // `storage`, with what is wrong, if the folder is away. Logs when it goes and when it is back. May block.
  [[nodiscard]] Result<> check();
  // The error of the last check(), as long as the folder is away. Never blocks.
  std::optional<Error> away() const;

  // --- Disk

  [[nodiscard]] Result<SharedFile> open(const std::filesystem::path& path) override;
  [[nodiscard]] Result<SharedFile> open_for_writing(const std::filesystem::path& path) override;
  [[nodiscard]] Result<SharedFile> create(const std::filesystem::path& path) override;
  [[nodiscard]] Result<> write(const File& file, uint64_t offset, std::span<const char> data) override;
  [[nodiscard]] Result<size_t> read(const File& file, uint64_t offset, std::span<char> into) override;
  [[nodiscard]] Result<> truncate(const File& file, uint64_t size) override;
  [[nodiscard]] Result<> allocate(const File& file, uint64_t offset, uint64_t length) override;
  [[nodiscard]] Result<> sync(const File& file) override;
  [[nodiscard]] Result<> sync_directory(const std::filesystem::path& path) override;
  bool resident(const File& file, uint64_t offset, uint64_t length) override;
  [[nodiscard]] Result<> read_ahead(const File& file, uint64_t offset, uint64_t length) override;
  void drop_resident(const File& file, uint64_t offset, uint64_t length) override;
  void advise(const File& file, Access access) override;
  bool is_whole(const File& file, uint64_t size) override;
  [[nodiscard]] Result<FileStat> stat(const std::filesystem::path& path) override;
  [[nodiscard]] Result<FileStat> stat_target(const std::filesystem::path& path) override;
  [[nodiscard]] Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  [[nodiscard]] Result<> link(const std::filesystem::path& from, const std::filesystem::path& to) override;
  [[nodiscard]] Result<> remove(const std::filesystem::path& path) override;
  [[nodiscard]] Result<> make_directories(const std::filesystem::path& path) override;
  [[nodiscard]] Result<> remove_directory(const std::filesystem::path& path) override;
  [[nodiscard]] Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) override;
  [[nodiscard]] Result<DiskSpace> space(const std::filesystem::path& path) override;
  void relieve_by(GiveBack give_back) override { real_.relieve_by(std::move(give_back)); }

 private:
  using FileId = std::pair<uint64_t, uint64_t>;

  bool is_inside(const std::filesystem::path& path) const;
  // Does an operation that asks what is at `path`, or one that opens or changes it.
  template <class Operation>
  auto look(const std::filesystem::path& path, Operation operation) -> decltype(operation());
  template <class Operation>
  auto only_if_there(const std::filesystem::path& path, Operation operation) -> decltype(operation());
  Result<> compare() const;

  Disk& real_;
  const std::filesystem::path data_;
  const std::string inside_;  // what paths in the folder begin with
  Log& log_;
  // Written once, before is_watching_ is true; RocksDB's threads are there already.
  std::vector<std::pair<std::filesystem::path, FileId>> watched_;
  std::atomic<bool> is_watching_ = false;
  mutable Mutex mutex_;
  std::optional<Error> away_ GUARDED_BY(mutex_);
};

}  // namespace breakwater::store
