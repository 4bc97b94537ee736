// The file of users, which is read again when it was written anew or replaced. May block; one thread at a
// time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "routes/access/htpasswd.h"
#include "store/base/result.h"

namespace breakwater::routes {

class HtpasswdFile {
 public:
  explicit HtpasswdFile(std::string path) : path_(std::move(path)) {}

  // The users, or what is wrong (`invalid`), if that is not as it was at the last call; at the first call in
  // any case. A file that was written anew with what it had before is as it was.
  std::optional<Result<Htpasswd>> read_if_changed();
  const std::string& path() const { return path_; }

 private:
  // Device, inode, size, and the times of its content and of itself. Two files with the same stamp are the
  // same, unless one was written within a tick of the file system's clock after the other was read.
  using Stamp = std::tuple<uint64_t, uint64_t, int64_t, int64_t, int64_t>;
  Result<std::optional<std::string>> text_if_changed();
  bool is_new(std::string outcome);

  const std::string path_;
  std::optional<Stamp> stamp_;  // nothing: read it in any case
  std::string outcome_;         // of the last call: the digest of the text, or why there was none
};

// What it is now, for a check of the configuration.
[[nodiscard]] Result<Htpasswd> read_htpasswd(const std::string& path);

}  // namespace breakwater::routes
