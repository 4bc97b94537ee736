#include "conf/machine_clients.h"

#include <fstream>

#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::conf {
namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

TEST_CASE("a client of this machine comes here if a file of its configuration names one of our ports") {
  const test::Folder root;
  CHECK(machine_clients(root.path(), {5000}).empty());
  write(root.path() / "usr/bin/containerd", "");
  write(root.path() / "usr/bin/podman", "");
  write(root.path() / "etc/containerd/certs.d/docker.io/hosts.toml", "[host.\"http://10.0.0.7:50001\"]\n");
  auto clients = machine_clients(root.path(), {5000, 5050});
  REQUIRE(clients.size() == 2);
  CHECK(clients[0].name == "containerd");
  CHECK_FALSE(clients[0].comes_here);
  CHECK(clients[0].found == "/etc/containerd/certs.d");
  CHECK(clients[1].name == "podman");
  CHECK_FALSE(clients[1].comes_here);

  write(root.path() / "etc/containerd/certs.d/_default/hosts.toml", "[host.\"http://10.0.0.7:5050\"]\n");
  write(root.path() / "etc/containers/registries.conf.d/breakwater.conf", "location = \"bw.lan:5000\"");
  clients = machine_clients(root.path(), {5000, 5050});
  CHECK(clients[0].comes_here);
  CHECK(clients[0].found == "/etc/containerd/certs.d/_default/hosts.toml");
  CHECK(clients[1].comes_here);
  CHECK(clients[1].found == "/etc/containers/registries.conf.d/breakwater.conf");
}

}  // namespace
}  // namespace breakwater::conf
