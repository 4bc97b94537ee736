#include "routes/access/password_line.h"

#include <algorithm>
#include <deque>
#include <list>
#include <map>
#include <optional>
#include <utility>

namespace breakwater::routes {
namespace {

tl::unexpected<Error> throttled(std::string message) {
  return failure(Error{Error::Kind::throttled, std::move(message), PasswordLine::kRetryAfterS,
                       "wait a moment, and check the user and the password"});
}

}  // namespace

// waiting --its turn--> running --the job has ended--> answered
//    `-----gives way, or nobody waits for it any more--> gone
class PasswordLine::Check {
 public:
  Check(proxy::Loop& loop, uint64_t whose, std::string named, Job checks)
      : client(whose), key(std::move(named)), job(std::move(checks)), changed(loop) {}

  const uint64_t client;
  const std::string key;
  Job job;  // until it runs
  std::optional<bool> answer;
  bool has_given_way = false;
  size_t waiters = 0;
  proxy::Signal changed;
};

// Who waits, in which order, and what runs.
class PasswordLine::Line {
 public:
  using Shared = std::shared_ptr<Check>;

  // The check of that key, which waits or runs; or a new one, behind the others of its client.
  Result<Shared> join(proxy::Loop& loop, const Asking& asking, Job job) {
    if (const auto known = by_key_.find(asking.key); known != by_key_.end()) return known->second;
    const auto turn = turn_of(asking.client);
    const size_t own = turn == turns_.end() ? 0 : turn->checks.size();
    if (own >= places_of(asking.strikes))
      return throttled("too many passwords of this client are waiting to be checked");
    if (waiting_ >= kPlacesMax && !make_room(own))
      return throttled("too many passwords are waiting to be checked");
    auto check = std::make_shared<Check>(loop, asking.client, asking.key, std::move(job));
    add(check);
    return check;
  }

  // Nobody waits for it any more. What runs goes on to its end.
  void leave(const Shared& check) {
    const auto turn = turn_of(check->client);
    if (turn == turns_.end()) return;
    const auto place = std::find(turn->checks.begin(), turn->checks.end(), check);
    if (place != turn->checks.end()) remove(turn, place);
  }

  // The next one, which runs from now on; null if there is none or another runs.
  Shared begin() {
    if (running_ || turns_.empty()) return nullptr;
    const auto turn = turns_.begin();
    running_ = turn->checks.front();
    turn->checks.pop_front();
    --waiting_;
    if (turn->checks.empty()) {
      turns_.erase(turn);
    } else {
      turns_.splice(turns_.end(), turns_, turn);
    }
    return running_;
  }
  void end(bool answer) {
    const auto check = std::exchange(running_, nullptr);
    by_key_.erase(check->key);
    check->answer = answer;
    check->changed.ring();
  }

  size_t waiting() const { return waiting_; }

 private:
  struct Turn {
    uint64_t client;
    std::deque<Shared> checks;  // never empty
  };
  using Turns = std::list<Turn>;

  Turns::iterator turn_of(uint64_t client) {
    return std::find_if(turns_.begin(), turns_.end(),
                        [client](const Turn& turn) { return turn.client == client; });
  }
  void add(const Shared& check) {
    by_key_.emplace(check->key, check);
    ++waiting_;
    auto turn = turn_of(check->client);
    if (turn == turns_.end()) turn = turns_.insert(turns_.end(), Turn{check->client, {}});
    turn->checks.push_back(check);
  }
  void remove(Turns::iterator turn, const std::deque<Shared>::iterator& place) {
    by_key_.erase((*place)->key);
    turn->checks.erase(place);
    --waiting_;
    if (turn->checks.empty()) turns_.erase(turn);
  }
  // Whether whoever has most has given a place to a client that has `own`.
  bool make_room(size_t own) {
    const auto most = std::max_element(turns_.begin(), turns_.end(), [](const Turn& a, const Turn& b) {
      return a.checks.size() < b.checks.size();
    });
    if (most->checks.size() <= own + 1) return false;
    const auto check = most->checks.back();
    check->has_given_way = true;
    check->changed.ring();
    remove(most, std::prev(most->checks.end()));
    return true;
  }

  std::map<std::string, Shared> by_key_;  // those that wait, and the one that runs
  Turns turns_;                           // of the clients that wait; the first one's is next
  size_t waiting_ = 0;
  Shared running_;
};

// Somebody who waits for a check, for as long as that is.
class PasswordLine::Waits {
 public:
  Waits(Line& line, std::shared_ptr<Check> check) : line_(line), check_(std::move(check)) {
    ++check_->waiters;
  }
  ~Waits() {
    if (--check_->waiters == 0) line_.leave(check_);
  }
  Waits(const Waits&) = delete;
  Waits& operator=(const Waits&) = delete;
  Check& check() const { return *check_; }

 private:
  Line& line_;
  const std::shared_ptr<Check> check_;
};

PasswordLine::PasswordLine(proxy::Loop& loop)
    : loop_(loop), line_(std::make_shared<Line>()), workers_(loop, 1, proxy::Workers::Priority::low) {}
PasswordLine::~PasswordLine() = default;

proxy::Task<Result<bool>> PasswordLine::check(Asking asking, Job job) {
  auto joined = line_->join(loop_, asking, std::move(job));
  if (!joined) co_return failure(joined.error());
  const Waits waits(*line_, *std::move(joined));
  Check& check = waits.check();
  begin_next();
  const auto deadline = loop_.now() + kWaitMax;
  while (!check.answer && !check.has_given_way && loop_.now() < deadline)
    co_await check.changed.wait_until(deadline);
  if (!check.answer) co_return throttled("too many passwords are waiting to be checked");
  co_return *check.answer;
}

size_t PasswordLine::waiting() const { return line_->waiting(); }

void PasswordLine::begin_next() {
  const auto check = line_->begin();
  if (!check) return;
  const std::weak_ptr<Line> line = line_;
  workers_.submit([this, line, &loop = loop_, job = std::exchange(check->job, nullptr)] {
    const bool answer = job();
    loop.post([this, line, answer] {
      const auto held = line.lock();
      if (!held) return;
      held->end(answer);
      begin_next();
    });
  });
}

size_t places_of(uint64_t strikes) {
  return strikes < PasswordLine::kStrikesOfSuspect ? PasswordLine::kPlacesOfClientMax
                                                   : PasswordLine::kPlacesOfSuspectMax;
}

}  // namespace breakwater::routes
