#include "proxy/server/local_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::proxy {
namespace {

TEST_CASE("a local socket is reached by its path, however long that is, and only by its user") {
  const test::Folder folder;
  const auto below = folder.path() / std::string(200, 'x');
  std::filesystem::create_directories(below);
  const auto path = below / "control";
  CHECK(connect_local(path).error().kind == Error::Kind::unavailable);
  const auto bound = bind_local(path);
  REQUIRE(bound);
  CHECK(std::filesystem::status(path).permissions() == std::filesystem::perms(0600));
  CHECK(connect_local(path).error().kind == Error::Kind::unavailable);  // nobody listens yet
  REQUIRE(listen(*bound, 1) == 0);
  const auto connected = connect_local(path);
  REQUIRE(connected);
  close(*connected);
  close(*bound);
  // What a process that ended left behind is in nobody's way.
  const auto again = bind_local(path);
  REQUIRE(again);
  close(*again);
}

}  // namespace
}  // namespace breakwater::proxy
