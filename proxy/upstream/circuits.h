// Which requests may be sent just now, by what fails together. Each request passes three circuit breakers,
// and is sent if all of them let it pass:
//
//   of the host             opens when the host cannot be reached, and when requests for several repositories
//                           and of several kinds fail in a row
//   of the host and a kind  opens after a 429 to that kind, and when requests of that kind for several
//                           repositories fail in a row
//   of the thing: host,     opens when that fails
//     kind and repository
//
// So a 429 on lists does not refuse manifests, one on a GET of manifests (Docker Hub's limit of pulls) does
// not refuse a HEAD, which does not count there, and a repository that always answers 500 refuses itself
// alone. To fail is to answer 5xx, or not to answer on a connection that was made. An answer closes all
// three.
//
//   auto admitted = circuits.admit(question, now);   // or why not now
//   … then one of its reports; if it is destroyed without one, its probes are free for the next request
//
// There are at most `circuits_max`: those that remember nothing are dropped, then those not used for longest.
// Pure: time is an argument. The Circuits need not outlive what they admitted.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/http/url.h"
#include "proxy/upstream/circuit_breaker.h"
#include "store/base/clock.h"
#include "store/base/result.h"

namespace breakwater::proxy {

// What is asked of a host. The lists are those of tags and of referrers.
struct Question {
  enum class Kind { manifests, manifest_heads, blobs, lists, tokens, other };
  Endpoint host;
  Kind kind = Kind::other;
  std::string repository;  // or the scope of a token; "" if it is about none

  std::string text() const;  // "https://ghcr.io/library/alpine (manifests)"
};

// The question that a request asks for `path` of a registry. `host` may be another one that the registry
// sends us to for it.
Question question_of(const Endpoint& host, std::string_view method, std::string_view path);

class Circuits {
  struct Circuit;

 public:
  explicit Circuits(const CircuitBreakerSettings& settings, size_t circuits_max = 1024)
      : settings_(settings), circuits_max_(circuits_max) {}

  static constexpr size_t kCauseBytesMax = 300;

  // A request that was admitted. Only the first report counts.
  class Admitted {
   public:
    Admitted(Admitted&&) = default;
    Admitted& operator=(Admitted&&) = delete;
    ~Admitted();

    void answered();
    // The host was not reached, or, `soon`, that was known within a moment.
    void unreached(store::Time now);
    void unreached_soon(store::Time now);
    // The host was reached and did not answer.
    void unanswered(store::Time now);
    void unanswered_soon(store::Time now);
    void server_error(store::Time now);
    // `wait_s` is from Retry-After. Returns for how long such questions are refused, in seconds.
    int64_t throttled(store::Time now, std::optional<int64_t> wait_s, std::string words = {});

    // What failed, in words, for the errors of those that are refused because of it. At most kCauseBytesMax
    // are kept.
    void note_cause(std::string_view cause);

    bool is_tripped() const;  // whether failures have opened a circuit that it passed

   private:
    friend class Circuits;
    struct Passed {
      std::shared_ptr<Circuit> circuit;
      CircuitBreaker::Permit permit = CircuitBreaker::Permit::normal;
    };
    Admitted(Question question, store::Time began) : question_(std::move(question)), began_(began) {}
    bool is_first_report() { return !std::exchange(reported_, true); }
    void count_failure(store::Time now);

    Question question_;
    store::Time began_;
    Passed host_, kind_, thing_;
    bool reported_ = false;
  };

  [[nodiscard]] Result<Admitted> admit(const Question& question, store::Time now);
  // Questions of that kind to that host are throttled, although another host has said so.
  void throttle(const Question& question, store::Time now, std::optional<int64_t> wait_s,
                std::string words = {});
  // The error for a question of that kind while it is throttled.
  std::optional<Error> refusal(const Question& question, store::Time now);

  store::Time throttled_until(const Endpoint& host) const;  // of all kinds of question, the latest
  size_t size() const { return circuits_.size(); }

 private:
  struct Key {
    Endpoint host;
    std::optional<Question::Kind> kind;
    std::optional<std::string> repository;
    auto operator<=>(const Key&) const = default;
  };
  std::shared_ptr<Circuit> circuit(Key key, store::Time now);
  void make_room(store::Time now);

  CircuitBreakerSettings settings_;
  size_t circuits_max_;
  std::map<Key, std::shared_ptr<Circuit>> circuits_;  // shared with what was admitted
  uint64_t uses_ = 0;
};

}  // namespace breakwater::proxy
