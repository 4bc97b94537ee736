// A folder of somebody else, lent to this process for one import or export: a Disk whose every open, list and
// rename is done by whoever lends it (disk_lender.h), with their rights. What is opened comes as a descriptor
// (SCM_RIGHTS), and is read and written here, at full speed.
//
// The server runs as a user of its own, in a sandbox that hides most of the machine (ProtectSystem=strict,
// PrivateTmp): a path that an operator names means nothing to it, and may not be its to read. The ways that
// were weighed:
//
//   a path                     the server may not see it
//   the folder's descriptor    what is below it is opened by the server's rights, not by the operator's
//   the operator's process     would have to do all of an import by requests: bounds, leases, the order of
//     pushes images              tags, what is here already, each a question of its own
//   each file's descriptor     the operator's rights, and one place that imports and exports: here
//
// The lender answers for one folder only, and reads only if it was lent to be read: a server gets nothing
// else of its rights. Nothing gets a second name (link()) over the border, so files are copied.
//
// One thread at a time; may block, but not for longer than a moment after `stop`.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/server/descriptor.h"
#include "proxy/server/lent_message.h"
#include "store/base/disk.h"

namespace breakwater::proxy {

class LentDisk final : public store::Disk {
 public:
  // Whether the text is the name of a lender's socket, and no path that leads elsewhere.
  static bool is_name(std::string_view name);
  // `socket`: the lender's, in the data folder. `unavailable` if nobody lends there.
  [[nodiscard]] static Result<std::unique_ptr<LentDisk>> connect(const std::filesystem::path& socket,
                                                                 std::stop_token stop);

  // A line for the operator's eye.
  void say(const std::string& line);

  Result<store::SharedFile> open(const std::filesystem::path& path) override;
  Result<store::SharedFile> open_for_writing(const std::filesystem::path& path) override;
  Result<store::SharedFile> create(const std::filesystem::path& path) override;
  Result<> write(const store::File& file, uint64_t offset, std::span<const char> data) override;
  Result<size_t> read(const store::File& file, uint64_t offset, std::span<char> into) override;
  Result<> truncate(const store::File& file, uint64_t size) override;
  Result<> allocate(const store::File& file, uint64_t offset, uint64_t length) override;
  Result<> sync(const store::File& file) override;
  Result<> sync_directory(const std::filesystem::path& path) override;
  bool resident(const store::File& file, uint64_t offset, uint64_t length) override;
  Result<> read_ahead(const store::File& file, uint64_t offset, uint64_t length) override;
  void drop_resident(const store::File& file, uint64_t offset, uint64_t length) override;
  void advise(const store::File& file, store::Access access) override;
  bool is_whole(const store::File& file, uint64_t size) override;
  Result<store::FileStat> stat(const std::filesystem::path& path) override;
  Result<store::FileStat> stat_target(const std::filesystem::path& path) override;
  Result<> rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<> link(const std::filesystem::path& from, const std::filesystem::path& to) override;
  Result<> remove(const std::filesystem::path& path) override;
  Result<> make_directories(const std::filesystem::path& path) override;
  Result<> remove_directory(const std::filesystem::path& path) override;
  Result<std::vector<store::DirectoryEntry>> list(const std::filesystem::path& path) override;
  Result<store::DiskSpace> space(const std::filesystem::path& path) override;
  void relieve_by(GiveBack give_back) override;

 private:
  LentDisk(Descriptor socket, std::stop_token stop)
      : socket_(std::move(socket)), stop_(std::move(stop)), own_(store::make_posix_disk()) {}
  Result<Received> ask(LentCall call, const std::string& first, const std::string& second = {});
  Result<store::SharedFile> ask_file(LentCall call, const std::filesystem::path& path);
  Result<store::FileStat> ask_stat(LentCall call, const std::filesystem::path& path);
  Result<> ask_done(LentCall call, const std::filesystem::path& first, const std::filesystem::path& second);

  const Descriptor socket_;
  const std::stop_token stop_;
  const std::unique_ptr<store::Disk> own_;  // for what is open
};

}  // namespace breakwater::proxy
