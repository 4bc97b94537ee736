// The upstreams of one mirror, each with its RegistryClient, in the order in which the configuration names
// them. A question is asked of one after the other, until one has what was asked for:
//
//   auto attempt = [this, path](AskedUpstream upstream) { return get(upstream, path); };
//   auto answer = co_await upstreams.first_of(hops, attempt);   // Result<T>, as get() gives
//
//   an attempt succeeds     that is the answer; attempts that still run are cancelled
//   it fails                the next upstream is asked: also after "there is none" and "denied", because an
//                           upstream may be a cache, or have a part of the repositories only
//   it is silent for 5 s    the next upstream is asked too, while the attempt goes on
//   all have failed         the error that outweighs the others (error_rank.h); of equals the first
//   upstream's
//
// Those in trouble are asked after the others, for a while (upstream_order.h). With one upstream first_of()
// is the attempt, and nothing else.
//
// An upstream may be an appliance that has this one as its upstream. What came through it is not asked of it;
// and of two that ask each other for the same thing at the same time, the one with the lesser name is not
// answered by the other's waiting for it (circle()).
//
// Knows nothing of what is asked. Belongs to the loop's thread; must outlive its Tasks, and what has one of
// its RegistryClients.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "proxy/http/hops.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/upstream/error_rank.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/upstream_order.h"
#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::proxy {

// An upstream that is asked because of a request, which came through `hops`.
class AskedUpstream {
 public:
  AskedUpstream(RegistryClient& client, Hops hops) : client_(&client), hops_(std::move(hops)) {}

  RegistryClient& client() const { return *client_; }
  // As RegistryClient has them. The arguments outlive the Task, as there.
  Task<Result<Reply>> fetch(RegistryClientRequest request, size_t bytes_max) const {
    request.hops = hops_;
    return client_->fetch(std::move(request), bytes_max);
  }
  Task<Result<Head>> download(RegistryClientRequest request, Sink& sink) const {
    request.hops = hops_;
    return client_->download(std::move(request), sink);
  }

 private:
  RegistryClient* client_;
  Hops hops_;
};

class Upstreams {
 public:
  static constexpr size_t kUpstreamsMax = 8;
  using Clients = std::vector<std::unique_ptr<RegistryClient>>;

  // `clients` are one at least. `clock` must outlive this object.
  Upstreams(Loop& loop, const store::Clock& clock, const UpstreamsSettings& settings, Clients clients);

  size_t size() const { return clients_.size(); }
  // In the order of the configuration.
  RegistryClient& operator[](size_t index) const { return *clients_[index]; }
  // Those that are asked because of a request that came through `hops`, in the order in which they are asked
  // just now.
  std::vector<RegistryClient*> in_order(const Hops& hops) const;
  // The sum of all. They are unwell if all of them are.
  RegistryClientStats stats() const;

  // `attempt` is called with an AskedUpstream and returns a Task<Result<T>>, and so does first_of(). An
  // attempt may be destroyed at any time. Call it only after circle() has said that somebody can be asked.
  template <class Attempt>
  std::invoke_result_t<Attempt&, AskedUpstream> first_of(Hops hops, Attempt attempt);

  // Why nobody is asked because of a request that came through `hops`, as `not_found`: who sent it does
  // without. Because it came back to where it began; or because the same is being asked already
  // (`is_being_asked`), of an appliance that sent this request and waits for us. That one is known by its
  // answers, and is asked who it is if it has given none yet.
  Task<std::optional<Error>> circle(Hops hops, bool is_being_asked);

 private:
  bool is_behind(size_t index, const Hops& hops) const;
  Task<> learn_names();
  // The attempts of one question. Lives in the frame of first_of().
  template <class Answer>
  struct Race {
    enum class Phase { running, silent, ended };
    struct Lap {
      Phase phase = Phase::ended;  // or not begun
      std::optional<Error> error;
    };
    Race(Loop& loop, size_t upstreams) : laps(upstreams), changed(loop) {}
    size_t running() const {
      const auto runs = [](const Lap& lap) { return lap.phase != Phase::ended; };
      return static_cast<size_t>(std::count_if(laps.begin(), laps.end(), runs));
    }
    std::vector<Lap> laps;  // by the upstream's index
    std::optional<Answer> answer;
    Signal changed;
  };

  template <class Answer>
  Task<> run(Race<Answer>& race, size_t index, Task<Answer> attempt);
  template <class Answer>
  static Answer outcome(Race<Answer>& race);

  Loop& loop_;
  const store::Clock& clock_;
  UpstreamsSettings settings_;
  Clients clients_;
  UpstreamOrder order_;
};

template <class Attempt>
std::invoke_result_t<Attempt&, AskedUpstream> Upstreams::first_of(Hops hops, Attempt attempt) {
  AskedUpstream first(*clients_.front(), hops);
  if (clients_.size() == 1) co_return co_await attempt(std::move(first));
  using Answer = decltype(attempt(first).result());
  using Phase = typename Race<Answer>::Phase;
  Race<Answer> race(loop_, clients_.size());
  Tasks attempts(loop_);  // last: destroyed before the race that they run in
  auto order = order_.at(clock_.now());
  std::erase_if(order, [this, &hops](size_t index) { return is_behind(index, hops); });
  if (order.empty()) co_return failure(Error::Kind::not_found, "whom it could be asked of has asked for it");
  for (const size_t index : order) {
    order_.asked(index, clock_.now());
    race.laps[index].phase = Phase::running;
    attempts.spawn(run(race, index, attempt(AskedUpstream(*clients_[index], hops))));
    if (index == order.back()) break;
    const auto silent_at = loop_.now() + Millis(settings_.silence_max_ms);
    while (!race.answer && race.laps[index].phase == Phase::running && loop_.now() < silent_at)
      co_await race.changed.wait_until(silent_at);
    if (race.answer) break;
    if (race.laps[index].phase == Phase::ended) continue;
    race.laps[index].phase = Phase::silent;
    order_.silent(index, clock_.now());
  }
  while (!race.answer && race.running() > 0) co_await race.changed.wait();
  co_return outcome(race);
}

template <class Answer>
Task<> Upstreams::run(Race<Answer>& race, size_t index, Task<Answer> attempt) {
  auto answer = co_await std::move(attempt);
  auto& lap = race.laps[index];
  const bool was_silent = std::exchange(lap.phase, Race<Answer>::Phase::ended) == Race<Answer>::Phase::silent;
  if (!answer) lap.error = answer.error();
  if (!was_silent && answer) order_.answered(index);
  if (!was_silent && !answer) order_.failed(index, answer.error(), clock_.now());
  if (answer && !race.answer) race.answer = std::move(answer);
  race.changed.ring();
}

// The answer, or the error that outweighs the others, of equals the first upstream's.
template <class Answer>
Answer Upstreams::outcome(Race<Answer>& race) {
  if (race.answer) return *std::move(race.answer);
  const Error* told = nullptr;
  for (const auto& lap : race.laps) {
    if (lap.error && (told == nullptr || outweighs(*lap.error, *told))) told = &*lap.error;
  }
  return failure(*told);
}

}  // namespace breakwater::proxy
