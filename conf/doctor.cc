#include "conf/doctor.h"

#include <sys/resource.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <utility>

#include "conf/descriptors.h"
#include "conf/listeners.h"
#include "conf/local_request.h"
#include "conf/machine_clients.h"
#include "conf/part_settings.h"
#include "conf/warnings.h"
#include "proxy/http/http.h"
#include "proxy/loop/loop.h"
#include "proxy/upstream/http_client.h"
#include "proxy/upstream/registry_client.h"
#include "routes/ops/words.h"
#include "store/base/clock.h"
#include "store/base/log.h"

namespace breakwater::conf {
namespace {

using State = Finding::State;

constexpr int64_t kAnswerMs = 15'000;
constexpr int64_t kClockDoubtfulS = 60, kClockWrongS = 600;
constexpr uint64_t kFilesWanted = 65'536;
constexpr double kDiskFreeWanted = 0.05;
constexpr size_t kBodyMax = 64 << 10;

// What says nothing: the doctor tells its own findings.
class NoLog final : public store::Log {
 public:
  void write(Level, std::string_view, std::span<const Field>) override {}
};

// Asks several at once. Lives as long as their answers are waited for.
class Examination {
 public:
  explicit Examination(const Config& config)
      : config_(config), http_(loop_, config.http_client), tasks_(loop_) {}

  std::vector<Finding> run() {
    for (const auto& route : config_.routes) {
      if (!route.proxy_protocol) ask_ports(route.name, route.listen, "/v2/", route.tls.has_value());
      if (!route.mirror) continue;
      for (const auto& upstream : route.mirror->upstreams) tasks_.spawn(ask_upstream(route.name, upstream));
    }
    if (!config_.metrics.proxy_protocol)
      ask_ports("metrics", config_.metrics.listen, "/readyz", config_.metrics.tls.has_value());
    if (!config_.admin.proxy_protocol)
      ask_ports("admin", config_.admin.listen, "/api/v1/caller", config_.admin.tls.has_value());
    tasks_.spawn(stop_when_done());
    loop_.run();
    return std::move(findings_);
  }

 private:
  proxy::Task<> stop_when_done() {
    while (tasks_.size() > 1) co_await tasks_.ended().wait();
    loop_.stop();
  }
  // Not of a listener that only proxies may connect to.
  void ask_ports(const std::string& route, const std::vector<ListenAddress>& addresses,
                 const std::string& path, bool is_tls) {
    for (const auto& address : addresses) tasks_.spawn(ask_port(route, address, path, is_tls));
  }
  proxy::Task<> ask_port(std::string route, ListenAddress address, std::string path, bool is_tls);
  proxy::Task<> ask_upstream(std::string route, proxy::RegistryClientSettings settings);
  void judge_clock(const proxy::Head& head, const std::string& upstream);
  void add(Finding finding) { findings_.push_back(std::move(finding)); }

  const Config& config_;
  proxy::Loop loop_;
  proxy::HttpClient http_;
  const store::SystemClock clock_;
  NoLog log_;
  std::vector<Finding> findings_;
  bool is_clock_judged_ = false;
  proxy::Tasks tasks_;
};

// Of a listener on every address, the one of loopback.
std::string reachable(const ListenAddress& address) {
  const std::string port = ":" + std::to_string(address.port());
  if (address.host() == "0.0.0.0") return "127.0.0.1" + port;
  if (address.host() == "::") return "[::1]" + port;
  return address.text();
}

// It is asked in plain HTTP, which says that TLS is spoken where it is; and elsewhere a name may be wanted.
int expected_of(bool is_tls) { return is_tls ? 400 : 401; }

proxy::Task<> Examination::ask_port(std::string route, ListenAddress address, std::string path, bool is_tls) {
  if (address.port() == 0) co_return;  // whichever was free
  const std::string at = reachable(address);
  proxy::HttpClientRequest request("GET", "http://" + at + path);
  request.timeout_ms = kAnswerMs;
  auto reply = co_await http_.fetch(std::move(request), kBodyMax);
  Finding finding{"port", route, State::well, at + (is_tls ? " answers, and speaks TLS" : " answers"), ""};
  if (!reply) {
    finding.state = State::wrong;
    finding.found = at + " does not answer: " + reply.error().message;
    finding.remedy =
        "systemctl status breakwater; is another program on that port (ss -ltnp)? Does a firewall "
        "drop it?";
  } else if (reply->head.status != 200 && reply->head.status != expected_of(is_tls)) {
    finding.state = State::wrong;
    finding.found =
        at + path + " answers " + std::to_string(reply->head.status) + ": " + reply->body.substr(0, 300);
    finding.remedy = "it says why; the log has the same reason";
  }
  add(std::move(finding));
}

void Examination::judge_clock(const proxy::Head& head, const std::string& upstream) {
  const auto date = proxy::parse_http_date(head.headers.get("Date"));
  if (!date || std::exchange(is_clock_judged_, true)) return;
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(clock_.wall().time_since_epoch()).count();
  const int64_t off = std::abs(now - *date);
  Finding finding{"clock", "", State::well, "this machine's clock and that of " + upstream + " agree", ""};
  if (off > kClockDoubtfulS) {
    finding.state = off > kClockWrongS ? State::wrong : State::doubtful;
    finding.found =
        "this machine's clock and that of " + upstream + " differ by " + routes::duration_words(off);
    finding.remedy = "timedatectl set-ntp true: certificates and tokens are judged by the clock";
  }
  add(std::move(finding));
}

proxy::Task<> Examination::ask_upstream(std::string route, proxy::RegistryClientSettings settings) {
  const std::string url = settings.upstream.text();
  const auto credentials = settings.credentials;
  proxy::RegistryClient client(loop_, http_, clock_, log_, settings);
  proxy::RegistryClientRequest request("GET", "/v2/");
  request.timeout_ms = kAnswerMs;
  request.answers = {404};  // some have no such page, and are registries all the same
  auto reply = co_await client.fetch(std::move(request), kBodyMax);
  if (reply) judge_clock(reply->head, url);
  Finding finding{"upstream", route, State::well, "", ""};
  const std::string as = credentials ? " as " + credentials->username : std::string(" without credentials");
  if (client.stats().refusals.credentials > 0) {
    finding.state = State::wrong;
    finding.found = url + " refuses the credentials of " + credentials->username;
    finding.remedy = "check username and password_file of the route; public images are fetched anonymously";
  } else if (reply || reply.error().kind == Error::Kind::denied) {
    // Some refuse this page to everybody, and give images to all.
    finding.found = url + " answers" + as;
  } else if (reply.error().kind == Error::Kind::throttled) {
    finding.state = State::doubtful;
    finding.found = url + " limits us: " + reply.error().message;
    finding.remedy = "what is cached goes on; credentials of a paid account raise the limit";
  } else {
    finding.state = State::wrong;
    finding.found = url + " cannot be used: " + reply.error().message;
    finding.remedy = "what is cached goes on; see DNS, the way out, its certificate and its own status page";
  }
  add(std::move(finding));
}

// The names of upstreams, asked of the system's resolver.
void examine_names(const Config& config, std::vector<Finding>& findings) {
  std::set<std::string> known;
  for (const auto& route : config.routes) {
    if (!route.mirror) continue;
    for (const auto& upstream : route.mirror->upstreams) {
      const auto& host = upstream.upstream.host;
      if (!known.insert(host).second) continue;
      const auto addresses = resolve_by_system(host);
      if (addresses)
        findings.push_back({"dns", route.name, State::well,
                            host + " has " + routes::count_words(addresses->size(), "address", "addresses"),
                            ""});
      else
        findings.push_back({"dns", route.name, State::wrong, addresses.error().message,
                            "see /etc/resolv.conf: getent hosts " + host});
    }
  }
}

void examine_disk(const Config& config, std::vector<Finding>& findings) {
  struct statvfs found {};
  if (::statvfs(config.data.c_str(), &found) != 0) {
    findings.push_back({"disk", "", State::wrong, "there is no folder " + config.data.string(),
                        "serve makes it; is the disk mounted?"});
    return;
  }
  const uint64_t total = found.f_blocks * found.f_frsize, free = found.f_bavail * found.f_frsize;
  Finding space{"disk", "", State::well, routes::bytes_words(free) + " free of " + routes::bytes_words(total),
                ""};
  if (static_cast<double>(free) < kDiskFreeWanted * static_cast<double>(total)) {
    space.state = State::doubtful;
    space.remedy = "breakwater du says what of it is Breakwater's; lower bytes_max, or enlarge the disk";
  }
  findings.push_back(space);
  if (!config.bytes_max || *config.bytes_max <= total) return;
  findings.push_back({"disk", "", State::doubtful,
                      "bytes_max is " + routes::bytes_words(*config.bytes_max) + ", and the disk has " +
                          routes::bytes_words(total),
                      "what the disk has is the bound then; say so in bytes_max"});
}

void examine_limits(std::vector<Finding>& findings) {
  const uint64_t files = raise_descriptor_limit();
  Finding finding{"limits", "", State::well, std::to_string(files) + " files may be open", ""};
  if (files < kFilesWanted) {
    finding.state = State::doubtful;
    finding.remedy = "LimitNOFILE=65536 in the unit, or ulimit -n; fewer files mean fewer clients at once";
  }
  findings.push_back(finding);
}

void examine_rights(const Config& config, std::vector<Finding>& findings) {
  for (const auto& warning : warnings(config))
    findings.push_back({"rights", "", State::doubtful, warning, "as it says"});
}

void examine_process(const Config& config, std::vector<Finding>& findings) {
  const auto asked = ask_server(config.data, {"GET", "/api/v1/status"}, nullptr);
  const std::string folder = std::filesystem::absolute(config.data).string();
  if (!asked) {
    findings.push_back({"process", "", State::wrong, "nobody serves " + folder + ": " + asked.error().message,
                        "systemctl start breakwater, or name the folder with --data"});
    return;
  }
  const auto status = routes::Json::parse(asked->body, nullptr, false);
  const bool is_well = status.is_object() && status.value("well", false);
  const auto sentence = status.is_object() ? status.value("sentence", std::string()) : asked->body;
  findings.push_back(
      {"process", "", is_well ? State::well : State::doubtful, sentence, is_well ? "" : "breakwater status"});
  if (!status.is_object()) return;
  for (const auto& webhook : status.value("webhooks", routes::Json::array())) {
    Finding finding{"webhook", webhook.value("endpoint", ""), State::well, "takes events", ""};
    if (webhook.value("state", "") != "well") {
      finding.state = State::wrong;
      finding.found =
          "takes nothing since " + webhook.value("failing_since", "") + ": " + webhook.value("reason", "");
      finding.remedy =
          "see who answers there; " + std::to_string(webhook.value("waiting", uint64_t{0})) + " events wait";
    }
    findings.push_back(finding);
  }
}

void examine_clients(const Config& config, std::vector<Finding>& findings) {
  std::vector<uint16_t> ports;
  for (const auto& route : config.routes) {
    for (const auto& address : route.listen) ports.push_back(address.port());
  }
  for (const auto& client : machine_clients("/", ports)) {
    Finding finding{"client", client.name, State::well, client.found + " leads here", ""};
    if (!client.comes_here) {
      finding.state = State::doubtful;
      finding.found =
          "this machine's " + client.name + " does not come here: " + client.found + " names no port of ours";
      finding.remedy = "breakwater client-config " + client.name;
    }
    findings.push_back(finding);
  }
}

std::string_view name_of(State state) {
  switch (state) {
    case State::well: return "well";
    case State::doubtful: return "doubtful";
    case State::wrong: break;
  }
  return "wrong";
}

}  // namespace

std::vector<Finding> examine(const Config& config) {
  std::vector<Finding> findings;
  examine_process(config, findings);
  Examination examination(config);
  auto asked = examination.run();
  std::stable_sort(asked.begin(), asked.end(),
                   [](const Finding& a, const Finding& b) { return a.about < b.about; });
  examine_names(config, findings);
  findings.insert(findings.end(), asked.begin(), asked.end());
  examine_disk(config, findings);
  examine_limits(findings);
  examine_rights(config, findings);
  examine_clients(config, findings);
  return findings;
}

routes::Json doctor_json(const std::vector<Finding>& findings) {
  const bool is_well = std::none_of(findings.begin(), findings.end(),
                                    [](const Finding& one) { return one.state == State::wrong; });
  routes::Json json;
  json["well"] = is_well;
  json["findings"] = routes::Json::array();
  for (const auto& finding : findings) {
    routes::Json one;
    one["about"] = finding.about;
    if (!finding.of.empty()) one["of"] = finding.of;
    one["state"] = name_of(finding.state);
    one["found"] = finding.found;
    if (!finding.remedy.empty()) one["do"] = finding.remedy;
    json["findings"].push_back(std::move(one));
  }
  return json;
}

std::string doctor_words(const routes::Json& answer) {
  std::string text;
  for (const auto& finding : answer["findings"]) {
    text += finding["state"].get<std::string>() +
            std::string(10 - finding["state"].get<std::string>().size(), ' ') +
            finding["about"].get<std::string>();
    if (finding.contains("of")) text += " " + finding["of"].get<std::string>();
    text += ": " + finding["found"].get<std::string>() + "\n";
    if (finding.contains("do")) text += "          -> " + finding["do"].get<std::string>() + "\n";
  }
  return text;
}

}  // namespace breakwater::conf
