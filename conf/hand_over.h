// From one process to the next, without a client noticing: a restart, and an upgrade.
//
//   the successor (breakwater serve --take-over)       the process that serves the folder
//   --------------------------------------------       ----------------------------------
//   reads and checks its configuration
//   asks over <data>/control: POST /take-over   --->   /readyz says draining; serves on while a push is being
//                                                      stored; then accepts nobody any more, lets each
//                                                      connection come to rest, and closes the store
//   gets listening sockets and connections      <---   give()
//   binds new addresses, opens the store,
//   serves, goes on with each
//   request where it was; says so: done()       --->   ends
//
// Whoever connects meanwhile waits in the kernel's queue, and whoever is connected waits in the middle of
// what it does. The first process keeps everything until done(): if the successor ends before, or is too
// late, the first one opens the store again and goes on itself.
//
// Where the service manager starts the next process when this one has ended, all is packed() and left with it
// (service_manager.h).
//
// Sockets go over a local socket in the data folder that the successor makes, where nobody else may connect
// (local_socket.h). What is said of them is MessagePack, of which a reader ignores what it does not know.
// Everything here blocks.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "conf/inheritance.h"
#include "proxy/server/descriptor.h"
#include "store/base/result.h"

namespace breakwater::conf {

inline constexpr char kTakeOverRequest[] = "/take-over";  // POST, to <data>/control
inline constexpr char kTakeOverSocket[] = "take-over";    // in the data folder

class TakenOver {
 public:
  // Nothing if no process serves the folder. An error if the one that does lets nothing go.
  [[nodiscard]] static Result<std::unique_ptr<TakenOver>> ask(const std::filesystem::path& data);
  explicit TakenOver(proxy::Descriptor socket) : socket_(std::move(socket)) {}

  Inheritance inheritance;
  void done();  // We serve: the other process ends.

 private:
  proxy::Descriptor socket_;
};

// Gives all to the process that has asked, and returns its number when it serves. After an error everything
// is still ours alone.
[[nodiscard]] Result<pid_t> give(const std::filesystem::path& data, const Inheritance& inheritance);

// The two ends of that, over any connected local socket.
[[nodiscard]] Result<> send(int socket, const Inheritance& inheritance);
[[nodiscard]] Result<Inheritance> receive(int socket);

// Two ends of such a socket. In `filled` all of it waits for a receive(), also after this process has ended.
// There is room for 50 000 connections.
struct Packed {
  proxy::Descriptor filled;
  proxy::Descriptor other;
};
[[nodiscard]] Result<Packed> packed(const Inheritance& inheritance);

}  // namespace breakwater::conf
