// The whole appliance on ports of its own, changed while clients are at it. It runs on a thread beside the
// test, which is its clients and its operator.
#include "conf/appliance.h"

#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "conf/hand_over.h"
#include "conf/read_only.h"
#include "proxy/server/listen_socket.h"
#include "test/catch.h"
#include "test/fakes/blocking_socket.h"
#include "test/fakes/store_world.h"

namespace breakwater::conf {
namespace {

// A client that blocks.
class Client {
 public:
  explicit Client(const std::string& address) : socket_(address) {}
  void send(const std::string& text) { socket_.send(text); }
  // The next head, and the body behind it if Content-Length tells one.
  std::string receive() {
    std::string text;
    size_t whole = std::string::npos;
    while (text.size() < whole) {
      const std::string byte = socket_.receive(1);
      if (byte.empty()) break;
      text += byte;
      if (whole != std::string::npos || !text.ends_with("\r\n\r\n")) continue;
      const size_t length = text.find("Content-Length: ");
      whole = text.size() + (length == std::string::npos ? 0 : std::stoul(text.substr(length + 16)));
    }
    return text;
  }
  std::string ask(const std::string& method, const std::string& target) {
    send(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return receive();
  }

 private:
  test::BlockingSocket socket_;
};

bool answers(const std::string& reply, int status) {
  return reply.starts_with("HTTP/1.1 " + std::to_string(status) + " ");
}

struct World {
  World() { config = configured(R"("routes": [)" + route("private") + "]"); }

  static std::string route(const std::string& name, const std::string& more = "") {
    return R"({"name": ")" + name + R"(", "listen": ["127.0.0.1:0"], "registry": {})" + more + "}";
  }
  Config configured(const std::string& routes) const {
    auto parsed = parse_config("{" + routes + R"(, "metrics": {"listen": ["127.0.0.1:0"]}})");
    REQUIRE(parsed);
    parsed->data = folder.path() / "data";
    return *parsed;
  }
  std::string address(const std::string& name) const {
    for (const auto& one : appliance->listening()) {
      if (one.route == name) return one.address;
    }
    return "";
  }
  void build() {
    const Appliance::Ground ground{4096, *disk, clock, log, [this] { return next; }, std::nullopt};
    auto built = Appliance::build(config, ground, left.inheritance.listeners);
    REQUIRE(built);
    appliance = *std::move(built);
    left.inheritance.listeners.clear();
    runs = std::thread([this] { left = appliance->run(std::move(left.inheritance.connections)); });
  }
  void wait() {
    runs.join();
    appliance.reset();
  }
  // Whatever it is.
  void reload() {
    appliance->reload();
    wait();
    REQUIRE(left.next == Appliance::Next::reload);
    config = *left.config;
    build();
  }
  void stop() {
    appliance->terminate();
    wait();
    CHECK(left.next == Appliance::Next::end);
  }

  test::Folder folder;
  test::FakeLog log;
  std::unique_ptr<store::Disk> disk = store::make_posix_disk();
  store::SystemClock clock;
  Config config;
  tl::expected<Config, ConfigErrors> next;
  Appliance::Left left;
  std::unique_ptr<Appliance> appliance;
  std::thread runs;
};

TEST_CASE("a reload adds and removes routes, and who is connected to another goes on") {
  World world;
  world.build();
  const std::string address = world.address("private");
  Client client(address);
  CHECK(answers(client.ask("GET", "/v2/"), 200));
  // In the middle of an upload.
  const std::string begun = client.ask("POST", "/v2/app/blobs/uploads/");
  const size_t at = begun.find("Location: ") + 10;
  const std::string upload = begun.substr(at, begun.find('\r', at) - at);
  client.send("PATCH " + upload + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n01234");
  const std::string two = R"("routes": [)" + World::route("private", R"(, "bytes_max": "1GiB")") + "," +
                          World::route("more") + "]";
  world.next = world.configured(two);
  world.reload();
  CHECK(world.log.contains("info changed what=routes[more]: added"));
  CHECK(world.log.contains("info changed what=routes[private].bytes_max: not set -> \"1GiB\""));
  CHECK(world.address("private") == address);
  CHECK(answers(Client(world.address("more")).ask("GET", "/v2/"), 200));
  client.send("56789");
  const std::string appended = client.receive();
  CHECK(answers(appended, 202));
  CHECK(appended.find("Range: 0-9") != std::string::npos);

  Client of_more(world.address("more"));
  CHECK(answers(of_more.ask("GET", "/v2/"), 200));
  world.next = world.configured(R"("routes": [)" + World::route("private") + "]");
  world.reload();
  CHECK(of_more.receive().empty());  // closed
  CHECK(answers(client.ask("GET", "/v2/"), 200));
  CHECK(world.address("private") == address);
  world.stop();
}

TEST_CASE("a reload with a mistake changes nothing, and says so") {
  World world;
  world.build();
  Client client(world.address("private"));
  const auto taken = proxy::bind_listener("127.0.0.1:0");
  REQUIRE(::listen(taken->fd(), 1) == 0);
  ConfigErrors errors;
  errors.lines = {"routes[0].mirror.password_file: cannot be read"};
  world.next = tl::unexpected<ConfigErrors>(errors);
  world.appliance->reload();
  world.log.wait_for("error not_reloaded reason=routes[0].mirror.password_file: cannot be read");
  world.next = world.configured(R"("routes": [)" + World::route("private") + "]");
  world.next->data = "/elsewhere";
  world.appliance->reload();
  world.log.wait_for("error not_reloaded reason=data: a reload cannot change the folder");
  world.next =
      world.configured(R"("routes": [)" + World::route("private") + R"(, {"name": "more", "listen": [")" +
                       proxy::bound_address(taken->fd()) + R"("], "registry": {}}])");
  world.appliance->reload();
  world.log.wait_for("error not_reloaded reason=route more: listen on 127.0.0.1:");
  CHECK(answers(client.ask("GET", "/v2/"), 200));
  world.stop();
}

TEST_CASE("a successor gets listening sockets and clients, and the one before ends when it serves") {
  World world;
  world.build();
  const std::string address = world.address("private");
  Client client(address);
  CHECK(answers(client.ask("GET", "/v2/"), 200));
  Result<std::unique_ptr<TakenOver>> taken = failure(Error::Kind::internal, "not asked");
  std::thread asks([&] { taken = TakenOver::ask(world.config.data); });
  world.wait();
  REQUIRE(world.left.next == Appliance::Next::hand_over);
  Client waiting(address);  // nobody accepts just now
  Result<pid_t> given = failure(Error::Kind::internal, "not given");
  std::thread gives([&] { given = give(world.config.data, world.left.inheritance); });
  asks.join();
  REQUIRE(taken);
  REQUIRE(*taken);
  World successor;
  successor.config = world.config;
  successor.left.inheritance = std::move((*taken)->inheritance);
  successor.build();
  (*taken)->done();
  gives.join();
  REQUIRE(given);
  CHECK(*given == ::getpid());
  world.left.inheritance = Inheritance();
  CHECK(answers(client.ask("GET", "/v2/"), 200));
  CHECK(answers(waiting.ask("GET", "/v2/"), 200));
  CHECK(successor.address("private") == address);
  successor.stop();
}

TEST_CASE("if its successor ends before it serves, the one before goes on, and its clients notice nothing") {
  World world;
  world.build();
  Client client(world.address("private"));
  CHECK(answers(client.ask("GET", "/v2/"), 200));
  std::thread asks([&] { (void)TakenOver::ask(world.config.data); });  // and ends
  world.wait();
  CHECK(!give(world.config.data, world.left.inheritance));
  asks.join();
  world.build();
  CHECK(answers(client.ask("GET", "/v2/"), 200));
  world.stop();
}

TEST_CASE("a restart leaves listening sockets and clients to the next process") {
  World world;
  world.build();
  const std::string address = world.address("private");
  Client client(address);
  CHECK(answers(client.ask("GET", "/v2/"), 200));
  world.appliance->restart();
  world.wait();
  REQUIRE(world.left.next == Appliance::Next::restart);
  auto socket = packed(world.left.inheritance);
  REQUIRE(socket);
  world.left.inheritance = Inheritance();

  Client waiting(address);
  World next;
  next.config = world.config;
  next.left.inheritance = *receive(socket->filled.fd());
  next.build();
  CHECK(answers(client.ask("GET", "/v2/"), 200));
  CHECK(answers(waiting.ask("GET", "/v2/"), 200));
  CHECK(next.address("private") == address);
  next.stop();
}

// Holds up whoever syncs what has been pushed.
class Hold {
 public:
  void operator()(test::FaultyDisk::Operation operation, const std::filesystem::path& path) {
    const bool is_pushed = path.parent_path().filename() == "incoming";
    if (operation != test::FaultyDisk::Operation::sync || !is_pushed) return;
    has_begun_ = true;
    while (!is_over_) std::this_thread::yield();
  }
  void wait() const {
    while (!has_begun_) std::this_thread::yield();
  }
  void end() { is_over_ = true; }

 private:
  std::atomic<bool> has_begun_ = false;
  std::atomic<bool> is_over_ = false;
};

TEST_CASE("while a push is being stored before a restart, others are served") {
  Hold hold;
  World world;
  auto disk = std::make_unique<test::FaultyDisk>();
  auto& watched = *disk;
  world.disk = std::move(disk);
  world.build();
  Client pusher(world.address("private"));
  const std::string begun = pusher.ask("POST", "/v2/app/blobs/uploads/");
  const size_t at = begun.find("Location: ") + 10;
  const std::string upload = begun.substr(at, begun.find('\r', at) - at);
  watched.watch_by([&hold](auto operation, const auto& path) { hold(operation, path); });
  const std::string content = test::content_of(1000, 1);
  pusher.send("PUT " + upload + "?digest=" + test::digest_of(content).text() +
              " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n" + content);
  hold.wait();
  world.appliance->restart();
  world.log.wait_for("info handing_over");
  CHECK(answers(Client(world.address("private")).ask("GET", "/v2/"), 200));
  hold.end();
  CHECK(answers(pusher.receive(), 201));
  world.wait();
  CHECK(world.left.next == Appliance::Next::restart);
  CHECK(world.left.inheritance.connections.size() >= 1);
}

TEST_CASE("a restart of who drains already ends the drain") {
  World world;
  world.build();
  Client client(world.address("private"));
  CHECK(answers(client.ask("GET", "/v2/"), 200));
  // What is to be finished first.
  client.send("PUT /v2/app/manifests/1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{");
  world.appliance->terminate();
  world.log.wait_for("info draining");
  world.appliance->restart();
  world.wait();
  CHECK(world.left.next == Appliance::Next::end);
  CHECK(!world.log.contains("not_handed_over"));
}

TEST_CASE("who drains serves on, and says so where a load balancer asks, also after a reload") {
  World world;
  world.build();
  Client ops(world.address("metrics"));
  CHECK(ops.ask("GET", "/readyz").ends_with("ready\n"));
  world.appliance->set_draining(true);
  while (!ops.ask("GET", "/readyz").ends_with("draining\n")) std::this_thread::yield();
  CHECK(answers(Client(world.address("private")).ask("GET", "/v2/"), 200));
  world.next = world.config;
  world.reload();
  CHECK(world.left.is_draining);
  world.stop();
}

TEST_CASE("a registry that is read-only refuses what would change it, and says why") {
  World world;
  std::filesystem::create_directories(world.config.data);
  REQUIRE(ReadOnly(*world.disk, world.config.data).set(true));
  world.build();
  Client client(world.address("private"));
  const std::string refused = client.ask("POST", "/v2/app/blobs/uploads/");
  CHECK(answers(refused, 403));
  CHECK(refused.find("this registry is read-only for now") != std::string::npos);
  CHECK(answers(client.ask("GET", "/v2/app/tags/list"), 404));
  CHECK(world.appliance->is_read_only());
  world.stop();
}

}  // namespace
}  // namespace breakwater::conf
