#include "proxy/clients/clients.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace breakwater::proxy {
namespace {

constexpr Millis kMinute(60'000);
constexpr size_t kKnownMax = 16'384;  // then the longest unused is forgotten, whatever it has asked
constexpr int kForgottenAtOnce = 4;

}  // namespace

Client::Client(const ClientsParts& parts, std::string address)
    : parts_(parts),
      address_(std::move(address)),
      connections_(parts.limits.connections_max),
      requests_(parts.loop, parts.limits.requests_max),
      buffers_(parts.loop, parts.limits.buffer_bytes_max, &parts.buffers),
      replies_(parts.loop, parts.limits.buffer_bytes_max),
      questions_(parts.limits.questions_per_minute_max),
      questions_at_(parts.loop.now()) {}

double Client::questions_at(Moment now) const {
  const double most = parts_.limits.questions_per_minute_max;
  const std::chrono::duration<double> elapsed = now - questions_at_;
  return std::min(most, questions_ + elapsed.count() * most / 60);
}

std::optional<int64_t> Client::take_question() {
  const auto now = parts_.loop.now();
  questions_ = questions_at(now);
  questions_at_ = now;
  if (questions_ < 1) {
    const double a_second = parts_.limits.questions_per_minute_max / 60.0;
    return std::max<int64_t>(1, std::llround(std::ceil((1 - questions_) / a_second)));
  }
  questions_ -= 1;
  return std::nullopt;
}

bool Client::has_rested() const {
  return questions_at(parts_.loop.now()) >= parts_.limits.questions_per_minute_max;
}

void Client::refused(std::string_view route, std::string_view share) {
  parts_.on_refused(route, share);
  auto found = told_.find(share);
  if (found == told_.end()) found = told_.emplace(std::string(share), Told()).first;
  Told& told = found->second;
  ++told.since;
  const auto now = parts_.loop.now();
  if (told.at != Moment() && now - told.at < kMinute) return;
  parts_.log.warning("client_has_its_share", {{"client", address_},
                                              {"route", route},
                                              {"share", share},
                                              {"refused", static_cast<int64_t>(told.since)}});
  told.at = now;
  told.since = 0;
}

std::shared_ptr<Client> Clients::of(const Peer& peer) {
  forget_rested();
  const ClientKey key = peer.client();
  if (const auto found = known_.find(key); found != known_.end()) {
    by_use_.splice(by_use_.end(), by_use_, found->second);
    return found->second->second;
  }
  auto client = std::make_shared<Client>(parts_, peer.is_ipv4() ? peer.text : peer.text + "/64");
  by_use_.emplace_back(key, client);
  known_[key] = std::prev(by_use_.end());
  return client;
}

// A few at a time, because every connection comes here.
void Clients::forget_rested() {
  for (int i = 0; i < kForgottenAtOnce && !by_use_.empty(); ++i) {
    const auto& [key, client] = by_use_.front();
    const bool is_connected = client.use_count() > 1;
    const bool may_go = !is_connected && (client->has_rested() || known_.size() > kKnownMax);
    if (!may_go) {
      // It is not in the way of those behind it.
      by_use_.splice(by_use_.end(), by_use_, by_use_.begin());
      continue;
    }
    known_.erase(key);
    by_use_.pop_front();
  }
}

}  // namespace breakwater::proxy
