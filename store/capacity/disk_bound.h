// The bound that the file system sets: how many bytes all our files may take before the disk is full,
// whatever the configuration says. DiskBound measures this bound and tells the Budget. DiskBound also notices
// when deleting files frees nothing, because the files have other names (hard links), for example in a
// backup.
//
// Any thread. The disk is asked with no lock held.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "store/base/clock.h"
#include "store/base/disk.h"
#include "store/base/log.h"
#include "store/base/mutex.h"
#include "store/capacity/budget.h"

namespace breakwater::store {

class Files;

class DiskBound {
 public:
  // `data` is the data folder. What it borrows outlives it.
  DiskBound(Budget& budget, Files& files, Disk& disk, std::filesystem::path data, const Clock& clock,
            Log& log)
      : budget_(budget), files_(files), disk_(disk), data_(std::move(data)), clock_(clock), log_(log) {}

  // Asks the disk what it has left, and tells the budget.
  void measure();
  // What the file system has, as measure() found it last; nothing if it never could.
  std::optional<DiskSpace> space() const;
  // Keeps `bytes` free below the disk's bound, and at most a sixteenth of the store's bound below that,
  // because the catalog may grow by as much until it is measured again.
  void set_growth(uint64_t bytes);

  // How many bytes must be evicted from the route and from the whole store before `size` more bytes fit. What
  // only the disk lacks is left out while evicting frees nothing (frees_nothing()).
  Budget::Shortage curable_shortage(const std::string& route, uint64_t size) const;
  bool is_curable(const std::string& route, uint64_t size) const;
  // Whether what the file system has left is the nearer bound of the whole, and too near for `size`.
  bool is_short(uint64_t size) const;
  bool frees_nothing() const;

  // There was no room for something of `route`, as `error` says, before anything was evicted for it. Told to
  // the log once, and again when the bound has not been reached for a while: a mirror reaches its bound with
  // every download, and that is as it should be.
  void note_full(const std::string& route, uint64_t size, const Error& error);
  // A file was deleted for the sake of this bound. One that had another name has freed nothing.
  void note_deleted(uint64_t bytes, bool had_other_name);

 private:
  // What went in vain: files with other names, whose bytes the disk has not got back.
  struct InVain {
    size_t files = 0;  // in a row
    uint64_t bytes = 0;
    uint64_t ours_and_free = 0;  // with the last of them gone
    Time since{};                // when that was
  };
  uint64_t shortage_of_store(uint64_t size) const;

  Budget& budget_;
  Files& files_;
  Disk& disk_;
  const std::filesystem::path data_;
  const Clock& clock_;
  Log& log_;
  mutable Mutex mutex_;
  uint64_t growth_ GUARDED_BY(mutex_) = 0;
  // Bytes that are on our account and that the disk has left, as last measured.
  uint64_t ours_and_free_ GUARDED_BY(mutex_) = 0;
  InVain in_vain_ GUARDED_BY(mutex_);
  std::optional<DiskSpace> space_ GUARDED_BY(mutex_);
  std::map<std::string, Time> reached_ GUARDED_BY(mutex_);  // when each bound was reached last
};

}  // namespace breakwater::store
