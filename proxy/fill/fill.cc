#include "proxy/fill/fill.h"

#include <algorithm>
#include <utility>

#include "proxy/fill/fill_sink.h"
#include "proxy/fill/resumption.h"
#include "proxy/http/content_range.h"
#include "store/blobs/blobs.h"
#include "store/catalog/catalog.h"
#include "store/references/liveness.h"

namespace breakwater::proxy {
namespace {

constexpr int64_t kQueueFull_s = 10;  // after which a client may ask again

tl::unexpected<Error> wrong(const Fill& fill, const std::string& what) {
  return failure(Error::Kind::corrupt, "upstream's " + fill.digest().text() + " " + what);
}

Error gave_way() {
  return Error(Error::Kind::unavailable, "nobody reads it, and others wait for its slot", 0);
}

FillSlotsSettings slots_settings(const FillSettings& settings) {
  FillSlotsSettings slots;
  slots.fills_max = settings.fills_max;
  slots.queued_max = settings.queued_max;
  slots.queued_per_upstream_max = settings.queued_per_upstream_max;
  return slots;
}

// For whom a slot is asked: several upstreams of one repository share what the first of them has.
std::vector<const RegistryClient*> upstreams_of(const FillSources& sources) {
  std::vector<const RegistryClient*> upstreams;
  for (size_t i = 0; i < sources.size(); ++i) {
    const auto* leader = &sources.leader_of(i);
    if (leader == sources[i].registry) upstreams.push_back(leader);
  }
  return upstreams;
}

}  // namespace

Fill::Follower::Follower(std::shared_ptr<Fill> fill, const std::string& client, FillStats& stats)
    : fill_(std::move(fill)), client_(fill_->clients_.try_emplace(client).first), stats_(stats) {
  ++stats_.followers;
  ++client_->second;
  if (fill_->followers_++ == 0 && fill_->claim_) fill_->claim_->set_readers(true);
}

Fill::Follower::~Follower() {
  if (!fill_) return;
  --stats_.followers;
  if (--client_->second == 0) fill_->clients_.erase(client_);
  if (--fill_->followers_ == 0 && fill_->claim_) fill_->claim_->set_readers(false);
}

void Fill::begin_anew() {
  available_ = 0;
  resumed_from_ = 0;
  told_.reset();
  ended_at_.reset();
  begun_ = false;
  ++generation_;
  progress_.ring();
}

Fills::Fills(Loop& loop, Workers& workers, Workers& room_makers, Buffers& buffers, store::Store& store,
             store::Log& log, const FillSettings& settings)
    : loop_(loop),
      parts_{workers, room_makers, store},
      buffers_(buffers),
      log_(log),
      settings_(settings),
      slots_(slots_settings(settings)),
      partial_ended_(loop),
      random_(std::random_device()()),
      running_(loop) {}
Fills::~Fills() = default;

FillStats Fills::stats() const {
  auto stats = stats_;
  stats.running = slots_.running();
  stats.waiting = fills_.size() - std::min<size_t>(fills_.size(), stats.running);
  return stats;
}

std::vector<RunningFill> Fills::in_progress(size_t most) const {
  std::vector<RunningFill> all;
  all.reserve(std::min(most, fills_.size()));
  for (const auto& [digest, fill] : fills_) {
    if (all.size() == most) break;
    RunningFill one{digest, fill->home_};
    one.available = fill->available();
    one.size = fill->size();
    one.followers = fill->followers_;
    for (const auto& [client, count] : fill->clients_) {
      if (one.clients.size() == kClientsTold) break;
      one.clients.push_back(client);
    }
    one.clients_count = fill->clients_.size();
    one.age = std::chrono::duration_cast<Millis>(loop_.now() - fill->begun_at_);
    one.resumed_from = fill->resumed_from_;
    one.runs = fill->claim_ && fill->claim_->runs();
    if (fill->last_failure()) one.failure = fill->last_failure()->message;
    all.push_back(std::move(one));
  }
  return all;
}

const Fill* Fills::find(const store::Digest& digest) const {
  auto found = fills_.find(digest);
  return found == fills_.end() ? nullptr : found->second.get();
}

Fill::Follower Fills::join(const FillRequest& request) {
  if (auto found = fills_.find(request.digest); found != fills_.end()) {
    add_sources(*found->second, request);
    return Fill::Follower(found->second, request.client, stats_);
  }
  auto fill = std::make_shared<Fill>(loop_, request, parts_, Millis(settings_.first_byte_wait_ms));
  suspect_silent(*fill);
  Fill::Follower follower(fill, request.client, stats_);
  fill->claim_.emplace(slots_, fill->attention_, upstreams_of(fill->sources_));
  if (slots_.is_too_many(*fill->claim_)) {
    fill->claim_.reset();
    fill->error_ = Error(Error::Kind::unavailable, "too many downloads wait for their turn", kQueueFull_s);
    return follower;
  }
  fills_[request.digest] = fill;
  running_.spawn(run(fill));
  return follower;
}

void Fills::add_sources(Fill& fill, const FillRequest& request) {
  if (!fill.hint_) fill.hint_ = request.size;
  for (const auto& source : request.sources) {
    if (!fill.sources_.add(source)) continue;
    const bool is_leader = &fill.sources_.leader_of(fill.sources_.size() - 1) == source.registry;
    if (fill.claim_ && is_leader) fill.claim_->add_upstream(*source.registry);
    fill.attention_.ring();
  }
  suspect_silent(fill);
}

void Fills::suspect_silent(Fill& fill) {
  const auto remembered = loop_.now() - Millis(settings_.silence_remembered_ms);
  for (const auto& [upstream, at] : silent_at_) {
    if (at > remembered) fill.sources_.suspect(*upstream);
  }
}

Task<> Fills::run(Shared fill) {
  while (ending_partials_.contains(fill->digest_)) co_await partial_ended_.wait();
  running_.spawn(write(fill));
  auto done = co_await download(fill);
  fill->bytes_.end_input();
  if (done) {
    co_await commit(fill);
    unregister(*fill);
  } else {
    // A new fill of this digest waits until the partial file of this one is dealt with.
    ending_partials_.insert(fill->digest_);
    const auto end = fail(*fill, done.error());
    co_await fill->bytes_.end(end);
    ending_partials_.erase(fill->digest_);
    partial_ended_.ring();
  }
  fill->claim_.reset();
  fill->progress_.ring();
}

// Downloads until the blob is verified, or no source is left.
Task<Result<>> Fills::download(Shared fill) {
  for (;;) {
    auto turn = co_await wait_for_turn(fill);
    if (!turn) co_return turn;
    const bool stored = co_await find_stored(fill);
    if (stored) co_return Result<>();
    auto done = co_await download_once(fill);
    const auto again = std::exchange(fill->again_, Fill::Again::no);
    if (done || again == Fill::Again::no) co_return done;
    const bool useless = again == Fill::Again::from_start || fill->bytes_.written() == 0;
    const auto end = useless ? store::Partials::End::deleted : store::Partials::End::kept;
    co_await fill->bytes_.end(end);
    if (again == Fill::Again::in_turn) {
      fill->claim_->queue_again(upstreams_of(fill->sources_));
    } else {
      fill->bytes_.forget();
      fill->begin_anew();
    }
  }
}

// The error is for a fill that nobody waits for any more.
Task<Result<>> Fills::wait_for_turn(Shared fill) {
  while (!fill->claim_->runs() && fill->followers_ > 0) co_await fill->attention_.wait();
  fill->gave_way_ = !fill->claim_->runs();
  if (fill->gave_way_) co_return failure(Error::Kind::unavailable, "nobody waits for it any more");
  fill->sources_.prefer(fill->claim_->upstream());
  fill->measured_source_ = SIZE_MAX;  // the time in the queue was nobody's slowness
  co_return Result<>();
}

Task<Result<>> Fills::download_once(Shared fill) {
  auto opened = co_await open(fill);
  if (!opened) co_return opened;
  auto received = co_await receive(fill);
  if (!received) co_return received;
  co_return co_await verify(fill);
}

// Looks for the blob in the store once more: another fill may have stored it after this one was asked for.
Task<bool> Fills::find_stored(Shared fill) {
  auto job = [&store = parts_.store, digest = fill->digest_,
              repository = fill->home_]() -> Result<store::Blob> {
    auto permitted = store::may_serve(store.catalog(), repository, digest, store::Reach::disk);
    if (!permitted) return failure(permitted.error());
    // A blob that another repository brought may be served for this one only if upstream says so, and this
    // fill is about to ask upstream.
    if (!*permitted) return failure(Error::Kind::not_found, "not this repository's yet");
    return store.blobs().open(digest);
  };
  auto blob = co_await parts_.workers.run(std::move(job));
  if (!blob) co_return false;
  if (fill->available_ > 0) fill->begin_anew();
  fill->file_ = blob->file;
  fill->told_ = blob->size;
  fill->verified_ = true;
  unregister(*fill);
  publish(*fill);
  co_return true;
}

// Opens the partial file that an earlier fill left, or a new one. Reserves room on the disk if the size is
// known.
Task<Result<>> Fills::open(Shared fill) {
  auto& bytes = fill->bytes_;
  const auto before = bytes.written();
  auto opened = co_await bytes.open();
  if (!opened) co_return opened;
  fill->file_ = bytes.file();
  if (before == 0) fill->resumed_ = bytes.written() > 0;
  if (before == 0) fill->resumed_from_ = bytes.written();
  if (bytes.written() > 0) ++stats_.resumes_total;
  // The partial was evicted while the fill was queued: what its readers have is not what comes now.
  if (bytes.written() < before) fill->begin_anew();
  // What a manifest says of the size is not checked yet, and takes no more than a step's room.
  auto size = fill->size();
  if (size && !fill->told_) size = std::min(*size, bytes.written() + settings_.growth_bytes);
  if (!size || *size <= bytes.granted()) co_return Result<>();
  co_return co_await bytes.reserve(*size);
}

// Asks one source after the other for what is missing. An error if no source is left, if the disk refuses, or
// if the fill gives its slot to another.
Task<Result<>> Fills::receive(Shared fill) {
  fill->complete_ = fill->bytes_.written() > 0 && fill->size() == fill->bytes_.written();
  while (!fill->complete_) {
    fill->gave_way_ = fill->is_giving_way();
    if (fill->gave_way_) co_return failure(gave_way());
    const auto next = fill->sources_.next(loop_.now());
    if (!next) co_return failure(fill->sources_.failure());
    if (next->at > loop_.now()) {
      co_await fill->attention_.wait_until(next->at);
      continue;
    }
    fill->claim_->move_to(fill->sources_.leader_of(next->index));
    auto ended = co_await attempt(fill, next->index);
    if (fill->bytes_.error()) co_return failure(*fill->bytes_.error());
    if (!ended && fill->again_ != Fill::Again::no) co_return ended;
  }
  co_return Result<>();
}

// One request for what follows the end of the file. An error says why another must follow.
Task<Result<>> Fills::attempt(Shared fill, size_t index) {
  const auto before = fill->bytes_.written();
  std::optional<Result<Head>> answer;
  bool silent = false;
  {
    FillSink sink(*this, fill, index);
    sink.begin();
    while (!sink.outcome() && !answer) {
      if (auto reason = reason_to_stop(*fill, index, sink)) {
        answer = failure(std::move(*reason));
      } else {
        co_await fill->attention_.wait_until(sink.look_again_at(loop_.now()));
      }
    }
    if (sink.outcome()) answer = sink.outcome();
    silent = sink.is_silent(loop_.now());
  }
  while (fill->bytes_.is_writing()) co_await fill->progress_.wait();
  const bool progressed = fill->bytes_.written() > before;
  if (progressed) fill->last_progress_at_ = loop_.now();
  const auto* upstream = fill->sources_[index].registry;
  if (silent) silent_at_[upstream] = loop_.now();
  if (progressed && !silent) silent_at_.erase(upstream);
  auto ended = *answer ? judge_end(*fill, **answer) : Result<>(failure(answer->error()));
  if ((progressed || ended) && !fill->resumed_) fill->sources_.contributed(index);
  if (ended) fill->sources_.answered(index, fill->told_);  // a 416 that says that nothing is missing, too
  if (!ended && fill->bytes_.written() > 0 && fill->size() == fill->bytes_.written()) {
    fill->complete_ = true;  // it broke behind the last byte
    ended = Result<>();
  }
  if (ended || fill->bytes_.error() || fill->again_ != Fill::Again::no) co_return ended;
  FailedAttempt failed(ended.error());
  failed.progressed = progressed;
  failed.stalled = silent;
  note_failure(*fill, index, std::move(failed));
  co_return ended;
}

// Why the attempt should end although it may go on: another source or another fill would do better.
std::optional<Error> Fills::reason_to_stop(Fill& fill, size_t index, FillSink& sink) {
  if (fill.is_giving_way()) return gave_way();
  const auto now = loop_.now();
  const bool slow = sink.was_slow(now);
  const auto& upstream = fill.sources_[index].registry->settings().name;
  if (fill.sources_.another_stands_by(index, now) &&
      (slow || sink.is_silent(now) || fill.sources_.is_stalled(index)))
    return Error(Error::Kind::unavailable, upstream + " is too slow, and another source stands by", 0);
  if (!slow || !slots_.are_wanted()) return std::nullopt;
  fill.again_ = Fill::Again::in_turn;
  return Error(Error::Kind::unavailable, upstream + " is too slow, and others wait for its slot", 0);
}

// Whether the answer that has ended well was all that was missing.
Result<> Fills::judge_end(Fill& fill, const Head& answer) {
  const auto expected = fill.told_.value_or(fill.bytes_.written());
  if (answer.status == 416) {  // nothing follows what we have; the digest will tell whether that is all
    auto range = parse_content_range(answer.headers.get("Content-Range"));
    if (!range || range->total != fill.bytes_.written() || expected != fill.bytes_.written())
      return wrong(fill, "is shorter than what was received of it");
  } else if (expected > fill.bytes_.written()) {
    return failure(Error::Kind::unavailable, "upstream's " + fill.digest_.text() + " ended early");
  } else if (!fill.told_ && fill.hint_.value_or(0) > fill.bytes_.written() &&
             fill.ended_at_ != fill.bytes_.written()) {
    // A body without a length may have been cut, or the manifest may be wrong: the second time it is the
    // manifest.
    fill.ended_at_ = fill.bytes_.written();
    return failure(Error::Kind::unavailable,
                   "upstream's " + fill.digest_.text() + " ended before the size in its manifest");
  }
  fill.told_ = fill.bytes_.written();
  fill.complete_ = true;
  return {};
}

// A corrupt answer at the start is final: that is what upstream says. Once good bytes have come, it may be
// one bad answer of one edge of a CDN, and is retried like a broken transfer.
void Fills::note_failure(Fill& fill, size_t index, FailedAttempt attempt) {
  const auto now = loop_.now();
  const auto silence = std::chrono::duration_cast<Millis>(now - fill.last_progress_at_).count();
  if (fill.begun_) attempt.silence_ms = silence;
  if (fill.bytes_.written() > 0) attempt.corrupt_retries = 2;
  attempt.random = std::uniform_real_distribution<double>(0, 1)(random_);
  fill.sources_.failed(index, attempt, settings_.retry, now);
  // Of what is there nobody has been sent anything yet: it may be wrong, and not the source that says so.
  if (fill.available_ == 0 && fill.sources_.doubt(index)) fill.again_ = Fill::Again::from_start;
  fill.progress_.ring();
  if (fill.is_giving_way() || !fill.sources_.next(now)) return;
  log_.info("fill_resumed", {{"digest", fill.digest_.text()},
                             {"offset", int64_t(fill.bytes_.written())},
                             {"reason", attempt.error.message}});
  if (fill.bytes_.written() > 0) ++stats_.resumes_total;
  fill.last_failure_ = std::move(attempt.error);
}

// Writes what the sources bring, and tells the readers.
Task<> Fills::write(Shared fill) {
  for (;;) {
    const auto wrote = co_await fill->bytes_.write_next();
    if (wrote && *wrote) {
      publish(*fill);
      continue;
    }
    fill->progress_.ring();
    co_return;
  }
}

Task<Result<>> Fills::verify(Shared fill) {
  auto verified = co_await fill->bytes_.verify();
  if (!verified && verified.error().kind == Error::Kind::corrupt) {
    ++stats_.discarded_total;
    bool is_worth_another = fill->sources_.blame(verified.error());
    // What an earlier fill left was nobody's of these.
    if (fill->resumed_ && !std::exchange(fill->discarded_resumed_, true)) is_worth_another = true;
    if (is_worth_another && fill->sources_.next(loop_.now())) fill->again_ = Fill::Again::from_start;
  }
  if (!verified) co_return verified;
  fill->told_ = fill->bytes_.written();
  fill->verified_ = true;
  publish(*fill);
  co_return Result<>();
}

// Commits the blob to the store, for the repositories whose upstream has sent some of it. The readers have
// all they need by now; this is for later requests.
Task<> Fills::commit(Shared fill) {
  if (!fill->bytes_.is_open()) co_return;
  auto shown = fill->sources_.shown(fill->told_);
  if (shown.empty()) shown.push_back(fill->home_);  // all was here already, as its manifest says
  auto stored = co_await fill->bytes_.commit(std::move(shown));
  if (stored) {
    ++stats_.stored_total;
    co_return;
  }
  log_.warning("fill_not_stored", {{"digest", fill->digest_.text()}, {"reason", stored.error().message}});
  co_await fill->bytes_.end(store::Partials::End::deleted);
}

// Ends the fill with `error`, and tells its readers. Returns what is to be done with the partial file.
store::Partials::End Fills::fail(Fill& fill, Error error) {
  using Kind = Error::Kind;
  const bool useless = error.kind == Kind::corrupt || error.kind == Kind::full ||
                       error.kind == Kind::internal || error.kind == Kind::storage ||
                       fill.bytes_.written() == 0;
  using Level = store::Log::Level;
  const auto digest = fill.digest_.text();
  const store::Log::Field fields[] = {{"route", fill.home_.route},
                                      {"repository", fill.home_.repository},
                                      {"digest", digest},
                                      {"offset", int64_t(fill.bytes_.written())},
                                      {"reason", error.message}};
  if (fill.gave_way_) {
    log_.write(Level::info, "fill_gave_way", fields);
  } else {
    log_.write(Level::warning, "fill_failed", fields);
  }
  fill.error_ = std::move(error);
  unregister(fill);
  fill.progress_.ring();
  return useless ? store::Partials::End::deleted : store::Partials::End::kept;
}

void Fills::unregister(const Fill& fill) {
  auto found = fills_.find(fill.digest_);
  if (found != fills_.end() && found->second.get() == &fill) fills_.erase(found);
}

// Tells the readers how much is available. Bytes that an earlier fill left may have come for another
// repository, so none are available before upstream has answered this fill.
void Fills::publish(Fill& fill) {
  const auto held_back = settings_.hold_back_bytes;
  const auto end = fill.told_.value_or(fill.bytes_.written());
  const auto unverified =
      fill.begun_ ? std::min(fill.bytes_.written(), end > held_back ? end - held_back : 0) : 0;
  fill.available_ = fill.verified_ ? end : unverified;
  fill.progress_.ring();
}

}  // namespace breakwater::proxy
