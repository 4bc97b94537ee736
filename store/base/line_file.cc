#include "store/base/line_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace breakwater::store {
namespace {

constexpr mode_t kMode = 0640;

tl::unexpected<Error> not_opened(const std::filesystem::path& path, const std::string& why) {
  return failure(Error::Kind::invalid, path.string() + " cannot be opened to append lines: " + why +
                                           "; make its folder, and let the user that runs Breakwater write "
                                           "there (under systemd: LogsDirectory=breakwater)");
}

tl::unexpected<Error> not_written(const std::filesystem::path& path, int error) {
  const auto kind = error == ENOSPC || error == EDQUOT ? Error::Kind::full : Error::Kind::storage;
  return failure(kind, "write to " + path.string() + ": " + std::generic_category().message(error));
}

}  // namespace

Result<std::unique_ptr<LineFile>> LineFile::open(const std::filesystem::path& path,
                                                 const std::optional<FolderOwner>& owner) {
  std::unique_ptr<LineFile> file(new LineFile(path, owner));
  if (auto opened = file->open(); !opened) return failure(opened.error());
  return file;
}

Result<> LineFile::open() {
  // A FIFO that nobody reads must not keep us waiting.
  constexpr int kFlags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  int fd = ::open(path_.c_str(), kFlags);
  const bool is_new = fd < 0 && errno == ENOENT;
  if (is_new) fd = ::open(path_.c_str(), kFlags | O_CREAT, kMode);
  if (fd < 0) return not_opened(path_, std::generic_category().message(errno));
  auto file = std::make_unique<File>(fd, path_);
  struct stat found {};
  if (::fstat(fd, &found) != 0) return not_opened(path_, std::generic_category().message(errno));
  if (!S_ISREG(found.st_mode)) return not_opened(path_, "it is no regular file");
  // The process's umask may have taken the group's right to read.
  const bool is_ours =
      !is_new || (::fchmod(fd, kMode) == 0 && (!owner_ || ::fchown(fd, owner_->user, owner_->group) == 0));
  if (!is_ours) return not_opened(path_, std::generic_category().message(errno));
  file_ = std::move(file);
  return {};
}

bool LineFile::is_moved() const {
  struct stat ours {
  }, there{};
  if (::fstat(file_->fd(), &ours) != 0) return false;
  if (::stat(path_.c_str(), &there) != 0) return errno == ENOENT;
  return ours.st_dev != there.st_dev || ours.st_ino != there.st_ino;
}

Result<> LineFile::append(std::string& lines) {
  // The rest of a line belongs to its beginning. If there cannot be a new file, the one that was moved away
  // goes on.
  if (!is_inside_line_ && is_moved()) (void)open();
  while (!lines.empty()) {
    const ssize_t written = ::write(file_->fd(), lines.data(), lines.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return not_written(path_, written < 0 ? errno : ENOSPC);
    is_inside_line_ = lines[static_cast<size_t>(written) - 1] != '\n';
    lines.erase(0, static_cast<size_t>(written));
  }
  return {};
}

}  // namespace breakwater::store
