// The real disk, of which the test says what is in memory: cold, nothing is until it has been read ahead.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "store/base/disk.h"

namespace breakwater::test {

class ColdDisk final : public store::Disk {
 public:
  void cool() { change(cold_, true); }
  void hold() { change(held_, true); }  // read_ahead() waits until release()
  void release() {
    change(held_, false);
    released_.notify_all();
  }
  void fail_reads() { change(failing_, true); }

  size_t reads_ahead() const {
    std::lock_guard lock(mutex_);
    return reads_ahead_;
  }
  uint64_t longest_read_ahead() const {
    std::lock_guard lock(mutex_);
    return longest_;
  }
  bool read_ahead_by(std::thread::id thread) const {
    std::lock_guard lock(mutex_);
    return threads_.count(thread) > 0;
  }

  bool resident(const store::File&, uint64_t offset, uint64_t length) override {
    std::lock_guard lock(mutex_);
    return !cold_ || (offset >= warm_from_ && offset + length <= warm_to_);
  }
  Result<> read_ahead(const store::File&, uint64_t offset, uint64_t length) override {
    std::unique_lock lock(mutex_);
    ++reads_ahead_;
    longest_ = std::max(longest_, length);
    threads_.insert(std::this_thread::get_id());
    released_.wait(lock, [this] { return !held_; });
    if (failing_) return failure(Error::Kind::internal, "the disk is broken");
    warm_from_ = offset;
    warm_to_ = offset + length;
    return Result<>();
  }

  Result<store::SharedFile> open(const std::filesystem::path& path) override { return real_->open(path); }
  Result<store::SharedFile> open_for_writing(const std::filesystem::path& path) override {
    return real_->open_for_writing(path);
  }
  Result<store::SharedFile> create(const std::filesystem::path& path) override { return real_->create(path); }
  void relieve_by(GiveBack give_back) override { real_->relieve_by(std::move(give_back)); }
  Result<> write(const store::File& file, uint64_t offset, std::span<const char> data) override {
    return real_->write(file, offset, data);
  }
  Result<size_t> read(const store::File& file, uint64_t offset, std::span<char> into) override {
    return real_->read(file, offset, into);
  }
  Result<> truncate(const store::File& file, uint64_t size) override { return real_->truncate(file, size); }
  Result<> allocate(const store::File& file, uint64_t offset, uint64_t length) override {
    return real_->allocate(file, offset, length);
  }
  Result<> sync(const store::File& file) override { return real_->sync(file); }
  Result<> sync_directory(const std::filesystem::path& path) override { return real_->sync_directory(path); }
  void drop_resident(const store::File& file, uint64_t offset, uint64_t length) override {
    real_->drop_resident(file, offset, length);
  }
  void advise(const store::File& file, store::Access access) override { real_->advise(file, access); }
  bool is_whole(const store::File& file, uint64_t size) override { return real_->is_whole(file, size); }
  Result<store::FileStat> stat(const std::filesystem::path& path) override { return real_->stat(path); }
  Result<store::FileStat> stat_target(const std::filesystem::path& path) override {
    return real_->stat_target(path);
  }
  Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return real_->rename(from, to);
  }
  Result<> link(const std::filesystem::path& from, const std::filesystem::path& to) override {
    return real_->link(from, to);
  }
  Result<> remove(const std::filesystem::path& path) override { return real_->remove(path); }
  Result<> make_directories(const std::filesystem::path& path) override {
    return real_->make_directories(path);
  }
  Result<> remove_directory(const std::filesystem::path& path) override {
    return real_->remove_directory(path);
  }
  Result<std::vector<store::DirectoryEntry>> list(const std::filesystem::path& path) override {
    return real_->list(path);
  }
  Result<store::DiskSpace> space(const std::filesystem::path& path) override { return real_->space(path); }

 private:
  void change(bool& state, bool to) {
    std::lock_guard lock(mutex_);
    state = to;
  }

  std::unique_ptr<store::Disk> real_ = store::make_posix_disk();
  mutable std::mutex mutex_;
  std::condition_variable released_;
  bool cold_ = false;
  bool held_ = false;
  bool failing_ = false;
  uint64_t warm_from_ = 0;
  uint64_t warm_to_ = 0;
  size_t reads_ahead_ = 0;
  uint64_t longest_ = 0;
  std::set<std::thread::id> threads_;
};

}  // namespace breakwater::test
