// Lends a folder of this process to the process that serves a data folder (lent_disk.h): answers its
// questions about that folder, and opens files for it, by a thread of its own.
//
//   auto lender = DiskLender::begin(data, owner, {"/backup/images", DiskLender::For::writing}, say);
//   … ask the server for an export, with (*lender)->name() …
//
// The server has fewer rights than whoever lends, and is not trusted with more than it was lent: every path
// has to be the folder or below it, without "..", and nothing is written to what was lent for reading, nor
// into the data folder. Symbolic links are followed as by store::Disk: to read, as imports do, never to
// write.
//
// The socket is in the data folder, so that a server sees it whatever its sandbox hides; only that folder's
// owner and root can connect, one does, and the socket is gone then. The folder may be used by this process
// beside it. Belongs to one thread.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "proxy/server/descriptor.h"
#include "proxy/server/lent_message.h"
#include "store/base/disk.h"

namespace breakwater::proxy {

inline constexpr std::string_view kLenderSocket = "lender-";  // and a number

class DiskLender {
 public:
  enum class For { reading, writing };
  struct Lent {
    std::filesystem::path folder;  // absolute
    For purpose = For::reading;
  };
  // Told, by the lender's thread, each line that the server has to say.
  using Say = std::function<void(const std::string& line)>;

  // `owner`: of the data folder, if this process is root's and the folder is not. `conflict` if what is lent
  // is in the data folder; an error if there can be no socket in it.
  [[nodiscard]] static Result<std::unique_ptr<DiskLender>> begin(
      const std::filesystem::path& data, const std::optional<store::FolderOwner>& owner, Lent lent, Say say);
  // Nothing is lent any more.
  ~DiskLender();
  DiskLender(const DiskLender&) = delete;
  DiskLender& operator=(const DiskLender&) = delete;

  const std::string& name() const { return name_; }  // of the socket, in the data folder
  // Waits until the server has closed its end, because it is done, or has been stopped and has cleaned up.
  // Returns at once if none ever connected.
  void wait_for_end();

 private:
  DiskLender(std::filesystem::path socket, Descriptor listens, Lent lent, Say say);
  void serve(const std::stop_token& stop);
  void answer(LentCall call, const std::string& first, const std::string& second, LentMessage& answer,
              store::SharedFile& file);
  Result<> check(LentCall call, const std::string& first, const std::string& second) const;
  bool is_lent(const std::string& path) const;
  void take_name_away();

  const std::filesystem::path data_, socket_;
  const std::string name_;
  const Descriptor listens_;
  const Lent lent_;
  const Say say_;
  const std::unique_ptr<store::Disk> disk_;
  bool is_named_ = true;              // the socket has its name still
  std::atomic<bool> is_met_ = false;  // a server has connected
  std::jthread thread_;
};

}  // namespace breakwater::proxy
