// The file operations that the store and its RocksDB use, behind one interface, so that a FaultyDisk can cut,
// fail, slow down or forget what was not synced at each of them. Every call may block and may be made from
// any thread.
//
// A File is an open descriptor. It is shared by all who still read it (the loop's sendfile, a worker that
// reads ahead, the store's table of open blobs) and closed by the last; its file may have been removed
// meanwhile.
//
// What is opened is a regular file: a FIFO or a device in somebody's folder would block for ever. Symbolic
// links are followed to read, never to write.
//
// Errors: `not_found` for ENOENT, `full` for ENOSPC and EDQUOT, `invalid` for what is no regular file,
// `internal` for what only a mistake of ours can cause, and `storage` for all that may pass: EIO, ESTALE,
// EACCES, ENOTDIR, EMFILE … The message names the path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::store {

// What a file of `size` bytes takes of the disk: whole blocks of 4 KiB.
constexpr uint64_t on_disk(uint64_t size) { return (size + 4095) / 4096 * 4096; }

class File {
 public:
  File(int fd, std::filesystem::path path) : fd_(fd), path_(std::move(path)) {}
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }
  // Where it was opened; it may have moved since.
  const std::filesystem::path& path() const { return path_; }

 private:
  int fd_;
  std::filesystem::path path_;
};
using SharedFile = std::shared_ptr<const File>;

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
  bool is_link = false;  // symbolic: what it leads to is stat_target()'s to say
};

struct DiskSpace {
  uint64_t total = 0;      // bytes of the file system
  uint64_t available = 0;  // bytes that we may still write
};

struct FileStat {
  uint64_t size = 0;     // bytes
  uint64_t on_disk = 0;  // bytes that it takes, in whole blocks, as `du` counts
  Time modified{};
  bool is_directory = false;
  std::pair<uint64_t, uint64_t> id{};  // of the file, whatever its names: device and inode
  uint64_t names = 1;                  // hard links; removing one of several frees no bytes
  bool is_file = false;                // a regular one: no folder, link, device or FIFO
};

// How a file is going to be read.
enum class Access { normal, random, sequential, soon, not_soon };

class Disk {
 public:
  virtual ~Disk() = default;

  [[nodiscard]] virtual Result<SharedFile> open(const std::filesystem::path& path) = 0;  // to read
  [[nodiscard]] virtual Result<SharedFile> open_for_writing(
      const std::filesystem::path& path) = 0;  // made if absent
  // A new file, to write: `conflict` if anything has that name, also a symbolic link.
  [[nodiscard]] virtual Result<SharedFile> create(const std::filesystem::path& path) = 0;

  // Everything or an error; a short write is continued.
  [[nodiscard]] virtual Result<> write(const File& file, uint64_t offset, std::span<const char> data) = 0;
  // The number of bytes read, less than asked only at the end of the file.
  [[nodiscard]] virtual Result<size_t> read(const File& file, uint64_t offset, std::span<char> into) = 0;
  // Cuts the file off at `size` bytes, and gives back the room that allocate() kept behind that.
  [[nodiscard]] virtual Result<> truncate(const File& file, uint64_t size) = 0;
  // Keeps room for these bytes, so that writing them cannot fail with `full`; the file's size stays what it
  // is.
  [[nodiscard]] virtual Result<> allocate(const File& file, uint64_t offset, uint64_t length) = 0;
  [[nodiscard]] virtual Result<> sync(const File& file) = 0;  // fdatasync
  [[nodiscard]] virtual Result<> sync_directory(const std::filesystem::path& path) = 0;

  // Whether these bytes can be read without waiting for the device. It does not block, so the loop may ask. A
  // file system that cannot tell answers false.
  virtual bool resident(const File& file, uint64_t offset, uint64_t length) = 0;
  // Reads these bytes into the page cache; blocks until they are there.
  [[nodiscard]] virtual Result<> read_ahead(const File& file, uint64_t offset, uint64_t length) = 0;
  // Drops these bytes from the page cache, because nobody is expected to read them soon.
  virtual void drop_resident(const File& file, uint64_t offset, uint64_t length) = 0;
  virtual void advise(const File& file, Access access) = 0;  // of all of the file
  // Whether the file has a name still, and this size. Does not block: the loop may ask.
  virtual bool is_whole(const File& file, uint64_t size) = 0;

  [[nodiscard]] virtual Result<FileStat> stat(const std::filesystem::path& path) = 0;
  // As stat(), but follows symbolic links. The store makes no symbolic links: this is for folders that are
  // imported.
  [[nodiscard]] virtual Result<FileStat> stat_target(const std::filesystem::path& path) = 0;
  // `invalid` if the two are on different file systems.
  [[nodiscard]] virtual Result<> rename(const std::filesystem::path& from,
                                        const std::filesystem::path& to) = 0;
  // A second name for a file. `conflict` if there is one of that name, `invalid` if this file cannot have one
  // there: another file system.
  [[nodiscard]] virtual Result<> link(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  [[nodiscard]] virtual Result<> remove(
      const std::filesystem::path& path) = 0;  // a file; `not_found` if absent
  [[nodiscard]] virtual Result<> make_directories(const std::filesystem::path& path) = 0;
  [[nodiscard]] virtual Result<> remove_directory(const std::filesystem::path& path) = 0;  // an empty one
  [[nodiscard]] virtual Result<std::vector<DirectoryEntry>> list(const std::filesystem::path& path) = 0;
  [[nodiscard]] virtual Result<DiskSpace> space(const std::filesystem::path& path) = 0;

  // Closes files that nobody needs just now, and returns how many. It must not call the Disk.
  using GiveBack = std::function<size_t()>;
  // When a call finds no descriptor left in the process or the system, `give_back` is asked, and the call is
  // tried again as long as that gave something back. Null: nobody is asked any more when this returns. A
  // Disk that opens nothing by itself hands it on.
  virtual void relieve_by(GiveBack give_back) = 0;
};

// For root: what is made below `folder`, or gets a name there, belongs to this user and group from the moment
// on at which it is there.
struct FolderOwner {
  std::filesystem::path folder;
  uint32_t user = 0;
  uint32_t group = 0;
};
std::unique_ptr<Disk> make_posix_disk(std::optional<FolderOwner> owner = std::nullopt);

}  // namespace breakwater::store
