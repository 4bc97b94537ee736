#include "conf/serving.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "conf/appliance.h"
#include "conf/descriptors.h"
#include "conf/ending.h"
#include "conf/hand_over.h"
#include "conf/last_words.h"
#include "conf/leaving.h"
#include "conf/open_folder.h"
#include "conf/service_manager.h"
#include "conf/successor.h"
#include "conf/warnings.h"
#include "proxy/server/listen_socket.h"

namespace breakwater::conf {
namespace {

// Between two Appliances the folder is nobody's for a moment: a verb may have it open then.
constexpr auto kFolderMax = std::chrono::seconds(10);
constexpr auto kFolderRetry = std::chrono::milliseconds(20);

// Keeps the memory of the process small. An arena for each thread would keep memory that other threads could
// use, so there are two. Freed memory goes back to the system except for a few MiB. Pieces of bodies stay
// below the mmap threshold and are reused: mapping each anew costs page faults worth as much as hashing them.
void keep_memory_together() {
  // NOLINTBEGIN(concurrency-mt-unsafe): no other thread runs yet
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
  // NOLINTEND(concurrency-mt-unsafe)
}

// The log of the configuration, and what it says when the process dies.
struct Voice {
  explicit Voice(const store::LogSettings& settings) : log(store::make_log(settings)), last_words(*log) {}
  const std::unique_ptr<store::Log> log;
  const LastWords last_words;
};

// How many there may be.
uint64_t prepare_descriptors() {
  const uint64_t limit = raise_descriptor_limit();
  reserve_descriptor_table(limit);
  return limit;
}

template <class One>
void append(std::vector<One>& all, std::vector<One> more) {
  std::move(more.begin(), more.end(), std::back_inserter(all));
}

// Takes those out that systemd has bound. They are not left with it once more: it could never close them, as
// it does when its socket unit is restarted.
std::vector<InheritedListener> take_systemd_listeners(Inheritance& inheritance) {
  auto& listeners = inheritance.listeners;
  const auto is_ours = [&addresses = inheritance.systemd_addresses](const InheritedListener& one) {
    const std::string address = proxy::bound_address(one.socket.fd());
    return std::find(addresses.begin(), addresses.end(), address) == addresses.end();
  };
  const auto first = std::partition(listeners.begin(), listeners.end(), is_ours);
  std::vector<InheritedListener> taken(std::make_move_iterator(first),
                                       std::make_move_iterator(listeners.end()));
  listeners.erase(first, listeners.end());
  return taken;
}

// Listening sockets that nobody wants are closed: whoever connects there must not wait for ever.
void tell_unused(const std::vector<InheritedListener>& listeners, const Appliance& appliance,
                 store::Log& log) {
  for (const auto& one : listeners) {
    const std::string address = proxy::bound_address(one.socket.fd());
    const auto& used = appliance.listening();
    const auto is_it = [&address](const auto& listening) { return listening.address == address; };
    if (std::any_of(used.begin(), used.end(), is_it)) continue;
    log.warning("listener_closed", {{"address", address}, {"reason", "no route listens on it"}});
  }
}

class Server {
 public:
  Server(Config config, const Serving& serving)
      : serving_(serving), watchdog_(watchdog_interval()), config_(std::move(config)) {
    keep_stderr_from_blocking();
    speak();
  }

  int run();

 private:
  store::Log& log() { return *voice_->log; }
  void speak();
  Result<> inherit();
  Result<> take_over();
  void inherit(Inheritance inheritance);
  void inherit_from_service_manager();
  Result<std::unique_ptr<Appliance>> build_once();
  Result<std::unique_ptr<Appliance>> build();
  Ending::Asked asked_of(Appliance& appliance);
  bool goes_on(Appliance::Left left);
  bool is_handed_over();
  bool is_kept();
  void start_successor();

  const Serving& serving_;
  const uint64_t descriptors_ = prepare_descriptors();  // before anything has a thread
  const std::optional<proxy::Millis> watchdog_;
  Ending ending_;
  Config config_;
  std::optional<Config> config_before_;  // until one with the new configuration is built
  std::unique_ptr<Voice> voice_;
  const store::SystemClock clock_;
  std::unique_ptr<store::Disk> disk_;
  Inheritance inheritance_;
  std::unique_ptr<TakenOver> taken_;
  bool goes_on_ = false;  // for another Appliance
  bool is_draining_ = false;
  bool is_terminated_ = false;
};

// As the configuration says; it may have changed.
void Server::speak() {
  ending_.stop_serving();
  voice_.reset();
  voice_ = std::make_unique<Voice>(config_.log);
  for (const auto& warning : warnings(config_))
    log().warning("configuration_doubtful", {{"warning", warning}});
}

// From systemd, and from the process before.
Result<> Server::inherit() {
  inherit_from_service_manager();
  return serving_.takes_over ? take_over() : Result<>();
}

// Whoever serves does not answer between two Appliances, but its addresses are taken. Where they are free
// nobody serves, and then they are ours.
Result<> Server::take_over() {
  const auto end = std::chrono::steady_clock::now() + kFolderMax;
  for (;;) {
    auto taken = TakenOver::ask(config_.data);
    if (!taken) return failure(taken.error());
    taken_ = *std::move(taken);
    if (taken_) {
      inherit(std::move(taken_->inheritance));
      return {};
    }
    auto bound = bind_missing(config_, inheritance_.listeners);
    if (bound || bound.error().kind != Error::Kind::conflict || std::chrono::steady_clock::now() >= end)
      return bound;
    std::this_thread::sleep_for(kFolderRetry);
  }
}

void Server::inherit(Inheritance inheritance) {
  log().info("taken_over", {{"connections", static_cast<int64_t>(inheritance.connections.size())}});
  goes_on_ = true;
  append(inheritance_.connections, std::move(inheritance.connections));
  append(inheritance_.listeners, std::move(inheritance.listeners));
  append(inheritance_.systemd_addresses, std::move(inheritance.systemd_addresses));
}

void Server::inherit_from_service_manager() {
  auto given = take_from_service_manager(log());
  for (const auto& one : given.listeners)
    inheritance_.systemd_addresses.push_back(proxy::bound_address(one.socket.fd()));
  append(inheritance_.listeners, std::move(given.listeners));
  if (given.kept.fd() < 0) return;
  auto kept = receive(given.kept.fd());
  if (kept) return inherit(*std::move(kept));
  log().error("connections_lost", {{"reason", kept.error().message}});
}

// Waits for the folder if it was ours, or that of the process before. Everybody waits with it: an address
// that cannot be had is found before.
Result<std::unique_ptr<Appliance>> Server::build_once() {
  if (goes_on_) {
    if (auto bound = bind_missing(config_, inheritance_.listeners); !bound) return failure(bound.error());
  }
  const Appliance::Ground ground{descriptors_, *disk_, clock_, log(), serving_.read_config, watchdog_};
  const auto end = std::chrono::steady_clock::now() + (goes_on_ ? kFolderMax : std::chrono::seconds(0));
  for (;;) {
    auto appliance = Appliance::build(config_, ground, inheritance_.listeners);
    const bool is_taken = !appliance && appliance.error().kind == Error::Kind::conflict;
    if (!is_taken || std::chrono::steady_clock::now() >= end) return appliance;
    std::this_thread::sleep_for(kFolderRetry);
  }
}

Result<std::unique_ptr<Appliance>> Server::build() {
  auto appliance = build_once();
  if (appliance || !config_before_) return appliance;
  log().error("not_reloaded", {{"reason", appliance.error().message},
                               {"advice", "what was before goes on: mend that, and reload again"}});
  config_ = *std::exchange(config_before_, std::nullopt);
  speak();
  return build_once();
}

Ending::Asked Server::asked_of(Appliance& appliance) {
  Ending::Asked asked;
  asked.terminate = [&appliance] { appliance.terminate(); };
  if (has_service_manager()) asked.restart = [&appliance] { appliance.restart(); };
  asked.reload = [&appliance] { appliance.reload(); };
  asked.replace = [this] { start_successor(); };
  return asked;
}

// Which tells the log by itself how it gets on.
void Server::start_successor() {
  if (const auto process = conf::start_successor(serving_.command)) {
    log().info("successor_started", {{"process", int64_t{*process}}});
  } else {
    log().error("successor_not_started", {{"reason", process.error().message}});
  }
}

// Whether the process that has asked serves now.
bool Server::is_handed_over() {
  const auto successor = give(config_.data, inheritance_);
  if (successor) {
    log().info("handed_over", {{"process", int64_t{*successor}}});
    tell_successor(*successor);
    return true;
  }
  log().error("not_handed_over", {{"reason", successor.error().message},
                                  {"advice", "this process goes on; the successor's log says more"}});
  return false;
}

// Whether the service manager has all for the process that it starts next.
bool Server::is_kept() {
  auto of_systemd = take_systemd_listeners(inheritance_);
  auto socket = packed(inheritance_);
  append(inheritance_.listeners, std::move(of_systemd));
  const auto kept =
      socket ? keep(std::move(socket->filled), socket->other) : Result<>(failure(socket.error()));
  if (kept) {
    const auto connections = static_cast<int64_t>(inheritance_.connections.size());
    log().info("left_for_the_next", {{"connections", connections}});
  } else {
    log().error("not_handed_over",
                {{"reason", kept.error().message}, {"advice", "this process finishes what runs, and ends"}});
  }
  return kept.has_value();
}

bool Server::goes_on(Appliance::Left left) {
  if (left.next == Appliance::Next::end) return false;
  append(left.inheritance.systemd_addresses, std::move(inheritance_.systemd_addresses));
  inheritance_ = std::move(left.inheritance);
  goes_on_ = true;
  is_draining_ = left.is_draining;
  is_terminated_ = left.is_terminated;
  if (left.next == Appliance::Next::hand_over) return !is_handed_over();
  if (left.next == Appliance::Next::restart) {
    is_terminated_ = true;  // unless the next process has it
    return !is_kept();
  }
  config_before_ = std::exchange(config_, *std::move(left.config));
  speak();
  return true;
}

int Server::run() {
  if (auto inherited = inherit(); !inherited) {
    log().error("start_failed", {{"reason", inherited.error().message}});
    return 1;
  }
  disk_ = store::make_posix_disk(owner_of(config_));
  for (bool is_on = true; is_on;) {
    auto appliance = build();
    if (!appliance) {
      log().error("start_failed", {{"reason", appliance.error().message}});
      if (goes_on_ && !taken_ && has_service_manager()) (void)is_kept();
      return 1;
    }
    config_before_.reset();
    tell_unused(inheritance_.listeners, **appliance, log());
    inheritance_.listeners.clear();
    if (taken_) taken_->done();
    taken_.reset();
    if (is_draining_) (*appliance)->set_draining(true);
    if (is_terminated_) (*appliance)->terminate();
    ending_.serve(config_.drain_timeout_ms, asked_of(**appliance), log());
    auto left = (*appliance)->run(std::exchange(inheritance_.connections, {}));
    ending_.stop_asking();
    appliance->reset();
    is_on = goes_on(std::move(left));
  }
  ending_.stop_serving();
  return 0;
}

// Passwords and keys are in it: the kernel makes no core file, also where it would hand one to a program, and
// no other process of the same user reads it.
void keep_memory_private() { (void)prctl(PR_SET_DUMPABLE, 0); }

}  // namespace

int serve(Config config, const Serving& serving) {
  keep_memory_together();
  keep_memory_private();
  std::signal(SIGPIPE, SIG_IGN);
  // Of a process that was started here and has ended nothing is left (successor.h).
  std::signal(SIGCHLD, SIG_IGN);
  Server server(std::move(config), serving);
  return server.run();
}

}  // namespace breakwater::conf
