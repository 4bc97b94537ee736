// Replies that are files.
#include <fcntl.h>
#include <unistd.h>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "test/proxy/http_server_world.h"

namespace breakwater::proxy {
namespace {

// A file of its own, gone with the test.
class TestFile {
 public:
  explicit TestFile(const std::string& bytes)
      : path_(std::filesystem::temp_directory_path() / ("breakwater-http-" + std::to_string(getpid()))) {
    int fd = open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t at = 0; at < bytes.size();) {
      ssize_t written = pwrite(fd, bytes.data() + at, bytes.size() - at, static_cast<off_t>(at));
      if (written <= 0) throw std::runtime_error("cannot write the test's file");
      at += static_cast<size_t>(written);
    }
    file_ = std::make_shared<const store::File>(fd, path_);
  }
  ~TestFile() { std::filesystem::remove(path_); }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;
  const store::SharedFile& file() const { return file_; }
  void truncate(uint64_t size) { std::filesystem::resize_file(path_, size); }

 private:
  std::filesystem::path path_;
  store::SharedFile file_;
};

struct FileRange {
  uint64_t offset = 0;
  uint64_t length = 0;
  bool chunked = false;
};

Task<> send_range(World& world, Exchange& x, store::SharedFile file, FileRange range) {
  Alive alive(world);
  x.start(200, Headers(), range.chunked ? std::nullopt : std::optional<uint64_t>(range.length));
  co_await x.send_file(file, range.offset, range.length);
  x.finish();
}

TEST_CASE("a file is sent whole or in part, small or large, to fast clients and slow ones") {
  auto bytes = bytes_of(3'000'000);
  TestFile file(bytes);
  auto range = GENERATE(FileRange{0, 3'000'000}, FileRange{1, 2'999'999}, FileRange{0, 0},
                        FileRange{2'999'999, 1}, FileRange{7, 16'384}, FileRange{7, 16'385},
                        FileRange{100, 262'144}, FileRange{5, 100, true}, FileRange{0, 1'000'000, true});
  auto window = GENERATE(size_t{0}, size_t{4096});
  World world;
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), range); });
  auto client = world.client(window);
  for (int i = 0; i < 2; ++i) {
    client.send(get("/"));
    auto body = bytes.substr(range.offset, range.length);
    auto head = client.receive_head();
    if (range.chunked) {
      char size[20];
      snprintf(size, sizeof size, "%zx\r\n", body.size());
      body = size + body + "\r\n0\r\n\r\n";
    }
    CHECK((client.receive(body.size()) == body));
  }
  client.leave();
  world.run_until_idle();
}

TEST_CASE("the loop does not wait for a cold file: a worker reads it first, a piece at a time") {
  auto bytes = bytes_of(3'000'000);
  TestFile file(bytes);
  World world;
  world.disk.cool();
  world.serve([&](Exchange& x) {
    return send_range(world, x, file.file(), FileRange{0, bytes.size(), false});
  });
  auto client = world.client();
  client.send(get("/"));
  client.receive_head();
  CHECK((client.receive(bytes.size()) == bytes));
  CHECK(world.disk.reads_ahead() == 3);
  CHECK(world.disk.longest_read_ahead() <= 1 << 20);
  CHECK_FALSE(world.disk.read_ahead_by(std::this_thread::get_id()));
}

TEST_CASE("a client that leaves while its file is read ahead leaves nothing behind") {
  TestFile file(bytes_of(1'000'000));
  World world;
  world.disk.cool();
  world.disk.hold();
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), FileRange{0, 1'000'000, false}); });
  auto client = world.client();
  client.send(get("/"));
  client.receive_head();
  world.run_until([&] { return world.disk.reads_ahead() == 1; });
  client.reset();
  world.run_until_idle();
  world.disk.release();
}

TEST_CASE("a file that is too short cuts the reply, and is logged") {
  auto length = GENERATE(uint64_t{10'000}, uint64_t{1'000'000});
  TestFile file(bytes_of(length));
  file.truncate(length - 1);
  World world;
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), FileRange{0, length, false}); });
  auto client = world.client();
  client.send(get("/"));
  CHECK(client.receive_head().ends_with("\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n") ==
        (length > 16 * 1024));
  CHECK(client.receive_to_end().size() < length);
  CHECK(world.log.count("reply_cut") == 1);
  world.run_until_idle();
}

TEST_CASE("a file that cannot be read ahead cuts the reply, and is logged") {
  TestFile file(bytes_of(1'000'000));
  World world;
  world.disk.cool();
  world.disk.fail_reads();
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), FileRange{0, 1'000'000, false}); });
  auto client = world.client();
  client.send(get("/"));
  CHECK(client.receive_to_end() == "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  CHECK(world.log.contains("the disk is broken"));
  world.run_until_idle();
}

TEST_CASE("a client that takes nothing of a file is cut") {
  TestFile file(bytes_of(8 << 20));
  World world;
  world.settings.write_timeout_ms = 30;
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), FileRange{0, 8 << 20, false}); });
  auto client = world.client(4096);
  client.send(get("/"));
  world.run_until([&] { return world.alive == 1; });
  world.run_until_idle();
  CHECK(world.log.contains("reason=the client took nothing for too long"));
}

TEST_CASE("a client may leave after any number of bytes of a reply") {
  TestFile file(bytes_of(1'000'000));
  World world;
  world.serve([&](Exchange& x) { return send_range(world, x, file.file(), FileRange{0, 1'000'000, false}); });
  for (size_t bytes = 0; bytes < 1'000'000; bytes += 99'991) {
    auto client = world.client(4096);
    client.send(get("/"));
    client.receive(bytes);
    client.leave();
    world.run_until_idle();
  }
}

}  // namespace
}  // namespace breakwater::proxy
