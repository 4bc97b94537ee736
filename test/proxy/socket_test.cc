// What a Socket asks of its ByteStream.
#include "proxy/server/socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/catch.h"
#include "test/fakes/raw_client.h"

namespace breakwater::proxy {
namespace {

// Takes what the test says, and remembers what it was given.
class FakeStream final : public ByteStream {
 public:
  struct Seen {
    bool takes = false;
    bool says_end = false;
    int ends_asked = 0;
    std::string taken;
    std::vector<std::string> refused;
    std::string pending;  // what it has, though the descriptor shows nothing
  };
  explicit FakeStream(Seen& seen) : seen_(seen) {}

  Opening opening() const override { return Opening::open; }
  Next open() override { return Next::now; }
  std::string why() const override { return {}; }
  std::string subject() const override { return {}; }
  Moved receive(std::span<char> into) override {
    const size_t bytes = std::min(into.size(), seen_.pending.size());
    std::copy_n(seen_.pending.data(), bytes, into.data());
    seen_.pending.erase(0, bytes);
    return {bytes, bytes == into.size() ? Next::now : Next::readable};
  }
  bool has_pending() const override { return !seen_.pending.empty(); }
  Moved send(Parts parts, More) override {
    std::string text;
    for (const auto part : parts) text += part;
    if (!seen_.takes) {
      seen_.refused.push_back(text);
      return {0, Next::writable};
    }
    seen_.taken += text.substr(0, kRecordBytes);
    return {std::min(text.size(), kRecordBytes), Next::now};
  }
  Moved send_file(int, uint64_t, size_t) override { return {0, Next::bad_file}; }
  size_t held() const override { return 0; }
  Next say_end() override {
    ++seen_.ends_asked;
    return seen_.says_end ? Next::now : Next::writable;
  }
  bool is_bare() const override { return false; }

 private:
  Seen& seen_;
};

struct Pair {
  Pair() {
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    socket = std::make_unique<Socket>(loop, ends[0], std::make_unique<FakeStream>(seen), 1000, [] {});
  }
  ~Pair() { close(ends[1]); }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  Loop loop;
  FakeStream::Seen seen;
  int ends[2] = {-1, -1};
  std::unique_ptr<Socket> socket;
};

TEST_CASE("what a stream has not taken it is given again, a record of it at least, in however many pieces") {
  Pair pair;
  std::string all;
  for (int i = 0; i < 3000; ++i) {
    // Each in a chain of its own.
    const auto piece = std::make_shared<const std::string>(std::string(10, static_cast<char>('a' + i % 26)));
    pair.socket->send("", piece);
    all += *piece;
  }
  test::run_until(pair.loop, [&] { return pair.seen.refused.size() > 1; });
  const auto& again = pair.seen.refused.back();
  CHECK(again.size() >= ByteStream::kRecordBytes);
  CHECK(all.starts_with(again));
  pair.seen.takes = true;
  test::run_until(pair.loop, [&] { return pair.socket->unsent() == 0; });
  CHECK((pair.seen.taken == all));
}

TEST_CASE("what a stream holds is received though the descriptor shows nothing, as far as there is room") {
  Pair pair;
  pair.seen.pending = std::string(2500, 'x');
  pair.socket->consumed();
  test::run_until(pair.loop, [&] { return pair.socket->received() == 1000; });
  test::run_some_turns(pair.loop);
  CHECK(pair.seen.pending.size() == 1500);
  CHECK(pair.socket->take_input().size() == 1000);
  pair.socket->consumed();
  test::run_until(pair.loop, [&] { return pair.socket->received() == 1000; });
  std::string rest(2000, '\0');
  CHECK(pair.socket->receive(rest) == 1500);
}

TEST_CASE("the end is said when the kernel takes it, and the peer sees it only then") {
  Pair pair;
  pair.socket->end_sending();
  test::run_until(pair.loop, [&] { return pair.seen.ends_asked > 2; });
  char byte = 0;
  CHECK(recv(pair.ends[1], &byte, 1, 0) == -1);
  pair.seen.says_end = true;
  test::run_until(pair.loop, [&] { return recv(pair.ends[1], &byte, 1, 0) == 0; });
}

}  // namespace
}  // namespace breakwater::proxy
