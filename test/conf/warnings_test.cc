#include "conf/warnings.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "test/catch.h"
#include "test/fakes/store_world.h"

namespace breakwater::conf {
namespace {

namespace fs = std::filesystem;

TEST_CASE("a secret that every user can read or write is warned of, and one of a group is not") {
  const test::Folder folder;
  fs::permissions(folder.path(), fs::perms(0755));
  const auto file = folder.path() / "secret";
  std::ofstream(file) << "s3cret\n";
  fs::create_symlink(file, folder.path() / "link");
  auto config = default_config();
  for (const auto& path : {file, folder.path() / "link"}) {
    config.routes[1].mirror->upstreams[0].password_file = path;
    const auto count_at = [&](unsigned mode) {
      fs::permissions(file, fs::perms(mode));
      return warnings(config).size();
    };
    CHECK(count_at(0600) == 0);
    CHECK(count_at(0640) == 0);
    CHECK(count_at(0660) == 0);
    CHECK(count_at(0642) == 1);
    CHECK(count_at(0644) == 1);
    CHECK(warnings(config)[0] == "routes[1].mirror.password_file: every user of this machine may open " +
                                     path.string() + ", whose mode is 0644: chmod 0640 " + path.string());
    // Nobody else gets there.
    fs::permissions(folder.path(), fs::perms(0750));
    CHECK(warnings(config).empty());
    fs::permissions(folder.path(), fs::perms(0755));
  }
  config.routes[1].mirror->upstreams[0].password_file = folder.path() / "none";
  CHECK(warnings(config).empty());
  config.routes[1].mirror->upstreams.push_back(config.routes[2].mirror->upstreams.front());
  config.routes[1].mirror->upstreams[1].password_file = file;
  REQUIRE(warnings(config).size() == 1);
  CHECK(warnings(config)[0].starts_with("routes[1].mirror.upstream[1].password_file: "));
}

TEST_CASE("that anyone on a network may push without a name is said of each route, and on loopback of none") {
  auto config = default_config();
  CHECK(unnamed_changes(config).empty());
  auto& route = config.routes[5];
  route.listen = {ListenAddress::parse("0.0.0.0:5050").value()};
  REQUIRE(unnamed_changes(config).size() == 1);
  CHECK(unnamed_changes(config)[0] ==
        "route private: anyone on the networks of its \"allow_push\" may push or delete without a name; name "
        "users or groups in \"access\" instead");
  CHECK(warnings(config) == unnamed_changes(config));
  route.registry->allow_push = routes::Networks::loopback();
  CHECK(unnamed_changes(config).empty());
  routes::AccessRule rule;
  rule.may = {routes::Action::push};
  rule.users = {"alice"};
  route.access = {rule};
  CHECK(unnamed_changes(config).empty());
  route.access->front().networks = *routes::Networks::parse({"10.0.0.0/8"});
  CHECK(unnamed_changes(config).size() == 1);
  route.access->front().may = {routes::Action::pull};
  CHECK(unnamed_changes(config).empty());
  route.access->front().is_of_anyone = true;
  route.access->front().may = {routes::Action::remove};
  CHECK(unnamed_changes(config).size() == 1);
  route.allow = routes::Networks::loopback();
  CHECK(unnamed_changes(config).empty());
}

TEST_CASE("all of IPv6 and nothing of IPv4 is most likely a mistake") {
  auto config = default_config();
  const auto lines_for = [&config](const std::vector<std::string>& networks) {
    config.routes[5].allow = config.routes[5].registry->allow_push =
        routes::Networks::parse(networks).value();
    config.metrics.allow = config.routes[5].allow;
    return warnings(config);
  };
  CHECK(lines_for({"::/0", "0.0.0.0/0"}).empty());
  CHECK(lines_for({"::/0", "10.0.0.0/8"}).empty());
  CHECK(lines_for({"fd00::/8"}).empty());
  const auto lines = lines_for({"::/0"});
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "routes[5].allow: \"::/0\" lets in nobody who comes by IPv4: name \"0.0.0.0/0\" too");
}

}  // namespace
}  // namespace breakwater::conf
