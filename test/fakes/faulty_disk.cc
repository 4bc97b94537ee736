#include "test/fakes/faulty_disk.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

namespace breakwater::test {
namespace {

using Path = std::filesystem::path;
using store::File;

constexpr uint64_t kPage = 4096;
constexpr std::array<const char*, FaultyDisk::kOperations> kNames = {
    "open", "open for writing", "write", "read",   "truncate",         "sync", "sync directory", "read ahead",
    "stat", "rename",           "link",  "remove", "make directories", "list", "space"};

size_t index_of(FaultyDisk::Operation operation) { return static_cast<size_t>(operation); }

struct stat facts_of(const File& file) {
  struct stat found {};
  ::fstat(file.fd(), &found);
  return found;
}

tl::unexpected<Error> staged(Error::Kind kind, FaultyDisk::Operation operation, const Path& path) {
  return failure(kind, std::string(kNames[index_of(operation)]) + " " + path.string() + ": a staged fault");
}

}  // namespace

FaultyDisk::FaultyDisk(Path graves, std::unique_ptr<store::Disk> real)
    : graves_(std::move(graves)),
      real_(std::move(real)),
      wait_([](std::chrono::microseconds time) { std::this_thread::sleep_for(time); }) {
  if (!graves_.empty()) std::filesystem::create_directories(graves_);
}

// --- faults

void FaultyDisk::fail_at(uint64_t nth, Error::Kind kind) {
  const std::lock_guard lock(mutex_);
  fail_at_[operations_ + nth] = kind;
}

void FaultyDisk::fail_each(Operation operation, Error::Kind kind) {
  const std::lock_guard lock(mutex_);
  fail_each_[index_of(operation)] = kind;
}

void FaultyDisk::fail_on(Operation operation, const Path& path, Error::Kind kind) {
  const std::lock_guard lock(mutex_);
  fail_on_[{operation, path}] = kind;
}

void FaultyDisk::cut_at(uint64_t nth) {
  const std::lock_guard lock(mutex_);
  cut_at_ = operations_ + nth;
}

void FaultyDisk::full_after(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  room_ = bytes;
}

void FaultyDisk::set_space(store::DiskSpace space) {
  const std::lock_guard lock(mutex_);
  space_ = space;
}

void FaultyDisk::heal() {
  const std::lock_guard lock(mutex_);
  fail_at_.clear();
  fail_each_.fill(std::nullopt);
  fail_on_.clear();
  cut_at_.reset();
  room_.reset();
  space_.reset();
}

// Every operation that can fail begins with this.
void FaultyDisk::watch_by(Watch watch) {
  const std::lock_guard lock(mutex_);
  watch_ = std::move(watch);
}

Result<> FaultyDisk::step(Operation operation, const Path& path) {
  if (auto faulted = fault(operation, path); !faulted) return faulted;
  Watch watch;
  {
    const std::lock_guard lock(mutex_);
    watch = watch_;
  }
  if (watch) watch(operation, path);
  return {};
}

Result<> FaultyDisk::fault(Operation operation, const Path& path) {
  const std::lock_guard lock(mutex_);
  ++operations_;
  ++counts_[index_of(operation)];
  if (cut_at_ && operations_ >= *cut_at_) return staged(Error::Kind::internal, operation, path);
  if (const auto fault = fail_at_.extract(operations_)) return staged(fault.mapped(), operation, path);
  if (const auto fault = fail_each_[index_of(operation)]) return staged(*fault, operation, path);
  if (const auto fault = fail_on_.find({operation, path}); fault != fail_on_.end())
    return staged(fault->second, operation, path);
  return {};
}

uint64_t FaultyDisk::operations() const {
  const std::lock_guard lock(mutex_);
  return operations_;
}

uint64_t FaultyDisk::count(Operation operation) const {
  const std::lock_guard lock(mutex_);
  return counts_[index_of(operation)];
}

uint64_t FaultyDisk::dropped_bytes() const {
  const std::lock_guard lock(mutex_);
  return dropped_bytes_;
}

// --- slowness

void FaultyDisk::wait_by(Wait wait) {
  const std::lock_guard lock(mutex_);
  wait_ = std::move(wait);
}

void FaultyDisk::delay_reads(std::chrono::microseconds delay) {
  const std::lock_guard lock(mutex_);
  read_delay_ = delay;
}

void FaultyDisk::forget_residency() {
  const std::lock_guard lock(mutex_);
  residency_forgotten_ = true;
  resident_.clear();
}

void FaultyDisk::limit_writes(uint64_t bytes_per_s) {
  const std::lock_guard lock(mutex_);
  write_bytes_per_s_ = bytes_per_s;
}

std::chrono::microseconds FaultyDisk::read_delay() const {
  const std::lock_guard lock(mutex_);
  return read_delay_;
}

void FaultyDisk::wait(std::chrono::microseconds time) {
  if (time.count() == 0) return;
  Wait wait;
  {
    const std::lock_guard lock(mutex_);
    wait = wait_;
  }
  wait(time);
}

// --- power

void FaultyDisk::power_cut(Names names) {
  heal();
  const std::lock_guard lock(mutex_);
  for (const auto& [inode, file] : unsynced_) {
    std::error_code gone;
    if (std::filesystem::file_size(file.path, gone) > file.durable_size && !gone)
      std::filesystem::resize_file(file.path, file.durable_size, gone);
  }
  if (names == Names::lost)
    std::for_each(changes_.rbegin(), changes_.rend(), [this](const Change& change) { undo(change); });
  unsynced_.clear();
  changes_.clear();
}

void FaultyDisk::undo(const Change& change) {
  std::error_code ignored;  // what an earlier undoing has moved away need not be undone
  switch (change.kind) {
    case Change::Kind::created: std::filesystem::remove_all(change.path, ignored); break;
    case Change::Kind::renamed: std::filesystem::rename(change.path, change.from, ignored); break;
    case Change::Kind::removed: break;
  }
  if (!change.grave.empty()) std::filesystem::rename(change.grave, change.path, ignored);
}

// Gives the file a second name, under which it outlives its removal. Wants mutex_ held.
Path FaultyDisk::bury(const Path& path) {
  if (graves_.empty() || !std::filesystem::exists(path)) return {};
  Path grave = graves_ / std::to_string(buried_++);
  std::error_code error;
  std::filesystem::create_hard_link(path, grave, error);
  return error ? Path() : grave;
}

void FaultyDisk::note_moved(const Path& from, const Path& to) {
  for (auto& [inode, file] : unsynced_) {
    if (file.path == from) file.path = to;
  }
}

// --- Disk

Result<store::SharedFile> FaultyDisk::open(const Path& path) {
  if (auto stepped = step(Operation::open, path); !stepped) return failure(stepped.error());
  return real_->open(path);
}

Result<store::SharedFile> FaultyDisk::open_for_writing(const Path& path) {
  if (auto stepped = step(Operation::open_for_writing, path); !stepped) return failure(stepped.error());
  const std::lock_guard lock(mutex_);
  const bool existed = std::filesystem::exists(path);
  auto file = real_->open_for_writing(path);
  if (file && !existed) changes_.push_back({Change::Kind::created, path, {}, {}});
  return file;
}

Result<> FaultyDisk::write(const File& file, uint64_t offset, std::span<const char> data) {
  if (auto stepped = step(Operation::write, file.path()); !stepped) return stepped;
  std::span<const char> fitting = data;
  std::chrono::microseconds slowness{0};
  {
    const std::lock_guard lock(mutex_);
    const struct stat facts = facts_of(file);
    // What was there before is durable, unless it is known not to be. A file opened again after its rename
    // has its new path.
    unsynced_.try_emplace(facts.st_ino, Unsynced{file.path(), static_cast<uint64_t>(facts.st_size)});
    if (room_) {
      fitting = data.first(static_cast<size_t>(std::min<uint64_t>(*room_, data.size())));
      *room_ -= fitting.size();
    }
    if (write_bytes_per_s_ > 0)
      slowness = std::chrono::microseconds(fitting.size() * 1'000'000 / write_bytes_per_s_);
  }
  wait(slowness);
  if (auto written = real_->write(file, offset, fitting); !written) return written;
  if (fitting.size() < data.size()) return staged(Error::Kind::full, Operation::write, file.path());
  return {};
}

Result<size_t> FaultyDisk::read(const File& file, uint64_t offset, std::span<char> into) {
  if (auto stepped = step(Operation::read, file.path()); !stepped) return failure(stepped.error());
  wait(read_delay());
  return real_->read(file, offset, into);
}

Result<> FaultyDisk::truncate(const File& file, uint64_t size) {
  if (auto stepped = step(Operation::truncate, file.path()); !stepped) return stepped;
  const std::lock_guard lock(mutex_);
  if (const auto found = unsynced_.find(facts_of(file).st_ino); found != unsynced_.end()) {
    found->second.durable_size = std::min(found->second.durable_size, size);
  }
  return real_->truncate(file, size);
}

Result<> FaultyDisk::sync(const File& file) {
  if (auto stepped = step(Operation::sync, file.path()); !stepped) return stepped;
  if (auto synced = real_->sync(file); !synced) return synced;
  const std::lock_guard lock(mutex_);
  unsynced_.erase(facts_of(file).st_ino);
  return {};
}

Result<> FaultyDisk::sync_directory(const Path& path) {
  if (auto stepped = step(Operation::sync_directory, path); !stepped) return stepped;
  if (auto synced = real_->sync_directory(path); !synced) return synced;
  const std::lock_guard lock(mutex_);
  std::erase_if(changes_, [&](const Change& change) {
    return std::filesystem::equivalent(change.path.parent_path(), path);
  });
  return {};
}

bool FaultyDisk::resident(const File& file, uint64_t offset, uint64_t length) {
  {
    const std::lock_guard lock(mutex_);
    if (residency_forgotten_) {
      const std::set<uint64_t>& pages = resident_[facts_of(file).st_ino];
      for (uint64_t page = offset / kPage; page * kPage < offset + length; ++page) {
        if (!pages.contains(page)) return false;
      }
      return true;
    }
  }
  return real_->resident(file, offset, length);
}

Result<> FaultyDisk::read_ahead(const File& file, uint64_t offset, uint64_t length) {
  if (auto stepped = step(Operation::read_ahead, file.path()); !stepped) return stepped;
  wait(read_delay());
  if (auto read = real_->read_ahead(file, offset, length); !read) return read;
  const std::lock_guard lock(mutex_);
  if (!residency_forgotten_) return {};
  std::set<uint64_t>& pages = resident_[facts_of(file).st_ino];
  for (uint64_t page = offset / kPage; page * kPage < offset + length; ++page) pages.insert(page);
  return {};
}

void FaultyDisk::drop_resident(const File& file, uint64_t offset, uint64_t length) {
  const std::lock_guard lock(mutex_);
  dropped_bytes_ += length;
  std::set<uint64_t>& pages = resident_[facts_of(file).st_ino];
  for (uint64_t page = offset / kPage; page * kPage < offset + length; ++page) pages.erase(page);
}

bool FaultyDisk::is_whole(const File& file, uint64_t size) { return real_->is_whole(file, size); }

Result<store::FileStat> FaultyDisk::stat(const Path& path) {
  if (auto stepped = step(Operation::stat, path); !stepped) return failure(stepped.error());
  return real_->stat(path);
}

Result<store::FileStat> FaultyDisk::stat_target(const Path& path) {
  if (auto stepped = step(Operation::stat, path); !stepped) return failure(stepped.error());
  return real_->stat_target(path);
}

Result<> FaultyDisk::rename(const Path& from, const Path& to) {
  if (auto stepped = step(Operation::rename, from); !stepped) return stepped;
  const std::lock_guard lock(mutex_);
  Path grave = bury(to);
  if (auto renamed = real_->rename(from, to); !renamed) return renamed;
  note_moved(from, to);
  changes_.push_back({Change::Kind::renamed, to, from, std::move(grave)});
  return {};
}

Result<> FaultyDisk::link(const Path& from, const Path& to) {
  if (auto stepped = step(Operation::link, from); !stepped) return stepped;
  const std::lock_guard lock(mutex_);
  if (auto linked = real_->link(from, to); !linked) return linked;
  changes_.push_back({Change::Kind::created, to, {}, {}});
  return {};
}

Result<> FaultyDisk::remove(const Path& path) {
  if (auto stepped = step(Operation::remove, path); !stepped) return stepped;
  const std::lock_guard lock(mutex_);
  Path grave = bury(path);
  if (auto removed = real_->remove(path); !removed) return removed;
  // Without a grave its inode is free for the next file.
  if (grave.empty()) std::erase_if(unsynced_, [&](const auto& file) { return file.second.path == path; });
  note_moved(path, grave);
  changes_.push_back({Change::Kind::removed, path, {}, std::move(grave)});
  return {};
}

Result<> FaultyDisk::make_directories(const Path& path) {
  if (auto stepped = step(Operation::make_directories, path); !stepped) return stepped;
  const std::lock_guard lock(mutex_);
  std::vector<Change> made;
  for (Path folder = path; !folder.empty() && !std::filesystem::exists(folder);
       folder = folder.parent_path()) {
    made.push_back({Change::Kind::created, folder, {}, {}});
  }
  if (auto done = real_->make_directories(path); !done) return done;
  changes_.insert(changes_.end(), made.rbegin(), made.rend());
  return {};
}

Result<std::vector<store::DirectoryEntry>> FaultyDisk::list(const Path& path) {
  if (auto stepped = step(Operation::list, path); !stepped) return failure(stepped.error());
  return real_->list(path);
}

Result<store::DiskSpace> FaultyDisk::space(const Path& path) {
  if (auto stepped = step(Operation::space, path); !stepped) return failure(stepped.error());
  {
    const std::lock_guard lock(mutex_);
    if (space_) return *space_;
  }
  return real_->space(path);
}

}  // namespace breakwater::test
