#include "proxy/upstream/password_file.h"

#include <sys/stat.h>

#include <fstream>

namespace breakwater::proxy {

Result<std::string> read_password_file(const std::string& path) {
  std::ifstream file(path);
  std::string password;
  if (!file || !std::getline(file, password))
    return failure(Error::Kind::invalid, "cannot read a secret from " + path);
  while (!password.empty() && (password.back() == '\r' || password.back() == ' ')) password.pop_back();
  if (password.empty()) return failure(Error::Kind::invalid, path + " is empty");
  return password;
}

std::optional<std::string> PasswordFile::read_if_changed() {
  struct stat status {};
  if (path_.empty() || stat(path_.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  Stamp stamp;
  stamp.inode = status.st_ino;
  stamp.size = status.st_size;
  stamp.changed_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  if (stamp_ == stamp) return std::nullopt;
  auto password = read_password_file(path_);
  if (!password) return std::nullopt;
  stamp_ = stamp;
  return std::move(*password);
}

}  // namespace breakwater::proxy
