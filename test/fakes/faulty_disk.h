// A Disk that fails when it is told to. It works on real files (sendfile needs real descriptors) and
// remembers what has not been synced, so that power_cut() can leave the folder as a dead machine would:
// without the bytes, the names and the removals that were not synced.
//
//   FaultyDisk disk;
//   disk.cut_at(7);            // the seventh operation from now fails, and so does every later one
//   ... use the store, let it end ...
//   disk.power_cut();          // what was not synced is undone, and the disk works again
//
// Operations are counted as the Disk interface has them; what cannot fail is none. May be called from any
// thread. The files that are read and written must lie on one file system with the temporary folder where
// removed files are kept for power_cut().
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "store/base/disk.h"

namespace breakwater::test {

class FaultyDisk final : public store::Disk {
 public:
  enum class Operation {
    open,
    open_for_writing,
    write,
    read,
    truncate,
    sync,
    sync_directory,
    read_ahead,
    stat,
    rename,
    link,
    remove,
    make_directories,
    list,
    space
  };
  static constexpr size_t kOperations = 15;

  // `graves` is a folder of the same file system for removed files; without it, removals and replacements
  // outlive a power cut.
  explicit FaultyDisk(std::filesystem::path graves = {},
                      std::unique_ptr<store::Disk> real = store::make_posix_disk());

  // --- faults

  // The nth operation from now (1 is the next) fails once.
  void fail_at(uint64_t nth, Error::Kind kind = Error::Kind::internal);
  // Each operation of this kind fails, until heal().
  void fail_each(Operation operation, Error::Kind kind = Error::Kind::internal);
  // Each operation of this kind on this path fails, until heal().
  void fail_on(Operation operation, const std::filesystem::path& path,
               Error::Kind kind = Error::Kind::internal);
  // The nth operation from now and all later ones fail, until heal() or power_cut().
  void cut_at(uint64_t nth);
  // `bytes` more can be written, then the disk is full: the part of a write that fits is written, the rest
  // fails with `full`.
  void full_after(uint64_t bytes);
  // What space() says from now on.
  void set_space(store::DiskSpace space);
  // Ends all of the above, not the slowness.
  void heal();

  // --- slowness. Each wait is one call of the waiting function, which sleeps by default; a test hands in one
  // that only adds up.

  using Wait = std::function<void(std::chrono::microseconds)>;
  void wait_by(Wait wait);
  // read() and read_ahead() take this long.
  void delay_reads(std::chrono::microseconds delay);
  // resident() is false for what was not read ahead.
  void forget_residency();
  void limit_writes(uint64_t bytes_per_s);

  // --- power

  enum class Names { lost, kept };  // whether unsynced creations, renames and removals are undone
  void power_cut(Names names = Names::lost);

  // --- what was done

  // Called before each operation that does not fail, so that a test can look at, or keep, what is true then.
  using Watch = std::function<void(Operation operation, const std::filesystem::path& path)>;
  void watch_by(Watch watch);

  uint64_t operations() const;
  uint64_t count(Operation operation) const;
  uint64_t dropped_bytes() const;  // by drop_resident()

  // --- Disk

  Result<store::SharedFile> open(const std::filesystem::path& path) override;
  Result<store::SharedFile> open_for_writing(const std::filesystem::path& path) override;
  Result<> write(const store::File& file, uint64_t offset, std::span<const char> data) override;
  Result<size_t> read(const store::File& file, uint64_t offset, std::span<char> into) override;
  Result<> truncate(const store::File& file, uint64_t size) override;
  Result<> sync(const store::File& file) override;
  Result<> sync_directory(const std::filesystem::path& path) override;
  bool resident(const store::File& file, uint64_t offset, uint64_t length) override;
  Result<> read_ahead(const store::File& file, uint64_t offset, uint64_t length) override;
  void drop_resident(const store::File& file, uint64_t offset, uint64_t length) override;
  bool is_whole(const store::File& file, uint64_t size) override;
  Result<store::FileStat> stat(const std::filesystem::path& path) override;
  Result<store::FileStat> stat_target(const std::filesystem::path& path) override;
  Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<> link(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<> remove(const std::filesystem::path& path) override;
  Result<> make_directories(const std::filesystem::path& path) override;
  Result<std::vector<store::DirectoryEntry>> list(const std::filesystem::path& path) override;
  Result<store::DiskSpace> space(const std::filesystem::path& path) override;

 private:
  using Inode = uint64_t;
  // A file with bytes that a power cut would take.
  struct Unsynced {
    std::filesystem::path path;
    uint64_t durable_size = 0;
  };
  // A change of a directory that a power cut would undo.
  struct Change {
    enum class Kind { created, renamed, removed };
    Kind kind;
    std::filesystem::path path;   // of the created or removed file or folder; where the renamed one went
    std::filesystem::path from;   // renamed: where it came from
    std::filesystem::path grave;  // removed, or replaced by the rename: where its content is kept
  };

  Result<> step(Operation operation, const std::filesystem::path& path);
  Result<> fault(Operation operation, const std::filesystem::path& path);
  std::chrono::microseconds read_delay() const;
  void wait(std::chrono::microseconds time);
  std::filesystem::path bury(const std::filesystem::path& path);
  void undo(const Change& change);
  void note_moved(const std::filesystem::path& from, const std::filesystem::path& to);

  std::filesystem::path graves_;
  std::unique_ptr<store::Disk> real_;

  mutable std::mutex mutex_;  // guards what follows
  uint64_t operations_ = 0;
  std::array<uint64_t, kOperations> counts_{};
  std::map<uint64_t, Error::Kind> fail_at_;
  std::array<std::optional<Error::Kind>, kOperations> fail_each_{};
  std::map<std::pair<Operation, std::filesystem::path>, Error::Kind> fail_on_;
  std::optional<uint64_t> cut_at_;
  std::optional<uint64_t> room_;
  std::optional<store::DiskSpace> space_;
  Wait wait_;
  Watch watch_;
  std::chrono::microseconds read_delay_{0};
  uint64_t write_bytes_per_s_ = 0;
  bool residency_forgotten_ = false;
  std::map<Inode, std::set<uint64_t>> resident_;  // pages that were read ahead
  uint64_t dropped_bytes_ = 0;
  std::map<Inode, Unsynced> unsynced_;
  std::vector<Change> changes_;  // in the order in which they happened
  uint64_t buried_ = 0;
};

}  // namespace breakwater::test
