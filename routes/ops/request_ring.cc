#include "routes/ops/request_ring.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "routes/oci/oci_path.h"

namespace breakwater::routes {
namespace {

constexpr int kClientLeft = 499;

// What the text of an entry is made of, in this order, and how much of each is kept. The reason has what the
// others leave.
enum Part : size_t {
  kRoute,
  kClient,
  kMethod,
  kTrace,
  kTag,
  kRepository,
  kUserAgent,
  kRange,
  kReason,
  kParts
};
constexpr std::array<size_t, kParts> kPartBytesMax = {32, 45, 8, 64, 64, 128, 64, 32, 255};
constexpr std::string_view kCut = "…";

constexpr std::array<CacheResult, 7> kResults = {
    CacheResult::none,  CacheResult::hit,         CacheResult::miss, CacheResult::follow,
    CacheResult::stale, CacheResult::revalidated, CacheResult::pass};

bool ended_as(const RequestFilter& filter, int status, CacheResult cache) {
  using Outcome = RequestFilter::Outcome;
  switch (filter.outcome) {
    case Outcome::any: return true;
    case Outcome::cache: return cache == filter.cache;
    case Outcome::ok: return status < 400;
    case Outcome::refused: return status >= 400 && status < 500 && status != kClientLeft;
    case Outcome::error: return status >= 500;
    case Outcome::left: return status == kClientLeft;
  }
  return false;
}

// Where a text of which `room` bytes can be kept is cut: no character is parted, and kCut has its room behind
// it.
size_t cut_at(std::string_view text, size_t room) {
  size_t size = room > kCut.size() ? room - kCut.size() : 0;
  while (size > 0 && (static_cast<uint8_t>(text[size]) & 0xC0) == 0x80) --size;
  return size;
}

}  // namespace

struct RequestRing::Entry {
  static constexpr size_t kTextBytes = 384;

  proxy::Moment at;
  uint64_t bytes;
  float seconds, upstream_seconds;
  uint16_t status, upstream_status;
  CacheResult cache;
  bool has_digest;
  std::array<uint8_t, 16> address;
  std::array<uint8_t, kParts> sizes;
  // Unset but for what `sizes` and `has_digest` say.
  std::array<char, kTextBytes> text;
  store::Algorithm algorithm;
  std::array<uint8_t, 64> digest;

  std::string_view part(size_t which) const {
    size_t begin = 0;
    for (size_t i = 0; i < which; ++i) begin += sizes[i];
    return {text.data() + begin, sizes[which]};
  }
  std::string reference() const {
    if (!has_digest) return std::string(part(kTag));
    const size_t size = algorithm == store::Algorithm::sha256 ? 32 : 64;
    return store::Digest(algorithm, {digest.data(), size}).text();
  }
};

Result<> RequestFilter::set_outcome(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Outcome>, 5> kNamed = {{{"any", Outcome::any},
                                                                           {"ok", Outcome::ok},
                                                                           {"refused", Outcome::refused},
                                                                           {"error", Outcome::error},
                                                                           {"left", Outcome::left}}};
  std::string names;
  for (const auto& [of, named] : kNamed) {
    names += std::string(of) + ", ";
    if (of != name) continue;
    outcome = named;
    return {};
  }
  for (const CacheResult result : kResults) {
    names += std::string(name_of(result)) + (result == kResults.back() ? "" : ", ");
    if (name_of(result) != name) continue;
    outcome = Outcome::cache;
    cache = result;
    return {};
  }
  return failure(Error::Kind::invalid,
                 "a request ends as one of " + names + ", not as \"" + std::string(name) + "\"");
}

RequestRing::RequestRing(proxy::Loop& loop, const store::Clock& clock, size_t entries_max)
    : loop_(loop),
      clock_(clock),
      entries_max_(entries_max),
      entries_(std::make_unique_for_overwrite<Entry[]>(entries_max)),
      more_(loop) {
  static_assert(sizeof(Entry) <= kEntryBytes);
}
RequestRing::~RequestRing() = default;

const RequestRing::Entry& RequestRing::entry(uint64_t number) const {
  return entries_[number % entries_max_];
}

void RequestRing::add(const EndedRequest& ended) {
  const proxy::Request& request = ended.exchange.request();
  const RequestContext& context = ended.context;
  Entry& entry = entries_[++newest_ % entries_max_];
  entry.at = ended.at;
  entry.bytes = ended.exchange.bytes_sent();
  entry.seconds = static_cast<float>(ended.seconds);
  entry.status = static_cast<uint16_t>(ended.status);
  const bool was_upstream_asked = context.upstream != nullptr && context.upstream->seconds > 0;
  entry.upstream_status = static_cast<uint16_t>(was_upstream_asked ? context.upstream->status : 0);
  entry.upstream_seconds = static_cast<float>(was_upstream_asked ? context.upstream->seconds : 0);
  entry.cache = context.cache;
  entry.address = ended.exchange.peer().address;
  const auto& digest = context.path.digest;
  entry.has_digest = digest.has_value();
  if (digest) {
    entry.algorithm = digest->algorithm();
    std::copy(digest->bytes().begin(), digest->bytes().end(), entry.digest.begin());
  }
  const std::array<std::string_view, kParts> parts = {
      context.route,
      ended.exchange.peer().text,
      request.method,
      context.trace,
      context.path.tag,
      context.repository.empty() ? std::string_view(context.path.name) : context.repository,
      request.headers.get("User-Agent"),
      request.headers.get("Range"),
      context.error};
  size_t end = 0;
  for (size_t i = 0; i < kParts; ++i) {
    const size_t room = std::min(kPartBytesMax[i], Entry::kTextBytes - end);
    const bool is_told_cut = i == kReason && parts[i].size() > room && room > kCut.size();
    size_t size = is_told_cut ? cut_at(parts[i], room) : std::min(parts[i].size(), room);
    char* behind = std::copy_n(parts[i].begin(), size, entry.text.data() + end);
    if (is_told_cut) {
      std::copy(kCut.begin(), kCut.end(), behind);
      size += kCut.size();
    }
    entry.sizes[i] = static_cast<uint8_t>(size);
    end += size;
  }
  if (more_.awaited()) more_.ring();
}

bool RequestRing::wants(const RequestFilter& filter, const Entry& entry) {
  if (!ended_as(filter, entry.status, entry.cache)) return false;
  if (filter.client && !filter.client->contains(proxy::IpAddress(entry.address))) return false;
  const auto route = std::string_view(filter.route).substr(0, kPartBytesMax[kRoute]);
  if (!route.empty() && route != entry.part(kRoute)) return false;
  if (!filter.repository.empty()) {
    const std::string repository(entry.part(kRepository));
    if (::fnmatch(filter.repository.c_str(), repository.c_str(), 0) != 0) return false;
  }
  if (!filter.sight.is_of_all() &&
      !filter.sight.sees(std::string(entry.part(kRoute)), std::string(entry.part(kRepository))))
    return false;
  return filter.reference.empty() || filter.reference == entry.reference();
}

RequestRing::Page RequestRing::after(uint64_t number, const RequestFilter& filter, size_t limit,
                                     size_t looked_at_max) const {
  Page page;
  // From before a restart: the numbers begin anew.
  if (number > newest_) number = 0;
  if (newest_ > 0 && number + 1 < oldest()) page.missed = oldest() - 1 - number;
  page.next = std::max(number, oldest() - 1);
  while (page.next < newest_ && page.requests.size() < limit && looked_at_max-- > 0) {
    ++page.next;
    if (wants(filter, entry(page.next))) page.requests.push_back(value_of(page.next));
  }
  return page;
}

RequestRing::Page RequestRing::before(uint64_t number, const RequestFilter& filter, size_t limit,
                                      size_t looked_at_max) const {
  Page page;
  page.next = newest_;
  number = std::min(number, newest_ + 1);
  while (has(number - 1) && page.requests.size() < limit && looked_at_max-- > 0) {
    --number;
    if (wants(filter, entry(number))) page.requests.push_back(value_of(number));
  }
  if (has(number - 1)) page.previous = number;
  std::reverse(page.requests.begin(), page.requests.end());
  return page;
}

PastRequest RequestRing::value_of(uint64_t number) const {
  const Entry& of = entry(number);
  const auto ago = std::chrono::duration_cast<store::Time::duration>(loop_.now() - of.at);
  PastRequest request;
  request.number = number;
  request.at = clock_.wall() - ago;
  request.route = of.part(kRoute);
  request.client = of.part(kClient);
  request.method = of.part(kMethod);
  request.repository = of.part(kRepository);
  request.reference = of.reference();
  request.status = of.status;
  request.bytes = of.bytes;
  request.seconds = static_cast<double>(of.seconds);
  request.cache = of.cache;
  request.reason = of.part(kReason);
  request.user_agent = of.part(kUserAgent);
  request.range = of.part(kRange);
  request.upstream_status = of.upstream_status;
  request.upstream_seconds = static_cast<double>(of.upstream_seconds);
  request.trace = of.part(kTrace);
  return request;
}

}  // namespace breakwater::routes
