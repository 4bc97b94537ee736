#include "routes/ops/explanations.h"

#include <map>
#include <utility>

#include "routes/oci/date_text.h"

namespace breakwater::routes {
namespace {

using store::Planned;
using store::Reason;
using store::TagStanding;
using store::Time;

constexpr size_t kLinesMax = 10'000;

std::string name_of(const store::RepositoryKey& repository) {
  return repository.route + "/" + repository.repository;
}

std::string text_of(const TagStanding& standing) {
  switch (standing.kind) {
    case TagStanding::Kind::plain: return "";
    case TagStanding::Kind::protected_: return ", protected";
    case TagStanding::Kind::cache: return ", cache: goes when room is needed";
    case TagStanding::Kind::follows: return ", stays as long as " + standing.subject->text() + " is here";
    case TagStanding::Kind::orphan:
      return ", what it belongs to is not here: goes after " + date_text(standing.until);
  }
  return "";
}

std::string text_of(const Reason& reason) {
  switch (reason.kind) {
    case Reason::Kind::tag: return "tagged " + reason.tag + text_of(reason.standing);
    case Reason::Kind::parent: return "needed by the manifest " + reason.digest->text();
    case Reason::Kind::subject: return "refers to " + reason.digest->text();
    case Reason::Kind::lease: return "leased until " + date_text(reason.until);
    case Reason::Kind::mirror: return "pulled through the mirror: goes when it is the least recently used";
    case Reason::Kind::promise:
      return "nothing names it: untagged_after keeps it until " + date_text(reason.until);
    case Reason::Kind::more: return "and more above that";
    case Reason::Kind::lease_only: return "nothing but a lease keeps it";
    case Reason::Kind::nothing:
      return reason.until == Time() ? "nothing keeps it: it goes now"
                                    : "nothing keeps it: it goes after " + date_text(reason.until);
  }
  return "";
}

// Lines, up to a bound, each below what it belongs to.
class Lines {
 public:
  void add(size_t depth, std::string text) {
    if (lines_.size() < kLinesMax) lines_.push_back(std::string(2 * depth, ' ') + std::move(text));
  }
  void add(size_t depth, const std::vector<Reason>& reasons) {
    for (const Reason& reason : reasons) {
      add(depth, text_of(reason));
      add(depth + 1, reason.because);
    }
  }
  std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

std::string when_text(const std::optional<Time>& when) { return when ? "after " + date_text(*when) : "now"; }

// "blob sha256:… of private/team/app, 4096 bytes, since 2026-01-01T00:00:00Z (no tag and no manifest needs
// it)"
std::string digest_text(const Planned& item) {
  std::string text = (item.is_manifest ? "manifest " : "blob ") + item.digest->text();
  if (!item.repository.route.empty()) text += " of " + name_of(item.repository);
  text += ", " + std::to_string(item.bytes) + " bytes";
  if (item.under_total > 0) text += " with the " + std::to_string(item.under_total) + " below";
  if (item.since != Time()) text += ", since " + date_text(item.since);
  return text + " (no tag and no manifest needs it)";
}

std::string tag_text(const Planned& item) {
  const std::string why = item.reason + (item.when ? ", pushed " + date_text(item.tag->record.set_at) : "");
  return name_of(item.repository) + ":" + item.tag->tag + " (" + why + ") and what only it needs" +
         (item.bytes > 0 ? ", " + std::to_string(item.bytes) + " bytes" : "");
}

const char* reason_of(const Planned& item) {
  switch (item.kind) {
    case Planned::Kind::tag: return "tags that go";
    case Planned::Kind::digest: return "what nothing needs";
    case Planned::Kind::cache: return "cache tags, if room is needed";
    case Planned::Kind::upload: return "uploads, if room is needed";
    case Planned::Kind::fill: return "downloads that broke off, if room is needed";
    case Planned::Kind::mirror: return "mirrors over their bounds";
    case Planned::Kind::left: return "routes that are not configured any more";
  }
  return "";
}

// What there is of each kind, if there is more than one thing.
std::vector<std::string> totals_of(const store::Plan& plan) {
  std::map<std::string, std::pair<uint64_t, uint64_t>> totals;
  for (const Planned& item : plan.items) {
    auto& [items, bytes] = totals[reason_of(item)];
    ++items;
    bytes += item.bytes;
  }
  std::vector<std::string> lines;
  if (plan.items.size() < 2) return lines;
  for (const auto& [reason, total] : totals)
    lines.push_back("in all, " + reason + ": " + std::to_string(total.first) + ", of " +
                    std::to_string(total.second) + " bytes");
  return lines;
}

std::string text_of(const Planned& item) {
  switch (item.kind) {
    case Planned::Kind::tag: return when_text(item.when) + ": " + tag_text(item);
    case Planned::Kind::digest: return when_text(item.when) + ": " + digest_text(item);
    case Planned::Kind::cache:
      return "if room is needed: " + name_of(item.repository) + ":" + item.tag->tag + " (cache, last used " +
             date_text(item.used_at) + "), " + std::to_string(item.bytes) + " bytes";
    case Planned::Kind::upload: {
      const std::string from =
          std::to_string(item.bytes) + " bytes of an upload to " + name_of(item.repository);
      if (item.is_abandoned) return "if room is needed, first of all: " + from + ", which was refused";
      return "if room is needed" + (item.when ? " after " + date_text(*item.when) : "") + ": " + from +
             ", which nobody has continued since " + date_text(item.used_at);
    }
    case Planned::Kind::fill:
      return "if room is needed: " + std::to_string(item.bytes) + " bytes of a download of " +
             (item.route.empty() ? "nobody" : item.route) + " that broke off";
    case Planned::Kind::left:
      return "never by itself: " + std::to_string(item.bytes) + " bytes of the route " + item.route +
             ", which is not configured any more; `breakwater forget-route " + item.route +
             "` gives them back";
    case Planned::Kind::mirror:
      return "if room is needed: " + std::to_string(item.bytes) + " bytes of the mirror " + item.route +
             ", which is over its bound";
  }
  return "";
}

}  // namespace

std::vector<std::string> lines_of(const store::Why& why) {
  Lines lines;
  if (why.blob) {
    const std::string owner = why.blob->route.empty() ? "nobody" : why.blob->route;
    lines.add(0, why.digest.text() + ": " + std::to_string(why.blob->size) + " bytes, on the account of " +
                     owner + ", last used " + date_text(why.blob->used_at));
  } else {
    const bool is_known = why.leased_until || !why.repositories.empty();
    lines.add(0, why.digest.text() + (is_known ? ": not stored"
                                               : ": never seen here, or gone: it is not stored, and nothing "
                                                 "here names it"));
  }
  if (why.leased_until) lines.add(1, "leased until " + date_text(*why.leased_until));
  for (const store::Why::InRepository& in : why.repositories) {
    lines.add(1,
              "in " + name_of(in.repository) + (in.pushed_at ? ", since " + date_text(*in.pushed_at) : ""));
    lines.add(2, in.reasons);
  }
  return lines.take();
}

std::vector<std::string> lines_of(const std::vector<store::WhyTag>& tags) {
  std::vector<std::string> lines;
  for (const store::WhyTag& tag : tags) {
    lines.push_back(name_of(tag.repository) + ":" + tag.tag.tag + " names " + tag.tag.record.digest.text() +
                    ", set " + date_text(tag.tag.record.set_at) + text_of(tag.standing));
    const auto more = lines_of(tag.why);
    lines.insert(lines.end(), more.begin(), more.end());
  }
  return lines;
}

std::vector<std::string> lines_of(const store::Plan& plan) {
  std::vector<std::string> lines;
  lines.reserve(plan.items.size() + 1);
  for (const Planned& item : plan.items) {
    lines.push_back(text_of(item));
    for (const Planned::Under& thing : item.under)
      lines.push_back("  with it the " + std::string(thing.is_manifest ? "manifest " : "blob ") +
                      thing.digest.text() + ", " + std::to_string(thing.bytes) + " bytes");
  }
  if (lines.empty()) lines.emplace_back("nothing would go");
  if (plan.is_cut) lines.emplace_back("and more");
  for (std::string& line : totals_of(plan)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace breakwater::routes
