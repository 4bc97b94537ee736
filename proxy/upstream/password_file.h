// A file whose first line is a password, without the spaces at its end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "store/base/result.h"

namespace breakwater::proxy {

// The password in the file; `invalid` if the file cannot be read or its first line is empty.
[[nodiscard]] Result<std::string> read_password_file(const std::string& path);

// Notices that a password file was written anew or replaced, by its inode, size and time of change.
class PasswordFile {
 public:
  explicit PasswordFile(std::string path) : path_(std::move(path)) {}  // "": there is none

  // The password, if the file is not as it was at the last call, or at this first one. Nothing also if it
  // cannot be read, or is no regular file, which might keep us waiting.
  std::optional<std::string> read_if_changed();

 private:
  struct Stamp {
    ino_t inode = 0;
    off_t size = 0;
    int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };

  std::string path_;
  std::optional<Stamp> stamp_;
};

}  // namespace breakwater::proxy
