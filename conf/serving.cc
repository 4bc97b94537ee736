#include "conf/serving.h"

#include <malloc.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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
#include "conf/open_folder.h"
#include "conf/service_manager.h"
#include "conf/warnings.h"
#include "proxy/server/listen_socket.h"

namespace breakwater::conf {
namespace {

constexpr char kTakeOver[] = "--take-over";
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

// Starts `command`, which tells the log by itself how it gets on.
void start_successor(const std::vector<std::string>& command, store::Log& log) {
  std::vector<char*> arguments;
  for (const auto& one : command) arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t process = 0;
  const int error = command.empty() ? ENOENT
                                    : posix_spawn(&process, arguments.front(), nullptr, &attributes,
                                                  arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error == 0) {
    log.info("successor_started", {{"process", int64_t{process}}});
  } else {
    log.error("successor_not_started", {{"reason", std::generic_category().message(error)}});
  }
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
  Result<std::unique_ptr<Appliance>> build_once();
  Result<std::unique_ptr<Appliance>> build();
  Ending::Asked asked_of(Appliance& appliance);
  bool goes_on(Appliance::Left left);
  bool is_handed_over();

  const Serving& serving_;
  const uint64_t descriptors_ = raise_descriptor_limit();
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
  inheritance_.listeners = sockets_of_service_manager(log());
  if (!serving_.takes_over) return {};
  auto taken = TakenOver::ask(config_.data);
  if (!taken) return failure(taken.error());
  taken_ = *std::move(taken);
  if (!taken_) return {};
  goes_on_ = true;
  inheritance_.connections = std::move(taken_->inheritance.connections);
  std::move(taken_->inheritance.listeners.begin(), taken_->inheritance.listeners.end(),
            std::back_inserter(inheritance_.listeners));
  return {};
}

// Waits for the folder if it was ours, or that of the process before.
Result<std::unique_ptr<Appliance>> Server::build_once() {
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
  asked.reload = [&appliance] { appliance.reload(); };
  asked.replace = [this] { start_successor(serving_.command, log()); };
  return asked;
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

bool Server::goes_on(Appliance::Left left) {
  if (left.next == Appliance::Next::end) return false;
  inheritance_ = std::move(left.inheritance);
  goes_on_ = true;
  is_draining_ = left.is_draining;
  is_terminated_ = left.is_terminated;
  if (left.next == Appliance::Next::hand_over) return !is_handed_over();
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

}  // namespace

int serve(Config config, const Serving& serving) {
  keep_memory_together();
  std::signal(SIGPIPE, SIG_IGN);
  // Of a successor that could not start nothing is left; it has told the log.
  std::signal(SIGCHLD, SIG_IGN);
  Server server(std::move(config), serving);
  return server.run();
}

std::vector<std::string> successor_command(int argc, const char* const* argv) {
  std::error_code error;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  std::vector<std::string> command(argv, argv + argc);
  command.front() = program.string();
  if (std::find(command.begin(), command.end(), kTakeOver) == command.end()) command.emplace_back(kTakeOver);
  return command;
}

}  // namespace breakwater::conf
