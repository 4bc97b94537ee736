#include "proxy/fill/fill.h"

#include <algorithm>
#include <utility>

#include "proxy/fill/fill_sink.h"
#include "proxy/fill/resumption.h"
#include "store/blobs/blobs.h"
#include "store/blobs/partials.h"
#include "store/capacity/capacity.h"
#include "store/catalog/catalog.h"
#include "store/references/liveness.h"

namespace breakwater::proxy {
namespace {

constexpr int kRoomTriesMax = 4;
constexpr uint64_t kCatchUpBytes = 8 << 20;  // hashed by one job, so that other jobs get their turn

tl::unexpected<Error> wrong(const Fill& fill, const std::string& what) {
  return failure(Error::Kind::corrupt, "upstream's " + fill.request().digest.text() + " " + what);
}

}  // namespace

// The right to run, of which has_slot() limits the number. Counted as long as the object lives.
class Fills::Slot {
 public:
  Slot(Fills& fills, const RegistryClient& registry) : fills_(fills), registry_(registry) {
    ++fills_.stats_.running;
    ++fills_.slots_[&registry_];
  }
  ~Slot() {
    --fills_.stats_.running;
    if (--fills_.slots_[&registry_] == 0) fills_.slots_.erase(&registry_);
    fills_.slot_freed_.ring();
  }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

 private:
  Fills& fills_;
  const RegistryClient& registry_;
};

Fills::Fills(Loop& loop, Workers& workers, Workers& room_makers, Buffers& buffers, store::Store& store,
             store::Log& log, const FillSettings& settings)
    : loop_(loop),
      workers_(workers),
      room_makers_(room_makers),
      buffers_(buffers),
      store_(store),
      log_(log),
      settings_(settings),
      slot_freed_(loop),
      random_(std::random_device()()),
      running_(loop) {}
Fills::~Fills() = default;

std::shared_ptr<Fill> Fills::find(const store::Digest& digest) const {
  auto found = fills_.find(digest);
  return found == fills_.end() ? nullptr : found->second;
}

std::shared_ptr<Fill> Fills::join(RegistryClient& registry, FillRequest request) {
  if (auto running = find(request.digest)) return running;
  auto fill = std::make_shared<Fill>(loop_, std::move(request));
  fills_[fill->request_.digest] = fill;
  running_.spawn(run(fill, registry));
  return fill;
}

Task<> Fills::run(Shared fill, RegistryClient& registry) {
  while (!has_slot(registry) || ending_partials_.contains(fill->request_.digest)) co_await slot_freed_.wait();
  Slot slot(*this, registry);
  if (co_await find_stored(fill)) co_return;
  auto done = co_await download(fill, registry);
  fill->ending_ = true;
  fill->arrived_.ring();
  if (!done) {
    // A new fill of this digest waits until the partial file of this one is dealt with.
    ending_partials_.insert(fill->request_.digest);
    const auto end = fail(*fill, done.error());
    co_await end_partial(fill, end);
    ending_partials_.erase(fill->request_.digest);
    co_return;
  }
  co_await commit(fill);
  unregister(*fill);
  fill->progress_.ring();
}

// Whether a fill from `registry` may run now. An upstream that hangs may take all of fills_max, so the others
// get a few more.
bool Fills::has_slot(const RegistryClient& registry) const {
  if (stats_.running < settings_.fills_max) return true;
  const auto taken = slots_.find(&registry);
  return (taken == slots_.end() ? 0 : taken->second) < std::max<uint32_t>(settings_.fills_max / 8, 1);
}

Task<Result<>> Fills::download(Shared fill, RegistryClient& registry) {
  auto opened = co_await open(fill);
  if (!opened) co_return opened;
  running_.spawn(pump(fill));
  auto received = co_await receive(fill, registry);
  if (!received) co_return received;
  co_return co_await verify(fill);
}

// Looks for the blob in the store once more: another fill may have stored it after this one was asked for.
Task<bool> Fills::find_stored(Shared fill) {
  auto job = [&store = store_, digest = fill->request_.digest,
              repository = fill->request_.repository]() -> Result<store::Blob> {
    auto permitted = store::may_serve(store.catalog(), repository, digest, store::Reach::disk);
    if (!permitted) return failure(permitted.error());
    // A blob that another repository brought may be served for this one only if upstream says so, and this
    // fill is about to ask upstream.
    if (!*permitted) return failure(Error::Kind::not_found, "not this repository's yet");
    return store.blobs().open(digest);
  };
  auto blob = co_await workers_.run(std::move(job));
  if (!blob) co_return false;
  fill->file_ = blob->file;
  fill->size_ = fill->written_ = blob->size;
  fill->verified_ = true;
  unregister(*fill);
  publish(*fill);
  co_return true;
}

// Opens the partial file that an earlier fill left, or a new one. Reserves room on the disk if the size is
// known.
Task<Result<>> Fills::open(Shared fill) {
  auto job = [&store = store_, route = fill->request_.repository.route, digest = fill->request_.digest] {
    return store.partials().receive(route, store::Partials::fill_id(digest), digest.algorithm());
  };
  auto partial = co_await workers_.run(fill->strand_, std::move(job));
  if (!partial) co_return failure(partial.error());
  fill->partial_ = std::make_shared<store::ReceivedPartial>(std::move(*partial));
  fill->file_ = fill->partial_->writer->file();
  fill->written_ = fill->partial_->writer->written();
  fill->granted_ = fill->written_;
  if (fill->written_ > 0) ++stats_.resumes_total;
  auto caught_up = co_await catch_up(fill);
  if (!caught_up) co_return caught_up;
  if (!fill->size_) co_return Result<>();
  co_return co_await grow(fill, *fill->size_);
}

// Hashes the bytes that an earlier fill left.
Task<Result<>> Fills::catch_up(Shared fill) {
  auto job = [partial = fill->partial_] { return partial->writer->catch_up(kCatchUpBytes); };
  for (;;) {
    auto done = co_await workers_.run(fill->strand_, job);
    if (!done) co_return failure(done.error());
    if (*done) break;
  }
  fill->written_ = fill->partial_->writer->written();
  co_return Result<>();
}

Task<Result<>> Fills::grow(Shared fill, uint64_t bytes) {
  auto job = [&store = store_, partial = fill->partial_, bytes] {
    return store.capacity().grow(partial->reservation, bytes, store::Capacity::Effort::none);
  };
  // Others may take what was made free.
  for (int tries = 0;; ++tries) {
    auto grown = co_await workers_.run(fill->strand_, job);
    if (grown) fill->granted_ = std::max(fill->granted_, bytes);
    if (grown || grown.error().kind != Error::Kind::full || tries == kRoomTriesMax) co_return grown;
    auto make = [&store = store_, route = fill->request_.repository.route, bytes, held = fill->granted_] {
      return store.capacity().make_room(route, bytes, held);
    };
    auto made = co_await room_makers_.run(std::move(make));
    if (!made) co_return grown;
  }
}

Task<Result<>> Fills::receive(Shared fill, RegistryClient& registry) {
  auto progress_at = loop_.now();
  for (uint32_t attempts = 0; fill->size_ != fill->written_;) {
    const auto before = fill->written_;
    auto ended = co_await attempt(fill, registry);
    if (fill->disk_error_) co_return failure(*fill->disk_error_);
    if (ended) continue;
    attempts = fill->written_ > before ? 1 : attempts + 1;
    if (fill->written_ > before) progress_at = loop_.now();
    int64_t delay_ms = 0;
    if (!worth_another(*fill, ended.error(), attempts, loop_.now() - progress_at, delay_ms)) co_return ended;
    log_.info("fill resumes", {{"digest", fill->request_.digest.text()},
                               {"offset", int64_t(fill->written_)},
                               {"reason", ended.error().message}});
    if (fill->written_ > 0) ++stats_.resumes_total;
    fill->last_failure_ = ended.error();
    co_await loop_.sleep(Millis(delay_ms));
  }
  co_return Result<>();
}

// Whether another attempt should follow, and after which delay. A corrupt answer at the start is final: that
// is what upstream says. Once good bytes have come, it may be one bad answer of one edge of a CDN, and is
// retried like a broken transfer.
bool Fills::worth_another(const Fill& fill, const Error& error, uint32_t attempts, Moment::duration silence,
                          int64_t& delay_ms) {
  auto judged = error;
  if (error.kind == Error::Kind::corrupt && fill.written_ > 0 && attempts <= 2)
    judged.kind = Error::Kind::unavailable;
  const double random = std::uniform_real_distribution<double>(0, 1)(random_);
  const auto silence_ms = std::chrono::duration_cast<Millis>(silence).count();
  auto delay = retry_delay_ms(settings_.retry, judged, attempts, random,
                              fill.begun_ ? std::optional(silence_ms) : std::nullopt);
  delay_ms = delay.value_or(0);
  return delay.has_value();
}

// One request for what follows the end of the file. Success means that the blob is complete: the body ended
// as it should, or nothing was missing.
Task<Result<>> Fills::attempt(Shared fill, RegistryClient& registry) {
  auto request = fill->request_.request;
  if (fill->written_ > 0) request.headers.set("Range", "bytes=" + std::to_string(fill->written_) + "-");
  Result<Head> answer;
  {
    FillSink sink(*this, fill);
    answer = co_await registry.download(std::move(request), sink);
  }
  while (fill->unwritten_ > 0 && !fill->disk_error_) co_await fill->progress_.wait();
  if (!answer) co_return failure(answer.error());
  if (answer->status == 416) {  // nothing follows what we have; the digest will tell whether that is all
    auto range = parse_content_range(answer->headers.get("Content-Range"));
    if (!range || range->total != fill->written_ || fill->size_.value_or(fill->written_) != fill->written_)
      co_return wrong(*fill, "is shorter than what was received of it");
  } else if (fill->size_.value_or(fill->written_) > fill->written_) {
    co_return failure(Error::Kind::unavailable,
                      "upstream's " + fill->request_.digest.text() + " ended early");
  }
  fill->size_ = fill->written_;
  co_return Result<>();
}

// Writes pending bytes to the file, each time as many as have come since the last write.
Task<> Fills::pump(Shared fill) {
  for (;;) {
    while (fill->pending_.empty() && !fill->ending_) co_await fill->arrived_.wait();
    if (fill->pending_.empty()) co_return;
    const auto reserved = std::exchange(fill->reserved_, std::vector<BufferReservation>());
    const auto count = fill->pending_.size();
    auto job = [partial = fill->partial_, bytes = std::exchange(fill->pending_, std::string())] {
      return partial->writer->append(bytes);
    };
    if (fill->sink_) fill->sink_->resume();
    auto appended = co_await workers_.run(fill->strand_, std::move(job));
    fill->unwritten_ -= count;
    if (appended) {
      fill->written_ += count;
      publish(*fill);
    } else {
      fill->disk_error_ = appended.error();
      fill->pending_ = std::string();
      fill->reserved_.clear();
      fill->progress_.ring();
    }
    if (fill->sink_) fill->sink_->resume();
    if (!appended) co_return;
  }
}

Task<Result<>> Fills::verify(Shared fill) {
  auto job = [partial = fill->partial_, digest = fill->request_.digest] {
    return partial->writer->verify(digest);
  };
  auto verified = co_await workers_.run(fill->strand_, std::move(job));
  if (!verified) co_return verified;
  fill->verified_ = true;
  publish(*fill);
  co_return Result<>();
}

// Commits the blob to the store. The readers have all they need by now; this is for later requests.
Task<> Fills::commit(Shared fill) {
  auto job = [&store = store_, partial = fill->partial_, repository = fill->request_.repository] {
    return store.commit_blob(*partial, repository, store::Durability::buffered);
  };
  auto stored = co_await workers_.run(fill->strand_, std::move(job));
  if (stored) {
    ++stats_.stored_total;
    co_return;
  }
  log_.warning("fill not stored",
               {{"digest", fill->request_.digest.text()}, {"reason", stored.error().message}});
  co_await end_partial(fill, store::Partials::End::deleted);
}

Task<> Fills::end_partial(Shared fill, store::Partials::End end) {
  if (!fill->partial_) co_return;
  auto job = [&store = store_, partial = fill->partial_, end] {
    store.partials().end(std::move(*partial), end);
    return true;
  };
  co_await workers_.run(fill->strand_, std::move(job));
}

// Ends the fill with `error`, and tells its readers. Returns what is to be done with the partial file.
store::Partials::End Fills::fail(Fill& fill, Error error) {
  using Kind = Error::Kind;
  const bool useless = error.kind == Kind::corrupt || error.kind == Kind::full ||
                       error.kind == Kind::internal || error.kind == Kind::storage || fill.written_ == 0;
  if (error.kind == Kind::corrupt) ++stats_.discarded_total;
  log_.warning("fill failed", {{"route", fill.request_.repository.route},
                               {"repository", fill.request_.repository.repository},
                               {"digest", fill.request_.digest.text()},
                               {"offset", int64_t(fill.written_)},
                               {"reason", error.message}});
  fill.error_ = std::move(error);
  unregister(fill);
  fill.progress_.ring();
  return useless ? store::Partials::End::deleted : store::Partials::End::kept;
}

void Fills::unregister(const Fill& fill) {
  auto found = fills_.find(fill.request_.digest);
  if (found != fills_.end() && found->second.get() == &fill) fills_.erase(found);
}

// Tells the readers how much is available. Bytes that an earlier fill left may have come for another
// repository, so none are available before upstream has answered this fill.
void Fills::publish(Fill& fill) {
  const auto held_back = settings_.hold_back_bytes;
  const auto end = fill.size_.value_or(fill.written_);
  const auto unverified = fill.begun_ ? std::min(fill.written_, end > held_back ? end - held_back : 0) : 0;
  fill.available_ = fill.verified_ ? end : unverified;
  fill.progress_.ring();
}

}  // namespace breakwater::proxy
