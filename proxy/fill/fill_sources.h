// The sources of a download: the same digest wanted from several repositories, or from several upstreams of
// one. The digest vouches for the bytes, so any source may go on where another stopped. FillSources says
// which is asked next, and remembers what came of each. Pure: time and randomness are arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "proxy/loop/loop.h"
#include "proxy/upstream/registry_client.h"
#include "proxy/upstream/retry.h"
#include "store/catalog/records.h"

namespace breakwater::proxy {

// Where the bytes may come from: a request, whom it is sent to, and the repository of ours that it is for.
struct FillSource {
  FillSource(RegistryClient& r, RegistryClientRequest q, store::RepositoryKey k)
      : registry(&r), request(std::move(q)), repository(std::move(k)) {}
  RegistryClient* registry;  // not owned
  RegistryClientRequest request;
  store::RepositoryKey repository;
};

// How an attempt ended before the body was complete.
struct FailedAttempt {
  explicit FailedAttempt(Error e) : error(std::move(e)) {}
  Error error;
  bool progressed = false;  // whether it brought bytes
  bool stalled = false;     // whether it was silent for as long as a source that is not alone may be
  // How many corrupt answers in a row are worth another attempt: one edge of a CDN may be bad.
  uint32_t corrupt_retries = 0;
  // The time since bytes came, if the client or the file has some already; see retry_delay_ms().
  std::optional<int64_t> silence_ms;
  double random = 0.5;  // in [0, 1)
};

class FillSources {
 public:
  static constexpr size_t kSourcesMax = 8;

  // `sources` are in the order of preference, and one at least. No more than kSourcesMax are kept. A source
  // that stalled is asked again when no other is expected within `stall_cost`.
  FillSources(const std::vector<FillSource>& sources, Millis stall_cost);

  // False if the source is known, or there are too many.
  bool add(const FillSource& source);

  size_t size() const { return states_.size(); }
  const FillSource& operator[](size_t index) const { return states_[index].source; }
  bool has(const store::RepositoryKey& repository) const;
  // The registry of the first source that there is of the same repository.
  const RegistryClient& leader_of(size_t index) const;

  // Which source is asked next, and when; nothing if all have failed for good.
  struct Next {
    size_t index = 0;
    Moment at;
  };
  std::optional<Next> next(Moment now) const;
  // Whether a source other than `index` could go on now, and did not stall itself.
  bool another_stands_by(size_t index, Moment now) const;

  // The source is asked first of all that may be asked.
  void prefer(const RegistryClient& registry);
  // The registry was silent a short time ago, for another blob: its sources count as stalled.
  void suspect(const RegistryClient& registry);
  bool is_stalled(size_t index) const { return states_[index].stalled; }
  // Whether no source of the registry is expected to send: each has stalled, or failed for good.
  bool is_doubtful(const RegistryClient& registry) const;
  // The source sends the blob, of `size` bytes if it says so: its repository has it.
  void answered(size_t index, std::optional<uint64_t> size);
  // The source's answer came with a Content-Encoding, which was undone.
  void decoded(size_t index) { states_[index].decoded = true; }
  bool is_decoded(size_t index) const { return states_[index].decoded; }
  // The source brought bytes that are kept, or said that this is all.
  void contributed(size_t index);
  void failed(size_t index, const FailedAttempt& attempt, const RetrySettings& retry, Moment now);
  // What was brought is wrong, and all but one may be asked anew: who alone brought it has failed for good,
  // with `error`; if several did, who began it, until another turns out to have been wrong alone. If it was
  // decoded, it is asked for once more as it is. False if nobody brought anything.
  bool blame(const Error& error);
  // The source has brought nothing, and has failed for good because what it says contradicts what is there:
  // either may be wrong. All but the blamed may be asked anew, this one first; but each has one such doubt.
  // False if it had, if it failed otherwise, or if nobody brought anything.
  bool doubt(size_t index);

  // Whether a source of this repository sends a blob of this size, if it is known, or has brought all that is
  // there: its readers may read what comes, from others too in the first case.
  bool is_shown_by(const store::RepositoryKey& repository, std::optional<uint64_t> size) const;
  // The repositories whose sources do.
  std::vector<store::RepositoryKey> shown(std::optional<uint64_t> size) const;
  // Why this repository's sources failed, if all of them have failed for good: the error that outweighs the
  // others (proxy/upstream/error_rank.h).
  std::optional<Error> failure_of(const store::RepositoryKey& repository) const;
  // Why all failed, likewise. Only when next() returns nothing.
  Error failure() const;

 private:
  struct State {
    explicit State(const FillSource& s) : source(s) {}
    FillSource source;
    bool answered = false;
    std::optional<uint64_t> told;  // the size
    bool contributed = false;      // to the bytes that are there
    bool decoded = false;
    bool blamed = false;
    bool blamed_alone = false;
    bool has_doubted = false;
    bool stalled = false;   // when it was asked last
    uint32_t attempts = 0;  // in a row, that brought nothing
    Moment retry_at{};
    std::optional<Error> failure;  // for good
  };
  bool shows(const State& state, std::optional<uint64_t> size) const;
  Millis cost(const State& state, Moment now) const;
  void acquit();

  std::vector<State> states_;
  Millis stall_cost_;
  size_t first_ = 0;                // of equals, the one that is asked first
  std::optional<size_t> beginner_;  // who brought the first of the bytes that are there
  size_t acquitted_at_ = 0;         // how many had been wrong alone when the others were asked again
};

}  // namespace breakwater::proxy
