#include "proxy/fill/fill_slots.h"

#include <deque>

#include "test/catch.h"

namespace breakwater::test {
namespace {

using proxy::FillClaim;
using proxy::RegistryClient;
using proxy::SlotDecision;
using Kind = SlotDecision::Kind;

// Upstreams are only compared, so any address will do.
const char kUpstreams[3] = {};
const RegistryClient* upstream(size_t i) { return reinterpret_cast<const RegistryClient*>(&kUpstreams[i]); }

// Claims as a word each: the upstream, r if it runs or q if it waits, - if it has no readers, ! if it gives
// way already: "0r 0r- 1q". "01q" may begin with either.
std::deque<FillClaim> claims_of(const std::string& text) {
  std::deque<FillClaim> claims;
  for (size_t at = 0; at < text.size(); at = text.find_first_not_of(' ', at)) {
    FillClaim claim;
    for (; at < text.size() && text[at] != ' '; ++at) {
      const char c = text[at];
      if (c >= '0' && c <= '2') claim.upstreams.push_back(upstream(static_cast<size_t>(c - '0')));
      if (c == 'r') claim.is_running = true;
      if (c == '-') claim.has_readers = false;
      if (c == '!') claim.gives_way = true;
    }
    claims.push_back(claim);
  }
  return claims;
}

SlotDecision decide(const std::string& text, uint32_t fills_max) {
  const auto claims = claims_of(text);
  std::vector<const FillClaim*> pointers;
  for (const auto& claim : claims) pointers.push_back(&claim);
  return proxy::next_slot(pointers, fills_max);
}

}  // namespace

TEST_CASE("slots go to who waits, are shared by the upstreams, and are given up by those without readers") {
  struct Row {
    std::string claims;
    Kind kind;
    size_t claim;
    size_t upstream;
    std::string why;
  };
  const std::vector<Row> rows = {
      {"", Kind::nothing, 0, 0, "nobody is there"},
      {"0r 0r", Kind::nothing, 0, 0, "nobody waits"},
      {"0q 0q", Kind::run, 0, 0, "the first that came"},
      {"0q- 0q", Kind::run, 1, 0, "nobody waits for the first"},
      {"0q-", Kind::nothing, 0, 0, "nobody waits for it"},
      {"0r 0r 0q 1q", Kind::run, 3, 1, "the upstream that runs fewer"},
      {"0r 1r 1r 1q 0q", Kind::run, 4, 0, "the upstream that runs fewer"},
      {"0r 0r 01q", Kind::run, 2, 1, "of its upstreams the one that runs fewer"},
      {"0r 0r 0r 0r 0q", Kind::nothing, 0, 0, "all slots have readers"},
      {"0r 0r 0r 0r 1q", Kind::run, 4, 1, "one that runs none gets one more"},
      {"0r 0r 0r 0r 1r 1q", Kind::nothing, 0, 0, "and no second one"},
      {"0r 0r- 0r 0r 0q", Kind::give_way, 1, 0, "one without readers gives way"},
      {"0r 0r- 0r- 0r 0q", Kind::give_way, 1, 0, "the first that came"},
      {"0r 0r-! 0r- 0r 0q", Kind::nothing, 0, 0, "one is enough"},
      {"0r 0r-! 0r- 0r 0q 0q", Kind::give_way, 2, 0, "one for each that waits"},
      {"1r- 0r- 0r 0r 1r 1q", Kind::give_way, 1, 0, "of the upstream that runs the most"},
      {"0r- 0r- 0r- 0r- 1r 1q-", Kind::nothing, 0, 0, "not for one without readers"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.claims, row.why);
    const auto decision = decide(row.claims, 4);
    CHECK(decision.kind == row.kind);
    if (row.kind != Kind::nothing) CHECK(decision.claim == row.claim);
    if (row.kind == Kind::run) CHECK(decision.upstream == upstream(row.upstream));
  }
}

}  // namespace breakwater::test
