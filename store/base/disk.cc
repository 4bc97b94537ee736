#include "store/base/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "store/base/mutex.h"

namespace breakwater::store {
namespace {

using Path = std::filesystem::path;

Error::Kind kind_of(int error) {
  switch (error) {
    case ENOENT: return Error::Kind::not_found;
    case ENOSPC:
    case EDQUOT: return Error::Kind::full;
    case ELOOP:
    case EXDEV: return Error::Kind::invalid;
    case EBADF:
    case EFAULT:
    case EFBIG:
    case EEXIST:
    case EINVAL:
    case EISDIR:
    case ENAMETOOLONG:
    case ENOSYS:
    case ENOTEMPTY:
    case EOPNOTSUPP: return Error::Kind::internal;
    default: return Error::Kind::storage;
  }
}

tl::unexpected<Error> failed(const char* what, const Path& path, int error) {
  return failure(kind_of(error),
                 std::string(what) + " " + path.string() + ": " + std::generic_category().message(error));
}

// One byte of the page that holds `offset`, if that needs no device.
bool byte_is_resident(int fd, uint64_t offset) {
  char byte;
  iovec into{&byte, 1};
  return ::preadv2(fd, &into, 1, static_cast<off_t>(offset), RWF_NOWAIT) == 1;
}

DirectoryEntry entry_of(DIR& folder, const dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return {entry.d_name, entry.d_type == DT_DIR, entry.d_type == DT_LNK};
  const int fd = ::dirfd(&folder);
  struct stat found {};
  const bool is_known = fd >= 0 && ::fstatat(fd, entry.d_name, &found, AT_SYMLINK_NOFOLLOW) == 0;
  return {entry.d_name, is_known && S_ISDIR(found.st_mode), is_known && S_ISLNK(found.st_mode)};
}

FileStat facts_of(const struct stat& found) {
  const auto modified =
      std::chrono::seconds(found.st_mtim.tv_sec) + std::chrono::nanoseconds(found.st_mtim.tv_nsec);
  return {static_cast<uint64_t>(found.st_size),
          static_cast<uint64_t>(found.st_blocks) * 512,
          Time(std::chrono::duration_cast<std::chrono::milliseconds>(modified)),
          S_ISDIR(found.st_mode),
          {found.st_dev, found.st_ino},
          static_cast<uint64_t>(found.st_nlink),
          S_ISREG(found.st_mode)};
}

int advice_of(Access access) {
  switch (access) {
    case Access::normal: return POSIX_FADV_NORMAL;
    case Access::random: return POSIX_FADV_RANDOM;
    case Access::sequential: return POSIX_FADV_SEQUENTIAL;
    case Access::soon: return POSIX_FADV_WILLNEED;
    case Access::not_soon: return POSIX_FADV_DONTNEED;
  }
  return POSIX_FADV_NORMAL;
}

// Some file systems give back what was allocated behind the end only when the file becomes shorter, so that
// it takes a hole there. Whether it can be given back changes nothing for the file.
void give_back_behind(int fd) {
  struct stat found {};
  if (::fstat(fd, &found) != 0 || found.st_blksize <= 0) return;
  const off_t taken = off_t{found.st_blocks} * 512;
  const off_t needed = (found.st_size + found.st_blksize - 1) / found.st_blksize * found.st_blksize;
  if (taken > needed)
    (void)::fallocate(fd, FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, found.st_size, taken - found.st_size);
}

bool is_out_of_descriptors(int error) { return error == EMFILE || error == ENFILE; }

class PosixDisk final : public Disk {
 public:
  explicit PosixDisk(std::optional<FolderOwner> owner) : owner_(std::move(owner)) {}

  Result<SharedFile> open(const Path& path) override { return open_regular_file(path, O_RDONLY); }
  Result<SharedFile> open_for_writing(const Path& path) override {
    return given(open_regular_file(path, O_RDWR | O_CREAT | O_NOFOLLOW));
  }
  Result<SharedFile> create(const Path& path) override {
    return given(open_regular_file(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW));
  }

  Result<> write(const File& file, uint64_t offset, std::span<const char> data) override {
    while (!data.empty()) {
      const ssize_t written = ::pwrite(file.fd(), data.data(), data.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed("write", file.path(), errno);
      data = data.subspan(static_cast<size_t>(written));
      offset += static_cast<uint64_t>(written);
    }
    return {};
  }

  Result<size_t> read(const File& file, uint64_t offset, std::span<char> into) override {
    size_t done = 0;
    while (done < into.size()) {
      const ssize_t got =
          ::pread(file.fd(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed("read", file.path(), errno);
      if (got == 0) break;
      done += static_cast<size_t>(got);
    }
    return done;
  }

  Result<> truncate(const File& file, uint64_t size) override {
    if (::ftruncate(file.fd(), static_cast<off_t>(size)) != 0) return failed("truncate", file.path(), errno);
    give_back_behind(file.fd());
    return {};
  }

  Result<> allocate(const File& file, uint64_t offset, uint64_t length) override {
    int done;
    do {
      done =
          ::fallocate(file.fd(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(length));
    } while (done != 0 && errno == EINTR);
    if (done != 0) return failed("allocate", file.path(), errno);
    return {};
  }

  Result<> sync(const File& file) override {
    if (::fdatasync(file.fd()) != 0) return failed("sync", file.path(), errno);
    return {};
  }

  Result<> sync_directory(const Path& path) override {
    const auto directory = open_file(path, O_RDONLY | O_DIRECTORY);
    if (!directory) return failure(directory.error());
    if (::fsync((*directory)->fd()) != 0) return failed("sync directory", path, errno);
    return {};
  }

  bool resident(const File& file, uint64_t offset, uint64_t length) override {
    // The kernel reads a file ahead in runs of pages: when the end of a piece is there, so is what lies
    // before it, but for rare reclaim, which costs one short wait.
    return length == 0 || byte_is_resident(file.fd(), offset + length - 1);
  }

  Result<> read_ahead(const File& file, uint64_t offset, uint64_t length) override {
    ::posix_fadvise(file.fd(), static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_WILLNEED);
    std::array<char, size_t{64} << 10> scratch;
    while (length > 0) {
      const size_t piece = static_cast<size_t>(std::min<uint64_t>(length, scratch.size()));
      const auto got = read(file, offset, {scratch.data(), piece});
      if (!got) return failure(got.error());
      if (*got < piece) return {};
      offset += piece;
      length -= piece;
    }
    return {};
  }

  void drop_resident(const File& file, uint64_t offset, uint64_t length) override {
    ::posix_fadvise(file.fd(), static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_DONTNEED);
  }

  void advise(const File& file, Access access) override {
    ::posix_fadvise(file.fd(), 0, 0, advice_of(access));
  }

  bool is_whole(const File& file, uint64_t size) override {
    struct stat found {};
    return ::fstat(file.fd(), &found) == 0 && found.st_nlink > 0 &&
           static_cast<uint64_t>(found.st_size) == size;
  }

  Result<FileStat> stat(const Path& path) override {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return failed("stat", path, errno);
    return facts_of(found);
  }

  Result<FileStat> stat_target(const Path& path) override {
    struct stat found {};
    if (::stat(path.c_str(), &found) != 0) return failed("stat", path, errno);
    return facts_of(found);
  }

  Result<> rename(const Path& from, const Path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from, errno);
    return {};
  }

  Result<> link(const Path& from, const Path& to) override {
    if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), AT_SYMLINK_FOLLOW) == 0) return give(to);
    const int code = errno;
    Error error = failed("link", from, code).value();
    if (code == EEXIST) error.kind = Error::Kind::conflict;
    if (code == EXDEV || code == EPERM || code == EACCES || code == EMLINK || code == EOPNOTSUPP)
      error.kind = Error::Kind::invalid;
    return failure(std::move(error));
  }

  Result<> remove(const Path& path) override {
    if (::unlink(path.c_str()) != 0) return failed("remove", path, errno);
    return {};
  }

  Result<> make_directories(const Path& path) override {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (error) return failed("make directory", path, error.value());
    for (Path made = path; owner_ && is_owned(made); made = made.parent_path()) {
      if (auto given = give(made); !given) return given;
    }
    return {};
  }

  Result<> remove_directory(const Path& path) override {
    if (::rmdir(path.c_str()) != 0) return failed("remove directory", path, errno);
    return {};
  }

  Result<std::vector<DirectoryEntry>> list(const Path& path) override {
    // Not by std::filesystem, which makes a path of each name: a start lists half a million.
    std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
    while (!folder && is_out_of_descriptors(errno) && relieve()) folder.reset(::opendir(path.c_str()));
    if (!folder) return failed("list", path, errno);
    std::vector<DirectoryEntry> found;
    for (;;) {
      errno = 0;
      const dirent* entry = ::readdir(folder.get());  // NOLINT(concurrency-mt-unsafe): this DIR is ours alone
      if (!entry) break;
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") found.push_back(entry_of(*folder, *entry));
    }
    if (errno != 0) return failed("list", path, errno);
    return found;
  }

  Result<DiskSpace> space(const Path& path) override {
    struct statvfs found {};
    if (::statvfs(path.c_str(), &found) != 0) return failed("ask for the free space of", path, errno);
    return DiskSpace{static_cast<uint64_t>(found.f_blocks) * found.f_frsize,
                     static_cast<uint64_t>(found.f_bavail) * found.f_frsize};
  }

  void relieve_by(GiveBack give_back) override {
    const Lock lock(relief_);
    give_back_ = std::move(give_back);
  }

 private:
  // The sanitizer's look at the vptr takes two descriptors, and there may be none.
  __attribute__((no_sanitize("vptr"))) Result<SharedFile> open_file(const Path& path, int flags) {
    constexpr mode_t kMode = 0640;
    int fd;
    do {
      fd = ::open(path.c_str(), flags | O_CLOEXEC, kMode);
    } while (fd < 0 && (errno == EINTR || (is_out_of_descriptors(errno) && relieve())));
    if (fd < 0 && errno == EEXIST) return failure(Error::Kind::conflict, path.string() + " is there already");
    if (fd < 0) return failed("open", path, errno);
    return std::make_shared<const File>(fd, path);
  }

  // O_NONBLOCK changes nothing for a regular file, and keeps the open of a FIFO from waiting for its other
  // end.
  Result<SharedFile> open_regular_file(const Path& path, int flags) {
    auto file = open_file(path, flags | O_NONBLOCK);
    if (!file) return file;
    struct stat found {};
    if (::fstat((*file)->fd(), &found) != 0) return failed("open", path, errno);
    if (!S_ISREG(found.st_mode)) return failure(Error::Kind::invalid, path.string() + " is no regular file");
    return file;
  }

  // Whether somebody has given back a descriptor. Keeps the caller's errno if nobody has.
  bool relieve() {
    const int error = errno;
    const Lock lock(relief_);
    const bool is_relieved = give_back_ && give_back_() > 0;
    errno = error;
    return is_relieved;
  }

  bool is_owned(const Path& path) const {
    const std::string_view folder = owner_->folder.native(), name = path.native();
    return name.starts_with(folder) && (name.size() == folder.size() || name[folder.size()] == '/');
  }

  Result<> give(const Path& path) const {
    if (!owner_ || !is_owned(path)) return {};
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return failed("stat", path, errno);
    if (found.st_uid == owner_->user) return {};
    if (::lchown(path.c_str(), owner_->user, owner_->group) != 0) return failed("give away", path, errno);
    return {};
  }

  Result<SharedFile> given(Result<SharedFile> file) const {
    if (!file) return file;
    if (auto done = give((*file)->path()); !done) return failure(done.error());
    return file;
  }

  const std::optional<FolderOwner> owner_;
  Mutex relief_;  // held over give_back_, so that nobody is asked any more once relieve_by() has returned
  GiveBack give_back_ GUARDED_BY(relief_);
};

}  // namespace

File::~File() { ::close(fd_); }

std::unique_ptr<Disk> make_posix_disk(std::optional<FolderOwner> owner) {
  return std::make_unique<PosixDisk>(std::move(owner));
}

}  // namespace breakwater::store
