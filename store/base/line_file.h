// A file of lines that only grows, and that somebody else may move away (logrotate): the next line then
// begins a new file at the path. Nothing is synced.
//
//   auto file = LineFile::open("/var/log/breakwater/audit.log", std::nullopt);
//   std::string text = "a line\nanother\n";
//   auto written = (*file)->append(text);   // what was not written is still in `text`: try it again
//
// May block; one thread at a time. Other processes may append to the same file: a line is not torn unless the
// disk is full in the middle of it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "store/base/disk.h"
#include "store/base/result.h"

namespace breakwater::store {

class LineFile {
 public:
  // Opens the file to append, and makes it with mode 0640 if it is absent; then it belongs to the user and
  // group of `owner`, if there is one. The error is `invalid`, and says what to do: it cannot be opened, or
  // is no regular file. Symbolic links are not followed.
  [[nodiscard]] static Result<std::unique_ptr<LineFile>> open(const std::filesystem::path& path,
                                                              const std::optional<FolderOwner>& owner);
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  // Writes `lines`, each with its end, and takes from the front of it what was written. The error is `full`
  // or `storage`.
  [[nodiscard]] Result<> append(std::string& lines);

 private:
  LineFile(std::filesystem::path path, const std::optional<FolderOwner>& owner)
      : path_(std::move(path)), owner_(owner) {}
  Result<> open();
  bool is_moved() const;

  const std::filesystem::path path_;
  const std::optional<FolderOwner> owner_;
  std::unique_ptr<File> file_;
  bool is_inside_line_ = false;  // it ends with a part of a line, whose rest comes next
};

}  // namespace breakwater::store
