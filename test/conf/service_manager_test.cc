// What systemd is told, heard on a socket of the test's own.
#include "conf/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "proxy/server/listen_socket.h"
#include "test/catch.h"
#include "test/fakes/fake_log.h"
#include "test/fakes/store_world.h"

namespace breakwater::conf {
namespace {

class FakeServiceManager {
 public:
  FakeServiceManager() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = (folder_.path() / "notify").string();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(socket_.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~FakeServiceManager() { ::unsetenv("NOTIFY_SOCKET"); }
  FakeServiceManager(const FakeServiceManager&) = delete;
  FakeServiceManager& operator=(const FakeServiceManager&) = delete;

  std::string hear() {
    std::array<char, 4096> text{};
    const ssize_t got = ::recv(socket_.fd(), text.data(), text.size(), MSG_DONTWAIT);
    return got < 0 ? "nothing" : std::string(text.data(), static_cast<size_t>(got));
  }

 private:
  test::Folder folder_;
  proxy::Descriptor socket_;
};

TEST_CASE("the service manager is told the state in words that it knows") {
  FakeServiceManager manager;
  tell_ready("6 routes; 3 downloads, 2 uploads");
  CHECK(manager.hear() == "READY=1\nSTATUS=6 routes; 3 downloads, 2 uploads");
  tell_status("6 routes");
  CHECK(manager.hear() == "STATUS=6 routes");
  tell_alive();
  CHECK(manager.hear() == "WATCHDOG=1");
  tell_reloading();
  const std::string reloading = manager.hear();
  CHECK(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="));
  CHECK(reloading.ends_with("\nSTATUS=reloading"));
  tell_stopping();
  CHECK(manager.hear() == "STOPPING=1\nSTATUS=ending");
}

TEST_CASE("without a service manager nobody is told anything") {
  ::unsetenv("NOTIFY_SOCKET");
  tell_ready("6 routes");
  CHECK(!watchdog_interval());
}

TEST_CASE("a successor keeps the watchdog, although it has another number than the service manager knows") {
  ::setenv("WATCHDOG_USEC", "3000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  CHECK(watchdog_interval() == proxy::Millis(3'000));
  CHECK(watchdog_interval() == proxy::Millis(3'000));
  CHECK(::getenv("WATCHDOG_PID") == nullptr);
  ::unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace breakwater::conf
