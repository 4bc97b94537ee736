#include "proxy/fill/fill_sources.h"

#include <algorithm>
#include <utility>

#include "proxy/upstream/error_rank.h"

namespace breakwater::proxy {

FillSources::FillSources(const std::vector<FillSource>& sources, Millis stall_cost)
    : stall_cost_(stall_cost) {
  for (const auto& source : sources) add(source);
}

bool FillSources::add(const FillSource& source) {
  const auto is_same = [&source](const State& known) {
    return known.source.registry == source.registry && known.source.repository == source.repository;
  };
  const auto known = std::find_if(states_.begin(), states_.end(), is_same);
  if (known != states_.end() && !known->source.request.size) known->source.request.size = source.request.size;
  if (states_.size() == kSourcesMax || known != states_.end()) return false;
  states_.push_back(State(source));
  return true;
}

bool FillSources::has(const store::RepositoryKey& repository) const {
  return std::any_of(states_.begin(), states_.end(),
                     [&repository](const State& known) { return known.source.repository == repository; });
}

const RegistryClient& FillSources::leader_of(size_t index) const {
  const auto& repository = states_[index].source.repository;
  const auto first = std::find_if(states_.begin(), states_.end(), [&repository](const State& known) {
    return known.source.repository == repository;
  });
  return *first->source.registry;
}

// How long it is expected to take until the source sends.
Millis FillSources::cost(const State& state, Moment now) const {
  const auto wait = std::chrono::ceil<Millis>(std::max(state.retry_at - now, Moment::duration::zero()));
  return wait + (state.stalled ? stall_cost_ : Millis(0));
}

std::optional<FillSources::Next> FillSources::next(Moment now) const {
  std::optional<Next> best;
  for (size_t i = 0; i < states_.size(); ++i) {
    const auto index = (first_ + i) % states_.size();
    const auto& state = states_[index];
    if (state.failure || (best && cost(state, now) >= cost(states_[best->index], now))) continue;
    best = Next(index, std::max(state.retry_at, now));
  }
  return best;
}

bool FillSources::another_stands_by(size_t index, Moment now) const {
  for (size_t i = 0; i < states_.size(); ++i) {
    const auto& state = states_[i];
    if (i != index && !state.failure && !state.stalled && state.retry_at <= now) return true;
  }
  return false;
}

void FillSources::prefer(const RegistryClient& registry) {
  const auto found = std::find_if(states_.begin(), states_.end(), [&registry](const State& known) {
    return known.source.registry == &registry;
  });
  if (found != states_.end()) first_ = static_cast<size_t>(found - states_.begin());
}

void FillSources::suspect(const RegistryClient& registry) {
  for (auto& state : states_) {
    if (state.source.registry == &registry && !state.answered) state.stalled = true;
  }
}

bool FillSources::is_doubtful(const RegistryClient& registry) const {
  return std::none_of(states_.begin(), states_.end(), [&registry](const State& state) {
    return state.source.registry == &registry && !state.stalled && !state.failure;
  });
}

void FillSources::answered(size_t index, std::optional<uint64_t> size) {
  states_[index].answered = true;
  states_[index].told = size;
  states_[index].stalled = false;
}

void FillSources::contributed(size_t index) {
  states_[index].contributed = true;
  if (!beginner_) beginner_ = index;
}

void FillSources::failed(size_t index, const FailedAttempt& attempt, const RetrySettings& retry, Moment now) {
  auto& state = states_[index];
  state.attempts = attempt.progressed ? 1 : state.attempts + 1;
  state.stalled = attempt.stalled;
  auto judged = attempt.error;
  if (judged.kind == Error::Kind::corrupt && state.attempts <= attempt.corrupt_retries)
    judged.kind = Error::Kind::unavailable;
  const auto delay_ms = retry_delay_ms(retry, judged, state.attempts, attempt.random, attempt.silence_ms);
  if (!delay_ms) state.failure = attempt.error;
  state.retry_at = now + Millis(delay_ms.value_or(0));
  first_ = (index + 1) % states_.size();
}

bool FillSources::blame(const Error& error) {
  const auto contributors =
      std::count_if(states_.begin(), states_.end(), [](const State& state) { return state.contributed; });
  for (auto& state : states_) {
    const bool is_beginner = beginner_ && &state == &states_[*beginner_];
    auto& decoding = state.source.request.decoding;
    const bool was_decoded = is_beginner && state.decoded && decoding != Decoding::never;
    if (was_decoded) decoding = Decoding::never;
    State anew(state.source);
    anew.blamed = state.blamed || (is_beginner && !was_decoded);
    anew.blamed_alone = state.blamed_alone || (is_beginner && !was_decoded && contributors == 1);
    anew.has_doubted = state.has_doubted;
    if (anew.blamed) anew.failure = state.blamed ? state.failure : error;
    state = std::move(anew);
  }
  beginner_.reset();
  acquit();
  return contributors > 0;
}

bool FillSources::doubt(size_t index) {
  const auto& doubter = states_[index];
  const bool contradicts = doubter.failure && doubter.failure->kind == Error::Kind::corrupt;
  if (!contradicts || doubter.contributed || doubter.blamed || doubter.has_doubted || !beginner_)
    return false;
  for (auto& state : states_) {
    if (state.blamed) continue;
    State anew(state.source);
    anew.has_doubted = state.has_doubted;
    state = std::move(anew);
  }
  states_[index].has_doubted = true;
  beginner_.reset();
  first_ = index;
  return true;
}

// Who was blamed for what several brought gets another chance once all are blamed and one more of them has
// been wrong alone.
void FillSources::acquit() {
  const auto guilty = static_cast<size_t>(
      std::count_if(states_.begin(), states_.end(), [](const State& state) { return state.blamed_alone; }));
  const bool is_one_left =
      std::any_of(states_.begin(), states_.end(), [](const State& state) { return !state.blamed; });
  if (is_one_left || guilty <= acquitted_at_) return;
  acquitted_at_ = guilty;
  for (auto& state : states_) {
    if (!state.blamed_alone) state = State(state.source);
  }
}

bool FillSources::shows(const State& state, std::optional<uint64_t> size) const {
  if (!state.answered) return false;
  if (state.told && size) return state.told == size;
  return std::none_of(states_.begin(), states_.end(), [&state](const State& other) {
    return other.contributed && !(other.source.repository == state.source.repository);
  });
}

bool FillSources::is_shown_by(const store::RepositoryKey& repository, std::optional<uint64_t> size) const {
  return std::any_of(states_.begin(), states_.end(), [this, &repository, size](const State& known) {
    return shows(known, size) && known.source.repository == repository;
  });
}

std::vector<store::RepositoryKey> FillSources::shown(std::optional<uint64_t> size) const {
  std::vector<store::RepositoryKey> repositories;
  for (const auto& state : states_) {
    const auto& repository = state.source.repository;
    if (shows(state, size) &&
        std::find(repositories.begin(), repositories.end(), repository) == repositories.end())
      repositories.push_back(repository);
  }
  return repositories;
}

std::optional<Error> FillSources::failure_of(const store::RepositoryKey& repository) const {
  std::optional<Error> failure;
  for (const auto& state : states_) {
    if (!(state.source.repository == repository)) continue;
    if (!state.failure) return std::nullopt;
    if (!failure || outweighs(*state.failure, *failure)) failure = state.failure;
  }
  return failure;
}

Error FillSources::failure() const {
  const Error* told = &*states_.front().failure;
  for (const auto& state : states_) {
    if (outweighs(*state.failure, *told)) told = &*state.failure;
  }
  return *told;
}

}  // namespace breakwater::proxy
