#include "routes/ops/history.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "store/catalog/store_clock.h"
#include "store/history/heavy_hitters.h"
#include "store/references/route_rules.h"

namespace breakwater::routes {
namespace {

using proxy::Task;
using store::HeavyTable;
using store::Load;
using store::TrafficCounts;

constexpr auto kMinute = std::chrono::minutes(1);
constexpr proxy::Millis kBehindMinute(5);  // so that a flush does not come just before the minute's end
// Of the tables of one minute: more than those of a day have, so that little is lost on the way.
constexpr size_t kHeavyOfMinute = 512;

uint64_t* result_of(TrafficCounts& counts, CacheResult result) {
  switch (result) {
    case CacheResult::none: break;
    case CacheResult::hit: return &counts.hits;
    case CacheResult::miss: return &counts.misses;
    case CacheResult::follow: return &counts.follows;
    case CacheResult::stale: return &counts.stale;
    case CacheResult::revalidated: return &counts.revalidated;
    case CacheResult::pass: return &counts.passed;
  }
  return nullptr;
}

bool is_from_store(CacheResult result) {
  return result == CacheResult::hit || result == CacheResult::stale || result == CacheResult::revalidated;
}

void count_status(TrafficCounts& counts, int status) {
  if (status >= 500) {
    ++counts.errors;
  } else if (status == 404) {
    ++counts.not_found;
  } else if (status >= 400) {
    ++counts.refused;
  }
}

}  // namespace

// While one flush is under way, another waits for its end, which is also the end of its Task by destruction.
class History::Flushing {
 public:
  explicit Flushing(History& history) : history_(history) { history_.is_flushing_ = true; }
  ~Flushing() {
    history_.is_flushing_ = false;
    history_.flushed_.ring();
  }
  Flushing(const Flushing&) = delete;
  Flushing& operator=(const Flushing&) = delete;

 private:
  History& history_;
};

History::History(proxy::Loop& loop, store::Store& store, store::Log& log)
    : loop_(loop),
      store_(store),
      log_(log),
      random_(std::random_device()()),
      begun_(store.clock().now()),
      flushed_(loop) {}

RouteHistory& History::of(std::string_view route) {
  if (const auto found = routes_.find(route); found != routes_.end()) return *found->second;
  const std::string name(route);
  const auto index = static_cast<uint32_t>(by_index_.size());
  const bool is_kept_apart = index < store::TrafficHistory::kRoutesMax;
  auto made = std::make_unique<RouteHistory>(name, index, is_kept_apart, store_.rules().is_mirror(name));
  by_index_.push_back(made.get());
  return *routes_.emplace(name, std::move(made)).first->second;
}

void History::count(RouteHistory& route, const EndedRequest& ended) {
  const RequestContext& context = ended.context;
  const uint64_t bytes = ended.exchange.bytes_sent();
  TrafficCounts& counts = route.counts_;
  ++counts.requests;
  counts.bytes_sent += bytes;
  counts.pushed_bytes += context.pushed_bytes;
  counts.reused_bytes += context.reused_bytes;
  if (uint64_t* result = result_of(counts, context.cache)) ++*result;
  if (is_from_store(context.cache)) counts.bytes_from_store += bytes;
  if (ended.status >= 400) count_status(counts, ended.status);
  const Load load{1, bytes, 0, 0};
  const auto& client = ended.exchange.client();
  add_load(clients_, heavy_clients_, 0, client ? client->address() : ended.exchange.peer().text, load);
  const bool is_answered = ended.status < 400 || ended.status == 404;
  if (context.repository.empty() || !is_answered) return;
  add_load(repositories_, heavy_repositories_, route.index_, context.repository, load);
  if (route.is_mirror_) {
    ++counts.asked;
    counts.asked_bytes += bytes;
  } else if (ended.status == 200) {
    note_import(route, ended);
  }
}

void History::count_upstream(RouteHistory& route, std::string_view repository, uint64_t bytes) {
  ++route.counts_.upstream_requests;
  route.counts_.upstream_bytes += bytes;
  if (repository.empty()) return;
  add_load(repositories_, heavy_repositories_, route.index_, repository, {0, 0, 1, bytes});
}

void History::add_load(LoadCells& cells, Heavy& heavy, uint32_t owner, std::string_view name,
                       const Load& load) {
  Load* known = cells.find(owner, name);
  if (known == nullptr) {
    fold(cells, heavy);
    known = cells.find(owner, name);
  }
  *known += load;
}

// A client that imports a cache fetches its manifest; a HEAD may be one that is about to push. More than
// there are places for in a minute are not noted.
void History::note_import(const RouteHistory& route, const EndedRequest& ended) {
  const OciPath& path = ended.context.path;
  if (path.kind != OciPath::Kind::manifest || ended.exchange.request().method != "GET") return;
  std::array<char, kNameBytesMax + 1 + kTagBytesMax> name{};
  char* end = std::copy(ended.context.repository.begin(), ended.context.repository.end(), name.begin());
  *end++ = '\0';
  if (const auto& digest = path.digest) {
    *end++ = static_cast<char>(digest->algorithm());
    end = std::copy(digest->bytes().begin(), digest->bytes().end(), end);
  } else {
    end = std::copy(path.tag.begin(), path.tag.end(), end);
  }
  const std::string_view used(name.data(), static_cast<size_t>(end - name.data()));
  if (Load* load = imports_.find(route.index_, used)) ++load->requests;
}

std::vector<store::CacheGenerations::Import> History::take_imports() {
  std::vector<store::CacheGenerations::Import> imports;
  for (const auto& cell : imports_.cells()) {
    const size_t behind = cell.name.find('\0') + 1;
    const std::string_view reference = std::string_view(cell.name).substr(behind);
    auto& import = imports.emplace_back();
    import.repository = {by_index_[cell.owner]->name_, cell.name.substr(0, behind - 1)};
    import.at = store_.clock().now();
    import.times = cell.load.requests;
    if (reference.front() > static_cast<char>(store::Algorithm::sha512)) {
      import.tag = reference;
      continue;
    }
    const auto* bytes = reinterpret_cast<const uint8_t*>(reference.data());
    const std::span hash(bytes + 1, reference.size() - 1);
    import.digest.emplace(static_cast<store::Algorithm>(reference.front()), hash);
  }
  imports_.clear();
  return imports;
}

// Empties the cells into the tables.
void History::fold(LoadCells& cells, Heavy& heavy) {
  HeavyTable by_requests, by_bytes;
  for (const auto& cell : cells.cells()) {
    std::string key = &cells == &repositories_ ? by_index_[cell.owner]->name_ + '\0' + cell.name : cell.name;
    key.resize(std::min(key.size(), store::TrafficHistory::kKeyBytesMax));
    by_requests.entries.push_back({key, cell.load, cell.load.requests, 0});
    by_bytes.entries.push_back({std::move(key), cell.load, cell.load.bytes_sent, 0});
  }
  cells.clear();
  merge(heavy.by_requests, by_requests, kHeavyOfMinute);
  merge(heavy.by_bytes, by_bytes, kHeavyOfMinute);
}

// What was counted, which begins anew. Null if that is nothing.
std::shared_ptr<const History::Counted> History::take() {
  auto counted = std::make_shared<Counted>();
  store::Traffic& traffic = counted->traffic;
  traffic.begun = std::exchange(begun_, store_.clock().now());
  while (traffic.id == 0) traffic.id = random_();
  for (const auto& [name, route] : routes_) {
    const TrafficCounts counts = std::exchange(route->counts_, {});
    if (counts != TrafficCounts()) traffic.routes[route->is_kept_apart_ ? name : std::string()] += counts;
  }
  if (traffic.empty()) return nullptr;
  fold(repositories_, heavy_repositories_);
  fold(clients_, heavy_clients_);
  traffic.repositories_by_requests = std::exchange(heavy_repositories_.by_requests, {});
  traffic.repositories_by_bytes = std::exchange(heavy_repositories_.by_bytes, {});
  traffic.clients_by_requests = std::exchange(heavy_clients_.by_requests, {});
  traffic.clients_by_bytes = std::exchange(heavy_clients_.by_bytes, {});
  counted->imports = take_imports();
  return counted;
}

// Imports are noted once, even if that fails: only the traffic says whether it was added.
Result<> History::write(store::Store& store, store::Log& log, const Counted& counted) {
  if (auto added = store.traffic().add(counted.traffic); !added) return added;
  if (counted.imports.empty()) return {};
  auto noted = store.generations().note_imports(counted.imports);
  if (!noted) log.warning("imports_not_noted", {{"error", noted.error().message}});
  return {};
}

Task<Result<>> History::flush(proxy::Workers& workers) {
  while (is_flushing_) co_await flushed_.wait();
  const Flushing under_way(*this);
  for (;;) {
    const bool is_late = pending_ != nullptr;
    if (!is_late) pending_ = take();
    if (!pending_) co_return Result<>();
    auto job = [&store = store_, &log = log_, counted = pending_] { return write(store, log, *counted); };
    auto written = co_await workers.run(std::move(job));
    if (!written) co_return written;
    pending_.reset();
    if (!is_late) co_return Result<>();
  }
}

Result<> History::save() {
  for (;;) {
    if (!pending_) pending_ = take();
    if (!pending_) return {};
    if (auto written = write(store_, log_, *pending_); !written) return written;
    pending_.reset();
  }
}

Task<> History::run(proxy::Workers& workers) {
  for (;;) {
    const auto into = store_.clock().now().time_since_epoch() % kMinute;
    co_await loop_.sleep(std::chrono::duration_cast<proxy::Millis>(kMinute - into) + kBehindMinute);
    auto written = co_await flush(workers);
    if (!written) log_.warning("history_not_written", {{"error", written.error().message}});
  }
}

void count_upstreams(History& history, const proxy::Upstreams& upstreams, const std::string& route,
                     const std::string& kept_under) {
  for (size_t i = 0; i < upstreams.size(); ++i) {
    upstreams[i].observe_use(
        [&history, &counted = history.of(route), kept_under](auto repository, uint64_t bytes) {
          if (kept_under.empty() || repository.empty())
            history.count_upstream(counted, repository, bytes);
          else
            history.count_upstream(counted, kept_under + std::string(repository), bytes);
        });
  }
}

}  // namespace breakwater::routes
