// What systemd is told, heard on a socket of the test's own.
#include "conf/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>

#include "conf/hand_over.h"
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

  // Waits for a message that has a descriptor with it.
  struct Passed {
    std::string text;
    proxy::Descriptor descriptor;
  };
  Passed wait_for_descriptor() {
    std::array<char, 4096> text{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(ucred))> control{};
    iovec vector{text.data(), text.size()};
    msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket_.fd(), &message, MSG_CMSG_CLOEXEC);
    REQUIRE(got > 0);
    int fd = -1;
    for (cmsghdr* one = CMSG_FIRSTHDR(&message); one != nullptr; one = CMSG_NXTHDR(&message, one)) {
      if (one->cmsg_type == SCM_RIGHTS) std::memcpy(&fd, CMSG_DATA(one), sizeof fd);
    }
    REQUIRE(fd >= 0);
    return {std::string(text.data(), static_cast<size_t>(got)), proxy::Descriptor(fd)};
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
  CHECK(!has_service_manager());
  auto pair = packed(Inheritance());
  CHECK(keep(std::move(pair->filled), pair->other).error().kind == Error::Kind::unavailable);
}

TEST_CASE("what is kept is with the service manager when that is said") {
  FakeServiceManager manager;
  CHECK(has_service_manager());
  Inheritance inheritance;
  inheritance.systemd_addresses = {"0.0.0.0:5000"};
  auto pair = packed(inheritance);
  REQUIRE(pair);
  std::atomic<bool> is_over = false;
  Result<> kept = failure(Error::Kind::internal, "not kept");
  std::thread keeps([&] {
    kept = keep(std::move(pair->filled), pair->other);
    is_over = true;
  });
  auto stored = manager.wait_for_descriptor();
  CHECK(stored.text == "FDSTORE=1\nFDPOLL=0\nFDNAME=inheritance");
  bool has_store = false;
  SECTION("and the unit has a store for it") { has_store = true; }
  SECTION("and not if the unit has no store for it") { stored.descriptor = proxy::Descriptor(); }
  auto barrier = manager.wait_for_descriptor();
  CHECK(barrier.text == "BARRIER=1");
  CHECK(!is_over);
  barrier.descriptor = proxy::Descriptor();
  keeps.join();
  CHECK(kept.has_value() == has_store);
  if (has_store) {
    pair->other = proxy::Descriptor();
    CHECK(receive(stored.descriptor.fd())->systemd_addresses == inheritance.systemd_addresses);
  } else {
    CHECK(kept.error().message.find("FileDescriptorStoreMax=1") != std::string::npos);
  }
}

// The descriptors that systemd passes begin with 3, which a test has not free: a process of its own has.
int status_of_child(const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(work() ? 0 : 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

TEST_CASE("what systemd has bound and what the process before has left are told apart by name") {
  FakeServiceManager manager;
  const auto listener = proxy::bind_listener("127.0.0.1:0");
  const std::string address = proxy::bound_address(listener->fd());
  REQUIRE(::listen(listener->fd(), 1) == 0);
  const auto kept = proxy::bind_listener("127.0.0.1:0");
  const std::string of_kept = proxy::bound_address(kept->fd());
  CHECK(status_of_child([&] {
          const int high = ::fcntl(listener->fd(), F_DUPFD, 100);
          const int higher = ::fcntl(kept->fd(), F_DUPFD, 100);
          ::dup2(high, 3);
          ::dup2(higher, 4);
          ::dup2(high, 5);
          ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
          ::setenv("LISTEN_FDS", "3", 1);
          ::setenv("LISTEN_FDNAMES", "breakwater.socket:inheritance:of_its_own_name", 1);
          test::FakeLog log;
          const auto found = take_from_service_manager(log);
          return found.listeners.size() == 2 &&
                 proxy::bound_address(found.listeners[0].socket.fd()) == address &&
                 proxy::bound_address(found.kept.fd()) == of_kept && ::getenv("LISTEN_FDS") == nullptr;
        }) == 0);
  CHECK(manager.hear() == "FDSTOREREMOVE=1\nFDNAME=inheritance");
  CHECK(manager.hear() == "nothing");
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
