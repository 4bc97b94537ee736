#include "test/fakes/faulty_disk.h"

#include <fcntl.h>
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
constexpr std::array<const char*, FaultyDisk::kOperations> kNames = {"open",
                                                                     "open for writing",
                                                                     "write",
                                                                     "read",
                                                                     "truncate",
                                                                     "allocate",
                                                                     "sync",
                                                                     "sync directory",
                                                                     "read ahead",
                                                                     "stat",
                                                                     "rename",
                                                                     "link",
                                                                     "remove",
                                                                     "make directories",
                                                                     "remove directory",
                                                                     "list",
                                                                     "space"};

size_t index_of(FaultyDisk::Operation operation) { return static_cast<size_t>(operation); }

struct stat facts_of(const File& file) {
  struct stat found {};
  ::fstat(file.fd(), &found);
  return found;
}

bool changes(FaultyDisk::Operation operation) {
  using Operation = FaultyDisk::Operation;
  switch (operation) {
    case Operation::open:
    case Operation::read:
    case Operation::read_ahead:
    case Operation::stat:
    case Operation::list:
    case Operation::space: return false;
    default: return true;
  }
}

Path normal(const Path& path) {
  Path whole = std::filesystem::absolute(path).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();
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
  const store::Lock lock(mutex_);
  fail_at_[operations_ + nth] = kind;
}

void FaultyDisk::fail_each(Operation operation, Error::Kind kind) {
  const store::Lock lock(mutex_);
  fail_each_[index_of(operation)] = kind;
}

void FaultyDisk::fail_on(Operation operation, const Path& path, Error::Kind kind) {
  const store::Lock lock(mutex_);
  fail_on_[{operation, path}] = kind;
}

void FaultyDisk::cut_at(uint64_t nth) {
  const store::Lock lock(mutex_);
  cut_at_ = operations_ + nth;
}

void FaultyDisk::cut_at_change(uint64_t nth) {
  const store::Lock lock(mutex_);
  cut_at_change_ = changing_operations_ + nth;
}

void FaultyDisk::stop() { cut_at(1); }

void FaultyDisk::full_after(uint64_t bytes) {
  const store::Lock lock(mutex_);
  room_ = bytes;
}

void FaultyDisk::set_space(store::DiskSpace space) {
  const store::Lock lock(mutex_);
  space_ = space;
}

void FaultyDisk::start_again() {
  const store::Lock lock(mutex_);
  cut_at_.reset();
  cut_at_change_.reset();
}

void FaultyDisk::heal() {
  const store::Lock lock(mutex_);
  fail_at_.clear();
  fail_each_.fill(std::nullopt);
  fail_on_.clear();
  cut_at_.reset();
  cut_at_change_.reset();
  room_.reset();
  space_.reset();
}

void FaultyDisk::watch_by(Watch watch) {
  const store::Lock lock(mutex_);
  watch_ = std::move(watch);
}

// Every operation that can fail begins with this; a write with write_step().
Result<> FaultyDisk::step(Operation operation, const Path& path) {
  if (auto faulted = fault(operation, path).second; !faulted) return faulted;
  Watch watch;
  {
    const store::Lock lock(mutex_);
    watch = watch_;
  }
  if (watch) watch(operation, path);
  return {};
}

std::pair<FaultyDisk::Fault, Result<>> FaultyDisk::write_step(const File& file) {
  auto faulted = fault(Operation::write, file.path());
  Watch watch;
  {
    const store::Lock lock(mutex_);
    watch = watch_;
  }
  if (faulted.first == Fault::none && watch) watch(Operation::write, file.path());
  return faulted;
}

std::pair<FaultyDisk::Fault, Result<>> FaultyDisk::fault(Operation operation, const Path& path) {
  const store::Lock lock(mutex_);
  ++operations_;
  ++counts_[index_of(operation)];
  ++counts_by_path_[{operation, path}];
  if (changes(operation) && ++changing_operations_ == cut_at_change_) cut_at_ = operations_;
  if (cut_at_ && operations_ >= *cut_at_)
    return {operations_ == *cut_at_ ? Fault::half : Fault::all,
            staged(Error::Kind::internal, operation, path)};
  if (const auto fault = fail_at_.extract(operations_))
    return {Fault::half, staged(fault.mapped(), operation, path)};
  if (const auto fault = fail_each_[index_of(operation)])
    return {Fault::all, staged(*fault, operation, path)};
  if (const auto fault = fail_on_.find({operation, path}); fault != fail_on_.end())
    return {Fault::all, staged(fault->second, operation, path)};
  return {Fault::none, {}};
}

uint64_t FaultyDisk::operations() const {
  const store::Lock lock(mutex_);
  return operations_;
}

uint64_t FaultyDisk::changing_operations() const {
  const store::Lock lock(mutex_);
  return changing_operations_;
}

uint64_t FaultyDisk::count(Operation operation) const {
  const store::Lock lock(mutex_);
  return counts_[index_of(operation)];
}

uint64_t FaultyDisk::count(Operation operation, const Path& folder) const {
  const store::Lock lock(mutex_);
  uint64_t count = 0;
  for (const auto& [what, times] : counts_by_path_) {
    if (what.first == operation && (what.second == folder || what.second.parent_path() == folder))
      count += times;
  }
  return count;
}

uint64_t FaultyDisk::dropped_bytes() const {
  const store::Lock lock(mutex_);
  return dropped_bytes_;
}

// --- slowness

void FaultyDisk::wait_by(Wait wait) {
  const store::Lock lock(mutex_);
  wait_ = std::move(wait);
}

void FaultyDisk::delay_reads(std::chrono::microseconds delay) {
  const store::Lock lock(mutex_);
  read_delay_ = delay;
}

void FaultyDisk::forget_residency() {
  const store::Lock lock(mutex_);
  residency_forgotten_ = true;
  resident_.clear();
}

void FaultyDisk::limit_writes(uint64_t bytes_per_s) {
  const store::Lock lock(mutex_);
  write_bytes_per_s_ = bytes_per_s;
}

std::chrono::microseconds FaultyDisk::read_delay() const {
  const store::Lock lock(mutex_);
  return read_delay_;
}

void FaultyDisk::wait(std::chrono::microseconds time) {
  if (time.count() == 0) return;
  Wait wait;
  {
    const store::Lock lock(mutex_);
    wait = wait_;
  }
  wait(time);
}

// --- power

void FaultyDisk::power_cut(Names names, Bytes bytes) {
  heal();
  const store::Lock lock(mutex_);
  for (const auto& [inode, unsynced] : unsynced_) {
    const auto size = static_cast<uint64_t>(facts_of(*unsynced.file).st_size);
    if (size <= unsynced.durable_size) continue;
    const uint64_t kept = bytes == Bytes::torn ? (size - unsynced.durable_size) / 2 : 0;
    (void)real_->truncate(*unsynced.file, unsynced.durable_size + kept);
  }
  if (names == Names::lost) {
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) undo(*change);
  }
  unsynced_.clear();
  changes_.clear();
  allocated_.clear();
}

void FaultyDisk::undo(const Change& change) {
  std::error_code ignored;  // what an earlier undoing has moved away need not be undone
  switch (change.kind) {
    case Change::Kind::created: std::filesystem::remove_all(change.path, ignored); break;
    case Change::Kind::renamed: std::filesystem::rename(change.path, change.from, ignored); break;
    case Change::Kind::removed: break;
    case Change::Kind::removed_directory: std::filesystem::create_directory(change.path, ignored); break;
  }
  if (!change.grave.empty()) std::filesystem::rename(change.grave, change.path, ignored);
}

// Gives the file a second name, under which it outlives its removal.
Path FaultyDisk::bury(const Path& path) {
  if (graves_.empty() || !std::filesystem::exists(path)) return {};
  Path grave = graves_ / std::to_string(buried_++);
  std::error_code error;
  std::filesystem::create_hard_link(path, grave, error);
  return error ? Path() : grave;
}

// Before the last name of a file goes for good: its inode is free for the next one then.
void FaultyDisk::forget_if_gone(const Path& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0 || found.st_nlink > 1) return;
  unsynced_.erase(found.st_ino);
  allocated_.erase(found.st_ino);
  resident_.erase(found.st_ino);
}

// How many of these bytes fit on the disk. What was there before, or allocated, takes no more of it.
uint64_t FaultyDisk::take_room(const File& file, uint64_t offset, uint64_t length) {
  const struct stat facts = facts_of(file);
  const auto found = allocated_.find(facts.st_ino);
  const uint64_t owned =
      std::max(static_cast<uint64_t>(facts.st_size), found == allocated_.end() ? 0 : found->second);
  const uint64_t free = std::min(length, owned > offset ? owned - offset : 0);
  if (!room_) return length;
  const uint64_t taken = std::min(*room_, length - free);
  *room_ -= taken;
  return free + taken;
}

// --- Disk

Result<store::SharedFile> FaultyDisk::open(const Path& path) {
  if (auto stepped = step(Operation::open, path); !stepped) return failure(stepped.error());
  return real_->open(path);
}

Result<store::SharedFile> FaultyDisk::open_for_writing(const Path& path) {
  if (auto stepped = step(Operation::open_for_writing, path); !stepped) return failure(stepped.error());
  const store::Lock lock(mutex_);
  const bool existed = std::filesystem::exists(path);
  auto file = real_->open_for_writing(path);
  if (file && !existed) changes_.push_back({Change::Kind::created, path, {}, {}});
  return file;
}

Result<store::SharedFile> FaultyDisk::create(const Path& path) {
  if (auto stepped = step(Operation::open_for_writing, path); !stepped) return failure(stepped.error());
  const store::Lock lock(mutex_);
  auto file = real_->create(path);
  if (file) changes_.push_back({Change::Kind::created, path, {}, {}});
  return file;
}

Result<> FaultyDisk::write(const File& file, uint64_t offset, std::span<const char> data) {
  auto [fault, stepped] = write_step(file);
  if (fault == Fault::all) return stepped;
  std::span<const char> fitting = fault == Fault::half ? data.first(data.size() / 2) : data;
  std::chrono::microseconds slowness{0};
  {
    const store::Lock lock(mutex_);
    const struct stat facts = facts_of(file);
    // What was there before is durable, unless it is known not to be.
    if (!unsynced_.contains(facts.st_ino)) {
      auto ours = std::make_shared<const File>(::fcntl(file.fd(), F_DUPFD_CLOEXEC, 0), file.path());
      unsynced_[facts.st_ino] = {std::move(ours), static_cast<uint64_t>(facts.st_size)};
    }
    fitting = fitting.first(static_cast<size_t>(take_room(file, offset, fitting.size())));
    if (write_bytes_per_s_ > 0)
      slowness = std::chrono::microseconds(fitting.size() * 1'000'000 / write_bytes_per_s_);
  }
  wait(slowness);
  if (auto written = real_->write(file, offset, fitting); !written) return written;
  if (fault == Fault::half) return stepped;
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
  const store::Lock lock(mutex_);
  if (const auto found = unsynced_.find(facts_of(file).st_ino); found != unsynced_.end()) {
    found->second.durable_size = std::min(found->second.durable_size, size);
  }
  allocated_.erase(facts_of(file).st_ino);
  return real_->truncate(file, size);
}

Result<> FaultyDisk::allocate(const File& file, uint64_t offset, uint64_t length) {
  if (auto stepped = step(Operation::allocate, file.path()); !stepped) return stepped;
  const store::Lock lock(mutex_);
  const std::optional<uint64_t> room = room_;
  if (take_room(file, offset, length) < length) {
    room_ = room;
    return staged(Error::Kind::full, Operation::allocate, file.path());
  }
  uint64_t& end = allocated_[facts_of(file).st_ino];
  end = std::max(end, offset + length);
  return real_->allocate(file, offset, length);
}

Result<> FaultyDisk::sync(const File& file) {
  if (auto stepped = step(Operation::sync, file.path()); !stepped) return stepped;
  if (auto synced = real_->sync(file); !synced) return synced;
  const store::Lock lock(mutex_);
  unsynced_.erase(facts_of(file).st_ino);
  return {};
}

Result<> FaultyDisk::sync_directory(const Path& path) {
  if (auto stepped = step(Operation::sync_directory, path); !stepped) return stepped;
  if (auto synced = real_->sync_directory(path); !synced) return synced;
  const store::Lock lock(mutex_);
  const Path folder = normal(path);
  std::vector<Change> rest;
  for (Change& change : changes_) {
    if (normal(change.path).parent_path() != folder) {
      rest.push_back(std::move(change));
    } else if (!change.grave.empty()) {
      forget_if_gone(change.grave);
      std::error_code ignored;
      std::filesystem::remove(change.grave, ignored);
    }
  }
  changes_ = std::move(rest);
  return {};
}

bool FaultyDisk::resident(const File& file, uint64_t offset, uint64_t length) {
  {
    const store::Lock lock(mutex_);
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
  const store::Lock lock(mutex_);
  if (!residency_forgotten_) return {};
  std::set<uint64_t>& pages = resident_[facts_of(file).st_ino];
  for (uint64_t page = offset / kPage; page * kPage < offset + length; ++page) pages.insert(page);
  return {};
}

void FaultyDisk::drop_resident(const File& file, uint64_t offset, uint64_t length) {
  const store::Lock lock(mutex_);
  dropped_bytes_ += length;
  std::set<uint64_t>& pages = resident_[facts_of(file).st_ino];
  for (uint64_t page = offset / kPage; page * kPage < offset + length; ++page) pages.erase(page);
}

void FaultyDisk::advise(const File& file, store::Access access) { real_->advise(file, access); }

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
  const store::Lock lock(mutex_);
  Path grave = bury(to);
  if (grave.empty()) forget_if_gone(to);
  if (auto renamed = real_->rename(from, to); !renamed) return renamed;
  changes_.push_back({Change::Kind::renamed, to, from, std::move(grave)});
  return {};
}

Result<> FaultyDisk::link(const Path& from, const Path& to) {
  if (auto stepped = step(Operation::link, from); !stepped) return stepped;
  const store::Lock lock(mutex_);
  if (auto linked = real_->link(from, to); !linked) return linked;
  changes_.push_back({Change::Kind::created, to, {}, {}});
  return {};
}

Result<> FaultyDisk::remove(const Path& path) {
  if (auto stepped = step(Operation::remove, path); !stepped) return stepped;
  const store::Lock lock(mutex_);
  Path grave = bury(path);
  if (grave.empty()) forget_if_gone(path);
  if (auto removed = real_->remove(path); !removed) return removed;
  changes_.push_back({Change::Kind::removed, path, {}, std::move(grave)});
  return {};
}

Result<> FaultyDisk::make_directories(const Path& path) {
  if (auto stepped = step(Operation::make_directories, path); !stepped) return stepped;
  const store::Lock lock(mutex_);
  std::vector<Change> made;
  for (Path folder = path; !folder.empty() && !std::filesystem::exists(folder);
       folder = folder.parent_path()) {
    made.push_back({Change::Kind::created, folder, {}, {}});
  }
  if (auto done = real_->make_directories(path); !done) return done;
  changes_.insert(changes_.end(), made.rbegin(), made.rend());
  return {};
}

Result<> FaultyDisk::remove_directory(const Path& path) {
  if (auto stepped = step(Operation::remove_directory, path); !stepped) return stepped;
  const store::Lock lock(mutex_);
  if (auto removed = real_->remove_directory(path); !removed) return removed;
  changes_.push_back({Change::Kind::removed_directory, path, {}, {}});
  return {};
}

Result<std::vector<store::DirectoryEntry>> FaultyDisk::list(const Path& path) {
  if (auto stepped = step(Operation::list, path); !stepped) return failure(stepped.error());
  return real_->list(path);
}

Result<store::DiskSpace> FaultyDisk::space(const Path& path) {
  if (auto stepped = step(Operation::space, path); !stepped) return failure(stepped.error());
  {
    const store::Lock lock(mutex_);
    if (space_) return *space_;
  }
  return real_->space(path);
}

}  // namespace breakwater::test
