#include "proxy/server/local_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include "proxy/server/descriptor.h"

namespace breakwater::proxy {
namespace {

tl::unexpected<Error> failed(const char* what, const std::filesystem::path& path, int error) {
  const auto kind =
      error == ECONNREFUSED || error == ENOENT ? Error::Kind::unavailable : Error::Kind::internal;
  return failure(kind,
                 std::string(what) + " " + path.string() + ": " + std::generic_category().message(error));
}

// The address of the socket `name` in the folder that is open as `folder`. An address holds only a hundred
// bytes of path, so the folder is named by its descriptor.
sockaddr_un address_of(int folder, const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = "/proc/self/fd/" + std::to_string(folder) + "/" + name;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

using Attach = int (*)(int, const sockaddr*, socklen_t);

// A new socket, attached to `path` by bind() or connect().
Result<int> open_socket(const std::filesystem::path& path, int flags, Attach attach, const char* what) {
  const Descriptor folder(open(path.parent_path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd() < 0) return failed(what, path, errno);
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (socket.fd() < 0) return failed(what, path, errno);
  const sockaddr_un address = address_of(folder.fd(), path.filename().string());
  if (attach(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failed(what, path, errno);
  return socket.take();
}

}  // namespace

Result<int> bind_local(const std::filesystem::path& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed("remove", path, errno);
  auto bound = open_socket(path, SOCK_NONBLOCK, ::bind, "listen on");
  if (!bound) return bound;
  // Nobody can connect before the mode is set, because the socket does not listen yet.
  if (chmod(path.c_str(), 0600) == 0) return bound;
  const int error = errno;
  close(*bound);
  return failed("protect", path, error);
}

Result<int> connect_local(const std::filesystem::path& path) {
  return open_socket(path, 0, ::connect, "connect to");
}

}  // namespace breakwater::proxy
