// A Disk that fails when it is told to. It works on real files (sendfile needs real descriptors) and
// remembers what has not been synced, so that power_cut() can leave the folder as a dead machine would:
// without the bytes, the names and the removals that were not synced. RocksDB's files stand on it too.
//
//   FaultyDisk disk;
//   disk.cut_at(7);            // the seventh operation from now fails, and so does every later one
//   ... use the store, let it end ...
//   disk.power_cut();          // what was not synced is undone, and the disk works again
//
//   disk.stop();               // from now on everything fails, as for a process that is dead
//   ... let the store end ...
//   disk.start_again();        // it was only the process: everything that was written is there
//
// A write that is the one to fail, or to be cut, writes half of its bytes. Bytes are lost from the end of a
// file: nobody here writes over what was there.
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
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "store/base/disk.h"
#include "store/base/mutex.h"

namespace breakwater::test {

class FaultyDisk final : public store::Disk {
 public:
  enum class Operation {
    open,
    open_for_writing,
    write,
    read,
    truncate,
    allocate,
    sync,
    sync_directory,
    read_ahead,
    stat,
    rename,
    link,
    remove,
    make_directories,
    remove_directory,
    list,
    space
  };
  static constexpr size_t kOperations = 17;

  // `graves` is a folder of the same file system for removed files; without it, removals and replacements
  // outlive a power cut.
  explicit FaultyDisk(std::filesystem::path graves = {},
                      std::unique_ptr<store::Disk> real = store::make_posix_disk());

  // --- faults

  // The nth operation from now (1 is the next) fails once.
  void fail_at(uint64_t nth, Error::Kind kind = Error::Kind::storage);
  // Each operation of this kind fails, until heal().
  void fail_each(Operation operation, Error::Kind kind = Error::Kind::storage);
  // Each operation of this kind on this path fails, until heal().
  void fail_on(Operation operation, const std::filesystem::path& path,
               Error::Kind kind = Error::Kind::storage);
  // The nth operation from now and all later ones fail, until heal() or power_cut().
  void cut_at(uint64_t nth);
  // The same, counted in operations that change something on the disk. A cut at any other leaves what a cut
  // at the next of these leaves.
  void cut_at_change(uint64_t nth);
  // All operations fail from now on, until start_again(), heal() or power_cut().
  void stop();
  // `bytes` more can be written, then the disk is full: the part of a write that fits is written, the rest
  // fails with `full`. What is allocated counts once, and is not counted when it is written.
  void full_after(uint64_t bytes);
  // What space() says from now on.
  void set_space(store::DiskSpace space);
  // Ends stop() and the cuts.
  void start_again();
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
  enum class Bytes { lost, torn };  // torn: of what a file has unsynced, the first half is there
  void power_cut(Names names = Names::lost, Bytes bytes = Bytes::lost);

  // --- what was done

  // Called before each operation that does not fail, so that a test can look at, or keep, what is true then.
  using Watch = std::function<void(Operation operation, const std::filesystem::path& path)>;
  void watch_by(Watch watch);

  uint64_t operations() const;
  uint64_t changing_operations() const;
  uint64_t count(Operation operation) const;
  // Of this folder, or of what is in it.
  uint64_t count(Operation operation, const std::filesystem::path& folder) const;
  uint64_t dropped_bytes() const;  // by drop_resident()

  // --- Disk

  Result<store::SharedFile> open(const std::filesystem::path& path) override;
  Result<store::SharedFile> open_for_writing(const std::filesystem::path& path) override;
  Result<store::SharedFile> create(const std::filesystem::path& path) override;  // counts as the one above
  Result<> write(const store::File& file, uint64_t offset, std::span<const char> data) override;
  Result<size_t> read(const store::File& file, uint64_t offset, std::span<char> into) override;
  Result<> truncate(const store::File& file, uint64_t size) override;
  Result<> allocate(const store::File& file, uint64_t offset, uint64_t length) override;
  Result<> sync(const store::File& file) override;
  Result<> sync_directory(const std::filesystem::path& path) override;
  bool resident(const store::File& file, uint64_t offset, uint64_t length) override;
  Result<> read_ahead(const store::File& file, uint64_t offset, uint64_t length) override;
  void drop_resident(const store::File& file, uint64_t offset, uint64_t length) override;
  void advise(const store::File& file, store::Access access) override;
  bool is_whole(const store::File& file, uint64_t size) override;
  Result<store::FileStat> stat(const std::filesystem::path& path) override;
  Result<store::FileStat> stat_target(const std::filesystem::path& path) override;
  Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<> link(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<> remove(const std::filesystem::path& path) override;
  Result<> make_directories(const std::filesystem::path& path) override;
  Result<> remove_directory(const std::filesystem::path& path) override;
  Result<std::vector<store::DirectoryEntry>> list(const std::filesystem::path& path) override;
  Result<store::DiskSpace> space(const std::filesystem::path& path) override;
  void relieve_by(GiveBack give_back) override { real_->relieve_by(std::move(give_back)); }

 private:
  using Inode = uint64_t;
  // A file with bytes that a power cut would take.
  struct Unsynced {
    store::SharedFile file;  // a descriptor of our own: whatever its names become, it is this file
    uint64_t durable_size = 0;
  };
  // A change of a directory that a power cut would undo.
  struct Change {
    enum class Kind { created, renamed, removed, removed_directory };
    Kind kind;
    std::filesystem::path path;   // of the created or removed file or folder; where the renamed one went
    std::filesystem::path from;   // renamed: where it came from
    std::filesystem::path grave;  // removed, or replaced by the rename: where its content is kept
  };

  enum class Fault { none, all, half };  // half: of a write something is written first
  Result<> step(Operation operation, const std::filesystem::path& path) EXCLUDES(mutex_);
  std::pair<Fault, Result<>> fault(Operation operation, const std::filesystem::path& path) EXCLUDES(mutex_);
  std::pair<Fault, Result<>> write_step(const store::File& file) EXCLUDES(mutex_);
  std::chrono::microseconds read_delay() const EXCLUDES(mutex_);
  void wait(std::chrono::microseconds time) EXCLUDES(mutex_);
  std::filesystem::path bury(const std::filesystem::path& path) REQUIRES(mutex_);
  void undo(const Change& change);
  uint64_t take_room(const store::File& file, uint64_t offset, uint64_t length) REQUIRES(mutex_);
  void forget_if_gone(const std::filesystem::path& path) REQUIRES(mutex_);

  const std::filesystem::path graves_;
  const std::unique_ptr<store::Disk> real_;

  mutable store::Mutex mutex_;
  uint64_t operations_ GUARDED_BY(mutex_) = 0;
  uint64_t changing_operations_ GUARDED_BY(mutex_) = 0;
  std::array<uint64_t, kOperations> counts_ GUARDED_BY(mutex_){};
  std::map<std::pair<Operation, std::filesystem::path>, uint64_t> counts_by_path_ GUARDED_BY(mutex_);
  std::map<uint64_t, Error::Kind> fail_at_ GUARDED_BY(mutex_);
  std::array<std::optional<Error::Kind>, kOperations> fail_each_ GUARDED_BY(mutex_){};
  std::map<std::pair<Operation, std::filesystem::path>, Error::Kind> fail_on_ GUARDED_BY(mutex_);
  std::optional<uint64_t> cut_at_ GUARDED_BY(mutex_);
  std::optional<uint64_t> cut_at_change_ GUARDED_BY(mutex_);
  std::optional<uint64_t> room_ GUARDED_BY(mutex_);
  std::optional<store::DiskSpace> space_ GUARDED_BY(mutex_);
  Wait wait_ GUARDED_BY(mutex_);
  Watch watch_ GUARDED_BY(mutex_);
  std::chrono::microseconds read_delay_ GUARDED_BY(mutex_){0};
  uint64_t write_bytes_per_s_ GUARDED_BY(mutex_) = 0;
  bool residency_forgotten_ GUARDED_BY(mutex_) = false;
  std::map<Inode, std::set<uint64_t>> resident_ GUARDED_BY(mutex_);  // pages that were read ahead
  uint64_t dropped_bytes_ GUARDED_BY(mutex_) = 0;
  std::map<Inode, Unsynced> unsynced_ GUARDED_BY(mutex_);
  std::map<Inode, uint64_t> allocated_ GUARDED_BY(mutex_);  // up to where it has room
  std::vector<Change> changes_ GUARDED_BY(mutex_);          // in the order in which they happened
  uint64_t buried_ GUARDED_BY(mutex_) = 0;
};

}  // namespace breakwater::test
