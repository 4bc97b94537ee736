// The upstreams of one mirror, each with its RegistryClient, in the order in which the configuration names
// them. A question is asked of one after the other, until one has what was asked for:
//
//   auto attempt = [this, path](RegistryClient& upstream) { return get(upstream, path); };
//   auto answer = co_await upstreams.first_of(attempt);   // Result<T>, as get() gives
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

#include "proxy/loop/loop.h"
#include "proxy/loop/task.h"
#include "proxy/upstream/error_rank.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/upstream_order.h"
#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::proxy {

class Upstreams {
 public:
  static constexpr size_t kUpstreamsMax = 8;
  using Clients = std::vector<std::unique_ptr<RegistryClient>>;

  // `clients` are one at least. `clock` must outlive this object.
  Upstreams(Loop& loop, const store::Clock& clock, const UpstreamsSettings& settings, Clients clients);

  size_t size() const { return clients_.size(); }
  // In the order of the configuration.
  RegistryClient& operator[](size_t index) const { return *clients_[index]; }
  // In the order in which they are asked just now.
  std::vector<RegistryClient*> in_order() const;
  // The sum of all. They are unwell if all of them are.
  RegistryClientStats stats() const;

  // `attempt` is called with a RegistryClient& and returns a Task<Result<T>>, and so does first_of(). An
  // attempt may be destroyed at any time.
  template <class Attempt>
  std::invoke_result_t<Attempt&, RegistryClient&> first_of(Attempt attempt);

 private:
  // The attempts of one question. Lives in the frame of first_of().
  template <class Answer>
  struct Race {
    enum class Phase { running, silent, ended };
    struct Lap {
      Phase phase = Phase::running;
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
std::invoke_result_t<Attempt&, RegistryClient&> Upstreams::first_of(Attempt attempt) {
  if (clients_.size() == 1) co_return co_await attempt(*clients_.front());
  using Answer = decltype(attempt(*clients_.front()).result());
  using Phase = typename Race<Answer>::Phase;
  Race<Answer> race(loop_, clients_.size());
  Tasks attempts(loop_);  // last: destroyed before the race that they run in
  const auto order = order_.at(clock_.now());
  for (const size_t index : order) {
    order_.asked(index, clock_.now());
    attempts.spawn(run(race, index, attempt(*clients_[index])));
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
  const Error* told = &*race.laps.front().error;
  for (const auto& lap : race.laps) {
    if (outweighs(*lap.error, *told)) told = &*lap.error;
  }
  return failure(*told);
}

}  // namespace breakwater::proxy
