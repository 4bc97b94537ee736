#include "store/files/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace breakwater::store {

Result<std::unique_ptr<FolderLock>> FolderLock::take(const std::filesystem::path& data) {
  const auto path = data / "lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0)
    return failure(Error::Kind::internal,
                   "open " + path.string() + ": " + std::generic_category().message(errno));
  auto lock = std::make_unique<FolderLock>(fd);
  // Root may be the first to take it, and the server's user is to take it later.
  struct stat folder {};
  if (::geteuid() == 0 && ::stat(data.c_str(), &folder) == 0)
    (void)!::fchown(fd, folder.st_uid, folder.st_gid);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return failure(Error::Kind::conflict,
                   "another process serves " + data.string() + " (its lock file is held)");
  }
  return lock;
}

FolderLock::~FolderLock() { ::close(fd_); }

}  // namespace breakwater::store
